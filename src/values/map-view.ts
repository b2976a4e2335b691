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
import { typeError } from '../errors.ts'
import type { Cell } from './decode-cells.ts'
import type { Key } from './immutable.ts'
import { Lens, type ViewHost, Walk } from './lens.ts'
import { MAP_TABLE, SET_TABLE, variantOfTable } from './table.ts'

/** Larger Maps are printed in part. */
const INSPECT_MAX = 100

/** For `console.log`: a real Map or Set, or the beginning of a large one as text. */
function show(name: string, lens: Lens, make: (most: number) => object): unknown {
  const size = lens.size()
  if (size <= INSPECT_MAX) return make(size)
  const text = inspect(make(INSPECT_MAX)).replace(`(${INSPECT_MAX})`, `(${size})`)
  const more = size - INSPECT_MAX
  return `${text.slice(0, -1).trimEnd()},\n  ... ${more} more items\n}`.replace(/^\w+/, name)
}

/** As a real Map does, also where there is nothing to visit. */
function expectFunction(visit: unknown): void {
  if (typeof visit === 'function') return
  throw typeError('ERR_INVALID_ARGUMENT', 'forEach takes a function')
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
    return this.#lens.get(key)
  }

  has(key: unknown): boolean {
    return this.#lens.has(key)
  }

  keys(): IterableIterator<Key, undefined> {
    return new Walk(this.#lens, 'keys')
  }

  values(): IterableIterator<unknown, undefined> {
    return new Walk(this.#lens, 'values')
  }

  entries(): IterableIterator<[Key, unknown], undefined> {
    return new Walk(this.#lens, 'entries')
  }

  forEach(visit: (value: unknown, key: Key, map: this) => void, self?: unknown): void {
    const lens = this.#lens
    expectFunction(visit)
    lens.each((entry) => {
      const key = lens.keyOf(entry)
      const value = lens.valueOf(entry)
      lens.leave()
      visit.call(self, value, key, this)
    })
  }

  [Symbol.iterator](): IterableIterator<[Key, unknown], undefined> {
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
    return this.#lens.has(member)
  }

  keys(): IterableIterator<Key, undefined> {
    return new Walk(this.#lens, 'keys')
  }

  values(): IterableIterator<Key, undefined> {
    return this.keys()
  }

  entries(): IterableIterator<[Key, Key], undefined> {
    return new Walk(this.#lens, 'members')
  }

  forEach(visit: (member: Key, again: Key, set: this) => void, self?: unknown): void {
    const lens = this.#lens
    expectFunction(visit)
    lens.each((entry) => {
      const member = lens.keyOf(entry)
      lens.leave()
      visit.call(self, member, member, this)
    })
  }

  [Symbol.iterator](): IterableIterator<Key, undefined> {
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
  lens.leave()
  return true
}
