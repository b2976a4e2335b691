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
  nodeOf,
  ownOf,
  referenceTo,
  stamp,
  TAG_NODE,
  TRIE,
} from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import type { Delta } from '../versions/delta.ts'
import { entryHash, entryHasKey, entryReference } from './entry.ts'
import type { Packed } from './key.ts'
import type { Maker } from './list.ts'
import type { Text } from './text.ts'

const BITS = 6
const BUCKET_MAX = 16
/** No bits of the hash are left below this shift. */
const SHIFT_END = 32

/** The entry of the key that `text` packed last, or 0. */
export function trieFind(m: Int32Array, text: Text, root: number, packed: Packed): Offset {
  const hash = text.hashed
  let word = root
  // Bound: levels; each uses up six bits.
  for (let shift = 0; word !== 0; shift += BITS) {
    const node = nodeOf(word)
    const kind = kindOf(m, node)
    if (kind === TRIE) {
      word = m[node + 3 + ((hash >>> shift) & 63)] as number
    } else if (kind === ENTRY) {
      return entryHash(m, node) === hash && entryHasKey(m, text, node, packed) ? node : 0
    } else {
      const count = ownOf(m, node)
      for (let index = 0; index < count; index++) {
        if (m[node + 3 + index] !== hash) continue
        const entry = nodeOf(m[node + 3 + count + index] as number)
        if (entryHasKey(m, text, entry, packed)) return entry
      }
      return 0
    }
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
  const node = make.allocator.allocate(3 + 2 * count)
  stamp(m, node, BUCKET, count)
  m[node + 2] = make.births
  for (let index = 0; index < count; index++) {
    const entry = entries[index] as Offset
    m[node + 3 + index] = entryHash(m, entry)
    m[node + 3 + count + index] = entryReference(entry)
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

function bucketEntries(m: Int32Array, bucket: Offset): Offset[] {
  const count = ownOf(m, bucket)
  const entries: Offset[] = []
  for (let index = 0; index < count; index++) {
    entries.push(nodeOf(m[bucket + 3 + count + index] as number))
  }
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
  const copy = job.make.allocator.allocate(3 + FANOUT)
  m.copyWithin(copy + 3, node + 3, node + 3 + FANOUT)
  stamp(m, copy, TRIE, FANOUT)
  m[copy + 2] = job.make.births
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
