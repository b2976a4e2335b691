/**
 * Keys of dictionaries: strings of large objects, any primitive of Maps and Sets, where NaN equals
 * itself and -0 is 0. A key is packed into the scratch words of `Text`, which then has its hash;
 * entries are compared with the words.
 *
 * A string stands in its entry, or in a node where it is long. Any other key is a value word of the
 * entry: an immediate, a double or a bigint. So no string key equals one that is none.
 */

import {
  BOX,
  DOUBLE,
  isReference,
  kindOf,
  nodeOf,
  ownOf,
  referenceTo,
  stamp,
  TAG_NODE,
  TAG_STRING,
} from '../memory/kinds.ts'
import { magnitudeOf, readBigInt } from './box.ts'
import type { Key } from './immutable.ts'
import type { Maker } from './list.ts'
import type { Text } from './text.ts'
import { immediateToValue, isImmediateString, NO_WORD, valueToImmediate } from './word.ts'

/** A key that `text` packed last, into so many words. */
export interface Packed {
  readonly key: Key
  readonly count: number
}

export function isKey(value: unknown): value is Key {
  if (value === null) return true
  return typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol'
}

/** Packs and hashes; returns how many of the packed words the key takes. */
export function packKey(text: Text, key: Key): number {
  if (typeof key === 'string') return text.pack(key)
  // So -0 becomes 0.
  const word = valueToImmediate(key === 0 ? 0 : key)
  text.keyWord = word
  if (word !== NO_WORD) return text.packWords([word])
  return typeof key === 'number' ? text.packDouble(key) : text.packWords(magnitudeOf(key as bigint))
}

/** Whether a key's word, that of no inline key, is the key packed last. */
export function keyWordIs(m: Int32Array, text: Text, word: number, packed: Packed): boolean {
  const { key, count } = packed
  if (typeof key === 'string') return text.wordEquals(word, key)
  if (text.keyWord !== NO_WORD || !isReference(word)) return text.keyWord === word
  if ((word & 7) === TAG_STRING) return false
  const node = nodeOf(word)
  const kind = kindOf(m, node)
  if (kind === DOUBLE) return typeof key === 'number' && text.samePacked(node + 2, 2)
  if (kind !== BOX || typeof key !== 'bigint' || m[node + 3] !== count) return false
  return ownOf(m, node) >>> 5 === (key < 0n ? 1 : 0) && text.samePacked(node + 4, count)
}

/** The word of the key packed last, which is none that stands in its entry. */
export function writeKeyWord(make: Maker, { key, count }: Packed): number {
  const { m, text, allocator } = make
  if (typeof key === 'string') return text.writePacked(allocator, key.length, count)
  if (text.keyWord !== NO_WORD) return text.keyWord
  const isDouble = typeof key === 'number'
  const node = allocator.allocate(isDouble ? 4 : 4 + count)
  if (isDouble) {
    stamp(m, node, DOUBLE, 0)
    text.copyPacked(node + 2, 2)
  } else {
    stamp(m, node, BOX, ((key as bigint) < 0n ? 1 : 0) << 5)
    m[node + 2] = make.births
    m[node + 3] = count
    text.copyPacked(node + 4, count)
  }
  return referenceTo(node, TAG_NODE)
}

/** The key that a word says. */
export function keyOfWord(m: Int32Array, text: Text, word: number): Key {
  if (!isReference(word)) return immediateToValue(word)
  if ((word & 7) === TAG_STRING || isImmediateString(word)) return text.ofWord(word)
  const node = nodeOf(word)
  return kindOf(m, node) === DOUBLE ? text.doubleAt(node + 2) : readBigInt(m, node)
}
