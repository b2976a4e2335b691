/**
 * Buckets of an RCU hash map: dummy nodes that lead into the list. Twice as many are made by adding
 * a segment of dummies, half as many by taking one away; no entry moves.
 *
 * **Invariants.** A bucket is made after the one that it splits, and unmade before it. A segment is
 * there while a bucket of it may be.
 *
 * **Ordering.** `[map-link]` as in map-change.ts: a dummy is linked by one atomic store. A segment
 * is retired after the number of buckets was lowered: who began before may still stand in it.
 *
 * **Progress.** Making is a few buckets a change. Halving is linear in the buckets that go.
 *
 * **Crash.** Each bucket is made or unmade by a transaction; what is left undone, the next change
 * goes on with.
 */

import { allocateCounted, countedData, countedReference } from '../memory/counted.ts'
import { nodeOf, referenceTo, TAG_NODE } from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import type { HeapThread } from '../reclaim/thread.ts'
import type { GracePeriods } from './grace.ts'
import {
  BUCKET_WORDS,
  BUCKETS_MAX,
  BUCKETS_MIN,
  bucketsOf,
  KIND,
  MAP_AUTOMATIC,
  MAP_BUCKETS,
  MAP_CURSOR,
  MAP_REFERENCES,
  MAP_WORDS,
  type MapWords,
  NEXT,
  ORDER,
  parentOf,
  reversed,
  segmentOf,
} from './map-words.ts'
import type { Drafting, Retired } from './retired.ts'

/** Entries per bucket above which the buckets are doubled. */
const LOAD_MAX = 2

/** A private anchor of the open draft, with the first segment. */
export function makeMap(thread: HeapThread, automatic: boolean): Offset {
  const { m } = thread.memory
  const anchor = allocateCounted(thread.allocator, MAP_REFERENCES, MAP_WORDS * 4)
  const data = countedData(m, anchor)
  m.fill(0, data, data + MAP_WORDS)
  m[data + MAP_BUCKETS] = BUCKETS_MIN
  m[data + MAP_CURSOR] = 1
  m[data + MAP_AUTOMATIC] = automatic ? 1 : 0
  const segment = makeSegment(thread, 0)
  m[countedData(m, segment) + KIND] = 1
  m[countedReference(anchor, 1)] = referenceTo(segment, TAG_NODE)
  return anchor
}

function makeSegment(thread: HeapThread, segment: number): Offset {
  const { m } = thread.memory
  const words = bucketsOf(segment) * BUCKET_WORDS
  const block = allocateCounted(thread.allocator, 0, words * 4)
  const data = countedData(m, block)
  m.fill(0, data, data + words)
  return block
}

export interface MapParts {
  readonly thread: HeapThread
  readonly map: MapWords
  readonly grace: GracePeriods
  readonly retired: Retired
  readonly drafting: Drafting
}

export class MapBuckets {
  readonly #thread: HeapThread
  readonly #map: MapWords
  readonly #retired: Retired
  readonly #drafting: Drafting

  constructor({ thread, map, retired, drafting }: MapParts) {
    this.#thread = thread
    this.#map = map
    this.#retired = retired
    this.#drafting = drafting
  }

  growIfFull(): void {
    const { m, data, size, buckets } = this.#map
    if (m[data + MAP_AUTOMATIC] !== 1 || size <= buckets * LOAD_MAX) return
    if (buckets < BUCKETS_MAX) this.grow(buckets * 2)
  }

  /** Doubles the buckets, at most to `wanted`; the new ones are made by later changes. */
  grow(wanted: number): void {
    const { holds, reclaimer } = this.#thread
    const segment = segmentOf(this.#map.buckets)
    if (hasSegment(this.#map, segment)) this.#finishShrink(segment)
    this.#drafting(() => {
      const block = makeSegment(this.#thread, segment)
      holds.expect()
      const { buckets, data } = this.#map
      const over = segmentOf(buckets) !== segment || buckets >= wanted
      if (over || hasSegment(this.#map, segment)) return holds.abandon()
      reclaimer.journal.publish(this.#map.segmentAt(segment), referenceTo(block, TAG_NODE))
      reclaimer.journal.publish(data + MAP_BUCKETS, buckets * 2)
      holds.publishDraft()
      return holds.commit()
    })
  }

  /** In a transaction: makes the next buckets, in their order, so that each splits one that is. */
  makeBuckets(limit: number): void {
    const { holds, reclaimer } = this.#thread
    const { data } = this.#map
    for (let left = limit; left > 0; left--) {
      const bucket = holds.get(data + MAP_CURSOR)
      if (bucket >= this.#map.buckets) return
      this.#makeBucket(bucket)
      holds.set(data + MAP_CURSOR, bucket + 1)
      reclaimer.journal.commit()
    }
  }

  #makeBucket(bucket: number): void {
    const map = this.#map
    const { m } = map
    const dummy = map.dummyOf(bucket)
    const order = reversed(bucket)
    let before = map.dummyOf(parentOf(bucket))
    for (;;) {
      // bound: nodes of the bucket that is split
      const next = map.next(before)
      if (next === 0 || map.orderOf(next) >= order) break
      before = next
    }
    m[dummy + ORDER] = order | 0
    m[dummy + NEXT] = map.next(before)
    this.#publish(before + NEXT, dummy) // [map-link] Pairs with [map-walk].
    this.#publish(dummy + KIND, 1)
  }

  /** Halves the buckets: their dummies leave the list, then their segment is retired. */
  shrink(): void {
    const { holds, reclaimer } = this.#thread
    const { data } = this.#map
    this.#retired.transaction(1, () => {
      const half = this.#map.buckets >> 1
      if (half < BUCKETS_MIN) return
      if (holds.get(data + MAP_CURSOR) > half) holds.set(data + MAP_CURSOR, half)
      this.#publish(data + MAP_BUCKETS, half)
      reclaimer.journal.commit()
      this.#dropSegment(half)
    })
  }

  /** In a transaction: the buckets of a segment that nobody uses any more, and their block, go. */
  #dropSegment(first: number): void {
    const { holds } = this.#thread
    const at = this.#map.segmentAt(segmentOf(first))
    for (let bucket = first; bucket < 2 * first; bucket++) this.#unmakeBucket(bucket)
    holds.set(this.#retired.slot(), holds.get(at))
    this.#publish(at, 0)
  }

  /** A thread died while it halved the buckets. */
  #finishShrink(segment: number): void {
    this.#retired.transaction(1, () => {
      const { buckets } = this.#map
      if (segmentOf(buckets) === segment && hasSegment(this.#map, segment)) {
        this.#dropSegment(buckets)
      }
    })
  }

  /** In a transaction: a dummy leaves the list, if it is there. Who stands on it goes on. */
  #unmakeBucket(bucket: number): void {
    const map = this.#map
    const dummy = map.dummyOf(bucket)
    if (!map.isMade(dummy)) return
    let before = map.dummyOf(parentOf(bucket))
    while (map.next(before) !== dummy) before = map.next(before) // bound: nodes of the bucket
    this.#publish(before + NEXT, map.next(dummy))
    this.#publish(dummy + KIND, 0)
    this.#thread.reclaimer.journal.commit()
  }

  #publish(at: Offset, value: number): void {
    this.#thread.reclaimer.journal.publish(at, value)
  }
}

/** The number of buckets that is wanted, as a power of two within the limits. */
export function bucketCount(wanted: number): number {
  const least = Math.max(BUCKETS_MIN, Math.min(BUCKETS_MAX, Math.ceil(wanted)))
  return 2 ** Math.ceil(Math.log2(least))
}

/** Whether a bucket's block is there: for tests. */
export function hasSegment(map: MapWords, segment: number): boolean {
  return nodeOf(map.words.load(map.segmentAt(segment))) !== 0
}
