/**
 * The race detector: vector clocks, one per thread and one per word.
 *
 * An access by thread t is *ordered before* what u does now if u's clock has reached the tick that
 * t had then. Ordering comes from atomic operations as ECMAScript's memory model has it: a load (or
 * the load half of a read-modify-write) that reads what an atomic store wrote is ordered after that
 * store and all that its thread did before. A store replaces what the word passes on; it does not
 * add to it. A failed `compareExchange` only reads.
 *
 * Two plain accesses, or a plain and an atomic one, of one word, one of them writing, that are not
 * ordered are a race. Because the check asks for order and not for adjacency it finds a race in any
 * execution where both accesses happen, in whatever sequence: that is why plain accesses need not
 * be scheduling points.
 */

const Row = { sync: 0, plainRead: 1, plainWrite: 2, atomicRead: 3, atomicWrite: 4 } as const
const rows = 5

/** "No thread": the access is ordered after all that conflict with it. */
export const ordered = -1

export class Clocks {
  readonly #threads: number
  readonly #stride: number
  readonly #clock: Int32Array
  #words = new Int32Array(4096)

  constructor(threads: number) {
    this.#threads = threads
    this.#stride = rows * threads
    this.#clock = new Int32Array(threads * threads)
  }

  /** Forgets everything; what `shared()` wrote is ordered before all threads. */
  reset(slots: number): void {
    const used = (slots + 1) * this.#stride
    this.#words.fill(0, 0, Math.min(used, this.#words.length))
    this.#clock.fill(0)
    for (let thread = 0; thread < this.#threads; thread++) {
      this.#clock[thread * this.#threads + thread] = 1
    }
  }

  atomicRead(thread: number, slot: number): number {
    const base = this.#base(slot)
    this.#acquire(thread, base)
    const other = this.#unordered(thread, base, Row.plainWrite)
    this.#mark(thread, base, Row.atomicRead)
    return other
  }

  atomicWrite(thread: number, slot: number): number {
    const base = this.#base(slot)
    return this.#write(thread, base)
  }

  atomicReadWrite(thread: number, slot: number): number {
    const base = this.#base(slot)
    this.#acquire(thread, base)
    return this.#write(thread, base)
  }

  plainRead(thread: number, slot: number): number {
    const base = this.#base(slot)
    let other = this.#unordered(thread, base, Row.plainWrite)
    if (other === ordered) other = this.#unordered(thread, base, Row.atomicWrite)
    this.#mark(thread, base, Row.plainRead)
    return other
  }

  plainWrite(thread: number, slot: number): number {
    const base = this.#base(slot)
    let other = this.#unordered(thread, base, Row.plainWrite)
    if (other === ordered) other = this.#unordered(thread, base, Row.plainRead)
    if (other === ordered) other = this.#unordered(thread, base, Row.atomicWrite)
    if (other === ordered) other = this.#unordered(thread, base, Row.atomicRead)
    this.#mark(thread, base, Row.plainWrite)
    return other
  }

  /** All that `earlier` did is ordered before what `later` does next: an exit event, a wake-up. */
  join(later: number, earlier: number): void {
    const threads = this.#threads
    const clock = this.#clock
    for (let thread = 0; thread < threads; thread++) {
      const value = clock[earlier * threads + thread]!
      if (value > clock[later * threads + thread]!) clock[later * threads + thread] = value
    }
    clock[earlier * threads + earlier]! += 1
  }

  #base(slot: number): number {
    const base = slot * this.#stride
    if (base + this.#stride > this.#words.length) {
      const larger = new Int32Array(Math.max(this.#words.length * 2, base + this.#stride))
      larger.set(this.#words)
      this.#words = larger
    }
    return base
  }

  #write(thread: number, base: number): number {
    let other = this.#unordered(thread, base, Row.plainWrite)
    if (other === ordered) other = this.#unordered(thread, base, Row.plainRead)
    this.#mark(thread, base, Row.atomicWrite)
    const threads = this.#threads
    const words = this.#words
    const clock = this.#clock
    const own = thread * threads
    for (let index = 0; index < threads; index++) words[base + index] = clock[own + index]!
    clock[own + thread]! += 1
    return other
  }

  #acquire(thread: number, base: number): void {
    const threads = this.#threads
    const words = this.#words
    const clock = this.#clock
    const own = thread * threads
    for (let index = 0; index < threads; index++) {
      const value = words[base + index]!
      if (value > clock[own + index]!) clock[own + index] = value
    }
  }

  #unordered(thread: number, base: number, row: number): number {
    const threads = this.#threads
    const words = this.#words
    const clock = this.#clock
    const from = base + row * threads
    const own = thread * threads
    for (let other = 0; other < threads; other++) {
      if (other !== thread && words[from + other]! > clock[own + other]!) return other
    }
    return ordered
  }

  #mark(thread: number, base: number, row: number): void {
    const threads = this.#threads
    this.#words[base + row * threads + thread] = this.#clock[thread * threads + thread]!
  }
}
