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
import { Journal } from './journal.ts'
import { ReclaimLock } from './lock.ts'
import { Round, type SliceEnd } from './round.ts'
import { reportSlots, type Slot } from './slots.ts'
import { Spans } from './spans.ts'

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
  /** The heap seems full: the next refill waits for the lock. */
  #pressed = false

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
    const { words } = this.memory
    for (let left = slices; ; left--) {
      if (!this.lock.tryTake()) {
        words.store(REQUEST_AT, 1) // [request-set] Pairs with [request-check].
        if (!this.lock.tryTake() && !this.#retake()) return 'busy'
      }
      if (words.load(REQUEST_AT) !== 0) words.store(REQUEST_AT, 0)
      const end = this.round.slice()
      this.#freed = this.memory.m[FREED_AT] as number
      this.lock.give()
      // [request-check] Pairs with [request-set]. Going on means that another thread published.
      const again = end === 'more' || (end === 'idle' && words.load(REQUEST_AT) !== 0)
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

  /** Takes the lock, waiting a millisecond at a time for at most `waitMs`; false if not got. */
  takeLock(waitMs: number): boolean {
    const { words } = this.memory
    for (let waited = 0; ; waited++) {
      if (this.lock.tryTake() || this.#retake()) return true
      if (waited >= waitMs) return false
      words.wait(ROUND_AT, words.load(ROUND_AT), 1)
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
    if (attempt > (m[MAX_WAIT_MS_AT] as number)) return false
    const before = this.#freed
    this.#pressed = true
    const end = this.attempt(SLICES_TO_RELIEVE)
    if (this.#freed !== before) return true
    // Nothing to reclaim is the end only for who could look into the free lists.
    if (end === 'idle' && !this.#missedLock) return attempt === 0
    words.wait(ROUND_AT, words.load(ROUND_AT), 1)
    return true
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
