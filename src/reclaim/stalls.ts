/**
 * Who stands in the way of reclaiming: threads that are inside the section that the open round
 * waits for, and the owner of the reclaim lock.
 *
 * **Invariants.** A report, not a decision: nothing shared is written.
 *
 * **Ordering.** All words are loaded atomically, without the lock; a thread that leaves meanwhile
 * may still be listed. Who sees the same `mark` twice knows that the thread did not move between.
 *
 * **Progress.** Wait-free, linear in the slots.
 *
 * **Crash.** A dead thread is listed until it is reaped.
 */

import {
  LOCK_AT,
  PHASE_AT,
  SLICES_AT,
  SLOT_SECTION,
  SLOT_SNAPSHOT,
  SLOT_STATE,
} from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import { slotOfTag } from '../memory/tag.ts'
import { PHASE_WAITING } from './round.ts'
import { slotAt, slotsInUse } from './slots.ts'

/** A thread that reclaiming waits for. */
export interface Standing {
  readonly slot: number
  readonly threadId: number
  /** Inside a section, or with the reclaim lock. */
  readonly holds: 'section' | 'lock'
  /** Another one as soon as the thread has moved. */
  readonly mark: string
}

export function standing(memory: Memory): Standing[] {
  const { words, layout } = memory
  const found: Standing[] = []
  const threadOf = (slot: number): number => words.load(slotAt(layout, slot) + SLOT_STATE) - 1
  const slots = words.load(PHASE_AT) === PHASE_WAITING ? slotsInUse(words) : 0
  for (let slot = 0; slot < slots; slot++) {
    const at = slotAt(layout, slot)
    const seen = words.load(at + SLOT_SNAPSHOT)
    if ((seen & 1) === 0 || words.load(at + SLOT_SECTION) !== seen) continue
    const threadId = threadOf(slot)
    found.push({ slot, threadId, holds: 'section', mark: `${threadId}/${seen}` })
  }
  const owner = words.load(LOCK_AT)
  // Who tries in vain has the lock now and then: a section is the reason then.
  if (owner === 0 || found.length > 0) return found
  const slot = slotOfTag(owner)
  const mark = `${owner}/${words.load(SLICES_AT)}`
  return [{ slot, threadId: threadOf(slot), holds: 'lock', mark }]
}
