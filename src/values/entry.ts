/**
 * Entries of a dictionary: one block for a key and its value. An entry has two parents, the trie
 * that finds it and the vector that keeps the order, so its count is 2.
 *
 * A key's characters stand in the entry; of a long key, and of one that is no string, its word
 * does.
 */

import {
  ENTRY,
  entryValueAt,
  isReference,
  KEY_LATIN,
  KEY_WIDE,
  KEY_WORD,
  nodeOf,
  ownOf,
  referenceTo,
  stamp,
  TAG_NODE,
} from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import type { Key } from './immutable.ts'
import { keyOfWord, keyWordIs, type Packed, writeKeyWord } from './key.ts'
import type { Maker } from './list.ts'
import type { Text } from './text.ts'

const ENTRY_HEAD = 5
/** Longer keys get a node of their own: a copy of the entry need not copy them. */
const INLINE_WORDS_MAX = 32

export function entryHash(m: Int32Array, entry: Offset): number {
  return m[entry + 3] as number
}

export function entryOrder(m: Int32Array, entry: Offset): number {
  return m[entry + 4] as number
}

export function entryKey(m: Int32Array, text: Text, entry: Offset): Key {
  const own = ownOf(m, entry)
  const form = own & 3
  if (form === KEY_WORD) return keyOfWord(m, text, m[entry + ENTRY_HEAD] as number)
  return text.readAt(entry + ENTRY_HEAD, own >>> 2, form === KEY_WIDE)
}

/** Where the value's word is, counted within the entry's references. */
export function entryValueIndex(m: Int32Array, entry: Offset): number {
  return (ownOf(m, entry) & 3) === KEY_WORD ? 1 : 0
}

export function entryValue(m: Int32Array, entry: Offset): number {
  return m[entryValueAt(m, entry)] as number
}

/** A new entry for the key that `text` packed last. */
export function makeEntry(make: Maker, packed: Packed, word: number): Offset {
  const { key, count } = packed
  const { m, text, allocator } = make
  const hash = text.hashed
  const inline = typeof key === 'string' && count <= INLINE_WORDS_MAX
  const keyWord = inline ? 0 : writeKeyWord(make, packed)
  const entry = allocator.allocate(ENTRY_HEAD + (inline ? count : 1) + 1)
  const form = inline ? (text.wide === 1 ? KEY_WIDE : KEY_LATIN) : KEY_WORD
  const own = inline ? (key.length << 2) | form : form
  stamp(m, entry, ENTRY, own)
  m[entry + 1] = 2
  m[entry + 2] = make.births
  m[entry + 3] = hash
  if (inline) text.copyPacked(entry + ENTRY_HEAD, count)
  else m[entry + ENTRY_HEAD] = keyWord
  m[entryValueAt(m, entry)] = word
  return entry
}

/** A new entry with the key of an old one; where that is a node, the caller accounts for it. */
export function copyEntry(make: Maker, old: Offset, word: number): Offset {
  const { m } = make
  const own = ownOf(m, old)
  const at = entryValueAt(m, old) - old
  const entry = make.allocator.allocate(at + 1)
  stamp(m, entry, ENTRY, own)
  m[entry + 1] = 2
  m[entry + 2] = make.births
  for (let index = 3; index < at; index++) m[entry + index] = m[old + index] as number
  m[entry + at] = word
  return entry
}

/** Whether the entry's key is the one that `text` packed last. */
export function entryHasKey(m: Int32Array, text: Text, entry: Offset, packed: Packed): boolean {
  const own = ownOf(m, entry)
  const form = own & 3
  if (form === KEY_WORD) return keyWordIs(m, text, m[entry + ENTRY_HEAD] as number, packed)
  const { key } = packed
  if (typeof key !== 'string' || own >>> 2 !== key.length) return false
  if (form !== (text.wide === 1 ? KEY_WIDE : KEY_LATIN)) {
    return false
  }
  return text.samePacked(entry + ENTRY_HEAD, packed.count)
}

export function entryReference(entry: Offset): number {
  return referenceTo(entry, TAG_NODE)
}

/** Indexes of the entry's references, for an entry of a delta that drops them all. */
export function entryReferences(m: Int32Array, entry: Offset): number[] {
  const found: number[] = []
  if (entryKeyNode(m, entry) !== 0) found.push(0)
  if (isReference(entryValue(m, entry))) found.push(entryValueIndex(m, entry))
  return found
}

/** The node of the entry's key, or 0 where the key has none. */
export function entryKeyNode(m: Int32Array, entry: Offset): Offset {
  if ((ownOf(m, entry) & 3) !== KEY_WORD) return 0
  const word = m[entry + ENTRY_HEAD] as number
  return isReference(word) ? nodeOf(word) : 0
}
