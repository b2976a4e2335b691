/**
 * The end of a branch. A branch lives for as long as some thread has it open, which that thread
 * says by a stake among its lease words; so the stakes of a dead thread go with its leases. When
 * a round begins and nobody has a stake in a branch, it gets a **tombstone**: a last record,
 * without a value, whose predecessor's root is dropped whole. The record lies in the cell, since
 * who drops a branch may have no block left. When only the tombstone has not departed, the cell
 * is free again, under its next generation.
 *
 * **Invariants.** Nobody reads or writes through a cell in which he has no stake, but for
 * statistics and names, inside a section in which the state said that there is a branch. So the
 * swap of the tombstone needs no comparison, and name and cell go when the grace period of the
 * round that saw the tombstone as top is over. A generation is never that of two branches, until
 * it wraps.
 *
 * **Ordering.** `[stake-scan]` CLOSING is stored, then stakes are scanned. Pairs with
 * [stake-check]: a thread that opens the branch stores its stake, then loads the state. One of
 * the two sees the other: who saw BRANCH is seen here, and the branch stays; who sees CLOSING
 * looks again.
 *
 * **Progress.** Bounded, under the lock; CLOSING is left before the slice ends.
 *
 * **Crash.** In CLOSING the root says whether the tombstone was swapped in: `settle` goes on from
 * there. Counting and recycling are transactions that do nothing the second time, then a
 * generation that may be skipped, then the state.
 */

import {
  CELL_BORN,
  CELL_BRANCH,
  CELL_CLOSING,
  CELL_DROPPED,
  CELL_FREE,
  CELL_GENERATION,
  CELL_NAME,
  CELL_ROOT,
  CELL_STATE,
  CELL_TOP,
  RECYCLED_AT,
} from '../memory/layout.ts'
import { type Memory, wordsOfBlock } from '../memory/memory.ts'
import {
  RECORD_CELL,
  RECORD_DROP_ROOT,
  RECORD_INC_COUNT,
  RECORD_NEXT,
  RECORD_NUMBER,
  RECORD_OUT_WORDS,
  RECORD_PREVIOUS,
  RECORD_RETIRED,
  RECORD_ROOT,
  RECORD_STATE,
  RECORD_TICKET,
  RECORD_WRITER,
  readWide,
  writeWide,
} from '../memory/record.ts'
import type { Offset } from '../memory/words.ts'
import { cellAt, cellsInUse, tombstoneOf } from './cells.ts'
import type { Counts } from './counts.ts'
import type { Journal } from './journal.ts'
import { cellOfStake, isOusted, scanWords } from './leases.ts'
import { slotAt, slotsInUse } from './slots.ts'

export class Branches {
  readonly #memory: Memory
  readonly #journal: Journal
  readonly #counts: Counts
  readonly #chunkWords: number

  constructor(memory: Memory, journal: Journal, counts: Counts, chunkWords: number) {
    this.#memory = memory
    this.#journal = journal
    this.#counts = counts
    this.#chunkWords = chunkWords
  }

  /** Of these branches, those that no thread seems to have open. */
  orphansOf(branches: readonly number[]): readonly number[] {
    if (branches.length === 0) return branches
    const held = this.#held()
    return branches.filter((cell) => !held.has(cell))
  }

  /** Ends these branches, if no thread has them open; before a round loads its tops. */
  end(orphans: readonly number[]): void {
    if (orphans.length === 0) return
    const { words, layout } = this.#memory
    for (const cell of orphans) words.store(cellAt(layout, cell) + CELL_STATE, CELL_CLOSING)
    const held = this.#held() // [stake-scan] Pairs with [stake-check].
    for (const cell of orphans) {
      if (!held.has(cell)) {
        this.#bury(cell)
        this.#countVersions(cellAt(layout, cell))
      }
      this.#leaveClosing(cell)
    }
  }

  /** Frees the cell of a branch of which only the tombstone is left. */
  recycle(cellAt: Offset): void {
    const { m, words } = this.#memory
    this.#countVersions(cellAt)
    this.#counts.release(m[cellAt + CELL_NAME] as number)
    this.#journal.set(cellAt + CELL_NAME, 0)
    this.#journal.commit()
    m[cellAt + CELL_TOP] = 0
    const generation = words.load(cellAt + CELL_GENERATION)
    words.store(cellAt + CELL_GENERATION, (generation + 1) | 0)
    words.store(cellAt + CELL_STATE, CELL_FREE) // the next claimer's swap sees all of it
  }

  /** After a crash: no branch is left CLOSING. */
  settle(): void {
    for (let cell = 0, cells = cellsInUse(this.#memory); cell < cells; cell++) {
      if (this.#stateOf(cell) === CELL_CLOSING) this.#leaveClosing(cell)
    }
  }

  #stateOf(cell: number): number {
    const { words, layout } = this.#memory
    return words.load(cellAt(layout, cell) + CELL_STATE)
  }

  #held(): Set<number> {
    const { words, layout } = this.#memory
    const held = new Set<number>()
    const slots = slotsInUse(words)
    for (let slot = 0; slot < slots; slot++) {
      scanWords(words, slotAt(layout, slot), this.#chunkWords, (word) => {
        if (word < 0 && !isOusted(word)) held.add(cellOfStake(word))
      })
    }
    return held
  }

  /** Writes the tombstone and makes it the newest record. */
  #bury(cell: number): void {
    const { words, m, layout } = this.#memory
    const at = cellAt(layout, cell)
    const tombstone = tombstoneOf(at)
    const newest = words.load(at + CELL_ROOT)
    if (newest === tombstone) return
    m[tombstone + RECORD_NEXT] = 0
    m[tombstone + RECORD_PREVIOUS] = newest
    writeWide(m, tombstone + RECORD_NUMBER, readWide(m, newest + RECORD_NUMBER))
    m[tombstone + RECORD_ROOT] = 0
    m[tombstone + RECORD_WRITER] = 0
    m[tombstone + RECORD_TICKET] = 0
    m[tombstone + RECORD_DROP_ROOT] = 1
    m[tombstone + RECORD_STATE] = 0
    m[tombstone + RECORD_OUT_WORDS] = 0
    m[tombstone + RECORD_INC_COUNT] = 0
    m[tombstone + RECORD_CELL] = cell
    const retired = readWide(m, newest + RECORD_RETIRED) + wordsOfBlock(this.#memory, newest)
    writeWide(m, tombstone + RECORD_RETIRED, retired)
    words.store(at + CELL_ROOT, tombstone) // [publish-root] Pairs with [read-root].
  }

  #leaveClosing(cell: number): void {
    const { words, layout } = this.#memory
    const at = cellAt(layout, cell)
    const buried = words.load(at + CELL_ROOT) === tombstoneOf(at)
    words.store(at + CELL_STATE, buried ? CELL_DROPPED : CELL_BRANCH)
    words.notify(at + CELL_STATE)
  }

  /** Notes, once, how many versions the branch had: nobody reads them of the cell any more. */
  #countVersions(cellAt: Offset): void {
    const { m } = this.#memory
    const counted = tombstoneOf(cellAt) + RECORD_STATE
    if (m[counted] === 1) return
    const last = readWide(m, tombstoneOf(cellAt) + RECORD_NUMBER)
    const words = new Int32Array(2)
    writeWide(words, 0, readWide(m, RECYCLED_AT) + last - readWide(m, cellAt + CELL_BORN))
    this.#journal.publish(RECYCLED_AT, words[0] as number)
    this.#journal.publish(RECYCLED_AT + 1, words[1] as number)
    this.#journal.set(counted, 1)
    this.#journal.commit()
  }
}
