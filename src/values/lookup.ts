/**
 * Finding one value without decoding anything else: steps from a value word to the word of a key.
 */

import { corrupt } from '../errors.ts'
import {
  ARRAY,
  BOX,
  DOUBLE,
  isReference,
  kindOf,
  LIST,
  nodeOf,
  OBJECT,
  ownOf,
  TABLE,
  TAG_OBJECT,
  TAG_STRING,
} from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import { readBox } from './box.ts'
import type { Codec } from './codec.ts'
import type { Key } from './immutable.ts'
import { isKey } from './key.ts'
import { listAt } from './list.ts'
import { isInteger } from './order.ts'
import { OBJECT_TABLE, tableFind, tableKeys, tableSize } from './table.ts'
import { immediateToValue, NO_WORD } from './word.ts'

/** No such key; never the word of a value. */
export const MISSING = NO_WORD

/** The word at a key of a container, or `MISSING`; a scalar has none, and a member of a
 *  Set is a key whose value is `undefined`. */
export function find(ctx: Codec, word: number, key: Key): number {
  const { m } = ctx.memory
  if ((word & 7) === TAG_OBJECT) {
    const node = nodeOf(word)
    const shape = ctx.shapes.of(ownOf(m, node) >>> 5)
    const name = nameOf(key)
    const slot = name === undefined ? -1 : shape.slotOf(name)
    return slot < 0 ? MISSING : (m[node + 3 + slot] as number)
  }
  return isReference(word) ? findInNode(ctx, nodeOf(word), key) : MISSING
}

function findInNode(ctx: Codec, node: Offset, key: Key): number {
  const { m } = ctx.memory
  switch (kindOf(m, node)) {
    case ARRAY: {
      const index = indexOf(key, m[node + 3] as number)
      return index < 0 ? MISSING : (m[node + 4 + index] as number)
    }
    case LIST: {
      const index = indexOf(key, m[node + 3] as number)
      return index < 0 ? MISSING : listAt(m, node, index)
    }
    case TABLE: {
      if (ownOf(m, node) >>> 5 !== OBJECT_TABLE) {
        return isKey(key) ? tableFind(m, ctx.text, node, key) : MISSING
      }
      const name = nameOf(key)
      return name === undefined ? MISSING : tableFind(m, ctx.text, node, name)
    }
    default:
      return MISSING
  }
}

/** Objects have strings as keys, and numbers stand for them; nothing else is a key. */
function nameOf(key: Key): string | undefined {
  if (typeof key === 'string') return key
  return typeof key === 'number' ? String(key) : undefined
}

/** The index that a key is in an array of this length, or -1. */
function indexOf(key: Key, length: number): number {
  let index = -1
  if (typeof key === 'number') index = key
  else if (typeof key === 'string' && isInteger(key)) index = Number(key)
  return index >= 0 && index < length && Number.isInteger(index) ? index : -1
}

/** The word at the end of a path, or `MISSING`. */
export function findPath(ctx: Codec, word: number, path: readonly Key[]): number {
  let found = word
  for (let index = 0; index < path.length && found !== MISSING; index++) {
    found = find(ctx, found, path[index] as Key)
  }
  return found
}

/** The value of a word that is no container. */
export function scalar(ctx: Codec, word: number): unknown {
  if (!isReference(word)) return immediateToValue(word)
  if ((word & 7) === TAG_STRING) return ctx.text.read(nodeOf(word))
  const { m, words } = ctx.memory
  const node = nodeOf(word)
  const kind = kindOf(m, node)
  if (kind === DOUBLE) return words.doubles[(node + 2) >> 1]
  if (kind === BOX) return readBox(m, words.doubles, node)
  throw corrupt(`a node of kind ${kind} is not a scalar`, { block: node, kind })
}

/** How many keys or elements a container has. */
export function sizeOfContainer(ctx: Codec, word: number): number {
  const { m } = ctx.memory
  const node = nodeOf(word)
  switch (kindOf(m, node)) {
    case OBJECT:
      return ctx.shapes.of(ownOf(m, node) >>> 5).count
    case ARRAY:
    case LIST:
      return m[node + 3] as number
    case TABLE:
      return tableSize(m, node)
    default:
      return 0
  }
}

/** The keys of a plain object of any size, in JavaScript's order. */
export function keysOf(ctx: Codec, word: number): readonly string[] {
  const { m } = ctx.memory
  const node = nodeOf(word)
  if ((word & 7) === TAG_OBJECT) {
    const kind = kindOf(m, node)
    if (kind === OBJECT) return ctx.shapes.of(ownOf(m, node) >>> 5).keys
  }
  return kindOf(m, node) === TABLE ? tableKeys(m, ctx.text, node) : []
}
