/**
 * Puts saved nodes into a heap: as they were, in new places, with new counts and births. Files are
 * given newest first. A node of an older file is taken only where a node taken before refers to it
 * and no newer file had it; since nodes come parents first, one look at each is enough.
 *
 * The new blocks belong to the draft that is open; nothing is published here.
 */

import { RootswapError } from '../errors.ts'
import {
  BOX,
  BUCKET,
  DOUBLE,
  entryValueAt,
  isReference,
  kindOf,
  nodeOf,
  OBJECT,
  OWN_SHIFT,
  ownOf,
  referenceCount,
  referencesAt,
  stamp,
  STRING,
} from '../memory/kinds.ts'
import { OffsetTable } from '../memory/offset-table.ts'
import type { Offset } from '../memory/words.ts'
import type { Codec } from '../values/codec.ts'
import { damaged } from './format.ts'
import { wordsOfNode } from './nodes.ts'
import type { ShapeList } from './read.ts'
import { Numbers } from './walk.ts'

/** Words of a node before what its kind defines. */
const NODE_HEAD = 2
const REFERENCE_TAG = 7
const KIND = 15

export class Rebuild {
  readonly #codec: Codec
  readonly #m: Int32Array
  /** New place of each node taken, by its old one; -1 where it is still to come. */
  readonly #places = new OffsetTable()
  readonly #made = new Numbers()
  #missing = 0
  /** Of the file being read. */
  #shapes = new SavedShapes([])

  constructor(codec: Codec) {
    this.#codec = codec
    this.#m = codec.memory.m
  }

  /** Of the newest file: what is to be found. */
  want(word: number): void {
    if (!isReference(word)) return
    const old = nodeOf(word)
    if (this.#places.get(old) !== 0) return
    this.#places.set(old, -1)
    this.#missing++
  }

  /** Begins a file. */
  useShapes(list: ShapeList): void {
    const { shapes, allocator } = this.#codec
    this.#shapes = new SavedShapes(list)
    // The widest first: the last parts of a table of shapes are for the smaller ones.
    for (const [id] of list.toSorted(([, a], [, b]) => b.length - a.length)) {
      const shape = this.#shapes.of(id)
      shape.id = shapes.intern(shapes.withKeys(shape.keys), allocator)
    }
  }

  /** Takes what is wanted of a chunk; `at` is where its payload is in the file. */
  take(words: Int32Array, at: number): void {
    for (let index = 0; index < words.length;) {
      // bound: each turn goes on by a node
      index += this.#node(words, index, at)
    }
  }

  /** Every node was found: points the references to the new places and counts them. */
  finish(root: number): number {
    if (this.#missing > 0) throw damaged(0, `${this.#missing} nodes are in none of the files`)
    const m = this.#m
    for (let index = 0; index < this.#made.length; index++) m[this.#made.at(index) + 1] = 0
    for (let index = 0; index < this.#made.length; index++) this.#point(this.#made.at(index))
    for (let index = 0; index < this.#made.length; index++) this.#repeat(this.#made.at(index))
    const word = this.#moved(root)
    if (isReference(word)) this.#count(word)
    return word
  }

  #point(node: Offset): void {
    const m = this.#m
    const first = referencesAt(m, node)
    const end = first + referenceCount(m, node, this.#codec.memory.layout)
    for (let at = first; at < end; at++) {
      const word = m[at] as number
      if (!isReference(word)) continue
      m[at] = this.#moved(word)
      this.#count(m[at] as number)
    }
  }

  /** What a bucket repeats is not what the file says of it, but what its entries say. */
  #repeat(node: Offset): void {
    const m = this.#m
    if (kindOf(m, node) !== BUCKET) return
    const count = ownOf(m, node)
    const first = referencesAt(m, node)
    for (let at = first; at < first + count; at++) {
      m[at + count] = m[entryValueAt(m, nodeOf(m[at] as number))] as number
    }
  }

  #count(word: number): void {
    const countAt = nodeOf(word) + 1
    this.#m[countAt] = (this.#m[countAt] as number) + 1
  }

  #moved(word: number): number {
    if (!isReference(word)) return word
    return (this.#places.get(nodeOf(word)) << 2) | (word & REFERENCE_TAG)
  }

  /** Returns how many words the node takes in the file. */
  #node(words: Int32Array, index: number, at: number): number {
    const size = this.#sizeOf(words, index, at)
    const old = words[index + 1] as number
    if (this.#places.get(old) !== -1) return size
    const { allocator, encoder } = this.#codec
    const m = this.#m
    const head = words[index] as number
    const kind = head & KIND
    const own = kind === OBJECT ? this.#objectOwn(head >>> OWN_SHIFT) : head >>> OWN_SHIFT
    const node = allocator.allocate(size)
    stamp(m, node, kind, own)
    for (let word = NODE_HEAD; word < size; word++) m[node + word] = words[index + word] as number
    if (kind !== STRING && kind !== DOUBLE) m[node + 2] = encoder.births
    this.#places.set(old, node)
    this.#missing--
    this.#made.push(node)
    this.#wantChildren(node)
    return size
  }

  #wantChildren(node: Offset): void {
    const m = this.#m
    const first = referencesAt(m, node)
    const end = first + referenceCount(m, node, this.#codec.memory.layout)
    for (let word = first; word < end; word++) this.want(m[word] as number)
  }

  #objectOwn(own: number): number {
    const { id } = this.#shapes.of(own >>> 5)
    if (id >= 0) return (id << 5) | (own & 31)
    throw new RootswapError(
      'ERR_HEAP_FULL',
      'the heap has no room for the key lists of the saved objects; raise maxBytes',
      {},
    )
  }

  #sizeOf(words: Int32Array, index: number, at: number): number {
    const kind = (words[index] as number) & KIND
    if (kind < OBJECT || kind > BOX) throw damaged(at, `there is no node of kind ${kind}`)
    const size = wordsOfNode(words, index, this.#shapes)
    if (size >= NODE_HEAD && index + size <= words.length) return size
    throw damaged(at, 'a node does not fit into its chunk')
  }
}

/** The key lists of one file, by the ids that its objects have. */
class SavedShapes {
  readonly #byId = new Map<number, SavedShape>()

  constructor(list: ShapeList) {
    for (const [id, keys] of list) this.#byId.set(id, { keys, count: keys.length, id: -1 })
  }

  of(id: number): SavedShape {
    const shape = this.#byId.get(id)
    if (shape === undefined) throw damaged(0, `an object has the unknown shape ${id}`)
    return shape
  }
}

interface SavedShape {
  readonly keys: readonly string[]
  readonly count: number
  /** In the new heap; -1 where that has no room for it. */
  id: number
}
