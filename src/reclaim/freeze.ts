/**
 * Pausing the writers for `verify`, and ending the departure that is under way.
 *
 * **Invariants.** FREEZE is 0 or the tag of the one thread that verifies.
 *
 * **Ordering.** `[freeze-set]` FREEZE is stored before the tickets are loaded. Pairs with
 * [freeze-check]: a writer stores its ticket and then loads FREEZE, so one sees the other.
 *
 * **Progress.** Blocking, a millisecond at a time, at most `waitMs` for all drafts together.
 *
 * **Crash.** FREEZE names its owner; the reaper clears it.
 */

import { RootswapError } from '../errors.ts'
import { CELL_CURSOR, CELL_STATE, FREEZE_AT, ROUND_AT, SLOT_TICKET } from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import { cellAt, cellsInUse, hasVersions } from './cells.ts'
import type { Reclaimer } from './reclaimer.ts'
import { slotAt, slotsInUse } from './slots.ts'

/** Asks writers to pause, and waits for the drafts that go on; see verify.ts. */
export function freeze(reclaimer: Reclaimer, waitMs: number): void {
  const { memory, slot } = reclaimer
  const { words, layout } = memory
  for (let waited = 0; ; waited++) {
    const freezer = words.compareExchange(FREEZE_AT, 0, slot.tag)
    // This thread's own tag was left by an error that unwound past the end: it is in no other call.
    if (freezer === 0 || freezer === slot.tag) break
    if (waited > waitMs) throw new RootswapError('ERR_TIMEOUT', 'another verify() goes on')
    words.wait(FREEZE_AT, freezer, 1)
  }
  // [freeze-set] Pairs with [freeze-check].
  let waited = 0
  for (let index = 0; index < slotsInUse(words); index++) {
    const ticketAt = slotAt(layout, index) + SLOT_TICKET
    for (let ticket = words.load(ticketAt); ticket !== 0 && waited < waitMs; waited++) {
      words.wait(ticketAt, ticket, 1)
      ticket = words.load(ticketAt)
    }
  }
}

/** Lets the writers go on; false if one of them did not wait for it (what was counted is void). */
export function unfreeze({ memory, slot }: Reclaimer): boolean {
  const { words } = memory
  const undisturbed = words.compareExchange(FREEZE_AT, slot.tag, 0) === slot.tag
  words.notify(FREEZE_AT)
  return undisturbed
}

/** Ends the departure under way. One that its thread's death interrupted begins with a new round,
 *  which waits for sections: false when one of them stays open, as that of a dead thread does. */
export function goToBoundary({ memory, round }: Reclaimer, waitMs: number): boolean {
  const { words } = memory
  for (let waited = 0; !atBoundary(memory);) {
    // bound: the rest of one departure, and `waitMs`
    if (round.slice() !== 'waiting') continue
    if (waited++ >= waitMs) return false
    words.wait(ROUND_AT, words.load(ROUND_AT), 1)
  }
  return true
}

/** Is no departure under way? */
function atBoundary(memory: Memory): boolean {
  for (let cell = 0, cells = cellsInUse(memory); cell < cells; cell++) {
    const at = cellAt(memory.layout, cell)
    if (!hasVersions(memory.words.load(at + CELL_STATE))) continue
    if (memory.m[at + CELL_CURSOR] !== 0) return false
  }
  return true
}
