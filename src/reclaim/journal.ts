/**
 * The redo journal: all changes of words marked L go through transactions of absolute values, so
 * that a thread may die between any two stores and the next owner of the lock repairs by writing
 * the same values again.
 *
 * **Invariants.** `armed` is the number of complete pairs, or 0. While it is not 0 nobody but the
 * owner of the lock (or its reaper) touches the words that the pairs name.
 *
 * **Ordering.** Arm after the last pair, disarm after the last word: both atomic stores, the rest
 * plain, but for words that others read without the lock: those are stored atomically (`publish`),
 * in the order in which the transaction first named them. A transaction reads its own pending
 * values through a private table.
 *
 * **Progress.** Wait-free: bounded by the journal's capacity.
 *
 * **Crash.** Before arming: nothing happened. After: `repair` applies all and disarms; it is
 * idempotent, also when the repairer dies.
 */

import { corrupt } from '../errors.ts'
import type { Layout } from '../memory/layout.ts'
import type { Offset, Words } from '../memory/words.ts'

/** Most transactions are small, and their table stays in the nearest cache. */
const SMALL_BITS = 9
const LARGE_BITS = 14
/** Pairs of a small table: a quarter of its places. */
const SMALL_MAX = 1 << (SMALL_BITS - 2)
/** Set in a pair's address: the word is stored atomically. */
const ATOMIC = 0x80000000 | 0
const HASH = 0x9e3779b1 | 0

export class Journal {
  readonly #words: Words
  readonly #m: Int32Array
  readonly #armedAt: Offset
  readonly #pairsAt: Offset
  readonly #pairsMax: number
  /** Pending pair of an address: open addressing; an entry counts if its stamp is current. */
  readonly #small = new Int32Array(2 << SMALL_BITS)
  /** Made by the first large transaction: 128 KB that few threads need. */
  #large: Int32Array | undefined
  /** The one in use, and how far its hashes are shifted. */
  #table: Int32Array = this.#small
  #shift = 32 - SMALL_BITS
  #stamp = 1
  #count = 0
  /** Told how the open transaction ended; for poison. */
  ended: ((committed: boolean) => void) | undefined = undefined

  constructor(words: Words, layout: Layout) {
    this.#words = words
    this.#m = words.m
    this.#armedAt = layout.journalAt
    this.#pairsAt = layout.journalAt + 2
    this.#pairsMax = layout.journalPairs
  }

  /** Pairs of the open transaction. */
  get size(): number {
    return this.#count
  }

  get room(): number {
    return this.#pairsMax - this.#count
  }

  /** The word as the open transaction will leave it. */
  get(at: Offset): number {
    const pair = this.#find(at)
    return this.#m[pair < 0 ? at : this.#pairsAt + 2 * pair + 1] as number
  }

  set(at: Offset, value: number): void {
    this.#note(at, at, value)
  }

  /** As `set`, for a word that other threads read without the lock. */
  publish(at: Offset, value: number): void {
    this.#note(at, at | ATOMIC, value)
  }

  #note(at: Offset, address: number, value: number): void {
    const m = this.#m
    const pair = this.#find(at)
    if (pair >= 0) {
      m[this.#pairsAt + 2 * pair + 1] = value
      return
    }
    this.#add(at, address, value)
  }

  /** Adds to a word; returns what it will be. */
  add(at: Offset, more: number): number {
    const pair = this.#find(at)
    const value = ((this.#m[pair < 0 ? at : this.#pairsAt + 2 * pair + 1] as number) + more) | 0
    if (pair < 0) this.#add(at, at, value)
    else this.#m[this.#pairsAt + 2 * pair + 1] = value
    return value
  }

  /** Sets a word; returns what it would have been. */
  exchange(at: Offset, value: number): number {
    const pair = this.#find(at)
    const old = this.#m[pair < 0 ? at : this.#pairsAt + 2 * pair + 1] as number
    if (pair < 0) this.#add(at, at, value)
    else this.#m[this.#pairsAt + 2 * pair + 1] = value
    return old
  }

  #add(at: Offset, address: number, value: number): void {
    this.#insert(at, this.#count)
    this.#push(address, value)
  }

  #push(address: number, value: number): void {
    const m = this.#m
    if (this.#count === this.#pairsMax) throw corrupt('a transaction outgrew the journal')
    m[this.#pairsAt + 2 * this.#count] = address
    m[this.#pairsAt + 2 * this.#count + 1] = value
    this.#count++
  }

  /** As `set`, for a word that the open transaction does not ask for again; what it had noted of it
   *  before comes before, so this counts. */
  append(at: Offset, value: number): void {
    this.#push(at, value)
  }

  /** Makes the transaction happen, as a whole, whenever this thread dies. */
  commit(): void {
    if (this.#count === 0) return
    this.#words.store(this.#armedAt, this.#count)
    this.#apply(this.#count)
    this.#words.store(this.#armedAt, 0)
    this.#count = 0
    this.#useSmall()
    this.#stamp++
    if (this.#stamp === 0x3ffff) this.#forget()
    this.ended?.(true)
  }

  /** Forgets what the open transaction wrote; used where an error unwinds out of a round. */
  discard(): void {
    this.#count = 0
    this.#useSmall()
    this.#forget()
    this.ended?.(false)
  }

  /** After taking the lock over from a dead thread: finishes its transaction, if it was armed. */
  repair(): void {
    const armed = this.#words.load(this.#armedAt)
    if (armed < 0 || armed > this.#pairsMax) {
      throw corrupt(`the journal claims ${armed} pairs`, { armed })
    }
    if (armed === 0) return
    this.#apply(armed)
    this.#words.store(this.#armedAt, 0)
  }

  #apply(count: number): void {
    const m = this.#m
    const end = this.#pairsAt + 2 * count
    for (let at = this.#pairsAt; at < end; at += 2) {
      const address = m[at] as number
      const value = m[at + 1] as number
      if (address >= 0) m[address] = value
      else this.#words.store(address & ~ATOMIC, value)
    }
  }

  #find(at: Offset): number {
    if (this.#count === 0) return -1
    const table = this.#table
    const mask = table.length - 1
    let index = 2 * (Math.imul(at, HASH) >>> this.#shift)
    for (;;) {
      // bound: the table is at most a quarter full
      const entry = table[index + 1] as number
      if (entry >>> 13 !== this.#stamp) return -1
      if (table[index] === at) return entry & 0x1fff
      index = (index + 2) & mask
    }
  }

  #insert(at: Offset, pair: number): void {
    if (pair >= SMALL_MAX && this.#table === this.#small) this.#useLarge()
    const table = this.#table
    const mask = table.length - 1
    let index = 2 * (Math.imul(at, HASH) >>> this.#shift)
    while ((table[index + 1] as number) >>> 13 === this.#stamp) {
      index = (index + 2) & mask // bound: as in find
    }
    table[index] = at
    table[index + 1] = (this.#stamp << 13) | pair
  }

  #useSmall(): void {
    this.#table = this.#small
    this.#shift = 32 - SMALL_BITS
  }

  /** Within a transaction: its pairs move to the large table. */
  #useLarge(): void {
    const old = this.#small
    this.#table = this.#large ??= new Int32Array(2 << LARGE_BITS)
    this.#shift = 32 - LARGE_BITS
    for (let at = 0; at < old.length; at += 2) {
      const entry = old[at + 1] as number
      if (entry >>> 13 === this.#stamp) this.#insert(old[at] as Offset, entry & 0x1fff)
    }
  }

  #forget(): void {
    this.#small.fill(0)
    this.#large?.fill(0)
    this.#stamp = 1
  }
}
