/**
 * What `finish` has to build: the changed places and the assigned plain containers that hold
 * drafts, children first, and which of the places are replaced where they stand.
 *
 * A changed place is `inPlace` if its parent's successor holds it: then the parent's entry in the
 * delta hands it the token that its own entry spends. Each changed place that a plan holds is
 * reached, so its parent's entry exists and stands before.
 */

import { types } from 'node:util'
import { rangeError, RootswapError } from '../errors.ts'
import { expectRoomFor } from './array-length.ts'
import {
  DONE,
  type DraftScope,
  type Holder,
  OPEN,
  pathOf,
  Place,
  placeOf,
  UNSEEN,
} from './draft-place.ts'
import type { Key } from './immutable.ts'
import { DEPTH_MAX } from './encode.ts'
import { isRevoked, PATH_SHOWN, prototypesOf } from './plain.ts'

/** A plain object or array that the recipe assigned and that holds drafts somewhere. */
export class Mixed implements Holder {
  readonly value: object
  /** Own keys or indexes with their values, drafts as places. */
  readonly entries: readonly (readonly [Key, unknown])[]
  visit = UNSEEN
  built = 0
  uses = 0
  above: Holder | undefined = undefined
  at: Key = ''

  constructor(value: object, entries: readonly (readonly [Key, unknown])[]) {
    this.value = value
    this.entries = entries
  }
}

interface Frame {
  readonly holder: Holder
  readonly keys: Key[]
  readonly children: Holder[]
  next: number
}

interface Scan {
  readonly value: object
  readonly entries: readonly (readonly [Key, unknown])[]
  next: number
}

export class Plan {
  /** Children before those that hold them. */
  readonly order: Holder[] = []
  readonly #scope: DraftScope
  readonly #mixed = new Map<object, Mixed>()
  /** Plain containers that were looked through. */
  readonly #scanned = new Set<object>()

  /** Plans the raw value that becomes the root. Throws `ERR_UNSUPPORTED_VALUE` at a cycle. */
  constructor(scope: DraftScope, root: unknown) {
    this.#scope = scope
    const holder = this.holderOf(root)
    if (holder === undefined) return
    if (holder instanceof Place && holder.parent === undefined) holder.inPlace = true
    this.#visit(holder)
  }

  /** The holder that a raw value is, if it needs building. */
  holderOf(raw: unknown): Holder | undefined {
    if (typeof raw !== 'object' || raw === null || isRevoked(raw)) return undefined
    if (raw instanceof Place) return raw.modified ? raw : undefined
    if (!this.#scanned.has(raw) && isPlain(raw)) this.#scan(raw)
    return this.#mixed.get(raw)
  }

  #visit(root: Holder): void {
    const stack: Frame[] = [this.#open(root)]
    let frame: Frame | undefined
    while ((frame = stack.at(-1)) !== undefined) {
      const key = frame.keys[frame.next]
      const child = frame.children[frame.next++]
      if (child === undefined) {
        frame.holder.visit = DONE
        this.order.push(frame.holder)
        stack.pop()
      } else if (child.visit === OPEN) {
        throw cycle([...pathOf(frame.holder), key])
      } else if (child.visit === UNSEEN) {
        child.above = frame.holder
        child.at = key
        stack.push(this.#open(child))
      }
    }
  }

  #open(holder: Holder): Frame {
    holder.visit = OPEN
    const frame: Frame = { holder, keys: [], children: [], next: 0 }
    const values = holder instanceof Place ? holder.touchedValues() : (holder as Mixed).entries
    for (const [key, raw] of values) {
      const child = this.holderOf(raw)
      if (child === undefined) continue
      frame.keys.push(key)
      frame.children.push(child)
      if (child instanceof Place && child.parent === holder) {
        // Of lists and dictionaries a reference can be claimed at its own key only.
        child.inPlace ||= child.parent.isFlat || child.parent.rawOf(child.key) === child
      }
    }
    return frame
  }

  /** Looks through a plain value for drafts; remembers the containers on the way to one. */
  #scan(root: object): void {
    const stack: Scan[] = [this.#enter(root)]
    let top: Scan | undefined
    while ((top = stack.at(-1)) !== undefined) {
      const entry = top.entries[top.next++]
      if (entry === undefined) {
        stack.pop()
        continue
      }
      const value = entry[1]
      if (typeof value !== 'object' || value === null || isRevoked(value)) continue
      if (value instanceof Place || this.#mixed.has(value)) this.#mark(stack)
      else if (!this.#scanned.has(value) && isPlain(value)) {
        if (stack.length >= DEPTH_MAX) throw tooDeep(stack)
        stack.push(this.#enter(value))
      }
    }
  }

  #enter(value: object): Scan {
    this.#scanned.add(value)
    return { value, entries: entriesOf(this.#scope, value), next: 0 }
  }

  #mark(stack: readonly Scan[]): void {
    for (let index = stack.length - 1; index >= 0; index--) {
      const { value, entries } = stack[index] as Scan
      if (this.#mixed.has(value)) return
      this.#mixed.set(value, new Mixed(value, entries))
    }
  }
}

/** Whatever iterator the Map itself may have. */
const mapEntries = Map.prototype.entries

function entriesOf(scope: DraftScope, value: object): (readonly [Key, unknown])[] {
  if (Array.isArray(value)) {
    expectRoomFor(value.length, scope.codec.memory.m)
    return Array.from(value, (item: unknown, index) => [index, unwrapIn(scope, item)] as const)
  }
  if (types.isMap(value)) {
    const pairs = Array.from(mapEntries.call(value) as Iterable<[Key, unknown]>)
    return pairs.map(([key, item]) => [key, unwrapIn(scope, item)] as const)
  }
  return Object.entries(value).map(([key, item]) => [key, unwrapIn(scope, item)] as const)
}

function unwrapIn(scope: DraftScope, value: unknown): unknown {
  const place = placeOf(value)
  return place?.scope === scope ? place : value
}

function isPlain(value: object): boolean {
  if (isRevoked(value)) return false
  if (Array.isArray(value)) return true
  if (types.isMap(value)) return prototypesOf(value) === 2
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** As the encoder says it, before the rest of the value is looked through. */
function tooDeep(stack: readonly Scan[]): RangeError {
  const path = stack.slice(0, PATH_SHOWN).map(({ entries, next }) => entries[next - 1]?.[0])
  return rangeError(`the value is nested deeper than ${DEPTH_MAX} levels`, { path })
}

function cycle(path: readonly Key[]): RootswapError {
  return new RootswapError(
    'ERR_UNSUPPORTED_VALUE',
    `the value at ${JSON.stringify(path)} contains itself; cycles cannot be shared`,
    { path },
  )
}
