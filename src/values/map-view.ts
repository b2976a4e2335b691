/**
 * What stands for a Map or Set of one version: it stays in shared memory, and its values are
 * decoded as they are asked for. Two lookups of one key give the same object.
 *
 * **Invariants.** A view reads memory only after its cell's source said that the version is
 * protected; when the version is replaced, the cell's origin becomes a `Hold` (see relink.ts).
 * What was decoded is kept in pages of 64, by the entries' place in the order: a page belongs to a
 * leaf of the order's vector, and versions that share the leaf share the page.
 *
 * `structuredClone` and `postMessage` make an empty object of a view, and it is deep-equal to no
 * Map: copy it first, `new Map(view)`.
 */

import { inspect, type InspectOptions } from 'node:util'
import { corrupt } from '../errors.ts'
import { nodeOf, ownOf, TABLE } from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import { Cell, State } from './decode-cells.ts'
import { eager, isLight, isScalar, type Reader } from './decode.ts'
import { entryKey, entryOrder, entryValue } from './entry.ts'
import type { Key } from './immutable.ts'
import { isKey } from './key.ts'
import { vectorLeaf } from './list.ts'
import { MAP_TABLE, SET_TABLE, tableEntry, tableOrder, tableSize, variantOfTable } from './table.ts'
import type { Text } from './text.ts'

const PAGE_BITS = 6
const PAGE = 1 << PAGE_BITS
/** Larger Maps are printed in part. */
const INSPECT_MAX = 100

/** What views need of a decoder. */
export interface ViewHost {
  readonly reader: Reader
  readonly text: Text
  valueOf(cell: Cell): unknown
}

/** What views read through: the memory of one version of one Map or Set. */
class Lens {
  readonly cell: Cell
  readonly host: ViewHost
  readonly m: Int32Array

  constructor(cell: Cell, host: ViewHost) {
    this.cell = cell
    this.host = host
    this.m = host.reader.m
  }

  /** The table, protected until control goes back to the user. */
  enter(): Offset {
    const { origin, word } = this.cell
    if (origin === undefined) throw corrupt('a view whose version nobody holds is read', { word })
    origin.source.check()
    this.host.reader.era = origin.source.era
    return nodeOf(word)
  }

  size(): number {
    return tableSize(this.m, this.enter())
  }

  /** The entry of a key, or 0. */
  find(key: unknown): Offset {
    if (!isKey(key)) return 0
    return tableEntry(this.m, this.host.text, this.enter(), key)
  }

  keyOf(entry: Offset): Key {
    return entryKey(this.m, this.host.text, entry)
  }

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

  #page(index: number): unknown[] {
    const { slots } = (this.cell.state ??= new State(TABLE, undefined, []))
    return (slots[index] ??= new Array<unknown>(PAGE)) as unknown[]
  }

  /** What `read` makes of each entry, in order; the memory is asked for anew after each. */
  *walk<T>(read: (entry: Offset) => T): Generator<T, undefined> {
    const { m } = this
    const order = tableOrder(m, this.enter())
    for (let first = 0; first < order.length; first += PAGE) {
      this.enter()
      const leaf = vectorLeaf(m, order, first)
      const count = ownOf(m, leaf)
      for (let index = 0; index < count; index++) {
        const word = m[leaf + 3 + index] as number
        if (word === 0) continue
        yield read(nodeOf(word))
        this.enter()
      }
    }
    return undefined
  }

  /** The same for callbacks, without an iterator. */
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
  }
}

/** For `console.log`: a real Map or Set, or the beginning of a large one as text. */
function show(name: string, lens: Lens, make: (most: number) => object): unknown {
  const size = lens.size()
  if (size <= INSPECT_MAX) return make(size)
  const text = inspect(make(INSPECT_MAX)).replace(`(${INSPECT_MAX})`, `(${size})`)
  const more = size - INSPECT_MAX
  return `${text.slice(0, -1).trimEnd()},\n  ... ${more} more items\n}`.replace(/^\w+/, name)
}

/** A Map of one version: everything of `ReadonlyMap`, and only that. */
export class MapView {
  readonly #lens: Lens

  constructor(lens: Lens) {
    this.#lens = lens
    Object.freeze(this)
  }

  static lensOf(value: object): Lens | undefined {
    return #lens in value ? (value as MapView).#lens : undefined
  }

  get size(): number {
    return this.#lens.size()
  }

  get(key: unknown): unknown {
    const lens = this.#lens
    const entry = lens.find(key)
    return entry === 0 ? undefined : lens.valueOf(entry)
  }

  has(key: unknown): boolean {
    return this.#lens.find(key) !== 0
  }

  keys(): Generator<Key, undefined> {
    const lens = this.#lens
    return lens.walk((entry) => lens.keyOf(entry))
  }

  values(): Generator<unknown, undefined> {
    const lens = this.#lens
    return lens.walk((entry) => lens.valueOf(entry))
  }

  entries(): Generator<[Key, unknown], undefined> {
    const lens = this.#lens
    return lens.walk((entry) => [lens.keyOf(entry), lens.valueOf(entry)])
  }

  forEach(visit: (value: unknown, key: Key, map: this) => void, self?: unknown): void {
    const lens = this.#lens
    lens.each((entry) => visit.call(self, lens.valueOf(entry), lens.keyOf(entry), this))
  }

  [Symbol.iterator](): Generator<[Key, unknown], undefined> {
    return this.entries()
  }

  get [Symbol.toStringTag](): string {
    return 'Map'
  }

  [Symbol.for('nodejs.util.inspect.custom')](depth: number, options: InspectOptions): unknown {
    if (depth < 0) return inspect(new Map(), { ...options, depth: -1 })
    return show('Map', this.#lens, (most) => new Map(take(this.entries(), most)))
  }
}

/** A Set of one version. */
export class SetView {
  readonly #lens: Lens

  constructor(lens: Lens) {
    this.#lens = lens
    Object.freeze(this)
  }

  static lensOf(value: object): Lens | undefined {
    return #lens in value ? (value as SetView).#lens : undefined
  }

  get size(): number {
    return this.#lens.size()
  }

  has(member: unknown): boolean {
    return this.#lens.find(member) !== 0
  }

  keys(): Generator<Key, undefined> {
    const lens = this.#lens
    return lens.walk((entry) => lens.keyOf(entry))
  }

  values(): Generator<Key, undefined> {
    return this.keys()
  }

  entries(): Generator<[Key, Key], undefined> {
    const lens = this.#lens
    return lens.walk((entry) => [lens.keyOf(entry), lens.keyOf(entry)])
  }

  forEach(visit: (member: Key, again: Key, set: this) => void, self?: unknown): void {
    const lens = this.#lens
    lens.each((entry) => visit.call(self, lens.keyOf(entry), lens.keyOf(entry), this))
  }

  [Symbol.iterator](): Generator<Key, undefined> {
    return this.keys()
  }

  get [Symbol.toStringTag](): string {
    return 'Set'
  }

  [Symbol.for('nodejs.util.inspect.custom')](depth: number, options: InspectOptions): unknown {
    if (depth < 0) return inspect(new Set(), { ...options, depth: -1 })
    return show('Set', this.#lens, (most) => new Set(take(this.keys(), most)))
  }
}

function* take<T>(from: Iterable<T>, most: number): Generator<T, undefined> {
  let left = most
  for (const each of from) {
    if (left-- <= 0) return undefined
    yield each
  }
  return undefined
}

/** Where the platform's Sets have operations on two, views have them: the result is a real Set. */
const operations = [
  'union',
  'intersection',
  'difference',
  'symmetricDifference',
  'isSubsetOf',
  'isSupersetOf',
  'isDisjointFrom',
]
type Operation = (this: Set<unknown>, other: unknown) => unknown
for (const name of operations) {
  const operation = (Set.prototype as unknown as Record<string, Operation | undefined>)[name]
  if (operation === undefined) continue
  Object.defineProperty(SetView.prototype, name, {
    value(this: SetView, other: unknown) {
      return operation.call(new Set(this), other)
    },
    writable: true,
    configurable: true,
  })
}

export type View = MapView | SetView

/** The view for a cell whose word is a Map's or a Set's. */
export function makeView(host: ViewHost, cell: Cell): View {
  const lens = new Lens(cell, host)
  const isMap = variantOfTable(lens.m, cell.word) === MAP_TABLE
  return isMap ? new MapView(lens) : new SetView(lens)
}

/** Which of the two a value is, or 0. */
export function variantOfView(value: object): number {
  if (MapView.lensOf(value) !== undefined) return MAP_TABLE
  return SetView.lensOf(value) === undefined ? 0 : SET_TABLE
}

/** Whether a view of this heap shows the very node that a word of a protected version names. */
export function isViewOf(value: object, m: Int32Array, word: number): boolean {
  const lens = MapView.lensOf(value) ?? SetView.lensOf(value)
  if (lens === undefined || lens.m !== m || lens.cell.word !== word) return false
  lens.enter()
  return true
}
