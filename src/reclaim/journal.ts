/**
 * The redo journal: all changes of words marked L go through transactions of absolute values, so
 * that a thread may die between any two stores and the next owner of the lock repairs by writing
 * the same values again.
 *
 * **Invariants.** `armed` is the number of complete pairs, or 0. While it is not 0 nobody but the
 * owner of the lock (or its reaper) touches the words that the pairs name.
 *
 * **Ordering.** Arm after the last pair, disarm after the last word: both atomic stores, the rest
 * plain. A transaction reads its own pending values through a private table.
 *
 * **Progress.** Wait-free: bounded by the journal's capacity.
 *
 * **Crash.** Before arming: nothing happened. After: `repair` applies all and disarms; it is
 * idempotent, also when the repairer dies.
 */

import { corrupt } from '../errors.ts'
import type { Layout } from '../memory/layout.ts'
import type { Offset, Words } from '../memory/words.ts'

const TABLE_BITS = 14
const TABLE_SIZE = 1 << TABLE_BITS

export class Journal {
  readonly #words: Words
  readonly #m: Int32Array
  readonly #armedAt: Offset
  readonly #pairsAt: Offset
  readonly #pairsMax: number
  /** Pending pair of an address: open addressing; an entry counts if its stamp is current. Made by
   *  the first change: a thread that only reads never needs its 128 KB. */
  #table: Int32Array | undefined
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
    const m = this.#m
    const pair = this.#find(at)
    if (pair >= 0) {
      m[this.#pairsAt + 2 * pair + 1] = value
      return
    }
    if (this.#count === this.#pairsMax) throw corrupt('a transaction outgrew the journal')
    this.#insert(at, this.#count)
    m[this.#pairsAt + 2 * this.#count] = at
    m[this.#pairsAt + 2 * this.#count + 1] = value
    this.#count++
  }

  /** Makes the transaction happen, as a whole, whenever this thread dies. */
  commit(): void {
    if (this.#count === 0) return
    this.#words.store(this.#armedAt, this.#count)
    this.#apply(this.#count)
    this.#words.store(this.#armedAt, 0)
    this.#count = 0
    this.#stamp++
    if (this.#stamp === 0x3ffff) this.#forget()
    this.ended?.(true)
  }

  /** Forgets what the open transaction wrote; used where an error unwinds out of a round. */
  discard(): void {
    this.#count = 0
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
      m[m[at] as number] = m[at + 1] as number
    }
  }

  #find(at: Offset): number {
    if (this.#count === 0) return -1
    const table = this.#table as Int32Array // a pair is pending
    let index = slotOf(at)
    for (;;) {
      // bound: the table is at most a quarter full
      const entry = table[2 * index + 1] as number
      if (entry >>> 13 !== this.#stamp) return -1
      if (table[2 * index] === at) return entry & 0x1fff
      index = (index + 1) & (TABLE_SIZE - 1)
    }
  }

  #insert(at: Offset, pair: number): void {
    const table = (this.#table ??= new Int32Array(TABLE_SIZE * 2))
    let index = slotOf(at)
    while ((table[2 * index + 1] as number) >>> 13 === this.#stamp) {
      index = (index + 1) & (TABLE_SIZE - 1) // bound: as in find
    }
    table[2 * index] = at
    table[2 * index + 1] = (this.#stamp << 13) | pair
  }

  #forget(): void {
    this.#table?.fill(0)
    this.#stamp = 1
  }
}

function slotOf(at: Offset): number {
  return Math.imul(at, 0x9e3779b1) >>> (32 - TABLE_BITS)
}
