/**
 * What a thread does about reclaiming: it tries the lock after it published, runs slices while
 * there is work, and supplies its allocator from what came back.
 *
 * **Invariants.** The lock is held only inside these methods, and given back before they return.
 *
 * **Ordering.** A publisher that finds the lock taken stores REQUEST; the owner looks at it after
 * it gave the lock back, so no garbage is stranded behind a lost try. `[request-set]` Pairs with
 * [request-check]: either the owner sees the request, or the publisher's try came after the give.
 *
 * **Progress.** `attempt` never waits. `relieve` waits at most `maxWaitMs`, a millisecond at a
 * time, and only while a section or the lock keeps memory from coming back.
 *
 * **Crash.** A dead owner is found by the reaper (reaper.ts).
 */

import { RootswapError } from '../errors.ts'
import type { Allocator, Supply } from '../memory/allocator.ts'
import { FREED_AT, FREEZE_AT, MAX_WAIT_MS_AT, REQUEST_AT, ROUND_AT } from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import type { Offset } from '../memory/words.ts'
import { giveUpHistory } from './history.ts'
import { Journal } from './journal.ts'
import { ReclaimLock } from './lock.ts'
import { Round, type SliceEnd } from './round.ts'
import { reportSlots, type Slot } from './slots.ts'
import { Spans } from './spans.ts'
import { type RoundObserver, timedSlice } from './timing.ts'

export interface ReclaimTuning {
  /** Entries and nodes that one slice may process. */
  readonly slice: number
  /** Pairs after which an open transaction is committed. */
  readonly batchPairs: number
}

/** Slices that a writer out of memory runs before it looks again. */
const SLICES_TO_RELIEVE = 64
/** Milliseconds that a refill waits for the lock when no fresh span is left, per attempt. */
const REFILL_WAIT_MS = 2

export const DEFAULT_TUNING: ReclaimTuning = { slice: 4096, batchPairs: 512 }

export class Reclaimer implements Supply {
  readonly memory: Memory
  readonly slot: Slot
  readonly lock: ReclaimLock
  readonly journal: Journal
  readonly spans: Spans
  readonly round: Round
  /** FREED when this thread last had the lock: without it the word may not be read. */
  #freed = 0
  #allocator: Allocator | undefined
  /** The last refill did not get the lock, so it says nothing about what is free. */
  #missedLock = false
  /** The last try to relieve ended where another thread stood. */
  #blocked = false
  /** The heap seems full: the next refill waits for the lock. */
  #pressed = false
  /** Hears of finished rounds. */
  observer: RoundObserver | undefined
  /** Asked where another thread is in the way, with the lock or in a section: reaps who is known to
   *  be dead; whether it did. */
  reapDead: (() => boolean) | undefined
  /** The thread gave its slot back: who heard of a round may have closed the heap. */
  hasLeft = false

  constructor(memory: Memory, slot: Slot, tuning: ReclaimTuning, chunkWords: number) {
    this.memory = memory
    this.slot = slot
    this.lock = new ReclaimLock(memory.words, slot.tag)
    this.journal = new Journal(memory.words, memory.layout)
    this.spans = new Spans(memory.words, memory.layout, memory.classes, this.journal)
    this.round = new Round(memory, this.journal, this.spans, { ...tuning, chunkWords })
  }

  /** The allocator that this thread's refills go to. */
  serve(allocator: Allocator): void {
    this.#allocator = allocator
  }

  /** Runs at most `slices` slices, while there is work and the lock is to be had; never waits. */
  attempt(slices: number): SliceEnd | 'busy' {
    return this.#attempt(slices, false)
  }

  #attempt(slices: number, inAllocation: boolean): SliceEnd | 'busy' {
    const { words } = this.memory
    const { observer } = this
    for (let left = slices; ; left--) {
      if (!this.lock.tryTake()) {
        words.store(REQUEST_AT, 1) // [request-set] Pairs with [request-check].
        if (!this.lock.tryTake() && !this.#retake() && !this.#takeFromDead()) return 'busy'
      }
      if (words.load(REQUEST_AT) !== 0) words.store(REQUEST_AT, 0)
      const timed =
        observer?.isActive === true ? timedSlice(this.memory, this.round, observer) : undefined
      const end = timed === undefined ? this.round.slice() : timed.end
      this.#freed = this.memory.m[FREED_AT] as number
      this.lock.give()
      if (timed?.report !== undefined) observer?.finished(timed.report, inAllocation)
      if (this.hasLeft) return end
      // [request-check] Pairs with [request-set]. Going on means that another thread published.
      const again =
        end === 'more' ||
        (end === 'idle' && words.load(REQUEST_AT) !== 0) ||
        (end === 'waiting' && this.reapDead?.() === true)
      if (!again || left <= 1) return end
    }
  }

  /** After an error: finishes the armed transaction, forgets an open one, gives the lock back. */
  settle(): void {
    const { lock, memory } = this
    if (this.#retake()) lock.give()
    memory.words.compareExchange(FREEZE_AT, lock.tag, 0)
  }

  /** The lock may be this thread's already: an error unwound past its end, and left no room on the
   *  stack for `settle` either. What was armed is finished, what was open is forgotten. */
  #retake(): boolean {
    if (!this.lock.isHeld) return false
    this.journal.discard()
    this.journal.repair()
    this.round.restart()
    return true
  }

  #takeFromDead(): boolean {
    return this.reapDead?.() === true && this.lock.tryTake()
  }

  /** Takes the lock, waiting a millisecond at a time for at most `waitMs`; false if not got. */
  takeLock(waitMs: number): boolean {
    const { words } = this.memory
    for (let waited = 0; ; waited++) {
      if (this.lock.tryTake() || this.#retake() || this.#takeFromDead()) return true
      if (waited >= waitMs) return false
      words.wait(ROUND_AT, words.load(ROUND_AT), 1)
    }
  }

  /** As `takeLock`, but woken when the lock is given: for short transactions of many threads. */
  takeSoon(waitMs: number): boolean {
    for (let waited = 0; ;) {
      if (this.lock.tryTake() || this.#retake() || this.#takeFromDead()) return true
      if (waited >= waitMs) return false
      // Woken, or changed before: another thread had the lock, and has given it.
      if (!this.lock.awaitGive()) waited++
    }
  }

  refill(sizeClass: number): Offset {
    if (!this.#takeToRefill()) return 0
    const block = this.spans.refill(this.#served(), sizeClass)
    this.lock.give()
    return block
  }

  run(spans: number): Offset {
    if (!this.#takeToRefill()) return 0
    const block = this.spans.takeRun(this.#served(), this.slot.index, spans)
    this.lock.give()
    return block
  }

  relieve(attempt: number): boolean {
    const { words, m } = this.memory
    const before = this.#freed
    this.#pressed = true
    // What is kept while memory lasts goes first, however long that takes.
    // But nothing departs while a section or the lock stays where it is.
    const late = attempt > (m[MAX_WAIT_MS_AT] as number)
    if (late && (this.#blocked || !this.giveUpHistory())) return false
    let end = this.#attempt(SLICES_TO_RELIEVE, true)
    while (this.#freed === before && end === 'idle' && this.giveUpHistory()) {
      // bound: versions that are kept
      end = this.#attempt(SLICES_TO_RELIEVE, true)
    }
    this.#blocked = end === 'waiting' || end === 'busy'
    if (this.#freed !== before) return true
    // Nothing to reclaim is the end only for who could look into the free lists.
    if (end === 'idle' && !this.#missedLock) return attempt === 0
    words.wait(ROUND_AT, words.load(ROUND_AT), 1)
    return true
  }

  /** Lets the oldest of the versions that are kept while memory lasts depart with the next round;
   *  false where there are none, or the lock was taken. */
  giveUpHistory(): boolean {
    if (!this.lock.tryTake()) return false
    const given = giveUpHistory(this.memory)
    this.lock.give()
    return given
  }

  full(requestedWords: number): RootswapError {
    const { memory } = this
    return new RootswapError(
      'ERR_HEAP_FULL',
      `no room for a block of ${requestedWords * 4} bytes, even after reclaiming; ` +
        'raise maxBytes, or release snapshots of old versions',
      {
        requestedBytes: requestedWords * 4,
        capacityBytes: memory.layout.capacity * 4,
        holders: reportSlots(memory),
      },
    )
  }

  /** A refill tries the lock once while fresh spans may do instead, and waits once they may not. */
  #takeToRefill(): boolean {
    const taken = this.#pressed ? this.takeLock(REFILL_WAIT_MS) : this.lock.tryTake()
    this.#missedLock = !taken
    if (taken) this.#pressed = false
    return taken
  }

  #served(): Allocator {
    if (this.#allocator === undefined) {
      throw new RootswapError('ERR_CLOSED', 'the thread has no allocator any more')
    }
    return this.#allocator
  }
}
