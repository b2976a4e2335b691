/**
 * A private hash table from offset to offset: open addressing with linear probing, at most half
 * full. A `Map` of a hundred thousand offsets takes five times as long, most of it for deleting.
 *
 * **Invariants.** Keys and values are not 0; a run of full places has no hole between a key and the
 * place that its hash names.
 *
 * **Ordering.** Nothing here is shared.
 *
 * **Progress.** Bounded by the run of full places; a table that grows or shrinks is copied.
 *
 * **Crash.** Goes with its thread.
 */

import type { Offset } from './words.ts'

const BITS_MIN = 6
const HASH = 0x9e3779b1 | 0
/** Fuller than one in two it grows, emptier than one in 32 it shrinks. */
const FULL = 2
const EMPTY = 32

export class OffsetTable {
  /** Keys at even places, their values beside them. */
  #cells = new Int32Array(2 << BITS_MIN)
  #mask = (1 << BITS_MIN) - 1
  #shift = 32 - BITS_MIN
  #size = 0

  get size(): number {
    return this.#size
  }

  /** 0 where nothing was set. */
  get(key: Offset): number {
    return this.#cells[2 * this.#find(key) + 1] as number
  }

  set(key: Offset, value: number): void {
    let at = this.#find(key)
    if (this.#cells[2 * at] !== key) {
      if (FULL * (this.#size + 1) > this.#mask) {
        this.#resize(33 - this.#shift)
        at = this.#find(key)
      }
      this.#size++
      this.#cells[2 * at] = key
    }
    this.#cells[2 * at + 1] = value
  }

  /** Knuth's algorithm R: later keys of the run move up where the hole is on their way. */
  delete(key: Offset): void {
    const cells = this.#cells
    const mask = this.#mask
    let hole = this.#find(key)
    if (cells[2 * hole] !== key) return
    for (let at = hole; ;) {
      at = (at + 1) & mask // bound: the table is half empty
      const other = cells[2 * at] as number
      if (other === 0) break
      if (((at - this.#home(other)) & mask) < ((at - hole) & mask)) continue
      cells[2 * hole] = other
      cells[2 * hole + 1] = cells[2 * at + 1] as number
      hole = at
    }
    cells[2 * hole] = 0
    cells[2 * hole + 1] = 0
    this.#size--
    if (EMPTY * this.#size < mask && mask >> BITS_MIN > 0) this.#resize(31 - this.#shift)
  }

  clear(): void {
    this.#size = 0
    this.#cells.fill(0)
    this.#resize(BITS_MIN)
  }

  #home(key: Offset): number {
    return Math.imul(key, HASH) >>> this.#shift
  }

  #find(key: Offset): number {
    const cells = this.#cells
    const mask = this.#mask
    let at = this.#home(key)
    while (cells[2 * at] !== 0 && cells[2 * at] !== key) at = (at + 1) & mask // bound: half empty
    return at
  }

  /** Nothing is called between the first change and the last: an overflow of the stack tears
   *  nothing. */
  #resize(bits: number): void {
    const old = this.#cells
    const cells = new Int32Array(2 << bits)
    const mask = (1 << bits) - 1
    for (let from = 0; from < old.length; from += 2) {
      const key = old[from] as number
      if (key === 0) continue
      let at = Math.imul(key, HASH) >>> (32 - bits)
      while (cells[2 * at] !== 0) at = (at + 1) & mask // bound: half empty
      cells[2 * at] = key
      cells[2 * at + 1] = old[from + 1] as number
    }
    this.#cells = cells
    this.#mask = mask
    this.#shift = 32 - bits
  }
}
