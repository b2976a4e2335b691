/**
 * Changes of an RCU hash map: each is one transaction under the reclaim lock, of which readers see
 * one store. Lookups go on meanwhile, and never wait.
 *
 * A node that is taken out keeps its NEXT, so that who stands on it finds the way on. Then it
 * waits: first without a cookie (FRESH), for a cookie taken before its removal was visible could
 * name a grace period that began before; then with one (WAITING); then it may be used again.
 *
 * **Invariants.** A node is in the list, in FREE, in FRESH or in WAITING, in exactly one of them.
 * Cookies ascend along WAITING. A bucket is made once, after the bucket that it splits.
 *
 * **Ordering.** `[map-link]` NEXT of the predecessor is the last store of a transaction that others
 * can see, atomic. Pairs with [map-walk]: who sees a node sees it whole. Replacing is one such
 * store: the new node is before, the old one behind it.
 *
 * **Progress.** Blocking on the lock's owner, for a bounded time. A change makes up to two buckets
 * and frees up to four nodes that others left. Tidying up, by threads that are idle, waits for
 * nobody.
 *
 * **Crash.** A transaction happens or does not. What comes between two of them (nodes without
 * cookie, buckets that are not made, a segment nobody uses yet) any later change goes on with.
 */

import { allocateCounted, countedData, countedReference } from '../memory/counted.ts'
import { referenceTo, TAG_NODE } from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import type { HeapThread } from '../reclaim/thread.ts'
import type { GracePeriods } from './grace.ts'
import { MapBuckets, type MapParts } from './map-buckets.ts'
import {
  COOKIE,
  type Item,
  INTEGER,
  KEY,
  KIND,
  type KeyItem,
  LINK,
  MAP_FREE,
  MAP_FRESH,
  MAP_SIZE,
  MAP_WAITING,
  MAP_WAITING_LAST,
  type MapWords,
  NEXT,
  NODE_WORDS,
  nodeOrder,
  ORDER,
  REFERENCES,
  TO_SLABS,
  VALUE,
} from './map-words.ts'
import type { Drafting, Retired } from './retired.ts'

const BUCKETS_PER_CHANGE = 2
const NODES_PER_CHANGE = 4
/** A slab's reference to the next one; two more for each node. */
const SLAB_NODES_MAX = 100

interface Made {
  /** In a draft that was begun for it. */
  readonly drafted: boolean
  readonly key: KeyItem
  readonly value: Item
}

/** What is put in. `texts`: making it makes blocks. */
export interface Entry {
  readonly texts: boolean
  make(): Omit<Made, 'drafted'>
}

export type Change = 'add' | 'addUnique' | 'addReplace' | 'replace'

export class MapChanges {
  readonly #thread: HeapThread
  readonly #map: MapWords
  readonly #grace: GracePeriods
  readonly #retired: Retired
  readonly #drafting: Drafting
  readonly #slabNodes: number
  readonly #buckets: MapBuckets

  constructor(parts: MapParts) {
    const { thread, map, grace, retired, drafting } = parts
    this.#buckets = new MapBuckets(parts)
    this.#thread = thread
    this.#map = map
    this.#grace = grace
    this.#retired = retired
    this.#drafting = drafting
    const { largest } = thread.memory.classes
    const room = Math.floor((largest - 8) / (NODE_WORDS + 2))
    this.#slabNodes = Math.max(8, Math.min(SLAB_NODES_MAX, room))
  }

  /**
   * Puts an entry in. Returns the node that had the key before (of `add`: 0), which stays readable
   * for a grace period: replaced, or, of `addUnique`, found. `replace` puts nothing in where none
   * had. `make` makes key and value, where `texts` says so in a draft that the transaction
   * publishes. `found`, under the lock, may read and hold what the former node refers to.
   */
  put(how: Change, entry: Entry, found: (node: Offset) => void): Offset {
    return this.#change(entry.texts, () => {
      const { key, value } = entry.make()
      return () => this.#put(how, { key, value, drafted: entry.texts }, found)
    })
  }

  /** Takes the first entry of a key out; its node, or 0. `found` as of `put`. */
  remove(key: KeyItem, found: (node: Offset) => void): Offset {
    const { data } = this.#map
    return this.#change(false, () => () => {
      const node = this.#map.find(key)
      if (node === 0) return 0
      found(node)
      this.#publish(data + MAP_SIZE, this.#thread.holds.get(data + MAP_SIZE) - 1)
      this.#toFresh(node, data)
      const before = this.#predecessor(key.hash, node)
      this.#publish(before + NEXT, this.#map.next(node)) // [map-link] Pairs with [map-walk].
      return node
    })
  }

  /** Frees the nodes that have waited long enough, if the lock is to be had at once; whether some
   *  still wait. */
  tidy(): boolean {
    const { m, data } = this.#map
    // Hints: a lock for nothing would disturb others.
    if (m[data + MAP_WAITING] === 0 && m[data + MAP_FRESH] === 0) return false
    let waits = false
    const done = this.#retired.attempt(0, () => {
      this.#stampFresh()
      this.#freeRipe(Infinity)
      waits = this.#thread.holds.get(data + MAP_WAITING) !== 0
    })
    return waits || !done
  }

  /** Sets the number of buckets: a power of two. */
  resize(buckets: number): void {
    while (this.#map.buckets < buckets) this.#buckets.grow(buckets)
    while (this.#map.buckets > buckets) this.#buckets.shrink() // bound: segments
  }

  #put(how: Change, { key, value, drafted }: Made, found: (node: Offset) => void): Offset {
    const { m, data } = this.#map
    const { holds } = this.#thread
    const former = how === 'add' ? 0 : this.#map.find(key)
    if (former !== 0) found(former)
    if (how === 'addUnique' ? former !== 0 : how === 'replace' && former === 0) return former
    const node = this.#takeFree(data)
    this.#write(node, key, value)
    const before = this.#predecessor(key.hash, former)
    m[node + NEXT] = this.#map.next(former === 0 ? before : former)
    if (former === 0) this.#publish(data + MAP_SIZE, holds.get(data + MAP_SIZE) + 1)
    else this.#toFresh(former, data)
    if (drafted) holds.publishDraft()
    this.#publish(before + NEXT, node) // [map-link] Pairs with [map-walk].
    return former
  }

  /** Runs the work that `prepare` prepares, in one transaction, once there is a free node. */
  #change(texts: boolean, prepare: () => () => Offset): Offset {
    const { data } = this.#map
    this.#buckets.growIfFull()
    for (;;) {
      // bound: each turn but the last means that other threads took the nodes of a slab
      const attempt = (): Offset => {
        const work = prepare()
        return this.#retired.transaction(0, () => {
          this.#stampFresh()
          this.#freeRipe(NODES_PER_CHANGE)
          this.#buckets.makeBuckets(BUCKETS_PER_CHANGE)
          if (this.#thread.holds.get(data + MAP_FREE) === 0) return -1
          const node = work()
          this.#thread.reclaimer.journal.commit()
          this.#stampFresh()
          return node
        })
      }
      const result = texts ? this.#drafting(attempt) : attempt()
      if (result >= 0) return result
      this.#addSlab()
    }
  }

  /** In a transaction: the node that the first of a hash, or `node`, comes after. */
  #predecessor(hash: number, node: Offset): Offset {
    const map = this.#map
    const order = nodeOrder(hash)
    let before = map.startOf(hash)
    for (;;) {
      // bound: nodes of the bucket
      const next = map.next(before)
      if (node !== 0 ? next === node : next === 0 || map.orderOf(next) >= order) return before
      before = next
    }
  }

  #takeFree(data: Offset): Offset {
    const { holds } = this.#thread
    const node = holds.get(data + MAP_FREE)
    holds.set(data + MAP_FREE, holds.get(node + LINK))
    return node
  }

  /** A free node's words are nobody's but the lock owner's: no need to journal them. */
  #write(node: Offset, key: KeyItem, value: Item): void {
    const { m } = this.#map
    m[node + ORDER] = nodeOrder(key.hash) | 0
    m[node + KIND] = key.kind | (value.kind << 4)
    m[node + KEY] = key.integer
    m[node + VALUE] = value.integer
    this.#refer(m[node + REFERENCES] as number, key)
    this.#refer((m[node + REFERENCES] as number) + 1, value)
  }

  /** A text's block is new, with a count of its own; another's gets one more. */
  #refer(at: Offset, { kind, block }: Item): void {
    if (kind === INTEGER) return
    const { holds } = this.#thread
    if (holds.serial(block) !== 0) holds.share(block)
    holds.set(at, referenceTo(block, TAG_NODE))
  }

  #toFresh(node: Offset, data: Offset): void {
    const { holds } = this.#thread
    holds.set(node + LINK, holds.get(data + MAP_FRESH))
    holds.set(data + MAP_FRESH, node)
  }

  /** Their removal is visible: a grace period that begins from now on is enough. */
  #stampFresh(): void {
    const { holds } = this.#thread
    const { data } = this.#map
    const cookie = this.#grace.next()
    for (let node = holds.get(data + MAP_FRESH); node !== 0;) {
      // bound: nodes of one change, or of those that dead threads left
      const next = holds.get(node + LINK)
      const last = holds.get(data + MAP_WAITING_LAST)
      holds.set(node + COOKIE, cookie)
      holds.set(node + LINK, 0)
      holds.set(last === 0 ? data + MAP_WAITING : last + LINK, node)
      holds.set(data + MAP_WAITING_LAST, node)
      holds.set(data + MAP_FRESH, next)
      this.#thread.reclaimer.journal.commit()
      node = next
    }
  }

  #freeRipe(limit: number): void {
    const { holds } = this.#thread
    const { m, data } = this.#map
    for (let left = limit; left > 0; left--) {
      const node = holds.get(data + MAP_WAITING)
      if (node === 0 || !this.#grace.isOver(holds.get(node + COOKIE))) return
      const next = holds.get(node + LINK)
      holds.set(data + MAP_WAITING, next)
      if (next === 0) holds.set(data + MAP_WAITING_LAST, 0)
      const references = m[node + REFERENCES] as number
      for (const at of [references, references + 1]) if (holds.get(at) !== 0) holds.point(at, 0)
      holds.set(node + LINK, holds.get(data + MAP_FREE))
      holds.set(data + MAP_FREE, node)
      this.#thread.reclaimer.journal.commit()
    }
  }

  #addSlab(): void {
    const { m, data, anchor } = this.#map
    const { holds, allocator, memory } = this.#thread
    const nodes = this.#slabNodes
    const slabAt = countedReference(anchor, TO_SLABS)
    this.#drafting(() => {
      const slab = allocateCounted(allocator, 1 + 2 * nodes, nodes * NODE_WORDS * 4)
      const first = countedData(memory.m, slab)
      for (let index = 0; index < nodes; index++) {
        const node = first + index * NODE_WORDS
        m[node + REFERENCES] = countedReference(slab, 1 + 2 * index)
        m[node + LINK] = index + 1 < nodes ? node + NODE_WORDS : 0
      }
      holds.expect()
      m[first + (nodes - 1) * NODE_WORDS + LINK] = holds.get(data + MAP_FREE)
      m[countedReference(slab, 0)] = holds.get(slabAt)
      holds.set(slabAt, referenceTo(slab, TAG_NODE))
      holds.set(data + MAP_FREE, first)
      holds.publishDraft()
      holds.commit()
    })
  }

  #publish(at: Offset, value: number): void {
    this.#thread.reclaimer.journal.publish(at, value)
  }
}
