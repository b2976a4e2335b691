/**
 * The instrumented `Words`: the members of the package's own port to shared memory, each access
 * seen by the explorer. A scenario's `shared()` makes it and builds shipped code on it.
 *
 * All of it happens in one real thread, so an atomic operation is one that nothing interrupts.
 * Made outside of an exploration it is plain memory with the same members. `m`, `bytes` and
 * `doubles` are Proxies (see views.ts). `peek` and `poke` are raw: for invariants, never for
 * threads.
 */

import { RootswapError, rangeError } from '../errors.ts'
import { Access } from './access.ts'
import { activeMachine } from './active.ts'
import type { Machine } from './machine.ts'
import { memoryOf } from './memories.ts'
import type { Memory } from './memories.ts'
import { WaitCode } from './scheduler.ts'
import type { HeapObserver, ShadowFault } from './shadow.ts'
import { Region } from './slots.ts'
import type { ElementAccess, View } from './views.ts'

export type WaitResult = 'ok' | 'not-equal' | 'timed-out'

export interface WordsOptions {
  /** Precedes the names of words in traces; for scenarios with several memories. */
  readonly name?: string
}

export class Words {
  readonly buffer: SharedArrayBuffer
  readonly m: Int32Array
  readonly bytes: Uint8Array
  readonly doubles: Float64Array
  /** The shadow heap of this memory. */
  readonly shadow: HeapObserver
  readonly #region: Region
  readonly #machine: Machine | undefined

  /** `words`: how many 32-bit words; all are zero. */
  constructor(words: number, options: WordsOptions = {}) {
    if (!Number.isInteger(words) || words < 2 || words > 2 ** 29) {
      throw rangeError(`new Words(${words}): give the number of 32-bit words, at least 2`)
    }
    const machine = activeMachine()
    const name = options.name ?? ''
    const bytes = words * 4
    const memory =
      machine?.memories.adopt(bytes, name) ??
      memoryOf(new Region(0, name, new SharedArrayBuffer(bytes)), new RawAccess())
    this.#machine = machine
    this.#region = memory.region
    this.buffer = memory.region.buffer
    this.m = memory.m
    this.bytes = memory.bytes
    this.doubles = memory.doubles
    this.shadow = new ShadowPort(memory, machine)
  }

  load(at: number): number {
    const machine = this.#machine
    if (machine === undefined) return this.#region.m[at]!
    if (machine.raw) return machine.memories.load(this.#region, at)
    return machine.load(this.#region, at)
  }

  store(at: number, value: number): void {
    if (this.#machine === undefined || this.#machine.raw) this.poke(at, value)
    else this.#machine.store(this.#region, at, value)
  }

  add(at: number, value: number): number {
    if (this.#machine === undefined || this.#machine.raw) {
      const before = this.load(at)
      this.poke(at, before + value)
      return before
    }
    return this.#machine.add(this.#region, at, value)
  }

  compareExchange(at: number, expected: number, value: number): number {
    if (this.#machine === undefined || this.#machine.raw) {
      const before = this.load(at)
      if (before === (expected | 0)) this.poke(at, value)
      return before
    }
    return this.#machine.compareExchange(this.#region, at, expected, value)
  }

  wait(at: number, value: number, timeoutMs: number): WaitResult {
    if (this.#machine === undefined || this.#machine.raw) {
      throw new RootswapError('ERR_INVALID_ARGUMENT', 'wait: only threads of a scenario can wait')
    }
    const code = this.#machine.wait(this.#region, at, value, timeoutMs)
    if (code === WaitCode.ok) return 'ok'
    return code === WaitCode.notEqual ? 'not-equal' : 'timed-out'
  }

  notify(at: number): number {
    if (this.#machine === undefined || this.#machine.raw) return 0
    return this.#machine.notify(this.#region, at)
  }

  /** A hint in a loop that waits for others: see `Control.rest`. */
  pause(): void {
    if (this.#machine !== undefined && !this.#machine.raw) this.#machine.rest()
  }

  /** Reads without being an access of any thread. */
  peek(at: number): number {
    const { m } = this.#region
    return this.#machine?.raw ? this.#machine.memories.load(this.#region, at) : m[at]!
  }

  /** Writes without being an access of any thread: to prepare memory, never in a thread. */
  poke(at: number, value: number): void {
    this.#written(at)[at] = value
  }

  #written(at: number): Int32Array {
    const machine = this.#machine
    return machine === undefined ? this.#region.m : machine.memories.written(this.#region, at)
  }
}

class RawAccess implements ElementAccess {
  readElement(view: View, index: number): number {
    return view.array[index]!
  }

  writeElement(view: View, index: number, value: number): void {
    view.array[index] = value
  }
}

/** Reports to the shadow heap: once per execution, however often its thread is run again. */
class ShadowPort implements HeapObserver {
  readonly #memory: Memory
  readonly #machine: Machine | undefined

  constructor(memory: Memory, machine: Machine | undefined) {
    this.#memory = memory
    this.#machine = machine
  }

  allocated(offset: number, words: number, kept = 0): void {
    this.#tell(Access.allocated, (owner) => {
      const fault = this.#memory.shadow.allocated({ offset, words, kept, owner })
      if (fault) return fault
      this.#touch(offset + kept, words - kept)
      return undefined
    })
  }

  published(offset: number, words: number): void {
    this.#tell(Access.published, () => {
      this.#memory.shadow.published(offset, words)
      return undefined
    })
  }

  freed(offset: number): void {
    this.#tell(Access.freed, (by) => {
      const freed = this.#memory.shadow.freed(offset, by)
      if ('reason' in freed) return freed
      this.#touch(offset + freed.kept, freed.words - freed.kept)
      return undefined
    })
  }

  isAllocated(offset: number): boolean {
    return this.#memory.shadow.isAllocated(offset)
  }

  #touch(offset: number, words: number): void {
    const machine = this.#machine
    if (machine === undefined || machine.memories.open) return
    machine.touchBlock(this.#memory.region, offset, words)
  }

  #tell(kind: Access, apply: (thread: string) => ShadowFault | undefined): void {
    const machine = this.#machine
    if (machine === undefined) return
    const inThread = !machine.raw
    if (inThread && !machine.once(kind)) return
    machine.memories.shadowed = true
    const fault = apply(machine.memories.open ? 'shared()' : machine.current.name)
    if (fault) machine.report(fault.kind, fault.reason)
    if (inThread && machine.failure !== undefined) machine.unwind()
  }
}
