/**
 * The draft of an array, in one of two forms. While elements stay where they are, `touched` lies
 * over the node by index: of the node's elements the first `kept` show through. As soon as
 * elements move (splice, sort, …) the place becomes dense: `origins[i]` is the index in the node
 * that element i comes from untouched, or -1 where `items[i]` says what it is.
 */

import { RootswapError, rangeError, typeError } from '../errors.ts'
import { ARRAY, kindOf, nodeOf } from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import { expectRoomFor } from './array-length.ts'
import { ARRAY_METHODS, type DraftElements } from './draft-methods.ts'
import { elementAt, lengthOf } from './draft-nodes.ts'
import { ArrayTarget, type DraftScope, PLACE, Place } from './draft-place.ts'
import type { Key } from './immutable.ts'
import { symbolKey } from './draft-object.ts'
import { isInteger } from './order.ts'

export class ArrayPlace extends Place implements DraftElements {
  readonly node: Offset
  readonly baseLength: number
  length: number
  kept: number
  touched: Map<number, unknown> | undefined = undefined
  origins: number[] | undefined = undefined
  items: unknown[] = []

  constructor(scope: DraftScope, parent: Place | undefined, key: Key, word: number) {
    super(scope, parent, key, word)
    this.node = nodeOf(word)
    this.baseLength = lengthOf(scope.codec.memory.m, this.node)
    this.length = this.baseLength
    this.kept = this.baseLength
    this.proxy = new Proxy(new ArrayTarget(), this)
  }

  touchedValues(): Iterable<readonly [Key, unknown]> {
    const { origins, items, touched } = this
    if (origins === undefined) return touched ?? []
    const values: [Key, unknown][] = []
    for (let index = 0; index < origins.length; index++) {
      if ((origins[index] as number) < 0) values.push([index, items[index]])
    }
    return values
  }

  get childrenAt(): Offset {
    return this.node + 4
  }

  get childCount(): number {
    return this.baseLength
  }

  slotOf(key: Key): number {
    return key as number
  }

  onlyTouch(): Key | undefined {
    const { touched, baseLength } = this
    if (touched?.size !== 1 || this.origins !== undefined || !this.isFlat) return undefined
    if (this.length !== baseLength || this.kept !== baseLength) return undefined
    const [index] = touched.keys()
    return index
  }

  get isFlat(): boolean {
    return kindOf(this.scope.codec.memory.m, this.node) === ARRAY
  }

  rawOf(key: Key): unknown {
    const index = key as number
    return index < this.length && this.isTouched(index) ? this.rawAt(index) : undefined
  }

  isTouched(index: number): boolean {
    if (this.origins !== undefined) return (this.origins[index] as number) < 0
    return this.touched?.has(index) === true
  }

  /** Where another element may stand than in the old version, the new ones included. */
  *changedIndexes(): Iterable<number> {
    const { origins } = this
    if (origins !== undefined) {
      for (let index = 0; index < origins.length; index++) {
        if (origins[index] !== index) yield index
      }
      return
    }
    if (this.touched !== undefined) yield* this.touched.keys()
    const end = Math.min(this.baseLength, this.length)
    for (let index = this.kept; index < end; index++) if (!this.isTouched(index)) yield index
  }

  /** The index in the old version that element `index` comes from untouched, or -1. */
  originOf(index: number): number {
    if (this.origins !== undefined) return this.origins[index] as number
    return index < this.kept && this.touched?.has(index) !== true ? index : -1
  }

  /** What stands at an index whose origin is -1. */
  rawAt(index: number): unknown {
    return this.origins === undefined ? this.touched?.get(index) : this.items[index]
  }

  wordAt(index: number): number {
    return elementAt(this.scope.codec.memory.m, this.node, index)
  }

  /** The element as the recipe sees it. */
  read(index: number): unknown {
    if (index >= this.length) return undefined
    const origin = this.originOf(index)
    if (origin < 0) {
      const raw = this.rawAt(index)
      return raw instanceof Place ? raw.proxy : raw
    }
    const value = this.scope.open(this, origin, this.wordAt(origin))
    if (!(value instanceof Place)) return value
    value.slot = origin
    this.#put(index, value)
    return value.proxy
  }

  write(index: number, raw: unknown): void {
    if (index < this.length) {
      const origin = this.originOf(index)
      if (origin >= 0 ? this.says(this.wordAt(origin), raw) : Object.is(this.rawAt(index), raw)) {
        return
      }
      this.#put(index, raw)
    } else {
      this.setLength(index)
      this.length = index + 1
      this.#put(index, raw)
    }
    this.mark()
  }

  /** Overlay: an element that is again what it was needs no entry. */
  #put(index: number, raw: unknown): void {
    if (this.origins !== undefined) {
      this.origins[index] = -1
      this.items[index] = raw
    } else if (index < this.kept && !(raw instanceof Place) && this.says(this.wordAt(index), raw)) {
      this.touched?.delete(index)
    } else {
      ;(this.touched ??= new Map()).set(index, raw)
    }
  }

  setLength(length: number): void {
    if (length === this.length) return
    expectRoomFor(length, this.scope.codec.memory.m)
    if (this.origins !== undefined) this.#resizeDense(this.origins, length)
    else if (length < this.length) this.#truncate(length)
    this.length = length
    this.mark()
  }

  #resizeDense(origins: number[], length: number): void {
    if (length < origins.length) {
      origins.length = length
      this.items.length = length
    }
    while (origins.length < length) {
      origins.push(-1)
      this.items.push(undefined)
    }
  }

  #truncate(length: number): void {
    this.kept = Math.min(this.kept, length)
    const { touched } = this
    if (touched === undefined) return
    if (this.length - length < touched.size) {
      for (let index = length; index < this.length; index++) touched.delete(index)
      return
    }
    for (const index of touched.keys()) if (index >= length) touched.delete(index)
  }

  /** Replaces `count` elements from `start` by raw values. */
  splice(start: number, count: number, raws: readonly unknown[]): void {
    if (count === 0 && raws.length === 0) return
    if (count === raws.length || start + count === this.length) {
      if (count !== raws.length) this.setLength(start)
      for (let index = 0; index < raws.length; index++) this.write(start + index, raws[index])
      return
    }
    const { origins, items } = this.dense()
    const fresh = raws.map(() => -1)
    this.origins = origins.slice(0, start).concat(fresh, origins.slice(start + count))
    this.items = [...items.slice(0, start), ...raws, ...items.slice(start + count)]
    this.length = this.items.length
    this.mark()
  }

  /** Gives up the overlay: from now on elements may move. */
  dense(): { origins: number[]; items: unknown[] } {
    if (this.origins !== undefined) return { origins: this.origins, items: this.items }
    const origins: number[] = []
    const items: unknown[] = []
    for (let index = 0; index < this.length; index++) {
      const origin = this.originOf(index)
      origins.push(origin)
      items.push(origin < 0 ? this.rawAt(index) : undefined)
    }
    this.origins = origins
    this.items = items
    this.touched = undefined
    return { origins, items }
  }

  /** Element i becomes what element `from[i]` was. */
  permute(from: readonly number[]): void {
    if (from.every((source, index) => source === index)) return
    const { origins, items } = this.dense()
    this.origins = from.map((source) => origins[source] as number)
    this.items = from.map((source) => items[source])
    this.mark()
  }

  get(_target: object, key: string | symbol, receiver: unknown): unknown {
    if (key === PLACE) return this
    this.use('get')
    if (typeof key === 'string') {
      const index = indexOf(key)
      if (index >= 0) return this.read(index)
      if (key === 'length') return this.length
      const method = ARRAY_METHODS.get(key)
      if (method !== undefined) return method
    }
    return Reflect.get(Array.prototype, key, receiver)
  }

  set(_target: object, key: string | symbol, value: unknown): boolean {
    this.use('set')
    if (typeof key === 'symbol') throw symbolKey(key)
    const index = indexOf(key)
    if (index >= 0) {
      this.write(index, this.unwrap(value))
    } else if (key === 'length') {
      const length = Number(value) >>> 0
      if (length !== Number(value)) throw rangeError('Invalid array length', { length: value })
      this.setLength(length)
    } else {
      throw new RootswapError(
        'ERR_UNSUPPORTED_VALUE',
        `an array has elements and a length, no property ${JSON.stringify(key)}`,
        { key },
      )
    }
    return true
  }

  has(_target: object, key: string | symbol): boolean {
    this.use('has')
    const index = typeof key === 'string' ? indexOf(key) : -1
    return index >= 0 ? index < this.length : key === 'length' || key in Array.prototype
  }

  deleteProperty(_target: object, key: string | symbol): boolean {
    this.use('deleteProperty')
    if (key === 'length')
      throw typeError('ERR_INVALID_ARGUMENT', 'Cannot delete length of an array')
    const index = typeof key === 'string' ? indexOf(key) : -1
    if (index >= 0 && index < this.length) this.write(index, undefined)
    return true
  }

  ownKeys(): string[] {
    this.use('ownKeys')
    const keys: string[] = []
    for (let index = 0; index < this.length; index++) keys.push(String(index))
    keys.push('length')
    return keys
  }

  getOwnPropertyDescriptor(_target: object, key: string | symbol): PropertyDescriptor | undefined {
    this.use('getOwnPropertyDescriptor')
    if (key === 'length') {
      return { value: this.length, writable: true, enumerable: false, configurable: false }
    }
    const index = typeof key === 'string' ? indexOf(key) : -1
    if (index < 0 || index >= this.length) return undefined
    return { value: this.read(index), writable: true, enumerable: true, configurable: true }
  }

  getPrototypeOf(): object {
    this.use('getPrototypeOf')
    return Array.prototype
  }
}

/** The array index that a key is, or -1. */
function indexOf(key: string): number {
  return isInteger(key) ? Number(key) : -1
}
