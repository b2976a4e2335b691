/**
 * What one write has already stored, so that equal parts are stored once: strings and doubles
 * always, containers where that pays. Each finds its node by a hash of its words; a node found
 * gets one reference more. All nodes are private blocks of the running draft, so a table must be
 * forgotten before blocks of the draft are given back.
 */

import {
  ARRAY,
  DOUBLE,
  isReference,
  nodeOf,
  OBJECT,
  OWN_SHIFT,
  referenceTo,
  STRING,
  TAG_NODE,
  TAG_OBJECT,
  TAG_STRING,
} from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import type { Text } from './text.ts'

const SLOTS_MIN = 1 << 6
/** Entries of a table are bounded: beyond, new nodes are no longer remembered. */
const ENTRIES_MAX = 1 << 21
const FEW = 16
const PRIME = 0x9e3779b1 | 0
/** Everything in word 0 but the size class. */
const SORT_MASK = ~0x3f0

/** Hash and node of each entry, open addressing, at most half full. */
class NodeTable {
  slots = new Int32Array(2 * SLOTS_MIN)
  mask = SLOTS_MIN - 1
  count = 0
  /** Slots of the first entries: a small write does not pay for clearing all. */
  readonly #few = new Int32Array(FEW)

  /** Forgets all; keeps the room that the last use needed if that is worth it. */
  clear(): void {
    if (this.count === 0) return
    if (
      this.mask >= SLOTS_MIN &&
      (this.mask >= SLOTS_MIN << 4 || this.mask + 1 > this.count << 3)
    ) {
      this.slots = new Int32Array(2 * SLOTS_MIN)
      this.mask = SLOTS_MIN - 1
    } else if (this.count > FEW) {
      this.slots.fill(0)
    } else {
      for (let index = 0; index < this.count; index++) {
        const slot = this.#few[index] as number
        this.slots[slot] = 0
        this.slots[slot + 1] = 0
      }
    }
    this.count = 0
  }

  add(slot: number, hash: number, node: Offset): void {
    if (this.count >= ENTRIES_MAX) return
    this.slots[slot] = hash
    this.slots[slot + 1] = node
    if (this.count < FEW) this.#few[this.count] = slot
    if (++this.count * 2 > this.mask) this.#grow()
  }

  #grow(): void {
    const old = this.slots
    const mask = this.mask * 4 + 3
    const slots = new Int32Array(2 * (mask + 1))
    for (let from = 0; from < old.length; from += 2) {
      const node = old[from + 1] as number
      if (node === 0) continue
      const hash = old[from] as number
      let slot = hash & mask
      while (slots[2 * slot + 1] !== 0) slot = (slot + 1) & mask // bound: half is free
      slots[2 * slot] = hash
      slots[2 * slot + 1] = node
    }
    this.slots = slots
    this.mask = mask
  }
}

/** Strings and doubles. */
export class Interned {
  readonly #m: Int32Array
  readonly #text: Text
  readonly #table = new NodeTable()
  /** Where `miss` puts the node that was not found. */
  #slot = 0
  #hash = 0

  constructor(m: Int32Array, text: Text) {
    this.#m = m
    this.#text = text
  }

  clear(): void {
    this.#table.clear()
  }

  /** The word of the string packed last, or 0. */
  string(length: number, count: number): number {
    const m = this.#m
    const { packed, hashed, wide } = this.#text
    const { slots, mask } = this.#table
    const sort = STRING | (wide << OWN_SHIFT)
    let slot = hashed & mask
    // Bound: half of the slots are free.
    probe: for (; ; slot = (slot + 1) & mask) {
      const node = slots[2 * slot + 1] as number
      if (node === 0) break
      if (slots[2 * slot] !== hashed) continue
      if (m[node + 2] !== length || ((m[node] as number) & SORT_MASK) !== sort) continue
      for (let index = 0; index < count; index++) {
        if (m[node + 3 + index] !== packed[index]) continue probe
      }
      m[node + 1] = (m[node + 1] as number) + 1
      return referenceTo(node, TAG_STRING)
    }
    this.#slot = 2 * slot
    this.#hash = hashed
    return 0
  }

  /** The word of a double, or 0. */
  double(low: number, high: number): number {
    const m = this.#m
    const { slots, mask } = this.#table
    const hash = mix(Math.imul(low ^ Math.imul(high, PRIME), PRIME))
    let slot = hash & mask
    // Bound: half of the slots are free.
    for (; ; slot = (slot + 1) & mask) {
      const node = slots[2 * slot + 1] as number
      if (node === 0) break
      if (slots[2 * slot] !== hash || ((m[node] as number) & SORT_MASK) !== DOUBLE) continue
      if (m[node + 2] !== low || m[node + 3] !== high) continue
      m[node + 1] = (m[node + 1] as number) + 1
      return referenceTo(node, TAG_NODE)
    }
    this.#slot = 2 * slot
    this.#hash = hash
    return 0
  }

  /** Remembers the node of what was just not found. */
  miss(word: number): number {
    this.#table.add(this.#slot, this.#hash, nodeOf(word))
    return word
  }
}

/** How many containers a sample has, and after how many another one is taken. */
const SAMPLE = 4096
const PERIOD = 65_536

/** Objects and arrays of one block, stored once where at least a quarter of a sample repeats. */
export class Consed {
  readonly #m: Int32Array
  readonly #table = new NodeTable()
  #slot = 0
  #hash = 0
  #seen = 0
  #hits = 0
  #on = true

  constructor(m: Int32Array) {
    this.#m = m
  }

  /** Whether containers are looked up at the moment. */
  get on(): boolean {
    return this.#on
  }

  clear(): void {
    this.#table.clear()
    this.#seen = 0
    this.#hits = 0
    this.#on = true
  }

  /** Counts a container that was not looked up. */
  skip(): void {
    if (++this.#seen >= PERIOD) this.#resample()
  }

  #resample(): void {
    this.#seen = 0
    this.#hits = 0
    this.#on = true
  }

  /** The word of an equal container, which then has one reference more and the children given one
   *  each less; or 0. `sort` is its word 0 without the size class. */
  find(sort: number, words: Int32Array, at: number, count: number): number {
    const m = this.#m
    const { slots, mask } = this.#table
    let hash = sort ^ (count << 20)
    for (let index = 0; index < count; index++) {
      hash = Math.imul(hash ^ (words[at + index] as number), PRIME)
      hash ^= hash >>> 15
    }
    const head = (sort & 15) === OBJECT ? 3 : 4
    let slot = hash & mask
    // Bound: half of the slots are free.
    probe: for (; ; slot = (slot + 1) & mask) {
      const node = slots[2 * slot + 1] as number
      if (node === 0) break
      if (slots[2 * slot] !== hash || ((m[node] as number) & SORT_MASK) !== sort) continue
      if (head === 4 && m[node + 3] !== count) continue
      for (let index = 0; index < count; index++) {
        if (m[node + head + index] !== words[at + index]) continue probe
      }
      return this.#hit(node, words, at, count)
    }
    this.#slot = 2 * slot
    this.#hash = hash
    if (++this.#seen === SAMPLE) this.#decide()
    return 0
  }

  #hit(node: Offset, words: Int32Array, at: number, count: number): number {
    const m = this.#m
    m[node + 1] = (m[node + 1] as number) + 1
    for (let index = 0; index < count; index++) {
      const word = words[at + index] as number
      if (isReference(word)) m[nodeOf(word) + 1] = (m[nodeOf(word) + 1] as number) - 1
    }
    this.#hits++
    if (++this.#seen === SAMPLE) this.#decide()
    return referenceTo(node, ((m[node] as number) & 15) === ARRAY ? TAG_NODE : TAG_OBJECT)
  }

  #decide(): void {
    if (this.#hits * 4 < SAMPLE) this.#on = false
    else this.#resample()
  }

  /** Remembers the node of what was just not found. */
  miss(node: Offset): void {
    this.#table.add(this.#slot, this.#hash, node)
  }
}

function mix(hash: number): number {
  return hash ^ (hash >>> 15)
}
