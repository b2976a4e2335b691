/**
 * What kinds of block there are, and which of a block's words are references: enough for
 * reclaiming and checking to walk nodes without knowing what they mean.
 *
 * Word 0 of every block is its header: kind (4 bits), size class (6 bits), 22 bits that belong to
 * the kind. Word 1 is its reference count (L once published), or a list link while it is free or
 * dead. A **value word** holds a value or a reference in 32 bits:
 *
 * | low bits | meaning |
 * | --- | --- |
 * | `…0` | a 31-bit integer |
 * | `001` | a plain object; the rest is the byte offset of its node |
 * | `011` | a string; byte offset |
 * | `101` | another node; byte offset |
 * | `111` | undefined, null, true, false, NaN, -0, or a string of up to 3 one-byte characters |
 *
 * **Invariants.** A node's references are one contiguous range of value words; words outside the
 * range are never references. A published node's words, the count excepted, never change; those of
 * a counted block do (counted.ts).
 *
 * **Ordering.** Pure functions of immutable words.
 *
 * **Progress.** Wait-free: nothing waits or retries.
 *
 * **Crash.** Nothing shared is written.
 */

import { corrupt } from '../errors.ts'
import type { Layout } from './layout.ts'
import type { Offset } from './words.ts'

export const FREE = 0
/** own: shape id << 5 | weight. w2 birth, then one value word per key in shape order. */
export const OBJECT = 1
/** own: weight. w2 birth, w3 length, then value words. Up to `FLAT_MAX` elements. */
export const ARRAY = 2
/** own: bit 0 two-byte. w2 length in UTF-16 units, then packed characters. */
export const STRING = 3
/** w2–w3 float64. */
export const DOUBLE = 4
/** A large array. own: weight. w2 birth, w3 length, w4 shift, w5 root (reference). */
export const LIST = 5
/** own: how many words. w2 birth, then up to 64 value words: children or elements. */
export const LIST_NODE = 6
/** A large object. own: variant << 5 | weight. w2 birth, w3 size, w4 next order index,
 *  w5 order shift, w6 trie root, w7 order root (references, 0 where empty). */
export const TABLE = 7
/** own: 64. w2 birth, then 64 value words: trie nodes, buckets, entries or 0. */
export const TRIE = 8
/** own: n. w2 birth, then n marks of a byte each (the top of the entry's hash), then n value words:
 *  entries. Then n words that repeat the entries' values, and are no references: a reader meets the
 *  value's node at the same time as the entry's, not after it. */
export const BUCKET = 9
/** own: key length << 2 | key form. w2 birth, w3 hash, w4 order index, then the key's characters
 *  where they are inline, else one value word; then the value's word. */
export const ENTRY = 10
/** Words that only values read (bigint, date, binary), no references. own: sort << 5 | weight.
 *  w2 birth, w3 length, then data. */
export const BOX = 11
/** A version record; see versions/record.ts. Its references are counted by rounds, not here. */
export const RECORD = 12
/** Keys of objects; never freed. w2 id, w3 count, w4 parent id + 1 or 0, w5 own keys, then keys. */
export const SHAPE = 13
/** Words that belong to a thread slot: its draft log, its further leases. */
export const CHUNK = 14
/** A counted block. own: how many references. See counted.ts. */
export const COUNTED = 15

/** Objects and arrays up to this many children are one block. */
export const FLAT_MAX = 1024
/** Children of an inner node of a trie or of a list. */
export const FANOUT = 64

/** Forms of an entry's key, in the low two bits of its own bits. */
export const KEY_LATIN = 0
export const KEY_WIDE = 1
export const KEY_WORD = 2

export const OWN_SHIFT = 10

export const TAG_OBJECT = 1
export const TAG_STRING = 3
export const TAG_NODE = 5
export const TAG_IMMEDIATE = 7

export function header(kind: number, sizeClass: number, own: number): number {
  return kind | (sizeClass << 4) | (own << OWN_SHIFT)
}

export function kindOf(m: Int32Array, node: Offset): number {
  return (m[node] as number) & 15
}

export function sizeClassOf(m: Int32Array, node: Offset): number {
  return ((m[node] as number) >>> 4) & 63
}

export function ownOf(m: Int32Array, node: Offset): number {
  return (m[node] as number) >>> OWN_SHIFT
}

/** Keeps the size class that the allocator stamped; sets kind and own bits. */
export function stamp(m: Int32Array, node: Offset, kind: number, own: number): void {
  m[node] = ((m[node] as number) & 0x3f0) | kind | (own << OWN_SHIFT)
}

export function isReference(word: number): boolean {
  return (word & 1) !== 0 && (word & 7) !== TAG_IMMEDIATE
}

/** The node that a reference names; its byte offset is a multiple of 8. */
export function nodeOf(reference: number): Offset {
  return (reference >>> 2) & ~1
}

export function referenceTo(node: Offset, tag: number): number {
  return (node << 2) | tag
}

/** First word of the node's references. */
export function referencesAt(m: Int32Array, node: Offset): Offset {
  const word = m[node] as number
  switch (word & 15) {
    case OBJECT:
    case LIST_NODE:
    case TRIE:
      return node + 3
    case ARRAY:
      return node + 4
    case LIST:
      return node + 5
    case TABLE:
      return node + 6
    case BUCKET:
      return node + 3 + markWords(word >>> OWN_SHIFT)
    case ENTRY:
      return node + 5 + inlineKeyWords(word >>> OWN_SHIFT)
    case COUNTED:
      return node + 4
    default:
      return node
  }
}

/** How many words of references the node has; some may hold no reference. */
export function referenceCount(m: Int32Array, node: Offset, layout: Layout): number {
  const word = m[node] as number
  const own = word >>> OWN_SHIFT
  switch (word & 15) {
    case OBJECT:
      return shapeCount(m, own >>> 5, layout)
    case ARRAY:
      return m[node + 3] as number
    case LIST:
      return 1
    case TABLE:
      return 2
    case LIST_NODE:
    case TRIE:
    case BUCKET:
    case COUNTED:
      return own
    case ENTRY:
      return (own & 3) === KEY_WORD ? 2 : 1
    default:
      return 0
  }
}

/** Whether the words that repeat the values of a bucket's entries say what the entries do. */
export function repeatsItsEntries(m: Int32Array, bucket: Offset): boolean {
  const count = ownOf(m, bucket)
  const first = referencesAt(m, bucket)
  for (let at = first; at < first + count; at++) {
    if (m[at + count] !== m[entryValueAt(m, nodeOf(m[at] as number))]) return false
  }
  return true
}

/** Where the word of an entry's value is. */
export function entryValueAt(m: Int32Array, entry: Offset): Offset {
  const own = ownOf(m, entry)
  return entry + 5 + ((own & 3) === KEY_WORD ? 1 : inlineKeyWords(own))
}

/** Words that the marks of a bucket of `count` entries take. */
export function markWords(count: number): number {
  return (count + 3) >>> 2
}

/** Words that an entry's characters take inside the entry. */
export function inlineKeyWords(own: number): number {
  const length = own >>> 2
  switch (own & 3) {
    case KEY_LATIN:
      return (length + 3) >>> 2
    case KEY_WIDE:
      return (length + 1) >>> 1
    default:
      return 0
  }
}

/** Whether a block of a draft's log is a published shape, which outlives the draft whatever becomes
 *  of it. The word decides for the draft's own thread: only it can have stored its own block. */
export function isPermanent(m: Int32Array, layout: Layout, block: Offset): boolean {
  if (kindOf(m, block) !== SHAPE) return false
  const id = m[block + 2] as number
  return id >= 0 && id < layout.shapesMax && m[layout.shapesAt + id] === block
}

function shapeCount(m: Int32Array, id: number, layout: Layout): number {
  const shape = m[layout.shapesAt + id] as number
  if (id >= layout.shapesMax || shape === 0) {
    throw corrupt(`an object names shape ${id}, which does not exist`, { shape: id })
  }
  return m[shape + 3] as number
}
