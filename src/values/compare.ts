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
import type { Delta } from '../versions/delta.ts'
import type { Codec } from './codec.ts'
import { entryOrder, entryValue } from './entry.ts'
import { vectorOfList, vectorWords } from './list.ts'
import { isInteger } from './order.ts'
import { isPlainArray, isPlainObject, ownKeysOnly, prototypeIsClean } from './plain.ts'
import { Preorder } from './preorder.ts'
import type { Shape } from './shapes.ts'
import { Pair, succeed } from './succeed.ts'
import { tableEntry, tableSize } from './table.ts'
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

class Comparison {
  isRootDropped = false
  readonly #ctx: Codec
  readonly #m: Int32Array
  readonly #clean = prototypeIsClean()
  readonly #preorder: Preorder
  readonly #pairs: Pair[] = []
  /** Containers that wait to be compared, and their index within their container. */
  readonly #waiting: object[] = []
  readonly #places: number[] = []
  /** Key or index of the child in hand, for the path of an error. */
  #at: string | number | undefined = undefined

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
    this.#open(oldWord, next as object)
    // Bound: each turn opens or closes a pair.
    for (;;) {
      const pair = this.#pairs.at(-1) as Pair
      if (pair.cursor < pair.end) {
        const place = this.#places[pair.cursor] as number
        this.#open(pair.before[place] as number, this.#waiting[pair.cursor++] as object)
        continue
      }
      const word = this.#close(pair)
      const above = this.#pairs.at(-1)
      if (above === undefined) return word
      const place = this.#places[above.cursor - 1] as number
      if (word !== above.before[place]) above.isChanged = true
      above.words[place] = word
    }
  }

  #close(pair: Pair): number {
    this.#pairs.pop()
    this.#waiting.length = pair.from
    this.#places.length = pair.from
    if (!pair.isChanged) return pair.word
    const word = succeed(this.#ctx, pair, this.#preorder.segment)
    this.#preorder.close()
    return word
  }

  /** Whether the value is a container of the same sort as the old word's. */
  #comparable(word: number, value: unknown): boolean {
    if (typeof value !== 'object' || value === null || !isReference(word)) return false
    const node = nodeOf(word)
    switch (kindOf(this.#m, node)) {
      case ARRAY:
      case LIST:
        return Array.isArray(value) && isPlainArray(value)
      case OBJECT:
        return !Array.isArray(value) && isPlainObject(value)
      case TABLE:
        return ownOf(this.#m, node) >>> 5 === 0 && !Array.isArray(value) && isPlainObject(value)
      default:
        return false
    }
  }

  #sameScalar(word: number, value: unknown): boolean {
    if (typeof value === 'string') return this.#ctx.text.wordEquals(word, value)
    if (typeof value !== 'number') {
      const immediate = valueToImmediate(value)
      return immediate === word && immediate !== NO_WORD
    }
    const immediate = numberToImmediate(value)
    if (immediate !== NO_WORD) return immediate === word
    if ((word & 7) !== TAG_NODE) return false
    const node = nodeOf(word)
    if (kindOf(this.#m, node) !== DOUBLE) return false
    return this.#ctx.memory.words.doubles[(node + 2) >> 1] === value
  }

  #open(word: number, value: object): void {
    const node = nodeOf(word)
    const kind = kindOf(this.#m, node)
    const pair = new Pair(word, kind, this.#waiting.length)
    if (kind === ARRAY || kind === LIST) this.#openArray(pair, node, value as readonly unknown[])
    else if (kind === OBJECT) this.#openObject(pair, node, ownKeysOnly(value, this.#clean))
    else this.#openTable(pair, node, ownKeysOnly(value, this.#clean))
    this.#at = undefined
    pair.end = this.#waiting.length
    this.#pairs.push(pair)
  }

  #openArray(pair: Pair, node: Offset, value: readonly unknown[]): void {
    const m = this.#m
    const { length } = value
    const before = m[node + 3] as number
    let olds: Int32Array | undefined
    if (pair.kind === LIST) {
      olds = new Int32Array(before)
      vectorWords(m, vectorOfList(m, node), olds, 0)
    }
    for (let index = 0; index < length; index++) {
      let word = NO_WORD
      if (index < before) word = (olds === undefined ? m[node + 4 + index] : olds[index]) as number
      this.#at = index
      this.#child(pair, index, word, value[index])
    }
    if (length !== before) pair.isChanged = true
  }

  #openObject(pair: Pair, node: Offset, value: Record<string, unknown>): void {
    const m = this.#m
    const shape: Shape = this.#ctx.shapes.of(ownOf(m, node) >>> 5)
    const { keys, count } = shape
    let index = 0
    for (const key in value) {
      let slot = index
      if (pair.keys !== undefined || keys[index] !== key) {
        pair.keys ??= keys.slice(0, index)
        pair.keys.push(key)
        slot = shape.slotOf(key)
      }
      const word = slot < 0 ? NO_WORD : (m[node + 3 + slot] as number)
      this.#at = key
      this.#child(pair, index, word, value[key])
      index++
    }
    if (pair.keys === undefined && index !== count) pair.keys = keys.slice(0, index)
    if (pair.keys !== undefined) pair.isChanged = true
  }

  #openTable(pair: Pair, node: Offset, value: Record<string, unknown>): void {
    const m = this.#m
    const { text } = this.#ctx
    const keys: string[] = (pair.keys = [])
    let found = 0
    let last = -1
    let index = 0
    for (const key in value) {
      const entry = tableEntry(m, text, node, key)
      this.#at = key
      this.#child(pair, index++, entry === 0 ? NO_WORD : entryValue(m, entry), value[key])
      keys.push(key)
      if (entry !== 0) found++
      if (isInteger(key)) continue
      const order = entry === 0 ? Infinity : entryOrder(m, entry)
      if (order !== Infinity && order < last) pair.isReordered = true
      last = order
    }
    pair.removed = tableSize(m, node) - found
    if (pair.isReordered || pair.removed > 0 || index !== found) pair.isChanged = true
    text.trim()
  }

  /** Compares the child at `index` with the old word, or `NO_WORD` where there is none. */
  #child(pair: Pair, index: number, word: number, value: unknown): void {
    pair.before.push(word)
    if (word !== NO_WORD) {
      const isContainer = typeof value === 'object' && value !== null
      if (isContainer ? this.#comparable(word, value) : this.#sameScalar(word, value)) {
        if (isContainer) {
          this.#waiting.push(value)
          this.#places.push(index)
        }
        pair.words.push(word)
        pair.stays.push(true)
        return
      }
    }
    pair.isChanged = true
    pair.words.push(this.#ctx.encoder.encodeNext(value))
    pair.stays.push(false)
  }

  /** Where the walk is. */
  path(): (string | number)[] {
    const path: (string | number)[] = []
    for (const pair of this.#pairs) {
      const place = this.#places[pair.cursor - 1] as number
      path.push(this.#keyOf(pair, place))
    }
    if (this.#at !== undefined) path.push(this.#at)
    return path
  }

  #keyOf(pair: Pair, place: number): string | number {
    if (pair.keys !== undefined) return pair.keys[place] as string
    if (pair.kind !== OBJECT) return place
    const shape = this.#ctx.shapes.of(ownOf(this.#m, nodeOf(pair.word)) >>> 5)
    return shape.keys[place] as string
  }
}
