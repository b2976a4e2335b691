/**
 * Dictionaries: Maps and Sets, objects with more keys than one block may have, and those whose
 * shape found no room; the variant in the own bits says which. A member of a Set has `undefined`
 * as value. A trie finds entries by their key's hash; a vector keeps them in the order of
 * insertion, with 0 where one was removed. Integer-like keys come first in JavaScript's order: who
 * lists keys sorts them (`tableKeys`), who makes a JavaScript object need not.
 *
 * When half of the vector is holes, the dictionary is built anew.
 */

import {
  isReference,
  kindOf,
  nodeOf,
  ownOf,
  referenceTo,
  stamp,
  TABLE,
  TAG_NODE,
} from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import type { Delta } from '../versions/delta.ts'
import {
  copyEntry,
  entryKey,
  entryKeyNode,
  entryOrder,
  entryReference,
  entryReferences,
  entryValue,
  entryValueIndex,
  makeEntry,
} from './entry.ts'
import type { Key } from './immutable.ts'
import { packKey } from './key.ts'
import {
  type Maker,
  type Making,
  type Vector,
  vectorApply,
  vectorOf,
  vectorSucceed,
  vectorWords,
} from './list.ts'
import { isInteger, javaScriptOrder } from './order.ts'
import type { Text } from './text.ts'
import { type EntryChange, trieApply, trieFind, trieOf, trieSucceed, trieValue } from './trie.ts'
import { NO_WORD, weightOf, weightOfCount } from './word.ts'

/** Variants of tables. */
export const OBJECT_TABLE = 0
export const MAP_TABLE = 1
export const SET_TABLE = 2

/** Own bits of a Map or Set. Its weight is the largest, so that nothing above it is light:
 *  it is never decoded with what it stands in. */
export function ownOfTable(variant: number): number {
  return (variant << 5) | 31
}

/** Which table it is, if any, else -1. */
export function variantOfTable(m: Int32Array, word: number): number {
  if ((word & 7) !== TAG_NODE) return -1
  const node = nodeOf(word)
  return kindOf(m, node) === TABLE ? ownOf(m, node) >>> 5 : -1
}

/** A Map or a Set. */
export function isDictionary(m: Int32Array, word: number): boolean {
  return variantOfTable(m, word) > OBJECT_TABLE
}

/** In `TableChanges.words`: the key goes. */
export const DELETE = NO_WORD
/** Shorter order vectors are not worth compacting. */
const COMPACT_MIN = 32

export interface TableChanges {
  /** New value words by key, or `DELETE`. Where a word refers to an old node, the caller reports
   *  `included`. */
  readonly words: ReadonlyMap<Key, number>
  /** Keys whose new word is the successor of the old one, of which the caller reports the entry
   *  after this one's; the old words of all other changed keys are dropped. */
  readonly successors: ReadonlySet<Key>
  /** Keys that were deleted and set again: they go to the end of the order. */
  readonly moved?: ReadonlySet<Key>
}

/** The entry of a key, or 0. */
export function tableEntry(m: Int32Array, text: Text, table: Offset, key: Key): Offset {
  const root = m[table + 6] as number
  return root === 0 ? 0 : trieFind(m, text, root, { key, count: packKey(text, key) })
}

/** The word of a key's value, or `NO_WORD`. */
export function tableFind(m: Int32Array, text: Text, table: Offset, key: Key): number {
  const root = m[table + 6] as number
  return root === 0 ? NO_WORD : trieValue(m, text, root, { key, count: packKey(text, key) })
}

export function tableSize(m: Int32Array, table: Offset): number {
  return m[table + 3] as number
}

export function tableOrder(m: Int32Array, table: Offset): Vector {
  return {
    root: m[table + 7] as number,
    shift: m[table + 5] as number,
    length: m[table + 4] as number,
  }
}

/** All entries in the order of insertion. */
export function tableEntries(m: Int32Array, table: Offset): Offset[] {
  const order = tableOrder(m, table)
  const words = new Int32Array(order.length)
  vectorWords(m, order, words, 0)
  const entries: Offset[] = []
  for (const word of words) if (word !== 0) entries.push(nodeOf(word))
  return entries
}

/** Of an object, in JavaScript's order. */
export function tableKeys(m: Int32Array, text: Text, table: Offset): string[] {
  const keys = tableEntries(m, table).map((entry) => entryKey(m, text, entry) as string)
  return keys.some(isInteger) ? javaScriptOrder(keys) : keys
}

interface Parts {
  readonly size: number
  readonly trie: number
  readonly order: Vector
  /** Variant and weight. */
  readonly own: number
}

function makeTable(make: Maker, parts: Parts): number {
  const node = make.allocator.allocate(8)
  const { m } = make
  stamp(m, node, TABLE, parts.own)
  m[node + 2] = make.births
  m[node + 3] = parts.size
  m[node + 4] = parts.order.length
  m[node + 5] = parts.order.shift
  m[node + 6] = parts.trie
  m[node + 7] = parts.order.root
  return referenceTo(node, TAG_NODE)
}

/** A table of new entries, in this order. */
function tableOfEntries(make: Maker, entries: readonly Offset[], own: number): number {
  const { m } = make
  const words = new Int32Array(entries.length)
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index] as Offset
    m[entry + 4] = index
    words[index] = entryReference(entry)
  }
  const order = vectorOf(make, words, 0, words.length)
  return makeTable(make, { size: entries.length, trie: trieOf(make, entries), order, own })
}

/** A new table; the word of `keys[i]` is `words[at + i]`, and each is one reference. */
export function tableOf(
  make: Maker,
  keys: readonly Key[],
  from: { readonly words: ArrayLike<number>; readonly at: number },
  own: number,
): number {
  const { text } = make
  const entries: Offset[] = []
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] as Key
    const packed = { key, count: packKey(text, key) }
    entries.push(makeEntry(make, packed, from.words[from.at + index] as number))
  }
  text.trim()
  return tableOfEntries(make, entries, own)
}

/** What becomes of the entries: computed before anything is reported. */
class TableWork {
  readonly changes: EntryChange[] = []
  /** Changed words of the order vector. */
  readonly order = new Map<number, number>()
  /** Orders whose entry is replaced, not removed. */
  readonly staying = new Set<number>()
  size: number
  next: number
  weight: number

  constructor(m: Int32Array, table: Offset) {
    this.size = tableSize(m, table)
    this.next = m[table + 4] as number
    this.weight = ownOf(m, table) & 31
  }
}

function plan(make: Maker, table: Offset, changes: TableChanges): TableWork {
  const { m, text } = make
  const work = new TableWork(m, table)
  const root = m[table + 6] as number
  for (const [key, word] of changes.words) {
    const packed = { key, count: packKey(text, key) }
    const before = root === 0 ? 0 : trieFind(m, text, root, packed)
    const hash = text.hashed
    if (before === 0) {
      if (word === DELETE) continue
      add(m, work, { hash, before, after: makeEntry(make, packed, word) })
      work.size++
    } else if (word === DELETE) {
      work.changes.push({ hash, before, after: 0 })
      work.order.set(entryOrder(m, before), 0)
      work.size--
    } else {
      replace(
        make,
        work,
        { hash, before, after: copyEntry(make, before, word) },
        changes.moved?.has(key),
      )
    }
    if (word !== DELETE) work.weight = Math.max(work.weight, weightOf(m, word))
  }
  work.weight = Math.max(work.weight, weightOfCount(work.size + 1))
  text.trim()
  return work
}

/** Puts a new entry at the end of the order. */
function add(m: Int32Array, work: TableWork, change: EntryChange): void {
  m[change.after + 4] = work.next
  work.order.set(work.next, entryReference(change.after))
  work.next++
  work.changes.push(change)
}

function replace(
  make: Maker,
  work: TableWork,
  change: EntryChange,
  moved: boolean | undefined,
): void {
  const { m } = make
  const order = entryOrder(m, change.before)
  work.staying.add(order)
  if (moved === true) {
    work.order.set(order, 0)
    add(m, work, change)
  } else {
    work.order.set(order, entryReference(change.after))
    work.changes.push(change)
  }
}

/** The successor of a table, its own entry reported first; the table itself if nothing changed. */
export function tableApply(
  ctx: Making,
  table: Offset,
  changes: TableChanges,
  delta: Delta,
): number {
  const make = ctx.encoder
  const { m } = make
  if (changes.words.size === 1) {
    const word = replaceOne(make, table, changes, delta)
    if (word !== NO_WORD) return word
  }
  const work = plan(make, table, changes)
  if (work.changes.length === 0) return referenceTo(table, TAG_NODE)
  const own = (ownOf(m, table) & ~31) | work.weight
  if (work.next >= COMPACT_MIN && work.size * 2 < work.next) {
    delta.replaced(table, tableReferences(m, table))
    return tableOfEntries(make, survivors(make, table, { work, changes }, delta), own)
  }
  reportRoot(m, table, work, delta)
  const trie = trieApply(make, m[table + 6] as number, work.changes, delta)
  const order = vectorApply(
    make,
    tableOrder(m, table),
    { changes: { words: work.order, successors: work.staying, length: work.next }, fill: 0 },
    delta,
  )
  reportEntries(make, work, changes, delta)
  return makeTable(make, { size: work.size, trie, order, own })
}

/** One new value of a key that the table has: the paths to it are copied, from the roots down.
 *  `NO_WORD` where the change is another one; nothing was made or reported then. */
function replaceOne(make: Maker, table: Offset, changes: TableChanges, delta: Delta): number {
  const { m, text } = make
  const [[key, word]] = changes.words as unknown as [[Key, number]]
  const root = m[table + 6] as number
  if (word === DELETE || root === 0 || changes.moved?.has(key) === true) return NO_WORD
  const before = trieFind(m, text, root, { key, count: packKey(text, key) })
  const hash = text.hashed
  text.trim()
  const size = tableSize(m, table)
  const length = m[table + 4] as number
  if (before === 0 || (length >= COMPACT_MIN && size * 2 < length)) return NO_WORD
  const own = ownOf(m, table)
  const weight = Math.max(own & 31, weightOf(m, word), weightOfCount(size + 1))
  const after = copyEntry(make, before, word)
  delta.replaced(table)
  const trie = trieSucceed(make, root, { hash, before, after }, delta)
  const change = { index: entryOrder(m, before), word: entryReference(after) }
  const order = vectorSucceed(make, tableOrder(m, table), change, delta)
  reportEntry(m, before, changes.successors.size > 0, delta)
  return makeTable(make, { size, trie, order, own: (own & ~31) | weight })
}

/** The table's entry: drops the trie where that is a single entry and goes. */
function reportRoot(m: Int32Array, table: Offset, work: TableWork, delta: Delta): void {
  const trie = m[table + 6] as number
  const gone = work.changes.some(
    ({ before, after }) => after === 0 && entryReference(before) === trie,
  )
  delta.replaced(table, gone ? [0] : [])
}

/** Two tokens of each replaced entry, from the trie and from the order: the first drops all, so
 *  that what the successor keeps is handed on once. */
function reportEntries(make: Maker, work: TableWork, changes: TableChanges, delta: Delta): void {
  const { m, text } = make
  const { successors } = changes
  for (const { before, after } of work.changes) {
    if (before === 0 || after === 0) continue
    reportEntry(
      m,
      before,
      successors.size !== 0 && successors.has(entryKey(m, text, before)),
      delta,
    )
  }
}

function reportEntry(m: Int32Array, before: Offset, succeeded: boolean, delta: Delta): void {
  delta.replaced(before, entryReferences(m, before))
  const stays = succeeded || !isReference(entryValue(m, before))
  delta.replaced(before, stays ? [] : [entryValueIndex(m, before)])
}

/** Indexes of the table's references, for an entry that drops them all. */
export function tableReferences(m: Int32Array, table: Offset): number[] {
  const found: number[] = []
  if (m[table + 6] !== 0) found.push(0)
  if (m[table + 7] !== 0) found.push(1)
  return found
}

/** All entries of the compacted successor, in order, each of them new. The old ones are dropped as
 *  a whole, so every word that is taken over is included anew. */
function survivors(
  make: Maker,
  table: Offset,
  job: { readonly work: TableWork; readonly changes: TableChanges },
  delta: Delta,
): Offset[] {
  const { m, text } = make
  const { successors, moved } = job.changes
  const successorOf = new Map<Offset, Offset>()
  for (const { before, after } of job.work.changes) successorOf.set(before, after)
  const entries: Offset[] = []
  const ends: Offset[] = []
  for (const before of tableEntries(m, table)) {
    const after = successorOf.get(before)
    if (after === 0) continue
    const key = entryKeyNode(m, before)
    if (key !== 0) delta.included(key)
    const value = entryValue(m, before)
    const name = after === undefined ? '' : entryKey(m, text, before)
    const stays = after === undefined || successors.has(name)
    if (stays && isReference(value)) delta.included(nodeOf(value))
    if (after !== undefined && moved?.has(name) === true) continue
    entries.push(after ?? copyEntry(make, before, value))
  }
  for (const { before, after } of job.work.changes) {
    if (after === 0) continue
    if (before === 0 || entryOrder(m, after) !== entryOrder(m, before)) ends.push(after)
  }
  return entries.concat(ends)
}
