/**
 * Where the words of an RCU hash map lie, and how its keys compare.
 *
 * All entries are nodes of one linked list, ordered by the bits of their hash in reverse; buckets
 * are dummy nodes in that list (Shalev and Shavit's split-ordered lists). So doubling the number of
 * buckets moves no node: it adds dummies between nodes. Nodes are cut from slabs, counted blocks
 * whose references are the nodes' keys and values; dummies stand in segments, each as large as all
 * before it together, so that nothing is ever copied.
 *
 * **Invariants.** The list ascends by ORDER, unsigned. A dummy's order is even, a node's odd. What
 * a node refers to by its two references is counted by them.
 *
 * **Ordering.** NEXT and a bucket's KIND are atomic; a node's other words are written before it is
 * linked, and again only after a grace period.
 *
 * **Progress.** Pure arithmetic over words.
 *
 * **Crash.** Nothing is written here.
 */

import { countedData, countedReference } from '../memory/counted.ts'
import { nodeOf } from '../memory/kinds.ts'
import type { Memory } from '../memory/memory.ts'
import type { Offset, Words } from '../memory/words.ts'
import { textEquals } from './text.ts'

/* ---- the anchor's references ------------------------------------------------------------ */

export const TO_SLABS = 0
export const TO_SEGMENTS = 1
/** Segment 0 has `BUCKETS_MIN` buckets, each later one as many as all before it. */
export const SEGMENTS = 24
export const MAP_REFERENCES = TO_SEGMENTS + SEGMENTS
export const BUCKETS_MIN = 8
export const BUCKETS_MAX = BUCKETS_MIN * 2 ** (SEGMENTS - 1)

/* ---- the anchor's data ------------------------------------------------------------ */

/** L, atomic: buckets, a power of two. */
export const MAP_BUCKETS = 0
/** L, atomic: entries. */
export const MAP_SIZE = 1
/** L: unused nodes, linked by LINK. */
export const MAP_FREE = 2
/** L: nodes taken out of the list that have no cookie yet; linked by LINK. */
export const MAP_FRESH = 3
/** L: nodes that wait for their grace period, oldest first. */
export const MAP_WAITING = 4
export const MAP_WAITING_LAST = 5
/** L: the next bucket that is to be made. */
export const MAP_CURSOR = 6
/** once: 1 where the number of buckets follows the number of entries. */
export const MAP_AUTOMATIC = 7
export const MAP_WORDS = 8

/* ---- a node, a bucket ------------------------------------------------------------ */

/** L, atomic: the next node or 0. */
export const NEXT = 0
/** The reversed hash; the last bit says that it is a node. */
export const ORDER = 1
/** Of a node: kind of its key | kind of its value << 4. Of a bucket: 1 once it is made; atomic. */
export const KIND = 2
/** An integer's value. */
export const KEY = 3
export const VALUE = 4
/** The word of the key's reference; the value's follows. */
export const REFERENCES = 5
/** L: the grace period that it waits for; the next one in its list. */
export const COOKIE = 6
export const LINK = 7
export const NODE_WORDS = 8
export const BUCKET_WORDS = 4

export const INTEGER = 0
export const TEXT = 1
export const BLOCK = 2

/** A key or a value as words. `text` of a TEXT; `block` of a BLOCK, and of a stored TEXT. */
export interface Item {
  readonly kind: number
  readonly integer: number
  readonly text: string
  readonly block: Offset
}

export interface KeyItem extends Item {
  readonly hash: number
}

export class MapWords {
  readonly memory: Memory
  readonly words: Words
  readonly m: Int32Array
  readonly anchor: Offset
  readonly data: Offset

  constructor(memory: Memory, anchor: Offset) {
    this.memory = memory
    this.words = memory.words
    this.m = memory.m
    this.anchor = anchor
    this.data = countedData(memory.m, anchor)
  }

  get buckets(): number {
    return this.words.load(this.data + MAP_BUCKETS)
  }

  get size(): number {
    return this.words.load(this.data + MAP_SIZE)
  }

  segmentAt(segment: number): Offset {
    return countedReference(this.anchor, TO_SEGMENTS + segment)
  }

  /** The dummy of a bucket; 0 where its segment is not there. */
  dummyOf(bucket: number): Offset {
    const segment = segmentOf(bucket)
    const block = nodeOf(this.words.load(this.segmentAt(segment)))
    if (block === 0) return 0
    const first = segment === 0 ? 0 : BUCKETS_MIN << (segment - 1)
    return countedData(this.m, block) + (bucket - first) * BUCKET_WORDS
  }

  isMade(dummy: Offset): boolean {
    return this.words.load(dummy + KIND) === 1
  }

  /** The nearest bucket at or before the hash's own that is made. */
  startOf(hash: number): Offset {
    for (let bucket = hash & (this.buckets - 1); bucket !== 0; bucket = parentOf(bucket)) {
      // bound: the bits of a bucket
      const dummy = this.dummyOf(bucket)
      if (dummy !== 0 && this.isMade(dummy)) return dummy // else: made later, or unmade again
    }
    return this.dummyOf(0)
  }

  next(node: Offset): Offset {
    return this.words.load(node + NEXT) // [map-walk] Pairs with [map-link].
  }

  orderOf(node: Offset): number {
    return (this.m[node + ORDER] as number) >>> 0
  }

  /** The first node of a key, or 0. */
  find(key: KeyItem): Offset {
    const order = nodeOrder(key.hash)
    for (let node = this.next(this.startOf(key.hash)); node !== 0; node = this.next(node)) {
      // bound: the list is finite, and a node that was taken out still leads to its end
      const found = this.orderOf(node)
      if (found > order) return 0
      if (found === order && this.hasKey(node, key)) return node
    }
    return 0
  }

  hasKey(node: Offset, key: KeyItem): boolean {
    const m = this.m
    if (((m[node + KIND] as number) & 15) !== key.kind) return false
    if (key.kind === INTEGER) return m[node + KEY] === key.integer
    const block = nodeOf(m[m[node + REFERENCES] as number] as number)
    if (key.kind === BLOCK) return block === key.block
    return textEquals(this.memory, block, key.text)
  }

  /** The block of a node's key (0) or value (1). */
  blockOf(node: Offset, which: 0 | 1): Offset {
    return nodeOf(this.m[(this.m[node + REFERENCES] as number) + which] as number)
  }

  kindOf(node: Offset, which: 0 | 1): number {
    return ((this.m[node + KIND] as number) >>> (4 * which)) & 15
  }
}

export function segmentOf(bucket: number): number {
  return bucket < BUCKETS_MIN ? 0 : 32 - Math.clz32(bucket / BUCKETS_MIN)
}

/** Buckets of a segment. */
export function bucketsOf(segment: number): number {
  return segment === 0 ? BUCKETS_MIN : BUCKETS_MIN << (segment - 1)
}

/** The bucket whose nodes a new bucket takes over: the same without its highest bit. */
export function parentOf(bucket: number): number {
  return bucket & ~(0x80000000 >>> Math.clz32(bucket))
}

export function reversed(value: number): number {
  let bits = value
  bits = ((bits >>> 1) & 0x55555555) | ((bits & 0x55555555) << 1)
  bits = ((bits >>> 2) & 0x33333333) | ((bits & 0x33333333) << 2)
  bits = ((bits >>> 4) & 0x0f0f0f0f) | ((bits & 0x0f0f0f0f) << 4)
  bits = ((bits >>> 8) & 0x00ff00ff) | ((bits & 0x00ff00ff) << 8)
  return ((bits >>> 16) | (bits << 16)) >>> 0
}

/** The highest bit of a hash does not count: its place marks nodes. */
export function nodeOrder(hash: number): number {
  return (reversed(hash) | 1) >>> 0
}

/** Spreads the bits of an integer (the finish of MurmurHash3). */
export function mixed(value: number): number {
  let bits = value
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}
