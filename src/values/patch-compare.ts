/**
 * Patches between two versions of a value: both are walked together, and only where their words
 * differ, since equal words are the same nodes. So it costs what changed, however the write was
 * made, and the values of what was added or replaced, which are decoded whole.
 *
 * Applied one after the other to the old value the patches give the new one, with its key order.
 * A key that stands elsewhere than `add` would leave it is removed and added. In arrays what both
 * begin and end with stays; in between elements are compared one by one, and the rest is added or
 * removed there.
 *
 * Maps are as objects, but that every key keeps the order of insertion. Of a Set the patches name
 * the member as their value; the last key of their path is a number that tells no more.
 *
 * The caller protects both versions.
 */

import { BOX, DOUBLE, isReference, kindOf, nodeOf, TAG_NODE, TAG_STRING } from '../memory/kinds.ts'
import { sameBox } from './box.ts'
import type { Codec } from './codec.ts'
import { isArray, isObject } from './draft-nodes.ts'
import type { Key } from './immutable.ts'
import { isInteger } from './order.ts'
import type { Patch } from './patch.ts'
import { Elements, HOLE, LEAF, type Properties, propertiesOf } from './patch-parts.ts'
import { isDictionary, SET_TABLE, variantOfTable } from './table.ts'

/** A value of its own, complete and frozen, from the word of either version. */
export type DecodeWhole = (word: number) => unknown

/** The patches that lead from one protected word to another. */
export function compareWords(
  codec: Codec,
  before: number,
  after: number,
  decode: DecodeWhole,
): readonly Patch[] {
  return new PatchWalk(codec, decode).run(before, after)
}

/** A place of both versions, and the way to it. */
interface Place {
  readonly above: Place | undefined
  readonly key: Key
}

/** A keyed container into which patches go. */
interface Into {
  readonly above: Place | undefined
  readonly isSet: boolean
}

/** Two containers of the same sort that wait to be compared. */
interface Pair {
  readonly place: Place | undefined
  readonly before: number
  readonly after: number
}

const OTHER = 0
const ARRAY = 1
const OBJECT = 2
const MAP = 3
const SET = 4

/** What a word is, as far as patches can go into it. */
function sortOf(m: Int32Array, word: number): number {
  if (isObject(m, word)) return OBJECT
  if (isArray(m, word)) return ARRAY
  if (!isDictionary(m, word)) return OTHER
  return variantOfTable(m, word) === SET_TABLE ? SET : MAP
}

class PatchWalk {
  readonly #codec: Codec
  readonly #m: Int32Array
  readonly #decode: DecodeWhole
  readonly #patches: Patch[] = []
  readonly #pairs: Pair[] = []

  constructor(codec: Codec, decode: DecodeWhole) {
    this.#codec = codec
    this.#m = codec.memory.m
    this.#decode = decode
  }

  run(before: number, after: number): readonly Patch[] {
    this.#pair(undefined, before, after)
    let pair: Pair | undefined
    // Bound: containers that differ.
    while ((pair = this.#pairs.pop()) !== undefined) {
      const from = this.#pairs.length
      if (sortOf(this.#m, pair.before) === ARRAY) this.#arrays(pair)
      else this.#keyed(pair)
      this.#inOrder(from)
    }
    this.#codec.text.trim()
    return Object.freeze(this.#patches)
  }

  /** What is compared last comes first from the stack. */
  #inOrder(from: number): void {
    const pairs = this.#pairs
    for (let low = from, high = pairs.length - 1; low < high; low++, high--) {
      const pair = pairs[low] as Pair
      pairs[low] = pairs[high] as Pair
      pairs[high] = pair
    }
  }

  /** Compares what stands at one place in both versions: now, or, of containers, later. */
  #pair(place: Place | undefined, before: number, after: number): void {
    if (this.#same(before, after)) return
    const m = this.#m
    const sort = sortOf(m, before)
    if (sort !== OTHER && sort === sortOf(m, after)) this.#pairs.push({ place, before, after })
    else this.#report('replace', place, after)
  }

  /** The same node, or scalars that say the same. */
  #same(a: number, b: number): boolean {
    if (a === b) return true
    const tag = a & 7
    if (tag !== (b & 7) || !isReference(a)) return false
    const { memory, text } = this.#codec
    if (tag === TAG_STRING) return text.wordEquals(a, text.ofWord(b))
    const kind = kindOf(this.#m, nodeOf(a))
    if (tag !== TAG_NODE || kind !== kindOf(this.#m, nodeOf(b))) return false
    if (kind === BOX) return sameBox(memory, a, this.#decode(b))
    if (kind !== DOUBLE) return false
    const { doubles } = memory.words
    return doubles[(nodeOf(a) + 2) >> 1] === doubles[(nodeOf(b) + 2) >> 1]
  }

  #report(op: 'add' | 'replace', place: Place | undefined, word: number): void {
    const value = this.#decode(word)
    this.#patches.push(Object.freeze({ op, path: pathOf(place), value }))
  }

  #remove(place: Place): void {
    this.#patches.push(Object.freeze({ op: 'remove', path: pathOf(place) }))
  }

  /** Objects, Maps and Sets. */
  #keyed({ place, before, after }: Pair): void {
    const old = propertiesOf(this.#codec, before)
    const fresh = propertiesOf(this.#codec, after)
    const sort = sortOf(this.#m, before)
    const into = { above: place, isSet: sort === SET }
    this.#removedKeys(into, old, fresh)
    /** From here on what stands in the new order can not stay where it stood in the old one. */
    let isBroken = false
    let last = -1
    for (let position = 0; position < fresh.end; position++) {
      if (!isBroken && last < position && sharesLeaf(old, fresh, position)) {
        position += LEAF - 1
        last = position
        continue
      }
      const key = fresh.keyAt(position)
      if (key === HOLE) continue
      const found = old.positionOf(key)
      // Integer-like keys stand in their own order, whenever they were added.
      const ordered = sort !== OBJECT || !isInteger(key as string)
      if (ordered && (found < 0 || found < last)) isBroken = true
      const stays = found >= 0 && !(ordered && isBroken)
      if (stays) {
        this.#pair({ above: place, key }, old.wordAt(found), fresh.wordAt(position))
      } else {
        if (found >= 0) this.#removeKey(into, key, found)
        this.#addKey(into, key, fresh, position)
      }
      if (ordered) last = Math.max(last, found)
    }
  }

  #removeKey({ above, isSet }: Into, key: Key, position: number): void {
    const place = { above, key: isSet ? position : key }
    if (!isSet) this.#remove(place)
    else this.#patches.push(Object.freeze({ op: 'remove', path: pathOf(place), value: key }))
  }

  #addKey({ above, isSet }: Into, key: Key, fresh: Properties, position: number): void {
    const place = { above, key: isSet ? position : key }
    if (!isSet) this.#report('add', place, fresh.wordAt(position))
    else this.#patches.push(Object.freeze({ op: 'add', path: pathOf(place), value: key }))
  }

  #removedKeys(into: Into, old: Properties, fresh: Properties): void {
    for (let position = 0; position < old.end; position++) {
      if (sharesLeaf(old, fresh, position)) {
        position += LEAF - 1
        continue
      }
      const key = old.keyAt(position)
      if (key === HOLE || fresh.positionOf(key) >= 0) continue
      this.#removeKey(into, key, position)
    }
  }

  #arrays({ place, before, after }: Pair): void {
    const old = new Elements(this.#m, before)
    const fresh = new Elements(this.#m, after)
    if (fresh.end === 0) {
      this.#report('replace', place, after)
      return
    }
    const shorter = Math.min(old.end, fresh.end)
    // Where nothing moved there is no end to look for: elements are compared where they stand.
    const moved = old.end !== fresh.end
    const prefix = moved ? this.#prefix(old, fresh, shorter) : 0
    const suffix = moved ? this.#suffix(old, fresh, shorter - prefix) : 0
    const common = shorter - suffix
    for (let index = prefix; index < common; index++) {
      if (sharesLeaf(old, fresh, index)) index += LEAF - 1
      else this.#pair({ above: place, key: index }, old.at(index), fresh.at(index))
    }
    for (let index = common; index < fresh.end - suffix; index++) {
      this.#report('add', { above: place, key: index }, fresh.at(index))
    }
    for (let index = old.end - suffix - 1; index >= common; index--) {
      this.#remove({ above: place, key: index })
    }
  }

  #prefix(old: Elements, fresh: Elements, most: number): number {
    let index = 0
    while (index < most) {
      if (sharesLeaf(old, fresh, index)) index += LEAF
      else if (this.#same(old.at(index), fresh.at(index))) index++
      else break
    }
    return Math.min(index, most)
  }

  #suffix(old: Elements, fresh: Elements, most: number): number {
    let count = 0
    while (count < most) {
      const a = old.at(old.end - 1 - count)
      if (!this.#same(a, fresh.at(fresh.end - 1 - count))) break
      count++
    }
    return count
  }
}

/** Whether a block begins at the position, of which both have the same. */
function sharesLeaf(
  old: Elements | Properties,
  fresh: Elements | Properties,
  position: number,
): boolean {
  if (position % LEAF !== 0 || position >= old.end || position >= fresh.end) return false
  const leaf = fresh.leaf(position)
  return leaf !== 0 && leaf === old.leaf(position)
}

function pathOf(place: Place | undefined): readonly Key[] {
  const path: Key[] = []
  // Bound: the depth of the value.
  for (let step = place; step !== undefined; step = step.above) path.push(step.key)
  return Object.freeze(path.reverse())
}
