/**
 * A branch as the threads have it open: what keeps it, and what lets it go.
 *
 * **Invariants.** A thread that has a branch open has a stake in its cell from before it first
 * reads through it until after it last did, its leases on versions of it included; so nothing but
 * statistics and names are read of a cell that is recycled (reclaim/branches.ts). A store that is
 * no branch needs none: it lives as long as the heap.
 *
 * **Ordering.** `[stake-check]` the stake is stored, then the state is loaded. Pairs with
 * [stake-scan]. The generation is loaded after the state: of a cell that became another's
 * meanwhile it is later than the handle's.
 *
 * **Progress.** Wait-free, but while a round decides about this very branch: then at most `waitMs`,
 * a millisecond at a time. A round decides within a slice, unless its thread died there.
 *
 * **Crash.** The reaper clears the stakes of a dead thread with its leases; the next round finds
 * the branches that only it held.
 */

import { RootswapError } from '../errors.ts'
import {
  CELL_BRANCH,
  CELL_CLOSING,
  CELL_LINE,
  CELL_NAMED,
  CELL_ORIGIN,
  CELL_ORIGIN_GENERATION,
  CELL_ORIGIN_VERSION,
  CELL_STATE,
} from '../memory/layout.ts'
import type { Offset } from '../memory/words.ts'
import { stakeIn } from '../reclaim/leases.ts'
import type { SliceEnd } from '../reclaim/round.ts'
import type { HeapThread } from '../reclaim/thread.ts'
import type { RootCell } from './root.ts'

/** Slices that a thread runs when it was the last to have a branch open, perhaps. */
const SLICES_PER_CLOSE = 16

/** Opens a cell for this thread; false where it is not of that generation any more. */
export function openCell(
  thread: HeapThread,
  cell: RootCell,
  generation: number,
  waitMs: number,
): boolean {
  const { words } = thread.memory
  const stateAt = cell.at + CELL_STATE
  if (words.load(stateAt) === CELL_NAMED) return cell.generation === generation
  const { leases } = thread
  leases.keep(stakeIn(cell.index), leases.reserve())
  for (let waited = 0; ; waited++) {
    const state = words.load(stateAt) // [stake-check] Pairs with [stake-scan].
    if (state === CELL_BRANCH && cell.generation === generation) return true
    if (state !== CELL_CLOSING) break
    if (waited >= waitMs) {
      closeCell(thread, cell)
      throw new RootswapError(
        'ERR_TIMEOUT',
        `a thread stopped while it decided whether the branch ends, for ${waitMs} ms`,
      )
    }
    words.wait(stateAt, CELL_CLOSING, 1)
  }
  closeCell(thread, cell)
  return false
}

/** This thread has the branch open no more; the last one lets it end. What is not 'idle' is left
 *  for a later round. */
export function closeCell(thread: HeapThread, cell: RootCell): SliceEnd | 'busy' {
  thread.leases.release(stakeIn(cell.index), 0)
  return thread.reclaimer.attempt(SLICES_PER_CLOSE)
}

/** Is it a branch, not a store of its own? */
export function isBranch(thread: HeapThread, cell: RootCell): boolean {
  return thread.memory.words.load(cell.at + CELL_STATE) !== CELL_NAMED
}

/** Of a branch that was forked from `from`: the version of `from` that it goes on from, as far as
 *  it is near `version`, which `from` has now. Undefined: it was forked from another store. */
export function originVersion(
  thread: HeapThread,
  branch: RootCell,
  from: RootCell,
  version: number,
): number | undefined {
  if (!isForkOf(thread, branch, from)) return undefined
  const low = thread.memory.words.load(branch.at + CELL_ORIGIN_VERSION)
  return version - ((version - low) | 0)
}

function isForkOf(thread: HeapThread, branch: RootCell, from: RootCell): boolean {
  const { m } = thread.memory
  if (!isBranch(thread, branch) || m[branch.at + CELL_ORIGIN] !== from.index) return false
  return m[branch.at + CELL_ORIGIN_GENERATION] === from.generation
}

/** The version with which the present line of nodes began: that of the last adoption or rollback,
 *  as far as is known; above the record's own where that is not certain. */
export function lineBegan(thread: HeapThread, cell: RootCell, record: Offset): number {
  const { reclaimer, memory } = thread
  const number = cell.numberOf(record)
  if (!reclaimer.lock.tryTake()) return number + 1
  reclaimer.round.arrive()
  const low = memory.words.load(cell.at + CELL_LINE)
  reclaimer.lock.give()
  return number - ((number - low) | 0)
}

/** The branch was adopted as that version of `into`: where that is its origin, it goes on from
 *  there. */
export function noteAdopted(
  thread: HeapThread,
  branch: RootCell,
  into: RootCell,
  version: number,
): void {
  if (!isForkOf(thread, branch, into)) return
  thread.memory.words.store(branch.at + CELL_ORIGIN_VERSION, version | 0)
}
