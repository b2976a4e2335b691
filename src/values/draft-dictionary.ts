/**
 * The draft of a Map or a Set: the old table, and over it what the recipe touched, by key, as in
 * `draft-object.ts`; a Set's members have the value undefined. After `clear` nothing of the old
 * table shows through, and the successor is a new one.
 *
 * Keys that are not the table's, and those that were deleted and set again (`moved`), stand at the
 * end, in `touched`'s order.
 */

import { nodeOf } from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import { ABSENT, type DraftScope, PLACE, Place, placeOf, REMOVED } from './draft-place.ts'
import type { Key } from './immutable.ts'
import { entryKey } from './entry.ts'
import { IteratorPrototype } from './iterator.ts'
import { isKey } from './key.ts'
import { MISSING } from './lookup.ts'
import { describe, unsupported } from './plain.ts'
import { MAP_TABLE, tableEntries, tableFind, tableSize, variantOfTable } from './table.ts'
import { typeError } from '../errors.ts'

type Method = (this: object, ...values: unknown[]) => unknown

export class DictionaryPlace extends Place {
  readonly node: Offset
  readonly isMap: boolean
  size: number
  touched: Map<Key, unknown> | undefined = undefined
  moved: Set<Key> | undefined = undefined
  cleared = false

  constructor(scope: DraftScope, parent: Place | undefined, key: Key, word: number) {
    super(scope, parent, key, word)
    const { m } = scope.codec.memory
    this.node = nodeOf(word)
    this.isMap = variantOfTable(m, word) === MAP_TABLE
    this.size = tableSize(m, this.node)
    this.proxy = new Proxy(this, this)
  }

  get isFlat(): boolean {
    return false
  }

  get childrenAt(): Offset {
    return this.node
  }

  get childCount(): number {
    return 0
  }

  slotOf(): number {
    return -1
  }

  onlyTouch(): Key | undefined {
    return undefined
  }

  touchedValues(): Iterable<readonly [Key, unknown]> {
    return this.touched ?? []
  }

  rawOf(key: Key): unknown {
    return this.cleared ? undefined : this.touched?.get(key)
  }

  /** The word of a key in the old version, or `MISSING`. */
  wordAt(key: Key): number {
    const { memory, text } = this.scope.codec
    return this.cleared ? MISSING : tableFind(memory.m, text, this.node, key)
  }

  /** What stands at the key, as the recipe sees it, or `ABSENT`. */
  read(key: Key): unknown {
    const { touched } = this
    const raw = touched?.get(key)
    if (raw instanceof Place) return raw.proxy
    if (raw === REMOVED) return ABSENT
    if (raw !== undefined || touched?.has(key) === true) return raw
    const word = this.wordAt(key)
    if (word === MISSING) return ABSENT
    const value = this.scope.open(this, key, word)
    if (!(value instanceof Place)) return value
    ;(this.touched ??= new Map()).set(key, value)
    return value.proxy
  }

  hasKey(key: unknown): key is Key {
    if (!isKey(key)) return false
    const raw = this.touched?.get(key)
    if (raw !== undefined || this.touched?.has(key) === true) return raw !== REMOVED
    return this.wordAt(key) !== MISSING
  }

  write(key: Key, raw: unknown): void {
    const touched = (this.touched ??= new Map<Key, unknown>())
    const before = touched.get(key)
    if (before === REMOVED) {
      touched.delete(key)
      touched.set(key, raw)
      ;(this.moved ??= new Set()).add(key)
      this.size++
    } else if (before !== undefined || touched.has(key)) {
      if (Object.is(before, raw)) return
      touched.set(key, raw)
    } else {
      const word = this.wordAt(key)
      if (word === MISSING) this.size++
      else if (this.says(word, raw)) return
      touched.set(key, raw)
    }
    this.mark()
  }

  remove(key: unknown): boolean {
    if (!this.hasKey(key)) return false
    this.moved?.delete(key)
    const touched = (this.touched ??= new Map<Key, unknown>())
    if (this.wordAt(key) === MISSING) touched.delete(key)
    else touched.set(key, REMOVED)
    this.size--
    this.mark()
    return true
  }

  clear(): void {
    if (this.size === 0) return
    this.cleared = true
    this.touched?.clear()
    this.moved = undefined
    this.size = 0
    this.mark()
  }

  /** In order, and live: what is added meanwhile is reached, what is removed is not. */
  *keys(): Generator<Key, undefined> {
    const { memory, text } = this.scope.codec
    if (!this.cleared) {
      for (const entry of tableEntries(memory.m, this.node)) {
        if (this.cleared) break
        const key = entryKey(memory.m, text, entry)
        if (this.touched?.get(key) !== REMOVED && this.moved?.has(key) !== true) yield key
      }
    }
    for (const [key, raw] of (this.touched ??= new Map<Key, unknown>())) {
      if (raw === REMOVED) continue
      if (this.moved?.has(key) === true || this.wordAt(key) === MISSING) yield key
    }
    return undefined
  }

  /** A key that may be stored. */
  checked(key: unknown): Key {
    if (isKey(key)) return key === 0 ? 0 : key
    const path = this.parent === undefined ? [] : [this.key]
    for (let place = this.parent; place?.parent !== undefined; place = place.parent) {
      path.unshift(place.key)
    }
    throw unsupported(`${describe(key)} ${this.isMap ? 'as a key of a Map' : 'in a Set'}`, path)
  }

  get #prototype(): object {
    return this.isMap ? Map.prototype : Set.prototype
  }

  get(_target: object, key: string | symbol): unknown {
    if (key === PLACE) return this
    this.use('get')
    if (key === 'size') return this.size
    const method = (this.isMap ? MAP_METHODS : SET_METHODS).get(key)
    if (method !== undefined) return method
    const other: unknown = Reflect.get(this.#prototype, key)
    if (this.isMap || typeof other !== 'function' || key === 'constructor') return other
    if (!Object.hasOwn(Set.prototype, key)) return other
    // Operations on two Sets make a new one.
    return (...values: unknown[]) => Reflect.apply(other, new Set(this.keys()), values) as unknown
  }

  set(_target: object, key: string | symbol): boolean {
    return this.refuse(`setting the property ${String(key)} of a Map or Set`)
  }

  has(_target: object, key: string | symbol): boolean {
    this.use('has')
    return key in this.#prototype
  }

  deleteProperty(_target: object, key: string | symbol): boolean {
    return this.refuse(`deleting the property ${String(key)} of a Map or Set`)
  }

  ownKeys(): string[] {
    this.use('ownKeys')
    return []
  }

  getOwnPropertyDescriptor(): undefined {
    this.use('getOwnPropertyDescriptor')
    return undefined
  }

  getPrototypeOf(): object {
    this.use('getPrototypeOf')
    return this.#prototype
  }
}

function placeFor(draft: unknown, method: string): DictionaryPlace {
  const place = placeOf(draft)
  if (!(place instanceof DictionaryPlace)) {
    throw typeError('ERR_INVALID_ARGUMENT', `${method}() of a draft, called on something else`)
  }
  place.use(method)
  return place
}

function present(value: unknown): unknown {
  return value === ABSENT ? undefined : value
}

/** As those of Maps and Sets it has no `return`: a loop that was left may go on. */
class DraftWalk implements IterableIterator<unknown, undefined> {
  readonly #place: DictionaryPlace
  readonly #keys: Iterator<Key, undefined>
  readonly #read: (key: Key) => unknown

  constructor(place: DictionaryPlace, read: (key: Key) => unknown) {
    this.#place = place
    this.#keys = place.keys()
    this.#read = read
  }

  next(): IteratorResult<unknown, undefined> {
    const { value, done } = this.#keys.next()
    if (done === true) return { value: undefined, done }
    this.#place.use('next')
    return { value: this.#read(value as Key), done: false }
  }

  [Symbol.iterator](): this {
    return this
  }
}
Object.setPrototypeOf(DraftWalk.prototype, IteratorPrototype)

function keysOf(this: object): DraftWalk {
  return new DraftWalk(placeFor(this, 'keys'), (key) => key)
}

function valuesOf(this: object): DraftWalk {
  const place = placeFor(this, 'values')
  return new DraftWalk(place, (key) => present(place.read(key)))
}

function entriesOf(this: object): DraftWalk {
  const place = placeFor(this, 'entries')
  return new DraftWalk(place, (key) => [key, place.isMap ? present(place.read(key)) : key])
}

function forEach(this: object, visit: unknown, self?: unknown): void {
  const place = placeFor(this, 'forEach')
  for (const key of place.keys()) {
    const value = place.isMap ? present(place.read(key)) : key
    ;(visit as Method).call(self as object, value, key, this)
  }
}

const SHARED: readonly (readonly [string | symbol, Method])[] = [
  ['entries', entriesOf],
  ['forEach', forEach],
  ['keys', keysOf],
  [
    'has',
    function has(this: object, key: unknown): boolean {
      return placeFor(this, 'has').hasKey(key)
    } as Method,
  ],
  [
    'delete',
    function remove(this: object, key: unknown): boolean {
      return placeFor(this, 'delete').remove(key)
    },
  ],
  [
    'clear',
    function clear(this: object): void {
      placeFor(this, 'clear').clear()
    },
  ],
]

function get(this: object, key: unknown): unknown {
  const place = placeFor(this, 'get')
  return isKey(key) ? present(place.read(key)) : undefined
}

function set(this: object, key: unknown, value: unknown): object {
  const place = placeFor(this, 'set')
  place.write(place.checked(key), place.unwrap(value))
  return this
}

function add(this: object, key: unknown): object {
  const place = placeFor(this, 'add')
  if (!place.hasKey(key)) place.write(place.checked(key), undefined)
  return this
}

function getOrInsert(this: object, key: unknown, value: unknown): unknown {
  const place = placeFor(this, 'getOrInsert')
  const checked = place.checked(key)
  if (!place.hasKey(checked)) place.write(checked, place.unwrap(value))
  return present(place.read(checked))
}

function getOrInsertComputed(this: object, key: unknown, compute: unknown): unknown {
  const place = placeFor(this, 'getOrInsertComputed')
  const checked = place.checked(key)
  if (!place.hasKey(checked)) {
    const value = (compute as (key: Key) => unknown)(checked)
    place.write(checked, place.unwrap(value))
  }
  return present(place.read(checked))
}

/** What this version of Node has. */
const NEWER = (
  [
    ['getOrInsert', getOrInsert],
    ['getOrInsertComputed', getOrInsertComputed],
  ] as const
).filter(([name]) => name in Map.prototype)

const MAP_METHODS: ReadonlyMap<string | symbol, Method> = new Map<string | symbol, Method>([
  ...SHARED,
  ...NEWER,
  ['get', get],
  ['set', set],
  ['values', valuesOf],
  [Symbol.iterator, entriesOf],
])

const SET_METHODS: ReadonlyMap<string | symbol, Method> = new Map<string | symbol, Method>([
  ...SHARED,
  ['add', add],
  ['values', keysOf],
  [Symbol.iterator, keysOf],
])
