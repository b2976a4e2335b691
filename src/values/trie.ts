/**
 * The trie of a dictionary: 64-wide inner nodes that six bits of a key's hash choose among, and at
 * the leaves single entries or buckets of up to 16. Entries of one and the same hash share a bucket
 * however many they are.
 *
 * Reports to a delta as `list.ts` explains. A node that loses all its children is reported like any
 * other; it just has no successor.
 *
 * Recursion here follows the levels of a trie, of which there are at most seven.
 */

import { RootswapError } from '../errors.ts'
import {
  BUCKET,
  ENTRY,
  FANOUT,
  FLAT_MAX,
  kindOf,
  markWords,
  nodeOf,
  ownOf,
  referenceTo,
  stamp,
  TAG_NODE,
  TAG_OBJECT,
  TRIE,
} from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import type { Delta } from '../versions/delta.ts'
import { entryHash, entryHasKey, entryReference, entryValue } from './entry.ts'
import type { Packed } from './key.ts'
import type { Maker } from './list.ts'
import type { Text } from './text.ts'
import { NO_WORD } from './word.ts'

const BITS = 6
const BUCKET_MAX = 16
/** No bits of the hash are left below this shift. */
const SHIFT_END = 32
/** Of a hash above this shift a bucket keeps a mark, so that it seldom looks at another's key. */
const MARK_SHIFT = 24

/** The entry of the key that `text` packed last, or 0. */
export function trieFind(m: Int32Array, text: Text, root: number, packed: Packed): Offset {
  const leaf = trieLeaf(m, root, text.hashed)
  if (leaf === 0) return 0
  if (kindOf(m, leaf) === ENTRY) return isEntryOf(m, text, leaf, packed) ? leaf : 0
  const at = bucketFind(m, text, leaf, packed)
  return at === 0 ? 0 : nodeOf(m[at] as number)
}

/** The word of that key's value, or `NO_WORD`. */
export function trieValue(m: Int32Array, text: Text, root: number, packed: Packed): number {
  const leaf = trieLeaf(m, root, text.hashed)
  if (leaf === 0) return NO_WORD
  if (kindOf(m, leaf) === ENTRY) {
    return isEntryOf(m, text, leaf, packed) ? entryValue(m, leaf) : NO_WORD
  }
  const at = bucketFind(m, text, leaf, packed)
  return at === 0 ? NO_WORD : (m[at + ownOf(m, leaf)] as number)
}

/** The entry or bucket where keys of a hash are, or 0. */
function trieLeaf(m: Int32Array, root: number, hash: number): Offset {
  let node = nodeOf(root)
  // Bound: levels; each uses up six bits.
  for (let shift = 0; kindOf(m, node) === TRIE; shift += BITS) {
    node = nodeOf(m[node + 3 + ((hash >>> shift) & 63)] as number)
    if (node === 0) return 0
  }
  return node
}

function isEntryOf(m: Int32Array, text: Text, entry: Offset, packed: Packed): boolean {
  return entryHash(m, entry) === text.hashed && entryHasKey(m, text, entry, packed)
}

/** Where the bucket names the entry of the key that `text` packed last, or 0. Of a large dictionary
 *  neither entry nor value is in a cache: where the value is an object, its head is read before the
 *  entry's key is compared, so that the processor waits for both at the same time. */
function bucketFind(m: Int32Array, text: Text, bucket: Offset, packed: Packed): Offset {
  const count = ownOf(m, bucket)
  const first = bucket + 3 + markWords(count)
  const mark = text.hashed >>> MARK_SHIFT
  for (let index = 0; index < count; index++) {
    const marks = m[bucket + 3 + (index >> 2)] as number
    if (((marks >>> ((index & 3) << 3)) & 255) !== mark) continue
    const value = m[first + count + index] as number
    if ((value & 7) === TAG_OBJECT) text.ahead = m[nodeOf(value)] as number
    if (entryHasKey(m, text, nodeOf(m[first + index] as number), packed)) return first + index
  }
  return 0
}

/** What happens to one entry: added (`before` 0), replaced, or removed (`after` 0). */
export interface EntryChange {
  readonly hash: number
  readonly before: Offset
  readonly after: Offset
}

/** A new trie of new entries. */
export function trieOf(make: Maker, entries: readonly Offset[]): number {
  return grow(make, entries, 0)
}

function grow(make: Maker, entries: readonly Offset[], shift: number): number {
  const { m } = make
  const { length } = entries
  if (length === 0) return 0
  if (length === 1) return entryReference(entries[0] as Offset)
  if (length <= BUCKET_MAX || shift >= SHIFT_END) return makeBucket(make, entries)
  const groups: Offset[][] = []
  for (let digit = 0; digit < FANOUT; digit++) groups.push([])
  for (const entry of entries) {
    const group = groups[(entryHash(m, entry) >>> shift) & 63] as Offset[]
    group.push(entry)
  }
  const children = groups.map((group) => grow(make, group, shift + BITS))
  return makeTrie(make, children)
}

function makeBucket(make: Maker, entries: readonly Offset[]): number {
  const { m } = make
  const count = entries.length
  if (count > FLAT_MAX) {
    throw new RootswapError(
      'ERR_UNSUPPORTED_VALUE',
      `more than ${FLAT_MAX} keys of one object have the same hash`,
      { keys: count },
    )
  }
  const marks = markWords(count)
  const node = make.allocator.allocate(3 + marks + 2 * count)
  stamp(m, node, BUCKET, count)
  m[node + 2] = make.births
  for (let word = 0; word < marks; word++) m[node + 3 + word] = 0
  for (let index = 0; index < count; index++) {
    const entry = entries[index] as Offset
    const mark = (entryHash(m, entry) >>> MARK_SHIFT) << ((index & 3) << 3)
    m[node + 3 + (index >> 2)] = (m[node + 3 + (index >> 2)] as number) | mark
    m[node + 3 + marks + index] = entryReference(entry)
    m[node + 3 + marks + count + index] = entryValue(m, entry)
  }
  return referenceTo(node, TAG_NODE)
}

function makeTrie(make: Maker, children: readonly number[]): number {
  const { m } = make
  const node = make.allocator.allocate(3 + FANOUT)
  stamp(m, node, TRIE, FANOUT)
  m[node + 2] = make.births
  for (let index = 0; index < FANOUT; index++) m[node + 3 + index] = children[index] as number
  return referenceTo(node, TAG_NODE)
}

/** The successor of a trie. Reports inner nodes and buckets; the entries are the caller's. */
export function trieApply(
  make: Maker,
  root: number,
  changes: readonly EntryChange[],
  delta: Delta,
): number {
  return apply({ make, delta }, root, changes, 0)
}

/** The successor of a trie in which one entry, which it has, gets a successor; from the root down.
 *  Reports inner nodes and buckets; the entry is the caller's. */
export function trieSucceed(
  make: Maker,
  root: number,
  { hash, before, after }: EntryChange,
  delta: Delta,
): number {
  const { m } = make
  let word = root
  let made = 0
  let slot = 0
  // Bound: levels; each uses up six bits.
  for (let shift = 0; ; shift += BITS) {
    const node = nodeOf(word)
    const kind = kindOf(m, node)
    let copy = after
    if (kind !== ENTRY) {
      delta.replaced(node)
      copy = kind === TRIE ? copyTrie(make, node) : copyBucket(make, node)
    }
    if (made === 0) made = referenceTo(copy, TAG_NODE)
    else m[slot] = referenceTo(copy, TAG_NODE)
    if (kind === ENTRY) return made
    if (kind === BUCKET) {
      replaceInBucket(m, copy, before, after)
      return made
    }
    slot = copy + 3 + ((hash >>> shift) & 63)
    word = m[slot] as number
  }
}

function copyTrie(make: Maker, node: Offset): Offset {
  const { m } = make
  const copy = make.allocator.allocate(3 + FANOUT)
  m.copyWithin(copy + 3, node + 3, node + 3 + FANOUT)
  stamp(m, copy, TRIE, FANOUT)
  m[copy + 2] = make.births
  return copy
}

function copyBucket(make: Maker, node: Offset): Offset {
  const { m } = make
  const count = ownOf(m, node)
  const size = 3 + markWords(count) + 2 * count
  const copy = make.allocator.allocate(size)
  for (let index = 3; index < size; index++) m[copy + index] = m[node + index] as number
  stamp(m, copy, BUCKET, count)
  m[copy + 2] = make.births
  return copy
}

/** In a private bucket: another entry with the key of one that it has. */
function replaceInBucket(m: Int32Array, bucket: Offset, before: Offset, after: Offset): void {
  const count = ownOf(m, bucket)
  const first = bucket + 3 + markWords(count)
  for (let at = first; at < first + count; at++) {
    if (m[at] !== entryReference(before)) continue
    m[at] = entryReference(after)
    m[at + count] = entryValue(m, after)
  }
}

interface Job {
  readonly make: Maker
  readonly delta: Delta
}

function apply(job: Job, word: number, changes: readonly EntryChange[], shift: number): number {
  const { m } = job.make
  if (word === 0) return grow(job.make, added(changes), shift)
  const node = nodeOf(word)
  const kind = kindOf(m, node)
  if (kind === TRIE) return applyTrie(job, node, changes, shift)
  if (kind === BUCKET && changes.every(isReplacement)) return replacedBucket(job, node, changes)
  const entries = kind === ENTRY ? [node] : bucketEntries(m, node)
  const dropped: number[] = []
  const kept: Offset[] = []
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index] as Offset
    const change = changes.find((change) => change.before === entry)
    if (change === undefined) kept.push(entry)
    else if (change.after !== 0) kept.push(change.after)
    else dropped.push(index)
  }
  if (kind === BUCKET) job.delta.replaced(node, dropped)
  return grow(job.make, kept.concat(added(changes)), shift)
}

function isReplacement({ before, after }: EntryChange): boolean {
  return before !== 0 && after !== 0
}

function replacedBucket(job: Job, node: Offset, changes: readonly EntryChange[]): number {
  job.delta.replaced(node)
  const copy = copyBucket(job.make, node)
  for (const { before, after } of changes) replaceInBucket(job.make.m, copy, before, after)
  return referenceTo(copy, TAG_NODE)
}

function bucketEntries(m: Int32Array, bucket: Offset): Offset[] {
  const count = ownOf(m, bucket)
  const entries: Offset[] = []
  const first = bucket + 3 + markWords(count)
  for (let at = first; at < first + count; at++) entries.push(nodeOf(m[at] as number))
  return entries
}

function added(changes: readonly EntryChange[]): Offset[] {
  const entries: Offset[] = []
  for (const { before, after } of changes) if (before === 0) entries.push(after)
  return entries
}

/** One change: the copy differs in one word, unless the node may have to go. */
function applyOne(job: Job, node: Offset, changes: readonly EntryChange[], shift: number): number {
  const { m } = job.make
  const digit = ((changes[0] as EntryChange).hash >>> shift) & 63
  const before = m[node + 3 + digit] as number
  job.delta.replaced(node, removedEntries(m, node, changes, shift))
  const child = apply(job, before, changes, shift + BITS)
  const stays =
    child !== 0 &&
    (before === 0 || kindOf(m, nodeOf(before)) !== TRIE || kindOf(m, nodeOf(child)) === TRIE)
  if (!stays) {
    const children = Array.from(m.subarray(node + 3, node + 3 + FANOUT))
    children[digit] = child
    return smallest(job.make, children)
  }
  const copy = copyTrie(job.make, node)
  m[copy + 3 + digit] = child
  return referenceTo(copy, TAG_NODE)
}

/** What stands for these children: nothing, one of them, or a node. */
function smallest(make: Maker, children: readonly number[]): number {
  let count = 0
  let last = 0
  for (const child of children) {
    if (child === 0) continue
    count++
    last = child
  }
  if (count === 0) return 0
  // A single entry or bucket needs no node above it: it is found by its full hash.
  if (count === 1 && kindOf(make.m, nodeOf(last)) !== TRIE) return last
  return makeTrie(make, children)
}

function applyTrie(job: Job, node: Offset, changes: readonly EntryChange[], shift: number): number {
  if (changes.length === 1) return applyOne(job, node, changes, shift)
  const { m } = job.make
  const groups: (EntryChange[] | undefined)[] = new Array(FANOUT)
  for (const change of changes) {
    const digit = (change.hash >>> shift) & 63
    ;(groups[digit] ??= []).push(change)
  }
  job.delta.replaced(node, removedEntries(m, node, changes, shift))
  const children = new Array<number>(FANOUT)
  for (let digit = 0; digit < FANOUT; digit++) {
    const group = groups[digit]
    const child = m[node + 3 + digit] as number
    children[digit] = group === undefined ? child : apply(job, child, group, shift + BITS)
  }
  return smallest(job.make, children)
}

/** Digits whose child is an entry that is removed. */
export function removedEntries(
  m: Int32Array,
  node: Offset,
  changes: readonly EntryChange[],
  shift: number,
): number[] {
  const dropped: number[] = []
  for (const { hash, before, after } of changes) {
    const digit = (hash >>> shift) & 63
    if (after === 0 && m[node + 3 + digit] === entryReference(before)) dropped.push(digit)
  }
  return dropped
}
