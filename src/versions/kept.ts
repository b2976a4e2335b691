/**
 * Naming a version late: one that was replaced, and is kept as history, or by somebody's snapshot.
 *
 * **Invariants.** Of history: the version is at or above the floor, so it has not departed and
 * `previous` leads to it (reclaim/history.ts). Of a snapshot: under the lock no record goes, and
 * each slice of a round scans the leases anew before it lets one go; so a lease that is stored
 * under the lock counts, unless the version is departing already without being kept.
 *
 * **Ordering.** `[history-walk]` Pairs with [history-floor].
 *
 * **Progress.** History: wait-free, linear in the versions between. Else it waits for the lock, a
 * millisecond at a time, at most `waitMs`.
 *
 * **Crash.** A lease word, which the reaper clears; the lock.
 */

import { CELL_CURSOR, CELL_FLOOR, CELL_OLDEST, HISTORY_ALL, LEASE_SOFT } from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import { RECORD_CELL, RECORD_PREVIOUS, RECORD_STATE } from '../memory/record.ts'
import type { Offset } from '../memory/words.ts'
import { isTombstone, knownRecords } from '../reclaim/cells.ts'
import { scanLeases } from '../reclaim/leases.ts'
import { slotAt, slotsInUse } from '../reclaim/slots.ts'
import type { HeapThread } from '../reclaim/thread.ts'
import type { RootCell } from './root.ts'

export interface KeptVersion {
  readonly cell: RootCell
  readonly version: number
  /** 0 or `LEASE_SOFT`. */
  readonly flag: number
}

/** Leases a version of a cell that is current, history, or held by a snapshot of any thread.
 *  Returns its record; 0 where it is none of these, -1 where the lock was not to be had. */
export function leaseVersion(thread: HeapThread, wanted: KeptVersion, waitMs: number): Offset {
  const { leases, reclaimer } = thread
  const kept = leases.takeFound(() => findKept(thread.memory, wanted), wanted.flag)
  if (kept !== 0) return kept
  const at = leases.reserve()
  if (!reclaimer.takeLock(waitMs)) {
    leases.unreserve(at)
    return -1
  }
  const held = findHeld(thread, wanted)
  if (held === 0) leases.unreserve(at)
  else leases.keep(held | wanted.flag, at)
  reclaimer.lock.give()
  return held
}

/** Inside a section: the newest version, or one of history. */
function findKept({ words, m }: Memory, { cell, version }: KeptVersion): Offset {
  const floor = words.load(cell.at + CELL_FLOOR) // [history-walk] Pairs with [history-floor].
  const newest = cell.newest()
  const number = cell.numberOf(newest)
  if (version > number) return 0
  const { history } = cell
  if (history !== HISTORY_ALL && version < number - history) return 0
  if (history !== 0 && ((version - floor) | 0) < 0) return 0
  let record = newest
  for (let left = number - version; left > 0; left--) {
    // bound: versions since the floor
    record = m[record + RECORD_PREVIOUS] as number
    if (record === 0) return 0 // older than the branch
  }
  return record
}

/** Under the lock: a version that a snapshot holds. */
function findHeld({ memory, allocator }: HeapThread, { cell, version }: KeptVersion): Offset {
  const { m, words, layout } = memory
  for (const record of knownRecords(memory)) {
    if (isTombstone(layout, record) || m[record + RECORD_CELL] !== cell.tag) continue
    if (cell.numberOf(record) !== version) continue
    const departing = m[cell.at + CELL_OLDEST] === record && m[cell.at + CELL_CURSOR] !== 0
    if (departing && m[record + RECORD_STATE] !== 1) return 0
    const slots = slotsInUse(words)
    let held = false
    for (let slot = 0; slot < slots; slot++) {
      scanLeases(words, slotAt(layout, slot), allocator.chunkWords, (lease) => {
        if (lease === record && (lease & LEASE_SOFT) === 0) held = true
      })
    }
    return held ? record : 0
  }
  return 0
}
