/**
 * History: replaced versions that stay on purpose, so that they may be named late, by
 * `snapshot(version)` and `rollback`. They simply do not depart yet.
 *
 * A cell with history has a **floor**: the lowest version that may be named late. It rises when a
 * round begins, to `history` versions below the top; where all are kept, only as far as a thread
 * that is short of memory wants. What is below the floor departs in that round.
 *
 * **Invariants.** A version at or above the floor has not departed, so it is found by following
 * `previous` from the newest record (I10). The floor never falls, and never passes the top.
 *
 * **Ordering.** `[history-floor]` the floor is raised before a round scans the sections. Pairs
 * with [history-walk]: who names a version late loads the floor inside the section in which it
 * stores the lease. Either it saw the new floor, or the round waits for its section, and scans its
 * lease afterwards.
 *
 * **Progress.** Wait-free, under the lock.
 *
 * **Crash.** FLOOR and WANTED only rise; one that rose before a crash lets versions depart in the
 * next round.
 */

import {
  CELL_FLOOR,
  CELL_HISTORY,
  CELL_OLDEST,
  CELL_ROOT,
  CELL_STATE,
  CELL_WANTED,
  HISTORY_ALL,
} from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import { readWide, RECORD_NUMBER } from '../memory/record.ts'
import type { Offset } from '../memory/words.ts'
import { cellAt, cellsInUse, hasVersions, isTombstone } from './cells.ts'

/** Of the versions that a cell keeps, the part that is given up at once for want of memory. */
const GIVEN_UP = 4

/** May the oldest version of the cell depart, with `newest` as top? Under the lock. */
export function mayDepart({ m, layout }: Memory, at: Offset, newest: Offset): boolean {
  const oldest = m[at + CELL_OLDEST] as number
  if (newest === oldest) return false
  const history = m[at + CELL_HISTORY] as number
  if (history === 0 || isTombstone(layout, newest)) return true
  const number = readWide(m, oldest + RECORD_NUMBER)
  if (((number - (m[at + CELL_WANTED] as number)) | 0) < 0) return true
  return history !== HISTORY_ALL && readWide(m, newest + RECORD_NUMBER) - number > history
}

/** Raises the floor of a cell with history to where the round that begins lets versions depart. */
export function raiseFloor({ m, words }: Memory, at: Offset, top: Offset): void {
  const history = m[at + CELL_HISTORY] as number
  if (history === 0) return
  const number = readWide(m, top + RECORD_NUMBER)
  const before = words.load(at + CELL_FLOOR)
  const wanted = m[at + CELL_WANTED] as number
  let floor = ((wanted - before) | 0) > 0 ? wanted : before
  if (history !== HISTORY_ALL) {
    const lowest = (number - history) | 0
    if (((lowest - floor) | 0) > 0) floor = lowest
  }
  if (((number - floor) | 0) < 0) floor = number | 0
  if (floor !== before) words.store(at + CELL_FLOOR, floor) // [history-floor]
  m[at + CELL_WANTED] = floor // never 2^31 versions behind
}

/** Is the oldest version of the cell kept, in a round that began with the present floor? */
export function isKept({ m, words }: Memory, at: Offset, version: Offset): boolean {
  if (m[at + CELL_HISTORY] === 0) return false
  const number = readWide(m, version + RECORD_NUMBER)
  return ((number - words.load(at + CELL_FLOOR)) | 0) >= 0
}

/**
 * For a thread that is short of memory: lets the next round give up the oldest of the versions
 * that are kept while memory lasts, a quarter of each store's, at least one. Under the lock.
 * False where nothing is kept so.
 */
export function giveUpHistory(memory: Memory): boolean {
  const { m, words, layout } = memory
  let given = false
  for (let cell = 0, cells = cellsInUse(memory); cell < cells; cell++) {
    const at = cellAt(layout, cell)
    if (!hasVersions(words.load(at + CELL_STATE)) || m[at + CELL_HISTORY] !== HISTORY_ALL) continue
    const oldest = readWide(m, (m[at + CELL_OLDEST] as number) + RECORD_NUMBER)
    const kept = readWide(m, words.load(at + CELL_ROOT) + RECORD_NUMBER) - oldest
    if (kept <= 0) continue
    m[at + CELL_WANTED] = (oldest + Math.ceil(kept / GIVEN_UP)) | 0
    given = true
  }
  return given
}
