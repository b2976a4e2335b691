/**
 * Objects and arrays of either size, as drafts and edits read and make them: by key, by index, as
 * lists of words. New nodes are private; each word given is one reference.
 */

import {
  ARRAY,
  DOUBLE,
  FLAT_MAX,
  kindOf,
  LIST,
  nodeOf,
  OBJECT,
  ownOf,
  referenceTo,
  stamp,
  TABLE,
  TAG_NODE,
  TAG_OBJECT,
} from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import { sameBox } from './box.ts'
import type { Codec } from './codec.ts'
import { listAt, listOf } from './list.ts'
import type { Shape } from './shapes.ts'
import { tableOf } from './table.ts'
import { NO_WORD, valueToImmediate, weightOf, weightOfCount, weightOfWords } from './word.ts'

/** Copies of more words than this go through the runtime. */
const COPY_MIN = 64

/** A word that replaces that of a slot; slots count a node's references. */
export interface Edit {
  readonly slot: number
  readonly word: number
}

export function isObject(m: Int32Array, word: number): boolean {
  if ((word & 7) === TAG_OBJECT) return true
  // A dictionary that is no object is a Map or a Set.
  return (word & 7) === TAG_NODE && kindOf(m, nodeOf(word)) === TABLE && variantOf(m, word) === 0
}

function variantOf(m: Int32Array, word: number): number {
  return ownOf(m, nodeOf(word)) >>> 5
}

export function isArray(m: Int32Array, word: number): boolean {
  if ((word & 7) !== TAG_NODE) return false
  const kind = kindOf(m, nodeOf(word))
  return kind === ARRAY || kind === LIST
}

/** Whether a word says this scalar or box; false where either is something else. */
export function sameScalar(codec: Codec, word: number, value: unknown): boolean {
  if (typeof value === 'string') return codec.text.wordEquals(word, value)
  const immediate = valueToImmediate(value)
  if (immediate !== NO_WORD) return immediate === word
  if (typeof value !== 'number') return sameBox(codec.memory, word, value)
  if ((word & 7) !== TAG_NODE) return false
  const { m, words } = codec.memory
  const node = nodeOf(word)
  return kindOf(m, node) === DOUBLE && words.doubles[(node + 2) >> 1] === value
}

export function shapeOf(codec: Codec, node: Offset): Shape {
  return codec.shapes.of(ownOf(codec.memory.m, node) >>> 5)
}

export function lengthOf(m: Int32Array, array: Offset): number {
  return m[array + 3] as number
}

/** The word at an index below the array's length. */
export function elementAt(m: Int32Array, array: Offset, index: number): number {
  return kindOf(m, array) === ARRAY ? (m[array + 4 + index] as number) : listAt(m, array, index)
}

/** First word and number of the children of a flat object or array. */
export function childrenOf(codec: Codec, node: Offset): { at: Offset; count: number } {
  const { m } = codec.memory
  if (kindOf(m, node) === ARRAY) return { at: node + 4, count: lengthOf(m, node) }
  return { at: node + 3, count: shapeOf(codec, node).count }
}

/** The word of a copy of a flat object or array, with other words in some slots. */
export function copyWith(codec: Codec, word: number, edits: readonly Edit[]): number {
  const { m } = codec.memory
  const node = nodeOf(word)
  const { at, count } = childrenOf(codec, node)
  const copy = copyFlat(codec, node, at + count - node)
  for (const edit of edits) setChild(m, copy, at - node + edit.slot, edit.word)
  return referenceTo(copy, word & 7)
}

/** A copy of the first `size` words of a flat object's or array's node. */
export function copyFlat(
  { memory, allocator, encoder }: Codec,
  node: Offset,
  size: number,
): Offset {
  const { m } = memory
  const copy = allocator.allocate(size)
  if (size > COPY_MIN) m.copyWithin(copy + 3, node + 3, node + size)
  else for (let at = 3; at < size; at++) m[copy + at] = m[node + at] as number
  stamp(m, copy, kindOf(m, node), ownOf(m, node))
  m[copy + 2] = encoder.births
  return copy
}

/** Another word in a private copy, at so many words from its beginning; the copy's offset as the
 *  untagged part of a reference. */
export function setChild(m: Int32Array, copy: Offset, at: number, word: number): number {
  const before = weightOf(m, m[copy + at] as number)
  const after = weightOf(m, word)
  m[copy + at] = word
  if (after > before) {
    const values = 2 ** after - 2 ** before
    const own = ownOf(m, copy)
    stamp(m, copy, kindOf(m, copy), own - (own & 31) + heavier(own & 31, values))
  }
  return referenceTo(copy, 0)
}

/** A weight never falls in a path copy: that would take a look at every child. */
function heavier(weight: number, values: number): number {
  return weightOfCount(2 ** weight + values)
}

/** A new object; a dictionary if it has too many keys or there is no room for its shape. */
export function objectOf(codec: Codec, keys: readonly string[], words: readonly number[]): number {
  const { memory, allocator, encoder, shapes } = codec
  const { m } = memory
  const id = keys.length > FLAT_MAX ? -1 : shapes.intern(shapes.withKeys(keys), allocator)
  if (id < 0) return tableOf(encoder, keys, { words, at: 0 }, weightOfWords(m, words))
  const node = allocator.allocate(3 + keys.length)
  stamp(m, node, OBJECT, (id << 5) | weightOfWords(m, words))
  m[node + 2] = encoder.births
  for (let index = 0; index < words.length; index++) m[node + 3 + index] = words[index] as number
  return referenceTo(node, TAG_OBJECT)
}

export function arrayOf(codec: Codec, words: readonly number[]): number {
  const { memory, allocator, encoder } = codec
  const { m } = memory
  const { length } = words
  const weight = weightOfWords(m, words)
  if (length > FLAT_MAX) {
    return listOf(encoder, Int32Array.from(words), { at: 0, length }, weight)
  }
  const node = allocator.allocate(4 + length)
  stamp(m, node, ARRAY, weight)
  m[node + 2] = encoder.births
  m[node + 3] = length
  for (let index = 0; index < length; index++) m[node + 4 + index] = words[index] as number
  return referenceTo(node, TAG_NODE)
}
