/**
 * A heap as the calling thread uses it: its slot, its allocator, its leases, its part in
 * reclaiming.
 *
 * **Invariants.** One thread, one slot; after `leave` nothing of it may be used.
 *
 * **Ordering.** As the parts say: slots.ts, leases.ts, reclaimer.ts.
 *
 * **Progress.** Lock-free to join; leaving waits for the lock, for a bounded time.
 *
 * **Crash.** Everything shared that a thread owns hangs on its slot, where the reaper finds it.
 */

import { Allocator, chunkWordsOf } from '../memory/allocator.ts'
import type { Memory } from '../memory/memory.ts'
import { Holds } from './holds.ts'
import { Leases } from './leases.ts'
import { releaseOwnSlot } from './reaper.ts'
import { DEFAULT_TUNING, Reclaimer, type ReclaimTuning } from './reclaimer.ts'
import { readingOf, type Section, sectionOf } from './section.ts'
import { claimSlot, type Slot, type ThreadIdentity } from './slots.ts'

export class HeapThread {
  readonly memory: Memory
  readonly identity: ThreadIdentity
  readonly slot: Slot
  readonly reclaimer: Reclaimer
  readonly allocator: Allocator
  readonly section: Section
  readonly reading: Section
  readonly leases: Leases
  readonly holds: Holds

  constructor(memory: Memory, identity: ThreadIdentity, tuning: ReclaimTuning = DEFAULT_TUNING) {
    this.memory = memory
    this.identity = identity
    this.slot = claimSlot(memory, identity)
    const { words, layout, classes } = memory
    const chunkWords = chunkWordsOf(memory)
    this.reclaimer = new Reclaimer(memory, this.slot, tuning, chunkWords)
    this.allocator = new Allocator(words, layout, classes, {
      slot: this.slot.index,
      slotAt: this.slot.at,
      supply: this.reclaimer,
    })
    this.reclaimer.serve(this.allocator)
    this.section = sectionOf(words, this.slot.at)
    this.reading = readingOf(words, this.slot.at)
    this.leases = new Leases(words, this.allocator, this.section)
    this.holds = new Holds(memory, this.reclaimer, this.allocator)
  }

  /**
   * Puts right what an error unwound past (a stack that overflowed, memory that ran out): an open
   * section, a lock that this thread holds, a pause that it asked for. Idempotent.
   */
  settle(): void {
    this.section.settle()
    this.reclaimer.settle()
    this.holds.settle()
  }

  /** Gives an unpublished draft up, also where an error unwound out of a refill: what that had
   *  committed must not be finished over the caches as they are afterwards. */
  abandonDraft(): void {
    if (this.reclaimer.lock.isHeld) this.settle()
    this.allocator.abort()
  }

  /** Gives the slot back; false when the lock was not to be had within `waitMs`. */
  leave(waitMs: number): boolean {
    this.leases.close()
    this.holds.close()
    this.reclaimer.hasLeft = true
    return releaseOwnSlot(this.reclaimer, this.identity.threadId, waitMs)
  }
}
