/**
 * Arrivals: every published record is linked forward from its predecessor, its `inc` entries are
 * counted, and its ticket is noted as published.
 *
 * **Invariants.** I6: all arrivals of a slice precede its first decrement, and records arrive
 * oldest first. Newest first, or up to the tops only, is a use after free: a moved node could go
 * with its old parent before its new reference is counted.
 *
 * **Ordering.** The cells are loaded afresh, after the leases were scanned: a source that is
 * protected until the swap (I3) is protected until its record can be seen here.
 *
 * **Progress.** Bounded by what was published since the last arrival.
 *
 * **Crash.** NEXT is set outside a transaction, to the same value again. ARRIVING counts the `inc`
 * entries done, ARRIVED the records; both change in the transaction that counts.
 */

import { corrupt } from '../errors.ts'
import {
  CELL_ARRIVED,
  CELL_ARRIVING,
  CELL_LINE,
  CELL_OLDEST,
  SLOT_PUBLISHED,
} from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import {
  incAt,
  readWide,
  RECORD_DROP_ROOT,
  RECORD_INC_COUNT,
  RECORD_NEXT,
  RECORD_NUMBER,
  RECORD_PREVIOUS,
  RECORD_TICKET,
  RECORD_WRITER,
} from '../memory/record.ts'
import type { Offset } from '../memory/words.ts'
import { cellAt, cellsInUse, namedRoot, tombstoneOf } from './cells.ts'
import type { Counts } from './counts.ts'
import type { Journal } from './journal.ts'
import { slotAt } from './slots.ts'

export class Arrivals {
  readonly #memory: Memory
  readonly #m: Int32Array
  readonly #journal: Journal
  readonly #counts: Counts

  constructor(memory: Memory, journal: Journal, counts: Counts) {
    this.#memory = memory
    this.#m = memory.m
    this.#journal = journal
    this.#counts = counts
  }

  /** Lets every published record arrive: links it forward, counts its `inc`, notes its ticket. */
  arrive(): void {
    for (let cell = 0, cells = cellsInUse(this.#memory); cell < cells; cell++) {
      const newest = namedRoot(this.#memory, cell)
      if (newest !== 0) this.#arriveCell(cellAt(this.#memory.layout, cell), newest)
    }
  }

  #arriveCell(cellAt: Offset, newest: Offset): void {
    const m = this.#m
    const last = m[cellAt + CELL_ARRIVED] as number
    if (last === newest) return
    const stop = last === 0 ? (m[cellAt + CELL_OLDEST] as number) : last
    for (let record = newest; record !== stop;) {
      // bound: records published since the last arrival, or until the numbers do not count down
      const previous = m[record + RECORD_PREVIOUS] as number
      if (previous === 0) throw corrupt('a record chain ends early', { record })
      const step = readWide(m, record + RECORD_NUMBER) - readWide(m, previous + RECORD_NUMBER)
      if (step !== (record === tombstoneOf(cellAt) ? 0 : 1)) {
        throw corrupt('a record chain does not count up', { record, previous })
      }
      m[previous + RECORD_NEXT] = record
      record = previous
    }
    let record = last === 0 ? stop : (m[last + RECORD_NEXT] as number)
    for (;;) {
      this.#arriveRecord(cellAt, record)
      if (record === newest) break
      record = m[record + RECORD_NEXT] as number
    }
    this.#journal.commit()
  }

  #arriveRecord(cellAt: Offset, record: Offset): void {
    const m = this.#m
    const journal = this.#journal
    const count = m[record + RECORD_INC_COUNT] as number
    const first = incAt(m, record)
    for (let index = journal.get(cellAt + CELL_ARRIVING); index < count; index++) {
      this.#counts.increment(m[first + index] as number)
      journal.set(cellAt + CELL_ARRIVING, index + 1)
      this.#counts.boundary()
    }
    const writerAt = slotAt(this.#memory.layout, m[record + RECORD_WRITER] as number)
    const ticket = m[record + RECORD_TICKET] as number
    // Records of other cells may have arrived before, out of the writer's order. A tombstone has
    // no ticket: it is no draft's.
    if (ticket !== 0 && ((ticket - journal.get(writerAt + SLOT_PUBLISHED)) | 0) > 0) {
      journal.set(writerAt + SLOT_PUBLISHED, ticket)
    }
    if (m[record + RECORD_DROP_ROOT] === 2) {
      journal.publish(cellAt + CELL_LINE, readWide(m, record + RECORD_NUMBER) | 0)
    }
    journal.set(cellAt + CELL_ARRIVED, record)
    journal.set(cellAt + CELL_ARRIVING, 0)
    this.#counts.boundary()
  }
}
