/**
 * Old and new containers as a comparison reads them: children by position, and which block a
 * position stands in, so that whole blocks that both versions share are passed over unread.
 */

import { kindOf, LIST, nodeOf, OBJECT } from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import type { Codec } from './codec.ts'
import { lengthOf, shapeOf } from './draft-nodes.ts'
import { entryKey, entryOrder, entryValue } from './entry.ts'
import { type Vector, vectorOfList } from './list.ts'
import type { Key } from './immutable.ts'
import type { Shape } from './shapes.ts'
import { tableEntry, tableOrder } from './table.ts'
import { NO_WORD } from './word.ts'

/** Elements of a vector that one block holds. */
export const LEAF = 64

/** The words at the leaves of a vector; remembers the leaf that it read last. */
class Leaves {
  readonly #m: Int32Array
  readonly #vector: Vector
  #first = -1
  #leaf: Offset = 0

  constructor(m: Int32Array, vector: Vector) {
    this.#m = m
    this.#vector = vector
  }

  /** The leaf that holds a position. */
  leaf(index: number): Offset {
    const first = index - (index % LEAF)
    if (first === this.#first) return this.#leaf
    let node = nodeOf(this.#vector.root)
    for (let { shift } = this.#vector; shift > 0; shift -= 6) {
      node = nodeOf(this.#m[node + 3 + ((index >>> shift) & 63)] as number)
    }
    this.#first = first
    this.#leaf = node
    return node
  }

  at(index: number): number {
    return this.#m[this.leaf(index) + 3 + (index % LEAF)] as number
  }
}

/** An array of either size. */
export class Elements {
  /** Its length. */
  readonly end: number
  readonly #m: Int32Array
  readonly #at: Offset
  readonly #leaves: Leaves | undefined

  constructor(m: Int32Array, word: number) {
    const node = nodeOf(word)
    this.end = lengthOf(m, node)
    this.#m = m
    this.#at = node + 4
    this.#leaves = kindOf(m, node) === LIST ? new Leaves(m, vectorOfList(m, node)) : undefined
  }

  at(index: number): number {
    const leaves = this.#leaves
    return leaves === undefined ? (this.#m[this.#at + index] as number) : leaves.at(index)
  }

  /** The block that holds an index, among others that begin at a multiple of `LEAF`; else 0. */
  leaf(index: number): Offset {
    return this.#leaves?.leaf(index) ?? 0
  }
}

/** Stands for the key at a position where no entry is. */
export const HOLE = Symbol('hole')

/** What an object of either size, a Map or a Set has, at positions in the order of insertion. */
export interface Properties {
  /** Positions; some may be empty. */
  readonly end: number
  /** As of `Elements`. */
  leaf(position: number): Offset
  keyAt(position: number): Key | typeof HOLE
  wordAt(position: number): number
  /** Where a key is, or -1. */
  positionOf(key: Key): number
}

export function propertiesOf(codec: Codec, word: number): Properties {
  const node = nodeOf(word)
  if (kindOf(codec.memory.m, node) !== OBJECT) return new TableProperties(codec, node)
  return new FlatProperties(codec.memory.m, node, shapeOf(codec, node))
}

class FlatProperties implements Properties {
  readonly end: number
  readonly #m: Int32Array
  readonly #at: Offset
  readonly #shape: Shape

  constructor(m: Int32Array, node: Offset, shape: Shape) {
    this.end = shape.count
    this.#m = m
    this.#at = node + 3
    this.#shape = shape
  }

  leaf(): Offset {
    return 0
  }

  keyAt(position: number): Key {
    return this.#shape.keys[position]
  }

  wordAt(position: number): number {
    return this.#m[this.#at + position] as number
  }

  positionOf(key: Key): number {
    return this.#shape.slotOf(key as string)
  }
}

class TableProperties implements Properties {
  readonly end: number
  readonly #codec: Codec
  readonly #node: Offset
  readonly #leaves: Leaves

  constructor(codec: Codec, node: Offset) {
    const order = tableOrder(codec.memory.m, node)
    this.end = order.length
    this.#codec = codec
    this.#node = node
    this.#leaves = new Leaves(codec.memory.m, order)
  }

  leaf(position: number): Offset {
    return this.#leaves.leaf(position)
  }

  keyAt(position: number): Key | typeof HOLE {
    const { memory, text } = this.#codec
    const word = this.#leaves.at(position)
    return word === 0 ? HOLE : entryKey(memory.m, text, nodeOf(word))
  }

  wordAt(position: number): number {
    const word = this.#leaves.at(position)
    return word === 0 ? NO_WORD : entryValue(this.#codec.memory.m, nodeOf(word))
  }

  positionOf(key: Key): number {
    const { memory, text } = this.#codec
    const entry = tableEntry(memory.m, text, this.#node, key)
    return entry === 0 ? -1 : entryOrder(memory.m, entry)
  }
}
