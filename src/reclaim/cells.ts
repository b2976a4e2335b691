/**
 * The root cells, as rounds see them.
 *
 * **Invariants.** A cell counts once it is named; before that it belongs to the thread that claimed
 * it, which writes its L words too: they are read only after the state says that it has versions.
 *
 * **Ordering.** STATE and ROOT are loaded atomically: whoever sees a record sees it complete.
 *
 * **Progress.** Wait-free.
 *
 * **Crash.** Nothing is written here.
 */

import {
  CELL_NAMED,
  CELL_OLDEST,
  CELL_ROOT,
  CELL_STATE,
  CELL_TOMBSTONE,
  CELL_WORDS,
  CLAIMED_CELLS_AT,
  type Layout,
  STATE_MASK,
  ZOMBIE_AT,
} from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import { RECORD_NEXT, RECORD_PREVIOUS } from '../memory/record.ts'
import type { Offset } from '../memory/words.ts'

export function cellAt(layout: Layout, cell: number): Offset {
  return layout.cellsAt + cell * CELL_WORDS
}

/** How many cells may be in use: those below were claimed at some time. One that is claimed after
 *  the look is as one that is named after it. */
export function cellsInUse({ words, layout }: Memory): number {
  return Math.min(words.load(CLAIMED_CELLS_AT), layout.cells)
}

export function hasVersions(state: number): boolean {
  return (state & STATE_MASK) === CELL_NAMED
}

/** The newest record of a named cell, a tombstone included; else 0. */
export function namedRoot(memory: Memory, cell: number): Offset {
  const at = cellAt(memory.layout, cell)
  if (!hasVersions(memory.words.load(at + CELL_STATE))) return 0
  return memory.words.load(at + CELL_ROOT)
}

/** The record that ends the cell's branch. It is part of the cell, and no block. */
export function tombstoneOf(cellAt: Offset): Offset {
  return cellAt + CELL_TOMBSTONE
}

/** Is the record part of a cell, and no block? */
export function isTombstone(layout: Layout, record: Offset): boolean {
  return record < layout.slotsAt
}

/** Records that have not departed, and zombies; under the lock. */
export function knownRecords(memory: Memory): Set<Offset> {
  const m = memory.m
  const known = new Set<Offset>()
  for (let cell = 0, cells = cellsInUse(memory); cell < cells; cell++) {
    const oldest = m[cellAt(memory.layout, cell) + CELL_OLDEST] as number
    for (let record = namedRoot(memory, cell); record !== 0;) {
      known.add(record)
      record = record === oldest ? 0 : (m[record + RECORD_PREVIOUS] as number) // bound: versions
    }
  }
  for (let zombie = m[ZOMBIE_AT] as number; zombie !== 0;) {
    known.add(zombie)
    zombie = m[zombie + RECORD_NEXT] as number // bound: zombies
  }
  return known
}
