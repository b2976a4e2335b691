/**
 * The draft of a plain object: the node's keys and words, and over them what the recipe touched.
 *
 * `touched` holds, by key, child places and assigned values, or `REMOVED`. A key that is not the
 * node's, and one of the node's that was removed and added again (`moved`), stands at the end, in
 * `touched`'s order.
 */

import { RootswapError } from '../errors.ts'
import { OBJECT, kindOf, nodeOf } from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import { shapeOf } from './draft-nodes.ts'
import { ABSENT, type DraftScope, PLACE, Place, REMOVED } from './draft-place.ts'
import { Touched } from './draft-touched.ts'
import type { Key } from './immutable.ts'
import { find, keysOf, MISSING } from './lookup.ts'
import { javaScriptOrder } from './order.ts'
import type { Shape } from './shapes.ts'

export class ObjectPlace extends Place {
  readonly node: Offset
  /** Of a flat object. */
  readonly shape: Shape | undefined
  touched: Touched | undefined = undefined
  moved: Set<string> | undefined = undefined
  /** Keys were added or removed. */
  restructured = false

  constructor(scope: DraftScope, parent: Place | undefined, key: Key, word: number) {
    super(scope, parent, key, word)
    this.node = nodeOf(word)
    const isFlat = kindOf(scope.codec.memory.m, this.node) === OBJECT
    this.shape = isFlat ? shapeOf(scope.codec, this.node) : undefined
    this.proxy = new Proxy(this, this)
  }

  get isFlat(): boolean {
    return this.shape !== undefined
  }

  get childrenAt(): Offset {
    return this.node + 3
  }

  get childCount(): number {
    return this.shape === undefined ? 0 : this.shape.count
  }

  touchedValues(): Iterable<readonly [Key, unknown]> {
    return this.touched ?? []
  }

  rawOf(key: Key): unknown {
    return this.touched?.get(key as string)
  }

  onlyTouch(): Key | undefined {
    const { touched } = this
    if (touched?.size !== 1 || this.restructured || this.shape === undefined) return undefined
    return touched.first
  }

  /** The word of a key in the old version, or `MISSING`. */
  wordAt(key: string): number {
    const slot = this.slotOf(key)
    return slot < 0 ? this.#wordInTable(key) : this.#wordInSlot(slot)
  }

  #wordInSlot(slot: number): number {
    return this.scope.codec.memory.m[this.node + 3 + slot] as number
  }

  /** Of a dictionary; a flat object has no key beside its slots. */
  #wordInTable(key: string): number {
    return this.shape === undefined ? find(this.scope.codec, this.word, key) : MISSING
  }

  slotOf(key: Key): number {
    return this.shape === undefined ? -1 : this.shape.slotOf(key as string)
  }

  /** What stands at the key, as the recipe sees it, or `ABSENT`. */
  read(key: string): unknown {
    const { touched } = this
    if (touched !== undefined) {
      const raw = touched.get(key)
      if (raw instanceof Place) return raw.proxy
      if (raw === REMOVED) return ABSENT
      if (raw !== undefined || touched.has(key)) return raw
    }
    const slot = this.slotOf(key)
    const word = slot < 0 ? this.#wordInTable(key) : this.#wordInSlot(slot)
    if (word === MISSING) return ABSENT
    const value = this.scope.open(this, key, word)
    if (!(value instanceof Place)) return value
    value.slot = slot
    ;(this.touched ??= new Touched()).set(key, value)
    return value.proxy
  }

  hasOwn(key: string): boolean {
    const { touched } = this
    if (touched !== undefined) {
      const raw = touched.get(key)
      if (raw === REMOVED) return false
      if (raw !== undefined || touched.has(key)) return true
    }
    return this.wordAt(key) !== MISSING
  }

  write(key: string, raw: unknown): void {
    const touched = (this.touched ??= new Touched())
    const before = touched.get(key)
    if (before === REMOVED) {
      touched.delete(key)
      touched.set(key, raw)
      ;(this.moved ??= new Set()).add(key)
    } else if (before !== undefined || touched.has(key)) {
      if (Object.is(before, raw)) return
      if (this.#restores(key, raw)) touched.delete(key)
      else touched.set(key, raw)
    } else {
      const word = this.wordAt(key)
      if (word === MISSING) this.restructured = true
      else if (this.says(word, raw)) return
      touched.set(key, raw)
    }
    this.mark()
  }

  /** Whether the assignment brings back what the old version has there. */
  #restores(key: string, raw: unknown): boolean {
    if (this.moved?.has(key) === true) return false
    const word = this.wordAt(key)
    return word !== MISSING && this.says(word, raw)
  }

  remove(key: string): void {
    if (!this.hasOwn(key)) return
    this.moved?.delete(key)
    const touched = (this.touched ??= new Touched())
    if (this.wordAt(key) === MISSING) touched.delete(key)
    else touched.set(key, REMOVED)
    this.restructured = true
    this.mark()
  }

  /** Keys in JavaScript's order. */
  keys(): readonly string[] {
    const base = this.shape?.keys ?? keysOf(this.scope.codec, this.word)
    const { touched, moved } = this
    if (!this.restructured || touched === undefined) return base
    const keys: string[] = []
    const own = new Set<string>()
    for (const key of base) {
      own.add(key)
      if (touched.get(key) !== REMOVED && moved?.has(key) !== true) keys.push(key)
    }
    for (const [key, raw] of touched) {
      if (raw !== REMOVED && (!own.has(key) || moved?.has(key) === true)) keys.push(key)
    }
    return javaScriptOrder(keys)
  }

  get(_target: object, key: string | symbol, receiver: unknown): unknown {
    if (typeof key === 'symbol') {
      if (key === PLACE) return this
      this.use('get')
      return Reflect.get(Object.prototype, key, receiver)
    }
    this.use('get')
    const value = this.read(key)
    return value === ABSENT ? Reflect.get(Object.prototype, key, receiver) : value
  }

  set(_target: object, key: string | symbol, value: unknown): boolean {
    this.use('set')
    if (typeof key === 'symbol') throw symbolKey(key)
    this.write(key, this.unwrap(value))
    return true
  }

  has(_target: object, key: string | symbol): boolean {
    this.use('has')
    return (typeof key === 'string' && this.hasOwn(key)) || key in Object.prototype
  }

  deleteProperty(_target: object, key: string | symbol): boolean {
    this.use('deleteProperty')
    if (typeof key === 'string') this.remove(key)
    return true
  }

  ownKeys(): string[] {
    this.use('ownKeys')
    return this.keys() as string[]
  }

  getOwnPropertyDescriptor(_target: object, key: string | symbol): PropertyDescriptor | undefined {
    this.use('getOwnPropertyDescriptor')
    const value = typeof key === 'string' ? this.read(key) : ABSENT
    if (value === ABSENT) return undefined
    return { value, writable: true, enumerable: true, configurable: true }
  }

  getPrototypeOf(): object {
    this.use('getPrototypeOf')
    return Object.prototype
  }
}

export function symbolKey(key: symbol): RootswapError {
  return new RootswapError(
    'ERR_UNSUPPORTED_VALUE',
    `a key is ${String(key)}; only strings are keys of shared objects`,
    { key },
  )
}
