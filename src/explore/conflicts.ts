/**
 * Which steps conflict: the knowledge behind what the scheduler leaves out (see there).
 *
 * Two accesses of one word by two threads conflict unless both only read; a `compareExchange`
 * counts as a write when a decision is made, since it may be one. Words that `always` reads
 * conflict with each other when written: there the order of two writes is visible.
 *
 * To rest is to read again, later, all that was read since the last rest but one: a change of such
 * a word wakes the resting thread, and is what a rest conflicts with.
 *
 * What the executions show is collected, and taken for granted only when the next search begins: a
 * search must meet the same options on the same path. The search without preemptions decides
 * nothing by it and is where most of it is learnt.
 */

import { Access } from './access.ts'
import type { Slots } from './slots.ts'
import { Status } from './thread.ts'
import type { LogicalThread } from './thread.ts'

export class Conflicts {
  readonly #threads: readonly LogicalThread[]
  readonly #slots: Slots
  /** A conflict was seen that was not known when this search began. */
  grown = false
  /** In any execution so far a thread asked whether another has crashed. */
  asked = false
  /** The same, as the search in progress takes it for granted. */
  knownAsked = false
  /** Threads that sleep. */
  sleepers = 0
  /** Per slot and thread: the thread's interval between rests in which it last read the word. */
  #readIn = new Int32Array(1024)

  constructor(threads: readonly LogicalThread[], slots: Slots) {
    this.#threads = threads
    this.#slots = slots
  }

  /** Rule 1: whether another unfinished thread is known to access the word in conflict. */
  isContended({ slot, writes, index }: LogicalThread): boolean {
    const { knownReaders, knownWriters, knownObserved } = this.#slots
    if (writes && knownObserved[slot] !== 0) return true
    const writers = knownWriters[slot]!
    const accessors = writes ? knownReaders[slot]! | writers : writers
    let others = accessors & ~(1 << index)
    while (others !== 0) {
      const other = 31 - Math.clz32(others)
      if (!this.#threads[other]!.done) return true
      others &= ~(1 << other)
    }
    return false
  }

  /** A search has ended: whether it must be repeated, knowing more. */
  adopt(preemptions: number): boolean {
    const repeat = (this.grown && preemptions > 0) || this.asked !== this.knownAsked
    this.grown = false
    this.knownAsked = this.asked
    this.#slots.adopt()
    return repeat
  }

  /** An invariant reads a word. */
  observe(slot: number): void {
    if (this.#slots.observed[slot] !== 0) return
    this.#slots.observed[slot] = 1
    this.grown = true
  }

  /** The thread accesses its word. */
  learn({ slot, index, writes }: LogicalThread): void {
    const { readers, writers } = this.#slots
    const bit = 1 << index
    const mine = writes ? writers : readers
    if ((mine[slot]! & bit) !== 0) return
    mine[slot]! |= bit
    const conflicting = writes ? readers[slot]! | writers[slot]! : writers[slot]!
    if ((conflicting & ~bit) !== 0) this.grown = true
  }

  /** The thread reads its word. */
  read({ slot, index, interval }: LogicalThread): void {
    const at = slot * this.#threads.length + index
    if (at >= this.#readIn.length) {
      const larger = new Int32Array(at * 2)
      larger.set(this.#readIn)
      this.#readIn = larger
    }
    this.#readIn[at] = interval
  }

  /** A word has changed. */
  changed(slot: number): void {
    for (const thread of this.#threads) {
      if (thread.status === Status.resting && this.#hasRead(thread, slot)) thread.stirred = true
    }
  }

  /** The thread begins to rest. */
  rests(thread: LogicalThread): void {
    thread.stirred = false
    thread.interval++
    for (const other of this.#threads) {
      if (other.asleep && other.writes && this.#hasRead(thread, other.slot)) this.rouse(other)
    }
  }

  sleep(thread: LogicalThread): void {
    thread.asleep = true
    this.sleepers++
  }

  #hasRead(thread: LogicalThread, slot: number): boolean {
    const read = this.#readIn[slot * this.#threads.length + thread.index] ?? 0
    return read >= thread.interval - 2
  }

  rouse(thread: LogicalThread): void {
    if (!thread.asleep) return
    thread.asleep = false
    this.sleepers--
  }

  /** Rule 2: an access wakes the threads whose pending one conflicts with it. */
  wake(slot: number, wrote: boolean): void {
    if (this.sleepers === 0) return
    const { knownObserved } = this.#slots
    for (const thread of this.#threads) {
      if (!thread.asleep) continue
      const same = thread.slot === slot && (wrote || thread.writes)
      const visible =
        wrote && thread.writes && knownObserved[slot] !== 0 && knownObserved[thread.slot] !== 0
      if (same || visible) this.rouse(thread)
    }
  }

  /** A thread has crashed: that is what those were about to ask for. */
  wakeAskers(): void {
    for (const thread of this.#threads) if (thread.kind === Access.crashed) this.rouse(thread)
  }
}
