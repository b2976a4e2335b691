/**
 * Holds: which counted blocks a thread holds, and how often, so that a dead thread's can be
 * released. The only way to change a counted block's count: a transaction of the journal that
 * changes the count together with the hold, or the reference, that it counts.
 *
 *     holds.reserve(1)                  outside the lock: it may allocate
 *     if (!holds.begin(waitMs)) …       takes the lock
 *     holds.retain(block)               any number of changes
 *     holds.commit()                    all of them, or none; gives the lock
 *
 * **Invariants.** count(block) = uses in the hold entries of all slots + references from live
 * blocks. A block that a draft made has a count of 1 before it is published, for the entry or the
 * reference that the publishing transaction writes. The private index of this class mirrors the
 * thread's entries, which nobody else changes while the thread lives.
 *
 * **Ordering.** Everything here is L: ordered by the lock.
 *
 * **Progress.** `begin` waits for the lock for a bounded time; a transaction is bounded by the
 * journal. A release that does not get the lock is kept and done by the next `begin`.
 *
 * **Crash.** The journal makes a transaction happen or not. A chunk of entries is linked to the
 * slot before it leaves the cache; the reaper releases what the entries name. A release that still
 * waits for the lock is in its entry.
 */

import { rangeError, RootswapError } from '../errors.ts'
import { type Allocator, CHUNK_HEAD } from '../memory/allocator.ts'
import { COUNTED_SERIAL, isNamed } from '../memory/counted.ts'
import { nodeOf, referenceTo, TAG_NODE } from '../memory/kinds.ts'
import {
  MAX_WAIT_MS_AT,
  SERIAL_AT,
  SLOT_HOLD_CHAIN,
  SLOT_PUBLISHED,
  SLOT_TICKET,
} from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import { OffsetTable } from '../memory/offset-table.ts'
import type { Offset } from '../memory/words.ts'
import { COUNT_MAX, Counts } from './counts.ts'
import { isLinked } from './log.ts'
import type { Reclaimer } from './reclaimer.ts'
import { reportSlots } from './slots.ts'

/** Words of an entry: the block or 0, how often it is held. */
export const HOLD_WORDS = 2
/** Holders of one block; one less is where counts stop counting. */
export const HOLDERS_MAX = COUNT_MAX - 1

export class Holds {
  readonly #memory: Memory
  readonly #m: Int32Array
  readonly #reclaimer: Reclaimer
  readonly #allocator: Allocator
  readonly #counts: Counts
  /** Where the entry of a held block is. */
  readonly #index = new OffsetTable()
  readonly #free: Offset[] = []
  /** What the open transaction changes: block and entry, in pairs. */
  readonly #touched: Offset[] = []
  /** Releases that did not get the lock. */
  readonly #late: Offset[] = []

  constructor(memory: Memory, reclaimer: Reclaimer, allocator: Allocator) {
    this.#memory = memory
    this.#m = memory.m
    this.#reclaimer = reclaimer
    this.#allocator = allocator
    this.#counts = new Counts(reclaimer.journal, reclaimer.spans, Infinity)
    eachEntry(memory.m, allocator.slotAt, allocator.chunkWords, (at) => this.#know(at))
  }

  /** Releases that wait for the lock. */
  get late(): number {
    return this.#late.length
  }

  /** Makes room for so many more blocks. Allocates: never under the lock. Throws
   *  `ERR_HEAP_FULL`. */
  reserve(blocks: number): void {
    while (this.#free.length < blocks) this.#addChunk() // bound: a chunk has room for hundreds
  }

  /** Takes the lock and opens a transaction; false if it was not to be had within `waitMs`. */
  begin(waitMs: number): boolean {
    if (!this.#reclaimer.takeSoon(waitMs)) return false
    for (let block = this.#late.pop(); block !== undefined; block = this.#late.pop()) {
      // bound: releases that waited
      this.release(block)
      this.#reclaimer.journal.commit()
      this.#settleTouched()
    }
    return true
  }

  /** As `begin` with the heap's limit. Throws `ERR_RECLAIM_STALLED`. */
  expect(): void {
    const waitMs = this.#m[MAX_WAIT_MS_AT] as number
    if (!this.begin(waitMs)) throw this.#stalled(waitMs)
  }

  /** Ends the transaction: all of it happened. */
  commit(): void {
    this.#reclaimer.journal.commit()
    this.#settleTouched()
    this.#reclaimer.lock.give()
  }

  /** Ends the transaction: nothing happened. */
  abandon(): void {
    this.#reclaimer.journal.discard()
    this.#settleTouched()
    this.#reclaimer.lock.give()
  }

  /** The draft's blocks, all of them, are published by this transaction. */
  publishDraft(): void {
    const { slotAt } = this.#allocator
    this.#reclaimer.journal.set(slotAt + SLOT_PUBLISHED, this.#m[slotAt + SLOT_TICKET] as number)
  }

  /** Are the open draft's blocks published? */
  get isDraftPublished(): boolean {
    const { m, slotAt } = this.#allocator
    if (!this.#allocator.inDraft) return false
    return m[slotAt + SLOT_PUBLISHED] === m[slotAt + SLOT_TICKET] || isLinked(this.#memory, slotAt)
  }

  /** A word as the open transaction leaves it. */
  get(at: Offset): number {
    return this.#reclaimer.journal.get(at)
  }

  /** Sets a word that belongs to a counted block, with the rest of the transaction. */
  set(at: Offset, value: number): void {
    this.#reclaimer.journal.set(at, value)
  }

  /** Room in the journal, in words. */
  get room(): number {
    return this.#reclaimer.journal.room
  }

  count(block: Offset): number {
    return this.#reclaimer.journal.get(block + 1)
  }

  /** The serial number by which handles know the block; 0 if it has none. */
  serial(block: Offset): number {
    return this.#reclaimer.journal.get(block + COUNTED_SERIAL)
  }

  /** Does a handle still name what it named? */
  isCurrent(block: Offset, serial: number): boolean {
    return isNamed(this.#memory, block, serial)
  }

  /** A new block: its count of 1 is this thread's hold, and it gets a serial number. */
  adopt(block: Offset): void {
    this.#enter(block, 1)
    const { journal } = this.#reclaimer
    const serial = ((journal.get(SERIAL_AT) + 1) | 0 || 1) as number
    journal.set(SERIAL_AT, serial)
    journal.set(block + COUNTED_SERIAL, serial)
  }

  /** One more hold of a live block. Throws `RangeError` where the count has no room; then nothing
   *  of the transaction has happened, and the lock is given back. */
  retain(block: Offset): void {
    this.share(block)
    this.#enter(block, 1)
  }

  /** One hold less; the last holder's, where no reference is left, frees the block. */
  release(block: Offset): void {
    this.#enter(block, -1)
    this.#counts.drop(block, 1)
  }

  /** One more count, for a reference that the caller sets. Throws as `retain`. */
  share(block: Offset): void {
    const count = this.count(block)
    if (count >= HOLDERS_MAX) {
      this.abandon()
      throw rangeError(`the block has ${count} holders, and a count holds no more`, { count })
    }
    this.#counts.increment(block)
  }

  /** A hold becomes the reference at `at`, which held nothing. */
  moveIn(block: Offset, at: Offset): void {
    this.#enter(block, -1)
    this.set(at, referenceTo(block, TAG_NODE))
  }

  /** The reference at `at` becomes a hold; returns the block, or 0 where there is none. */
  moveOut(at: Offset): Offset {
    const word = this.get(at)
    if (word === 0) return 0
    this.#enter(nodeOf(word), 1)
    this.set(at, 0)
    return nodeOf(word)
  }

  /** Points the reference at `at` to a block whose count includes it already, or to none (0); what
   *  it referenced before loses one. */
  point(at: Offset, block: Offset): void {
    this.#counts.release(this.get(at))
    this.set(at, block === 0 ? 0 : referenceTo(block, TAG_NODE))
  }

  /** Releases without a transaction of the caller's; without the lock it is done later. */
  releaseSoon(block: Offset): 'freed' | 'released' | 'later' {
    const stalled = this.#late.length > 0 // then nobody waits for the lock again
    if (!this.begin(stalled ? 0 : (this.#m[MAX_WAIT_MS_AT] as number))) {
      this.#late.push(block)
      return 'later'
    }
    const last = this.count(block) === 1
    this.release(block)
    this.commit()
    return last ? 'freed' : 'released'
  }

  /** Tries the releases that wait; true if none is left. */
  catchUp(): boolean {
    if (this.#late.length === 0) return true
    if (!this.begin(0)) return false
    this.commit()
    return true
  }

  /** After an error unwound past an open transaction. */
  settle(): void {
    this.#settleTouched()
  }

  /** The slot is given back, and with it what it holds. */
  close(): void {
    for (const list of [this.#free, this.#late, this.#touched]) list.length = 0
    this.#index.clear()
  }

  #enter(block: Offset, by: number): void {
    const { journal } = this.#reclaimer
    const known = this.#index.get(block)
    const at = known === 0 ? (this.#free.pop() as Offset) : known // reserved by the caller
    if (known === 0) this.#index.set(block, at)
    this.#touched.push(block, at)
    const uses = (known === 0 ? 0 : journal.get(at + 1)) + by
    journal.set(at, uses === 0 ? 0 : block)
    journal.set(at + 1, uses)
  }

  /** The private index follows what the entries say now. */
  #settleTouched(): void {
    const touched = this.#touched
    for (let at = touched.pop(); at !== undefined; at = touched.pop()) {
      // bound: pairs
      const block = touched.pop() as Offset
      if (this.#index.get(block) !== at || this.#m[at + 1] !== 0) continue
      this.#index.delete(block)
      this.#free.push(at)
    }
  }

  #addChunk(): void {
    const allocator = this.#allocator
    const { m, slotAt, chunkWords } = allocator
    const inDraft = allocator.inDraft
    if (!inDraft) allocator.begin()
    const chunk = allocator.takeChunk((block) => {
      m.fill(0, block + CHUNK_HEAD, block + chunkWords)
      m[block + 2] = m[slotAt + SLOT_HOLD_CHAIN] as number
      m[slotAt + SLOT_HOLD_CHAIN] = block
    })
    if (!inDraft) allocator.abort()
    for (const at of entriesOf(chunk, chunkWords)) this.#free.push(at)
  }

  #know(at: Offset): void {
    const block = this.#m[at] as number
    if (block === 0) this.#free.push(at)
    else this.#index.set(block, at)
  }

  #stalled(waitMs: number): RootswapError {
    return new RootswapError(
      'ERR_RECLAIM_STALLED',
      `the lock over the heap's counts was not free within ${waitMs} ms: its owner was stopped, ` +
        'or died and its end is not known yet; nothing was changed, try again',
      { waitMs, holders: reportSlots(this.#memory) },
    )
  }
}

/** Where the entries of a chunk are, the last one first. */
function* entriesOf(chunk: Offset, chunkWords: number): Generator<Offset> {
  const first = chunk + CHUNK_HEAD
  const last = first + HOLD_WORDS * (Math.floor((chunkWords - CHUNK_HEAD) / HOLD_WORDS) - 1)
  for (let at = last; at >= first; at -= HOLD_WORDS) yield at
}

/** Calls `visit` with each hold of a slot: under the lock, or of a thread that is dead. */
export function eachHold(
  m: Int32Array,
  slotAt: Offset,
  chunkWords: number,
  visit: (block: Offset, uses: number, at: Offset) => void,
): void {
  eachEntry(m, slotAt, chunkWords, (at) => {
    if (m[at] !== 0) visit(m[at] as number, m[at + 1] as number, at)
  })
}

function eachEntry(
  m: Int32Array,
  slotAt: Offset,
  chunkWords: number,
  visit: (at: Offset) => void,
): void {
  for (let chunk = m[slotAt + SLOT_HOLD_CHAIN] as number; chunk !== 0;) {
    // bound: chunks of the slot
    for (const at of entriesOf(chunk, chunkWords)) visit(at)
    chunk = m[chunk + 2] as number
  }
}
