/**
 * Vectors: trees of `LIST_NODE`s, 64 wide, all leaves at one depth. They hold the elements of
 * large arrays (`LIST`) and the insertion order of dictionaries.
 *
 * A batch of changes is applied in one pass, from the left to the right and functionally: no new
 * node is written twice and none is made that the result does not reach, for a private block that
 * nothing refers to would be lost at the publish.
 *
 * **What is reported to a delta.** Every reference that the old version holds is a token. An entry
 * `replaced(node, dropped)` spends one token of `node` and hands out one for each child that is not
 * dropped. Each such token must be spent exactly once: by one reference from the new version to
 * that child, wherever it now stands, or by one later entry of the child itself. A reference from
 * a new node to an old one that no token pays for needs `included`. Where these sums are right,
 * the counts are right after the old version has departed (`test/unit/values/oracle.ts` checks).
 *
 * Recursion here follows the levels of a vector, of which there are at most five.
 */

import type { Allocator } from '../memory/allocator.ts'
import {
  FANOUT,
  isReference,
  LIST,
  LIST_NODE,
  nodeOf,
  ownOf,
  referenceTo,
  stamp,
  TAG_NODE,
} from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import type { Delta } from '../versions/delta.ts'
import type { Text } from './text.ts'
import { UNDEFINED, weightOf, weightOfCount } from './word.ts'

const BITS = 6

/** What makes nodes: an `Encoder`, or a test. */
export interface Maker {
  readonly m: Int32Array
  readonly allocator: Allocator
  readonly text: Text
  /** Birth word of new nodes. */
  readonly births: number
}

/** A `Codec`, as far as this needs one. */
export interface Making {
  readonly encoder: Maker
}

export interface Vector {
  /** 0 or a reference to a `LIST_NODE`. */
  readonly root: number
  /** Bits of an index below the root's digit; a multiple of 6. */
  readonly shift: number
  readonly length: number
}

export interface VectorChanges {
  /** New words by index. Where a word refers to an old node, the caller reports `included`. */
  readonly words: ReadonlyMap<number, number>
  /** Indexes whose new word is the successor of the old one, of which the caller reports the entry
   *  after this one's; the old words at all other changed indexes are dropped. */
  readonly successors: ReadonlySet<number>
  /** The new length; what stood beyond it is dropped. */
  readonly length: number
}

/** A new block of `LIST_NODE` with the words of `from`. */
function makeNode(make: Maker, from: ArrayLike<number>, at: number, count: number): number {
  const node = make.allocator.allocate(3 + count)
  const { m } = make
  stamp(m, node, LIST_NODE, count)
  m[node + 2] = make.births
  for (let index = 0; index < count; index++) m[node + 3 + index] = from[at + index] as number
  return referenceTo(node, TAG_NODE)
}

function copyNode(make: Maker, node: Offset, count: number): Offset {
  const copy = make.allocator.allocate(3 + count)
  const { m } = make
  m.copyWithin(copy + 3, node + 3, node + 3 + count)
  stamp(m, copy, LIST_NODE, count)
  m[copy + 2] = make.births
  return copy
}

/** The least shift with which a vector has room for so many elements. */
export function shiftFor(length: number): number {
  let shift = 0
  for (let room = FANOUT; room < length; room *= FANOUT) shift += BITS
  return shift
}

/** A new vector of the words in `from`; each is one reference. */
export function vectorOf(make: Maker, from: Int32Array, at: number, length: number): Vector {
  const shift = shiftFor(length)
  if (length === 0) return { root: 0, shift, length }
  let level = from
  let start = at
  let count = length
  // Bound: levels; each has a 64th of the words of the one before.
  do {
    const next = new Int32Array(Math.ceil(count / FANOUT))
    for (let index = 0; index < next.length; index++) {
      const first = index * FANOUT
      next[index] = makeNode(make, level, start + first, Math.min(FANOUT, count - first))
    }
    level = next
    start = 0
    count = next.length
  } while (count > 1)
  return { root: level[0] as number, shift, length }
}

/** The word at an index below the vector's length. */
export function vectorAt(m: Int32Array, vector: Vector, index: number): number {
  let word = vector.root
  for (let shift = vector.shift; shift >= 0; shift -= BITS) {
    word = m[nodeOf(word) + 3 + ((index >>> shift) & 63)] as number
  }
  return word
}

/** The leaf that has the element at an index below the vector's length. */
export function vectorLeaf(m: Int32Array, vector: Vector, index: number): Offset {
  let word = vector.root
  for (let shift = vector.shift; shift > 0; shift -= BITS) {
    word = m[nodeOf(word) + 3 + ((index >>> shift) & 63)] as number
  }
  return nodeOf(word)
}

/** Copies all words into `into`, from `at` on. */
export function vectorWords(m: Int32Array, vector: Vector, into: Int32Array, at: number): void {
  for (let first = 0; first < vector.length; first += FANOUT) {
    const leaf = vectorLeaf(m, vector, first)
    const count = ownOf(m, leaf)
    for (let index = 0; index < count; index++) {
      into[at + first + index] = m[leaf + 3 + index] as number
    }
  }
}

/** One application of changes to one vector. */
class VectorApply {
  readonly #make: Maker
  readonly #old: Vector
  readonly #changes: VectorChanges
  readonly #delta: Delta
  /** Changed indexes, ascending. */
  readonly #sorted: Float64Array
  /** Stands at elements that nobody set. */
  readonly #fill: number
  /** The length stays, so that every node on the way has a successor of its size. */
  readonly #same: boolean
  #next = 0

  constructor(
    make: Maker,
    old: Vector,
    job: { changes: VectorChanges; fill: number },
    delta: Delta,
  ) {
    this.#make = make
    this.#old = old
    this.#changes = job.changes
    this.#fill = job.fill
    this.#delta = delta
    this.#sorted = Float64Array.from(job.changes.words.keys()).sort()
    this.#same = job.changes.length === old.length
  }

  run(): Vector {
    const old = this.#old
    const { length } = this.#changes
    const shift = Math.max(old.shift, shiftFor(length))
    if (length === 0) {
      if (old.root !== 0) this.#dropAll()
      return { root: 0, shift: 0, length }
    }
    return { root: this.#apply(old.root, shift, 0), shift, length }
  }

  /** The root's token is spent; its children's are not handed out. */
  #dropAll(): void {
    const node = nodeOf(this.#old.root)
    this.#delta.replaced(node, references(this.#make.m, node, 0, ownOf(this.#make.m, node)))
  }

  /** The successor of `word`, whose first element has index `first`. */
  #apply(word: number, shift: number, first: number): number {
    if (this.#same) return this.#replaceBelow(nodeOf(word), shift, first)
    if (shift === 0) return this.#leaf(word, first)
    const { m } = this.#make
    const { length } = this.#changes
    const added = shift > this.#old.shift // a level that the old vector does not have
    const node = added || word === 0 ? 0 : nodeOf(word)
    const before = node === 0 ? 0 : ownOf(m, node)
    const span = 2 ** shift
    const count = Math.min(FANOUT, Math.ceil((length - first) / span))
    if (node !== 0) this.#delta.replaced(node, references(m, node, count, before))
    const children = new Array<number>(count)
    for (let index = 0; index < count; index++) {
      let child = index < before ? (m[node + 3 + index] as number) : 0
      if (added && index === 0) child = word
      const from = first + index * span
      children[index] = this.#touches(from, from + span)
        ? this.#apply(child, shift - BITS, from)
        : child
    }
    return makeNode(this.#make, children, 0, count)
  }

  /** The same where no index is added or removed: copies, and goes to what changes alone. */
  #replaceBelow(node: Offset, shift: number, first: number): number {
    const { m } = this.#make
    const { words, successors } = this.#changes
    const sorted = this.#sorted
    const count = ownOf(m, node)
    const copy = copyNode(this.#make, node, count)
    const end = first + 2 ** (shift + BITS)
    if (shift > 0) this.#delta.replaced(node)
    const dropped: number[] = []
    // Bound: changes.
    for (let index = sorted[this.#next]; index !== undefined && index < end;) {
      const at = Math.floor((index - first) / 2 ** shift)
      const child = m[node + 3 + at] as number
      if (shift > 0) {
        m[copy + 3 + at] = this.#replaceBelow(nodeOf(child), shift - BITS, first + at * 2 ** shift)
      } else {
        this.#next++
        if (isReference(child) && !successors.has(index)) dropped.push(at)
        m[copy + 3 + at] = words.get(index) as number
      }
      index = sorted[this.#next]
    }
    if (shift === 0) this.#delta.replaced(node, dropped)
    return referenceTo(copy, TAG_NODE)
  }

  /** Whether anything changes among the elements `from`…`to`-1. */
  #touches(from: number, to: number): boolean {
    const next = this.#sorted[this.#next]
    if (next !== undefined && next < to) return true
    const before = Math.min(this.#old.length, to)
    const after = Math.min(this.#changes.length, to)
    return before !== after && Math.max(before, after) > from
  }

  #leaf(word: number, first: number): number {
    const { m } = this.#make
    const { words, successors, length } = this.#changes
    const node = word === 0 ? 0 : nodeOf(word)
    const before = node === 0 ? 0 : ownOf(m, node)
    const count = Math.min(FANOUT, length - first)
    const elements = new Array<number>(count).fill(this.#fill)
    for (let index = 0; index < before && index < count; index++) {
      elements[index] = m[node + 3 + index] as number
    }
    const dropped = references(m, node, count, before)
    for (;;) {
      const index = this.#sorted[this.#next] ?? Infinity // bound: changes
      if (index >= first + count) break
      this.#next++
      const at = index - first
      if (at < before && isReference(elements[at] as number) && !successors.has(index)) {
        dropped.push(at)
      }
      elements[at] = words.get(index) as number
    }
    if (node !== 0) this.#delta.replaced(node, dropped)
    return makeNode(this.#make, elements, 0, count)
  }
}

/** Indexes `from`…`to`-1 of a node's words that are references. */
function references(m: Int32Array, node: Offset, from: number, to: number): number[] {
  const found: number[] = []
  for (let index = from; index < to; index++) {
    if (isReference(m[node + 3 + index] as number)) found.push(index)
  }
  return found
}

/** The successor of a vector; every change must be below the new length. */
export function vectorApply(
  make: Maker,
  old: Vector,
  job: { readonly changes: VectorChanges; readonly fill: number },
  delta: Delta,
): Vector {
  return new VectorApply(make, old, job, delta).run()
}

/** The successor of a vector with another word at one index, which is the successor of the old
 *  word; from the root down. */
export function vectorSucceed(
  make: Maker,
  old: Vector,
  change: { readonly index: number; readonly word: number },
  delta: Delta,
): Vector {
  const { m } = make
  const { index, word } = change
  let node = nodeOf(old.root)
  delta.replaced(node)
  let copy = copyNode(make, node, ownOf(m, node))
  const root = referenceTo(copy, TAG_NODE)
  for (let shift = old.shift; shift > 0; shift -= BITS) {
    const digit = (index >>> shift) & 63
    node = nodeOf(m[node + 3 + digit] as number)
    delta.replaced(node)
    const child = copyNode(make, node, ownOf(m, node))
    m[copy + 3 + digit] = referenceTo(child, TAG_NODE)
    copy = child
  }
  m[copy + 3 + (index & 63)] = word
  return { root, shift: old.shift, length: old.length }
}

export function vectorOfList(m: Int32Array, list: Offset): Vector {
  return {
    root: m[list + 5] as number,
    shift: m[list + 4] as number,
    length: m[list + 3] as number,
  }
}

function makeList(make: Maker, vector: Vector, weight: number): number {
  const node = make.allocator.allocate(6)
  const { m } = make
  stamp(m, node, LIST, weight)
  m[node + 2] = make.births
  m[node + 3] = vector.length
  m[node + 4] = vector.shift
  m[node + 5] = vector.root
  return referenceTo(node, TAG_NODE)
}

/** A new list of `length` words; `weight` as its container would have. */
export function listOf(
  make: Maker,
  from: Int32Array,
  range: { readonly at: number; readonly length: number },
  weight: number,
): number {
  return makeList(make, vectorOf(make, from, range.at, range.length), weight)
}

/** The word at an index below the list's length. */
export function listAt(m: Int32Array, list: Offset, index: number): number {
  return vectorAt(m, vectorOfList(m, list), index)
}

/** The successor of a list, its own entry reported first. Elements that nobody set between the old
 *  length and the new are `undefined`. Its weight never falls. */
export function listApply(ctx: Making, list: Offset, changes: VectorChanges, delta: Delta): number {
  const make = ctx.encoder
  const { m } = make
  const old = vectorOfList(m, list)
  delta.replaced(list)
  const vector = vectorApply(make, old, { changes, fill: UNDEFINED }, delta)
  let weight = Math.max(ownOf(m, list) & 31, weightOfCount(vector.length + 1))
  for (const word of changes.words.values()) weight = Math.max(weight, weightOf(m, word))
  return makeList(make, vector, weight)
}
