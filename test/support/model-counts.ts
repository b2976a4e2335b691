/**
 * The exact count formula (I5), checked on raw memory at any end of a transaction, in the middle
 * of a departure too. Written from the formula, not from `verify`, which waits for a boundary:
 *
 *     rc(n) = edges to n from live nodes + undeparted or zombie records whose root is n
 *           + holds of threads on n
 *           - marks "staying" on n in undeparted deltas + entries of such deltas that replace n
 *           - unarrived `inc` entries on n
 *
 * Of the delta that is departing only the entries from the cursor on count, and the nodes that they
 * name are alive, though the shells above them may be gone.
 */

import {
  FREE,
  isReference,
  kindOf,
  nodeOf,
  referenceCount,
  referencesAt,
} from '../../src/memory/kinds.ts'
import {
  CELL_ARRIVED,
  CELL_ARRIVING,
  CELL_CURSOR,
  CELL_OLDEST,
  CELL_ROOT,
  CELL_STATE,
  CELL_WORDS,
  DEAD_AT,
  type Layout,
  RCU_AT,
  SLOT_WORDS,
  ZOMBIE_AT,
} from '../../src/memory/layout.ts'
import {
  incAt,
  RECORD_DROP_ROOT,
  RECORD_INC_COUNT,
  RECORD_NEXT,
  RECORD_OUT,
  RECORD_OUT_WORDS,
  RECORD_PREVIOUS,
  RECORD_ROOT,
  RECORD_STATE,
  STATE_SHELL,
} from '../../src/memory/record.ts'
import type { Memory } from '../../src/memory/memory.ts'
import { chunkWordsOf } from '../../src/memory/allocator.ts'
import { eachHold } from '../../src/reclaim/holds.ts'
import { hasVersions } from '../../src/reclaim/cells.ts'

/** Longer chains than any scenario makes are damage, not work. */
const CHAIN_MAX = 1_000

class Counting {
  readonly #m: Int32Array
  readonly #layout: Layout
  readonly #chunkWords: number
  readonly #expected = new Map<number, number>()
  readonly #alive = new Set<number>()
  readonly #dead = new Set<number>()
  readonly #visit: number[] = []

  constructor(m: Int32Array, { layout, classes }: Memory) {
    this.#m = m
    this.#layout = layout
    this.#chunkWords = chunkWordsOf({ classes })
  }

  /** What is wrong, or undefined. */
  damage(): string | undefined {
    const m = this.#m
    for (let cell = 0; cell < this.#layout.cells; cell++) {
      const at = this.#layout.cellsAt + cell * CELL_WORDS
      if (hasVersions(m[at + CELL_STATE] as number)) this.#cell(at)
    }
    this.#holds()
    const domain = nodeOf(m[RCU_AT] as number)
    if (domain !== 0) {
      this.#add(domain, 1)
      this.#keepAlive(domain)
    }
    for (const zombie of this.#chain(m[ZOMBIE_AT] as number, RECORD_NEXT)) {
      if (m[zombie + RECORD_STATE] !== STATE_SHELL) this.#root(zombie)
    }
    for (const node of this.#chain(m[DEAD_AT] as number, 1)) {
      this.#dead.add(node)
      this.#visit.push(node)
    }
    this.#walk()
    return this.#compare()
  }

  *#chain(first: number, link: number): Generator<number> {
    let left = CHAIN_MAX
    for (let at = first; at !== 0; at = this.#m[at + link] as number) {
      if (left-- === 0) throw new RangeError('a chain does not end')
      yield at
    }
  }

  #add(node: number, by: number): void {
    this.#expected.set(node, (this.#expected.get(node) ?? 0) + by)
  }

  #keepAlive(node: number): void {
    if (this.#alive.has(node)) return
    this.#alive.add(node)
    this.#visit.push(node)
  }

  #root(record: number): void {
    const word = this.#m[record + RECORD_ROOT] as number
    if (!isReference(word)) return
    this.#add(nodeOf(word), 1)
    this.#keepAlive(nodeOf(word))
  }

  /** What threads hold of counted blocks. */
  #holds(): void {
    const { slotsAt, journalAt } = this.#layout
    for (let slot = slotsAt; slot < journalAt; slot += SLOT_WORDS) {
      eachHold(this.#m, slot, this.#chunkWords, (block, uses) => {
        this.#add(block, uses)
        this.#keepAlive(block)
      })
    }
  }

  #cell(at: number): void {
    const m = this.#m
    const oldest = m[at + CELL_OLDEST] as number
    const cursor = m[at + CELL_CURSOR] as number
    const records: number[] = []
    for (const record of this.#chain(m[at + CELL_ROOT] as number, RECORD_PREVIOUS)) {
      records.push(record)
      if (record === oldest) break
    }
    this.#unarrived(at, records)
    for (const [index, record] of records.entries()) {
      const departing = record === oldest && cursor > 0
      if (!departing) this.#root(record)
      else this.#departing(record, records[index - 1] as number, cursor)
      const processed = records[index + 1] === oldest ? cursor - 1 : 0
      if (record !== oldest) this.#delta(record, Math.max(0, processed))
    }
  }

  /** The version that departs: its root's reference is spent by the first entry. */
  #departing(record: number, successor: number, cursor: number): void {
    const unspent = cursor === 1 || this.#m[successor + RECORD_DROP_ROOT] !== 0
    if (unspent) this.#root(record)
    if (this.#m[record + RECORD_STATE] === 1) this.#root(record)
  }

  #delta(record: number, processed: number): void {
    const m = this.#m
    const out = record + RECORD_OUT
    const spentByRoot = m[record + RECORD_DROP_ROOT] === 0
    for (let at = 0; at < (m[record + RECORD_OUT_WORDS] as number);) {
      const node = m[out + at] as number
      const drops = m[out + at + 1] as number
      if (at >= processed) {
        this.#keepAlive(node)
        if (at > 0 || !spentByRoot) this.#add(node, 1)
        this.#staying(node, out + at + 2, drops)
      }
      at += 2 + drops
    }
  }

  #staying(node: number, dropsAt: number, drops: number): void {
    const m = this.#m
    const dropped = new Set(m.subarray(dropsAt, dropsAt + drops))
    const first = referencesAt(m, node)
    const count = referenceCount(m, node, this.#layout)
    for (let index = 0; index < count; index++) {
      const word = m[first + index] as number
      if (isReference(word) && !dropped.has(index)) this.#add(nodeOf(word), -1)
    }
  }

  #unarrived(at: number, records: readonly number[]): void {
    const m = this.#m
    const arrived = m[at + CELL_ARRIVED] as number
    const last = arrived === 0 ? records.length : records.indexOf(arrived)
    for (let index = 0; index < last; index++) {
      const record = records[index] as number
      const counted = index === last - 1 ? (m[at + CELL_ARRIVING] as number) : 0
      const first = incAt(m, record)
      for (let entry = counted; entry < (m[record + RECORD_INC_COUNT] as number); entry++) {
        this.#add(m[first + entry] as number, -1)
      }
    }
  }

  #walk(): void {
    const m = this.#m
    for (let node = this.#visit.pop(); node !== undefined; node = this.#visit.pop()) {
      const first = referencesAt(m, node)
      const count = referenceCount(m, node, this.#layout)
      for (let index = 0; index < count; index++) {
        const word = m[first + index] as number
        if (!isReference(word)) continue
        this.#add(nodeOf(word), 1)
        if (!this.#dead.has(nodeOf(word))) this.#keepAlive(nodeOf(word))
      }
    }
  }

  #compare(): string | undefined {
    for (const [node, expected] of this.#expected) {
      if (this.#dead.has(node)) return `I8: the dead node ${node} is referenced`
      if (kindOf(this.#m, node) === FREE) return `I8: the free block ${node} is referenced`
      const found = this.#m[node + 1] as number
      if (found !== expected) return `I5: node ${node} counts ${found}, ${expected} are right`
    }
    return undefined
  }
}

/** What I5 and I8 object to in a heap at the end of a transaction; undefined if nothing. */
export function countDamage(m: Int32Array, memory: Memory): string | undefined {
  return new Counting(m, memory).damage()
}
