/**
 * What views read through: lookups in the memory of one version of one Map or Set, and the walk
 * over its entries.
 *
 * **Invariants.** Memory is read between `enter` and `leave`; user code never runs in between.
 */

import { IteratorPrototype } from './iterator.ts'
import { corrupt } from '../errors.ts'
import { nodeOf, ownOf, TABLE } from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import { Cell, State } from './decode-cells.ts'
import { eager, isLight, isScalar, type Reader } from './decode.ts'
import { entryKey, entryOrder, entryValue } from './entry.ts'
import type { Key } from './immutable.ts'
import { isKey } from './key.ts'
import { type Vector, vectorLeaf } from './list.ts'
import { tableEntry, tableOrder, tableSize } from './table.ts'
import type { Text } from './text.ts'

const PAGE_BITS = 6
const PAGE = 1 << PAGE_BITS

/** What views need of a decoder. */
export interface ViewHost {
  readonly reader: Reader
  readonly text: Text
  valueOf(cell: Cell): unknown
}

/** What views read through: the memory of one version of one Map or Set. */
export class Lens {
  readonly cell: Cell
  readonly host: ViewHost
  readonly m: Int32Array

  constructor(cell: Cell, host: ViewHost) {
    this.cell = cell
    this.host = host
    this.m = host.reader.m
  }

  /** The table, protected until `leave`. A value that is decoded leaves, too. */
  enter(): Offset {
    const { origin, word } = this.cell
    if (origin === undefined) throw corrupt('a view whose version nobody holds is read', { word })
    origin.source.check()
    this.host.reader.era = origin.source.era
    return nodeOf(word)
  }

  leave(): void {
    this.host.reader.settle()
  }

  size(): number {
    const size = tableSize(this.m, this.enter())
    this.leave()
    return size
  }

  has(key: unknown): boolean {
    const found = this.#find(key) !== 0
    this.leave()
    return found
  }

  get(key: unknown): unknown {
    const entry = this.#find(key)
    const value = entry === 0 ? undefined : this.valueOf(entry)
    this.leave()
    return value
  }

  /** The entry of a key, or 0. */
  #find(key: unknown): Offset {
    if (!isKey(key)) return 0
    return tableEntry(this.m, this.host.text, this.enter(), key)
  }

  keyOf(entry: Offset): Key {
    return entryKey(this.m, this.host.text, entry)
  }

  /** Leaves: the key is to be read before. */
  valueOf(entry: Offset): unknown {
    const { m, host } = this
    const { reader } = host
    const word = entryValue(m, entry)
    if (isScalar(m, word)) return reader.scalar(word)
    const order = entryOrder(m, entry)
    const page = this.#page(order >>> PAGE_BITS)
    const slot = page[order & (PAGE - 1)]
    if (slot instanceof Cell) return host.valueOf(slot)
    if (slot !== undefined) return slot
    if (isLight(reader, word)) return (page[order & (PAGE - 1)] = eager(reader, m, word))
    const cell = new Cell(word, this.cell.origin)
    cell.exposed = true
    page[order & (PAGE - 1)] = cell
    return host.valueOf(cell)
  }

  /** The values of the leaf at a place of the order, where one was decoded before. */
  pageAt(order: number): readonly unknown[] | undefined {
    return this.cell.state?.slots[order >>> PAGE_BITS] as readonly unknown[] | undefined
  }

  #page(index: number): unknown[] {
    const { slots } = (this.cell.state ??= new State(TABLE, undefined, []))
    return (slots[index] ??= new Array<unknown>(PAGE)) as unknown[]
  }

  /** Visits each entry in order; `visit` calls `leave` before user code, and the memory is asked
   *  for anew after each. */
  each(visit: (entry: Offset) => void): void {
    const { m } = this
    const order = tableOrder(m, this.enter())
    for (let first = 0; first < order.length; first += PAGE) {
      const leaf = vectorLeaf(m, order, first)
      const count = ownOf(m, leaf)
      for (let index = 0; index < count; index++) {
        const word = m[leaf + 3 + index] as number
        if (word === 0) continue
        visit(nodeOf(word))
        this.enter()
      }
    }
    this.leave()
  }
}

/** What an iterator makes of an entry. */
type Form = 'keys' | 'values' | 'entries' | 'members'

/** Goes through a view in order, leaf by leaf; the memory is asked for anew at each step, but what
 *  is decoded needs none. No generator: those cost more than the rest of a step. */
export class Walk<T> implements IterableIterator<T, undefined> {
  readonly #lens: Lens
  readonly #form: Form
  readonly #order: Vector
  /** Index of the next leaf's first element. */
  #first = 0
  #leaf: Offset = 0
  /** What of the leaf is decoded. */
  #page: readonly unknown[] | undefined = undefined
  #index = 0
  #count = 0

  constructor(lens: Lens, form: Form) {
    this.#lens = lens
    this.#form = form
    this.#order = tableOrder(lens.m, lens.enter())
    lens.leave()
  }

  next(): IteratorResult<T, undefined> {
    const lens = this.#lens
    // Bound: elements.
    for (;;) {
      if (this.#index === this.#count && !this.#nextLeaf()) return { value: undefined, done: true }
      const index = this.#index++
      if (this.#form === 'values') {
        const slot = this.#page?.[index]
        if (slot !== undefined && !(slot instanceof Cell)) return { value: slot as T, done: false }
      }
      lens.enter()
      const word = lens.m[this.#leaf + 3 + index] as number
      if (word === 0) continue
      const value = this.#made(nodeOf(word)) as T
      this.#page = lens.pageAt(this.#first - PAGE)
      lens.leave()
      return { value, done: false }
    }
  }

  #nextLeaf(): boolean {
    const { m } = this.#lens
    if (this.#first >= this.#order.length) return false
    this.#lens.enter()
    this.#leaf = vectorLeaf(m, this.#order, this.#first)
    this.#count = ownOf(m, this.#leaf)
    this.#index = 0
    this.#page = this.#lens.pageAt(this.#first)
    this.#first += PAGE
    this.#lens.leave()
    return true
  }

  #made(entry: Offset): unknown {
    const lens = this.#lens
    switch (this.#form) {
      case 'values':
        return lens.valueOf(entry)
      case 'entries':
        return [lens.keyOf(entry), lens.valueOf(entry)]
      case 'members': {
        const key = lens.keyOf(entry)
        return [key, key]
      }
      default:
        return lens.keyOf(entry)
    }
  }

  [Symbol.iterator](): this {
    return this
  }

  get [Symbol.toStringTag](): string {
    return 'Map Iterator'
  }
}
Object.setPrototypeOf(Walk.prototype, IteratorPrototype)
