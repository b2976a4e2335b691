/**
 * The one door to shared memory. Every atomic access of the package goes through `Words`; plain
 * accesses go through `m`, the `Int32Array` that kernels take as a parameter (a parameter costs
 * nothing under V8's inlining budget; a method call around `m[i]` costs 7–40 % of a hot chain).
 * Tests pass an instrumented port with the same members and a Proxy as `m`: that is how the
 * explorer runs the shipped code.
 *
 * **Invariants.** The buffer has a fixed length; views over it are made here and nowhere else.
 *
 * **Ordering.** Each method is one `Atomics` operation and therefore sequentially consistent. A
 * plain access through `m` is ordered only by the atomic operations around it.
 *
 * **Progress.** All methods are wait-free but `wait`, which blocks until notified or timed out.
 *
 * **Crash.** Each method is one indivisible step: a thread dies before it or after it.
 */

/** Counts 32-bit words from the beginning of the heap. Zero is "none". */
export type Offset = number

export type WaitResult = 'ok' | 'not-equal' | 'timed-out'

export class Words {
  readonly buffer: SharedArrayBuffer
  /** Plain access. */
  readonly m: Int32Array
  /** The same memory as bytes, for text and binary data. */
  readonly bytes: Uint8Array
  /** The same memory as float64, indexed by `offset >> 1`. */
  readonly doubles: Float64Array

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer
    this.m = new Int32Array(buffer)
    this.bytes = new Uint8Array(buffer)
    this.doubles = new Float64Array(buffer, 0, buffer.byteLength >>> 3)
  }

  load(at: Offset): number {
    return Atomics.load(this.m, at)
  }

  store(at: Offset, value: number): void {
    Atomics.store(this.m, at, value)
  }

  /** Returns the value before the addition. */
  add(at: Offset, value: number): number {
    return Atomics.add(this.m, at, value)
  }

  /** Returns the value found; the exchange happened if that is `expected`. */
  compareExchange(at: Offset, expected: number, value: number): number {
    return Atomics.compareExchange(this.m, at, expected, value)
  }

  /** Blocks while the word holds `value`; `timeoutMs` may be `Infinity`. */
  wait(at: Offset, value: number, timeoutMs: number): WaitResult {
    return Atomics.wait(this.m, at, value, timeoutMs)
  }

  /** Wakes all that wait on the word; returns how many. */
  notify(at: Offset): number {
    return Atomics.notify(this.m, at)
  }
}
