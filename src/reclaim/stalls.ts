/**
 * Who holds up reclaiming: threads that are inside a section since the open round began.
 *
 * **Invariants.** A report, not a decision: nothing shared is written.
 *
 * **Ordering.** Section words are loaded atomically; a thread that leaves meanwhile may still be
 * listed.
 *
 * **Progress.** Wait-free, linear in the slots.
 *
 * **Crash.** A dead thread is listed until it is reaped.
 */

import { SLOT_SECTION } from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import { reportSlots, type SlotReport, slotAt } from './slots.ts'

/** Threads that are inside a section now. */
export function stalledReaders(memory: Memory): SlotReport[] {
  return reportSlots(memory).filter((report) => {
    const at = slotAt(memory.layout, report.slot) + SLOT_SECTION
    return (memory.words.load(at) & 1) === 1
  })
}
