/**
 * The root cells, as rounds see them.
 *
 * **Invariants.** A cell counts once it is named; before that it belongs to the thread that claimed
 * it.
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
  CELL_WORDS,
  type Layout,
  ZOMBIE_AT,
} from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import { RECORD_NEXT, RECORD_PREVIOUS } from '../memory/record.ts'
import type { Offset } from '../memory/words.ts'

export function cellAt(layout: Layout, cell: number): Offset {
  return layout.cellsAt + cell * CELL_WORDS
}

/** The newest record of a named cell, else 0. */
export function namedRoot(memory: Memory, cell: number): Offset {
  const at = cellAt(memory.layout, cell)
  if (memory.words.load(at + CELL_STATE) !== CELL_NAMED) return 0
  return memory.words.load(at + CELL_ROOT)
}

/** Records that have not departed, and zombies; under the lock. */
export function knownRecords(memory: Memory): Set<Offset> {
  const m = memory.m
  const known = new Set<Offset>()
  for (let cell = 0; cell < memory.layout.cells; cell++) {
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
