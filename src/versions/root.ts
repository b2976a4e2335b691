/**
 * The root cell: one word that names the newest version of a store, and the swap that replaces it.
 *
 * **Invariants.** The cell names a complete record. The base of a swap, and every source of a
 * reference to an old node, is protected from before it was read until after the swap (I3), so the
 * cell can not come back to the same offset in between.
 *
 * **Ordering.** `[publish-root]` the swap comes after every plain store of the record and its
 * nodes. Pairs with [read-root]: whoever loads the cell atomically sees them complete.
 * `[poll-version]` the plain load of the cell in `current` is the one permitted race of the
 * package: its value only decides between the cached value and the ordered path.
 *
 * **Progress.** Lock-free: a lost swap means that another writer published. Nobody waits.
 *
 * **Crash.** Before the swap the record is in the draft log of a ticket that never arrives, and the
 * reaper frees it; after the swap the record arrives with its ticket, and the reaper leaves it.
 */

import { RootswapError } from '../errors.ts'
import { isReference, nodeOf, RECORD, stamp } from '../memory/kinds.ts'
import {
  BELL_AT,
  CELL_ARRIVED,
  CELL_ARRIVING,
  CELL_BORN,
  CELL_BRANCH,
  CELL_CLAIMED,
  CELL_CURSOR,
  CELL_DEPARTED,
  CELL_DROPPED,
  CELL_FLOOR,
  CELL_FREE,
  CELL_GENERATION,
  CELL_HISTORY,
  CELL_LINE,
  CELL_NAME,
  CELL_NAMED,
  CELL_OLDEST,
  CELL_ORIGIN,
  CELL_ORIGIN_GENERATION,
  CELL_ORIGIN_VERSION,
  CELL_ROOT,
  CELL_STATE,
  CELL_TURN,
  CELL_WANTED,
  CELL_WORDS,
  CLAIMED_CELLS_AT,
  CONFLICTS_AT,
  SLOT_TICKET,
  WAITERS_AT,
} from '../memory/layout.ts'
import { type Memory, wordsOfBlock } from '../memory/memory.ts'
import {
  LIMBO_MASK,
  LIMBO_UNIT,
  RECORD_CELL,
  RECORD_DROP_ROOT,
  RECORD_INC_COUNT,
  RECORD_NEXT,
  RECORD_NUMBER,
  RECORD_OUT,
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
import { hasVersions } from '../reclaim/cells.ts'
import { stakeIn } from '../reclaim/leases.ts'
import { raise } from '../reclaim/slots.ts'
import type { HeapThread } from '../reclaim/thread.ts'
import { Delta } from './delta.ts'

export class RootCell {
  readonly index: number
  readonly at: Offset
  /** The word that names the newest record. */
  readonly rootAt: Offset
  /** Swaps that this thread won: what an error after the swap must not undo. */
  wins = 0
  readonly #memory: Memory

  constructor(memory: Memory, index: number) {
    this.#memory = memory
    this.index = index
    this.at = memory.layout.cellsAt + index * CELL_WORDS
    this.rootAt = this.at + CELL_ROOT
  }

  /** The newest record. Protect it (section or lease) before reading its words. */
  newest(): Offset {
    return this.#memory.words.load(this.rootAt) // [read-root] Pairs with [publish-root].
  }

  /** Is there a store, or a branch that has not ended? Who has no stake in the cell asks inside the
   *  section in which he reads it. */
  isNamed(): boolean {
    const state = this.#memory.words.load(this.at + CELL_STATE)
    return hasVersions(state) && state !== CELL_DROPPED
  }

  /** Versions published in the cell since it was named. Call inside a section. */
  published(): number {
    return this.numberOf(this.newest()) - readWide(this.#memory.m, this.at + CELL_BORN)
  }

  /** How often the cell was freed. */
  get generation(): number {
    return this.#memory.words.load(this.at + CELL_GENERATION)
  }

  /** What records of the cell have in RECORD_CELL. */
  get tag(): number {
    return this.index | (this.generation << 16)
  }

  /** How many replaced versions are kept, or `HISTORY_ALL`. */
  get history(): number {
    return this.#memory.m[this.at + CELL_HISTORY] as number
  }

  /** A protected record's version number. */
  numberOf(record: Offset): number {
    return readWide(this.#memory.m, record + RECORD_NUMBER)
  }

  /** A protected record's root, as a value word. */
  rootOf(record: Offset): number {
    return this.#memory.m[record + RECORD_ROOT] as number
  }

  /**
   * Swaps in a version with the given root, made from the protected record `base` in the open
   * draft of `thread`. Returns the new record, or 0 when another writer was first; the draft is
   * still open then.
   */
  publish(thread: HeapThread, base: Offset, root: number, delta: Delta): Offset {
    const { words, m } = this.#memory
    const number = this.numberOf(base) + 1
    const record = writeRecord(thread, { previous: base, number, root }, delta)
    m[record + RECORD_CELL] = this.tag
    if (delta.dropRoot && !delta.isOther) delta.retire(this.rootOf(base))
    const retired = readWide(m, base + RECORD_RETIRED)
    const more = delta.retiredWords + wordsOfBlock(this.#memory, base)
    writeWide(m, record + RECORD_RETIRED, retired + more)
    // [publish-root] Pairs with [read-root].
    if (words.compareExchange(this.rootAt, base, record) !== base) {
      words.add(CONFLICTS_AT, 1)
      return 0
    }
    this.wins++
    thread.allocator.end()
    ring(this.#memory)
    return record
  }

  /** Words in limbo, about: replaced by published versions and not yet freed, in steps of 256.
   *  Call inside a section. */
  limboWords(): number {
    const { words } = this.#memory
    const departed = words.load(this.at + CELL_DEPARTED)
    const retired = readWide(this.#memory.m, words.load(this.rootAt) + RECORD_RETIRED)
    return ((Math.floor(retired / LIMBO_UNIT) - departed) & LIMBO_MASK) * LIMBO_UNIT
  }
}

/** Wakes the threads that wait for a publish of any store of the heap. */
export function ring(memory: Memory): void {
  const { words } = memory
  // [bell-check] Pairs with [bell-wait]: a waiter counts itself before it looks at the cell.
  if (words.load(WAITERS_AT) === 0) return
  words.add(BELL_AT, 1)
  words.notify(BELL_AT)
}

/** What a new store or branch begins with. */
export interface FirstVersion {
  readonly root: number
  /** Value word of the name, or 0. */
  readonly nameWord: number
  /** Replaced versions that are kept, or `HISTORY_ALL`. */
  readonly history: number
  /** Of a branch. */
  readonly origin?: {
    readonly cell: RootCell
    /** The version that the branch shares, protected until the cell is named. */
    readonly record: Offset
  }
}

/** Claims a cell, publishes the first version in it and ends the open draft. */
export function createCell(thread: HeapThread, root: number, nameWord: number): RootCell {
  const cell = nameCell(thread, { root, nameWord, history: 0 })
  thread.allocator.end()
  return cell
}

/** As `createCell`, but the draft is still open: its blocks are published, so it is to be ended,
 *  never aborted. Nothing can throw after the store that names the cell. A branch is held by the
 *  calling thread from then on. */
export function nameCell(thread: HeapThread, first: FirstVersion): RootCell {
  const { memory, leases } = thread
  const { words, m } = memory
  const { origin, root } = first
  const delta = new Delta(memory)
  let number = 1
  if (origin !== undefined) {
    number = origin.cell.numberOf(origin.record)
    if (isReference(root)) delta.included(nodeOf(root))
  }
  const record = writeRecord(thread, { previous: 0, number, root }, delta)
  const stakeAt = origin === undefined ? 0 : leases.reserve()
  // After the last allocation: a claimed cell has no way back.
  const cell = claimCell(thread, stakeAt)
  m[record + RECORD_CELL] = cell.tag
  writeWide(m, record + RECORD_RETIRED, 0)
  for (const word of [CELL_ARRIVED, CELL_ARRIVING, CELL_CURSOR]) m[cell.at + word] = 0
  m[cell.at + CELL_OLDEST] = record
  m[cell.at + CELL_NAME] = first.nameWord
  m[cell.at + CELL_HISTORY] = first.history
  m[cell.at + CELL_WANTED] = number | 0
  writeWide(m, cell.at + CELL_BORN, number - 1)
  words.store(cell.at + CELL_FLOOR, number | 0)
  words.store(cell.at + CELL_LINE, number | 0)
  words.store(cell.at + CELL_TURN, 0)
  words.store(cell.at + CELL_DEPARTED, 0)
  if (origin !== undefined) {
    m[cell.at + CELL_ORIGIN] = origin.cell.index
    m[cell.at + CELL_ORIGIN_GENERATION] = origin.cell.generation
    words.store(cell.at + CELL_ORIGIN_VERSION, number | 0)
    leases.keep(stakeIn(cell.index), stakeAt) // before the name: nobody may find it not held
  }
  words.store(cell.rootAt, record)
  // Names it: published from here on.
  words.store(cell.at + CELL_STATE, origin === undefined ? CELL_NAMED : CELL_BRANCH)
  return cell
}

/** Slices that may free the cells of branches that have ended. */
const SLICES_TO_RECYCLE = 64

function claimCell(thread: HeapThread, stakeAt: Offset): RootCell {
  const cell = tryClaim(thread)
  if (cell !== undefined) return cell
  thread.reclaimer.attempt(SLICES_TO_RECYCLE)
  const late = tryClaim(thread)
  if (late !== undefined) return late
  if (stakeAt !== 0) thread.leases.unreserve(stakeAt)
  const { cells } = thread.memory.layout
  throw new RootswapError(
    'ERR_HEAP_FULL',
    `all ${cells} root cells of the heap are in use; close branches, or raise maxStores`,
    { cells },
  )
}

function tryClaim(thread: HeapThread): RootCell | undefined {
  const { words, layout } = thread.memory
  const claimed = ((thread.slot.index + 1) << 2) | CELL_CLAIMED
  for (let index = 0; index < layout.cells; index++) {
    const cell = new RootCell(thread.memory, index)
    if (words.load(cell.at + CELL_STATE) !== CELL_FREE) continue
    raise(words, CLAIMED_CELLS_AT, index + 1) // before the claim: nobody looks further
    if (words.compareExchange(cell.at + CELL_STATE, CELL_FREE, claimed) === CELL_FREE) return cell
  }
  return undefined
}

interface RecordFields {
  readonly previous: Offset
  readonly number: number
  readonly root: number
}

function writeRecord(thread: HeapThread, fields: RecordFields, delta: Delta): Offset {
  const { m } = thread.memory
  const { out, inc } = delta
  const record = thread.allocator.allocate(RECORD_OUT + out.length + inc.length)
  stamp(m, record, RECORD, 0)
  m[record + RECORD_NEXT] = 0
  m[record + RECORD_PREVIOUS] = fields.previous
  writeWide(m, record + RECORD_NUMBER, fields.number)
  m[record + RECORD_ROOT] = fields.root
  m[record + RECORD_WRITER] = thread.slot.index
  m[record + RECORD_TICKET] = m[thread.slot.at + SLOT_TICKET] as number // its own
  m[record + RECORD_DROP_ROOT] = delta.isOther ? 2 : delta.dropRoot ? 1 : 0
  m[record + RECORD_STATE] = 0
  m[record + RECORD_OUT_WORDS] = out.length
  m[record + RECORD_INC_COUNT] = inc.length
  let at = record + RECORD_OUT
  for (let index = 0; index < out.length; index++) m[at++] = out[index] as number
  for (let index = 0; index < inc.length; index++) m[at++] = inc[index] as number
  return record
}
