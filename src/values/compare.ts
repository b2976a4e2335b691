/**
 * A whole new value over an old one: every deep-equal part of the old value at the same key or
 * index stays, the way to what differs is copied. Key order is part of equality.
 *
 * Both are walked together with a stack. A scalar is compared with the words of its node, without
 * making the old value; what has no counterpart is encoded at once, since everything above it is
 * made anew in any case: no block is made that the result does not reach.
 */

import {
  ARRAY,
  DOUBLE,
  isReference,
  kindOf,
  LIST,
  nodeOf,
  OBJECT,
  ownOf,
  TABLE,
  TAG_NODE,
} from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import { expectRoomFor } from './array-length.ts'
import type { Delta } from '../versions/delta.ts'
import { sameBox } from './box.ts'
import type { Codec } from './codec.ts'
import { saysLight } from './compare-light.ts'
import { entriesOfValue, variantOfValue } from './dictionary.ts'
import { entryOrder, entryValue } from './entry.ts'
import type { Key } from './immutable.ts'
import { vectorOfList, vectorWords } from './list.ts'
import { isViewOf } from './map-view.ts'
import { isInteger } from './order.ts'
import { isPlainArray, isPlainObject, isRevoked, ownKeysOnly } from './plain.ts'
import { prototypeIsClean, unsupported } from './plain.ts'
import { Preorder } from './preorder.ts'
import type { Shape } from './shapes.ts'
import { Pair, succeed } from './succeed.ts'
import { OBJECT_TABLE, tableEntry, tableSize } from './table.ts'
import { NO_WORD, numberToImmediate, valueToImmediate } from './word.ts'

/** The word of `next`, whose deep-equal parts are those of the old value; the old word itself if
 *  all of it is equal. Reports to the delta what is replaced, its root first, or dropped. */
export function replaceWith(ctx: Codec, oldWord: number, next: unknown, delta: Delta): number {
  ctx.encoder.reset()
  const comparison = new Comparison(ctx)
  ctx.encoder.pathTo = () => comparison.path()
  const word = comparison.run(oldWord, next)
  ctx.encoder.reset()
  comparison.finish(delta)
  if (comparison.isRootDropped && isReference(oldWord)) delta.droppedRoot()
  return word
}

/** A container whose children are being compared. Its `Pair` is made when something differs. */
class Frame {
  readonly word: number
  readonly kind: number
  /** First word of the old children, where they stand side by side. */
  readonly at: Offset
  /** Its children among those that wait to be compared. */
  readonly from: number
  cursor: number
  end: number
  pair: Pair | undefined

  constructor(word: number, kind: number, at: Offset, from: number) {
    this.word = word
    this.kind = kind
    this.at = at
    this.from = from
    this.cursor = from
    this.end = from
  }
}

class Comparison {
  isRootDropped = false
  readonly #ctx: Codec
  readonly #m: Int32Array
  readonly #clean = prototypeIsClean()
  readonly #preorder: Preorder
  readonly #frames: Frame[] = []
  #depth = 0
  /** Containers that wait to be compared, and their index within their container. */
  readonly #waiting: object[] = []
  readonly #places: number[] = []
  #waits = 0
  /** Key or index of the child in hand, for the path of an error. */
  #at: Key = undefined

  constructor(ctx: Codec) {
    this.#ctx = ctx
    this.#m = ctx.memory.m
    this.#preorder = new Preorder(ctx.memory)
  }

  finish(delta: Delta): void {
    this.#preorder.flush(delta)
  }

  run(oldWord: number, next: unknown): number {
    if (!this.#comparable(oldWord, next)) {
      if (this.#sameScalar(oldWord, next)) return oldWord
      this.isRootDropped = true
      return this.#ctx.encoder.encodeNext(next)
    }
    let word = this.#open(oldWord, next as object)
    // Bound: each turn opens or closes a container.
    while (this.#depth > 0) {
      const frame = this.#frames[this.#depth - 1] as Frame
      if (frame.cursor < frame.end) {
        const place = this.#places[frame.cursor] as number
        const before = this.#before(frame, place)
        word = this.#open(before, this.#waiting[frame.cursor++] as object)
        if (word !== NO_WORD) this.#store(frame, place, word)
        continue
      }
      word = this.#close(frame)
      if (this.#depth === 0) return word
      const above = this.#frames[this.#depth - 1] as Frame
      this.#store(above, this.#places[above.cursor - 1] as number, word)
    }
    return word
  }

  /** The old word that the child at `place` is compared with. */
  #before(frame: Frame, place: number): number {
    const { pair } = frame
    return (pair === undefined ? this.#m[frame.at + place] : pair.before[place]) as number
  }

  #store(frame: Frame, place: number, word: number): void {
    if (word === this.#before(frame, place)) return
    const count = frame.kind === OBJECT ? this.#shapeOf(frame.word).count : this.#lengthOf(frame)
    const pair = (frame.pair ??= this.#differs(frame.word, frame.kind, frame.at, count))
    pair.isChanged = true
    pair.words[place] = word
  }

  #lengthOf(frame: Frame): number {
    return this.#m[nodeOf(frame.word) + 3] as number
  }

  #shapeOf(word: number): Shape {
    return this.#ctx.shapes.of(ownOf(this.#m, nodeOf(word)) >>> 5)
  }

  /** The pair of a container whose first `count` children stay. */
  #differs(word: number, kind: number, at: Offset, count: number): Pair {
    const pair = new Pair(word, kind)
    for (let index = 0; index < count; index++) {
      const before = this.#m[at + index] as number
      pair.add(before, before, true)
    }
    return pair
  }

  #close(frame: Frame): number {
    this.#depth--
    this.#waits = frame.from
    return this.#succeed(frame.word, frame.pair)
  }

  #succeed(word: number, pair: Pair | undefined): number {
    if (pair === undefined || !pair.isChanged) return word
    const made = succeed(this.#ctx, pair, this.#preorder.segment)
    this.#preorder.close()
    return made
  }

  /** Whether the value is a container of the same sort as the old word's. */
  #comparable(word: number, value: unknown): boolean {
    if (typeof value !== 'object' || value === null || !isReference(word)) return false
    if (isRevoked(value)) return false
    const node = nodeOf(word)
    switch (kindOf(this.#m, node)) {
      case ARRAY:
      case LIST:
        return Array.isArray(value) && isPlainArray(value)
      case OBJECT:
        return !Array.isArray(value) && isPlainObject(value)
      case TABLE:
        if (ownOf(this.#m, node) >>> 5 !== OBJECT_TABLE) {
          return ownOf(this.#m, node) >>> 5 === variantOfValue(value)
        }
        return !Array.isArray(value) && isPlainObject(value)
      default:
        return false
    }
  }

  #sameScalar(word: number, value: unknown): boolean {
    if (typeof value === 'string') return this.#ctx.text.wordEquals(word, value)
    if (typeof value !== 'number') {
      const immediate = valueToImmediate(value)
      if (immediate !== NO_WORD) return immediate === word
      return sameBox(this.#ctx.memory, word, value)
    }
    const immediate = numberToImmediate(value)
    if (immediate !== NO_WORD) return immediate === word
    if ((word & 7) !== TAG_NODE) return false
    const node = nodeOf(word)
    if (kindOf(this.#m, node) !== DOUBLE) return false
    return this.#ctx.memory.words.doubles[(node + 2) >> 1] === value
  }

  /** The word of a container none of whose children has to wait, else `NO_WORD` and a frame. */
  #open(word: number, value: object): number {
    const node = nodeOf(word)
    const kind = kindOf(this.#m, node)
    const from = this.#waits
    let pair: Pair | undefined
    let at = node + 3
    if (kind === OBJECT) {
      pair = this.#openObject(word, ownKeysOnly(value, this.#clean))
    } else if (kind === ARRAY) {
      at = node + 4
      pair = this.#openArray(word, value as readonly unknown[])
    } else if (kind === LIST) {
      pair = this.#openList(word, value as readonly unknown[])
    } else {
      pair = this.#openTable(word, value)
    }
    this.#at = undefined
    const end = this.#waits
    if (end === from) return this.#succeed(word, pair)
    const frame = new Frame(word, kind, at, from)
    frame.pair = pair
    frame.end = end
    this.#frames[this.#depth++] = frame
    return NO_WORD
  }

  #openArray(word: number, value: readonly unknown[]): Pair | undefined {
    const m = this.#m
    const node = nodeOf(word)
    const { length } = value
    expectRoomFor(length, m)
    const before = m[node + 3] as number
    let pair: Pair | undefined
    for (let index = 0; index < length; index++) {
      const child = value[index]
      const old = index < before ? (m[node + 4 + index] as number) : NO_WORD
      if (pair === undefined && this.#stays(old, child, index)) continue
      pair ??= this.#differs(word, ARRAY, node + 4, index)
      this.#at = index
      this.#child(pair, index, old, child)
    }
    if (pair === undefined && length !== before) pair = this.#differs(word, ARRAY, node + 4, length)
    if (pair !== undefined) pair.isChanged = true
    return pair
  }

  #openList(word: number, value: readonly unknown[]): Pair {
    expectRoomFor(value.length, this.#m)
    const pair = new Pair(word, LIST)
    const vector = vectorOfList(this.#m, nodeOf(word))
    const olds = new Int32Array(vector.length)
    vectorWords(this.#m, vector, olds, 0)
    for (let index = 0; index < value.length; index++) {
      this.#at = index
      this.#child(
        pair,
        index,
        index < olds.length ? (olds[index] as number) : NO_WORD,
        value[index],
      )
    }
    if (value.length !== olds.length) pair.isChanged = true
    return pair
  }

  #openObject(word: number, value: Record<string, unknown>): Pair | undefined {
    const m = this.#m
    const at = nodeOf(word) + 3
    const shape = this.#shapeOf(word)
    const { keys, count } = shape
    let pair: Pair | undefined
    let index = 0
    for (const key in value) {
      const child = value[key]
      const same = pair?.keys === undefined && keys[index] === key
      if (pair === undefined) {
        if (same && this.#stays(m[at + index] as number, child, index)) {
          index++
          continue
        }
        pair = this.#differs(word, OBJECT, at, index)
      }
      if (!same) (pair.keys ??= keys.slice(0, index)).push(key)
      const slot = same ? index : shape.slotOf(key)
      this.#at = key
      this.#child(pair, index, slot < 0 ? NO_WORD : (m[at + slot] as number), child)
      index++
    }
    if (pair === undefined && index !== count) pair = this.#differs(word, OBJECT, at, index)
    if (pair === undefined) return undefined
    if (pair.keys === undefined && index !== count) pair.keys = keys.slice(0, index)
    pair.isChanged = true
    return pair
  }

  #openTable(word: number, value: object): Pair | undefined {
    const m = this.#m
    const node = nodeOf(word)
    const { text } = this.#ctx
    const variant = ownOf(m, node) >>> 5
    if (variant !== OBJECT_TABLE && isViewOf(value, m, word)) return undefined
    const { keys, values } = this.#entriesOf(value, variant)
    const pair = new Pair(word, TABLE)
    pair.keys = keys
    let found = 0
    let last = -1
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index]
      const entry = tableEntry(m, text, node, key)
      this.#at = key
      this.#child(pair, index, entry === 0 ? NO_WORD : entryValue(m, entry), values[index])
      if (entry !== 0) found++
      if (variant === OBJECT_TABLE && isInteger(key as string)) continue
      const order = entry === 0 ? Infinity : entryOrder(m, entry)
      if (order !== Infinity && order < last) pair.isReordered = true
      last = order
    }
    pair.removed = tableSize(m, node) - found
    if (pair.isReordered || pair.removed > 0 || keys.length !== found) pair.isChanged = true
    text.trim()
    return pair
  }

  #entriesOf(value: object, variant: number): { keys: Key[]; values: unknown[] } {
    if (variant !== OBJECT_TABLE) {
      return entriesOfValue(value, variant, (found) => unsupported(found, this.path()))
    }
    const source = ownKeysOnly(value, this.#clean)
    const keys = Object.keys(source)
    return { keys, values: keys.map((key) => source[key]) }
  }

  /** Whether the old word stays for the value, as itself or, of a container, as its successor. */
  #stays(word: number, value: unknown, index: number): boolean {
    if (typeof value === 'string') return this.#ctx.text.wordEquals(word, value)
    if (typeof value !== 'object' || value === null) return this.#sameScalar(word, value)
    if (saysLight(this.#ctx, word, value, this.#clean)) return true
    if (!this.#comparable(word, value)) return this.#sameScalar(word, value)
    this.#waiting[this.#waits] = value
    this.#places[this.#waits++] = index
    return true
  }

  /** Adds a child that was compared with the old word, or `NO_WORD` where there is none. */
  #child(pair: Pair, index: number, word: number, value: unknown): void {
    if (word !== NO_WORD && this.#stays(word, value, index)) {
      pair.add(word, word, true)
      return
    }
    pair.isChanged = true
    pair.add(this.#ctx.encoder.encodeNext(value), word, false)
  }

  /** Where the walk is. */
  path(): Key[] {
    const path: Key[] = []
    for (let depth = 0; depth < this.#depth; depth++) {
      const frame = this.#frames[depth] as Frame
      const place = this.#places[frame.cursor - 1] as number
      const keys = frame.pair?.keys ?? (frame.kind === OBJECT && this.#shapeOf(frame.word).keys)
      path.push(keys === false ? place : (keys[place] as Key))
    }
    if (this.#at !== undefined) path.push(this.#at)
    return path
  }
}
