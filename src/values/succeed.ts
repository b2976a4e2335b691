/**
 * The successor of one container of which it is known what every child becomes.
 */

import {
  ARRAY,
  FLAT_MAX,
  isReference,
  LIST,
  nodeOf,
  OBJECT,
  ownOf,
  referenceTo,
  stamp,
  TAG_NODE,
  TAG_OBJECT,
} from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import type { Delta } from '../versions/delta.ts'
import type { Codec } from './codec.ts'
import { entryKey } from './entry.ts'
import { listApply, listOf } from './list.ts'
import type { Key } from './immutable.ts'
import { DELETE, OBJECT_TABLE, ownOfTable, tableApply, tableEntries, tableOf } from './table.ts'
import { NO_WORD, weightOfWords } from './word.ts'

/** An old container and what its children become. */
export class Pair {
  /** The old container. */
  readonly word: number
  /** Its node's kind. */
  readonly kind: number
  /** By index in the new container: the new word, the old word that was compared (or `NO_WORD`),
   *  and whether the old child stays, itself or as the successor that the new word is. */
  readonly words: number[] = []
  readonly before: number[] = []
  readonly stays: boolean[] = []
  /** Of the new object, where they may differ from the old one's. */
  keys: Key[] | undefined = undefined
  isChanged = false
  /** Keys that both have stand in another order. */
  isReordered = false
  /** How many keys of a dictionary are gone. */
  removed = 0

  constructor(word: number, kind: number) {
    this.word = word
    this.kind = kind
  }

  /** The next child of the new container. */
  add(word: number, before: number, stays: boolean): void {
    this.words.push(word)
    this.before.push(before)
    this.stays.push(stays)
  }
}

/** The word of a changed pair's new container; its entries are reported, its own first. */
export function succeed(ctx: Codec, pair: Pair, delta: Delta): number {
  switch (pair.kind) {
    case OBJECT:
      return succeedObject(ctx, pair, delta)
    case ARRAY:
      return succeedArray(ctx, pair, delta)
    case LIST:
      return succeedList(ctx, pair, delta)
    default:
      return succeedTable(ctx, pair, delta)
  }
}

/** Old references that do not stay, of children that begin at `at`. */
function droppedOf(m: Int32Array, at: Offset, count: number, staying: Set<number>): number[] {
  const dropped: number[] = []
  for (let index = 0; index < count; index++) {
    if (isReference(m[at + index] as number) && !staying.has(index)) dropped.push(index)
  }
  return dropped
}

function succeedObject(ctx: Codec, pair: Pair, delta: Delta): number {
  const { m } = ctx.memory
  const node = nodeOf(pair.word)
  const old = ctx.shapes.of(ownOf(m, node) >>> 5)
  const { words, stays } = pair
  const keys = pair.keys as string[] | undefined
  const staying = new Set<number>()
  for (let index = 0; index < words.length; index++) {
    if (stays[index] !== true) continue
    staying.add(keys === undefined ? index : old.slotOf(keys[index] as string))
  }
  delta.replaced(node, droppedOf(m, node + 3, old.count, staying))
  const weight = weightOfWords(m, pair.words)
  let { id } = old
  if (keys !== undefined) {
    id = -1
    if (keys.length <= FLAT_MAX) id = ctx.shapes.intern(ctx.shapes.withKeys(keys), ctx.allocator)
    if (id < 0) return tableOf(ctx.encoder, keys, { words, at: 0 }, weight)
  }
  const made = ctx.allocator.allocate(3 + words.length)
  stamp(m, made, OBJECT, (id << 5) | weight)
  m[made + 2] = ctx.encoder.births
  for (let index = 0; index < words.length; index++) m[made + 3 + index] = words[index] as number
  return referenceTo(made, TAG_OBJECT)
}

function succeedArray(ctx: Codec, pair: Pair, delta: Delta): number {
  const { m } = ctx.memory
  const node = nodeOf(pair.word)
  const { words, stays } = pair
  const staying = new Set<number>()
  for (let index = 0; index < words.length; index++) if (stays[index] === true) staying.add(index)
  delta.replaced(node, droppedOf(m, node + 4, m[node + 3] as number, staying))
  const weight = weightOfWords(m, pair.words)
  const { length } = words
  if (length > FLAT_MAX) {
    return listOf(ctx.encoder, Int32Array.from(words), { at: 0, length }, weight)
  }
  const made = ctx.allocator.allocate(4 + length)
  stamp(m, made, ARRAY, weight)
  m[made + 2] = ctx.encoder.births
  m[made + 3] = length
  for (let index = 0; index < length; index++) m[made + 4 + index] = words[index] as number
  return referenceTo(made, TAG_NODE)
}

function succeedList(ctx: Codec, pair: Pair, delta: Delta): number {
  const { words, before, stays } = pair
  const changed = new Map<number, number>()
  const successors = new Set<number>()
  for (let index = 0; index < words.length; index++) {
    const stay = stays[index] === true
    if (stay && words[index] === before[index]) continue
    changed.set(index, words[index] as number)
    if (stay) successors.add(index)
  }
  const changes = { words: changed, successors, length: words.length }
  return listApply(ctx, nodeOf(pair.word), changes, delta)
}

function succeedTable(ctx: Codec, pair: Pair, delta: Delta): number {
  if (pair.isReordered) return rebuildTable(ctx, pair, delta)
  const { m } = ctx.memory
  const { words, before, stays } = pair
  const keys = pair.keys as Key[]
  const table = nodeOf(pair.word)
  const changed = new Map<Key, number>()
  const successors = new Set<Key>()
  if (pair.removed > 0) {
    const present = new Set(keys)
    for (const entry of tableEntries(m, table)) {
      const key = entryKey(m, ctx.text, entry)
      if (!present.has(key)) changed.set(key, DELETE)
    }
  }
  for (let index = 0; index < words.length; index++) {
    const stay = stays[index] === true
    if (stay && words[index] === before[index]) continue
    changed.set(keys[index], words[index] as number)
    if (stay) successors.add(keys[index])
  }
  return tableApply(ctx, table, { words: changed, successors }, delta)
}

/** The old table goes as a whole; each child that stays is referenced anew. */
function rebuildTable(ctx: Codec, pair: Pair, delta: Delta): number {
  const { m } = ctx.memory
  const table = nodeOf(pair.word)
  const { words, before, stays } = pair
  delta.replaced(table, droppedOf(m, table + 6, 2, new Set()))
  for (let index = 0; index < words.length; index++) {
    const word = before[index] as number
    if (stays[index] === true && word !== NO_WORD && isReference(word)) delta.included(nodeOf(word))
  }
  const keys = pair.keys as Key[]
  const variant = ownOf(m, table) >>> 5
  const own = variant === OBJECT_TABLE ? weightOfWords(m, pair.words) : ownOfTable(variant)
  return tableOf(ctx.encoder, keys, { words, at: 0 }, own)
}
