/**
 * Retired blocks: what is to be released after a grace period, in shared memory, so that any thread
 * may do it and a death loses nothing.
 *
 * A bag is a counted block whose references are retired blocks. The domain has one open bag, which
 * fills, and a queue of sealed bags, each with the cookie of the grace period that it waits for.
 * When that is over the bag is dropped, and reclaiming releases what it references.
 *
 * **Invariants.** A bag's count of a block stays until a grace period is over that began after the
 * block was put in. Cookies ascend along the queue.
 *
 * **Ordering.** Everything here is L. A bag's cookie is taken under the lock, after the last block
 * was put in.
 *
 * **Progress.** Putting a block in is part of a transaction, and bounded. A bag that is full is
 * replaced by whoever finds it so. `attempt` and `collect(0)`, for threads that are idle, wait for
 * no lock, and for no `verify` that they see; making a bag may wait for memory, as any draft may.
 *
 * **Crash.** Each change is part of a transaction; what a dead thread put in, any other releases.
 */

import {
  allocateCounted,
  countedData,
  countedReference,
  COUNTED_REFERENCES,
} from '../memory/counted.ts'
import { nodeOf, referenceTo, TAG_NODE } from '../memory/kinds.ts'
import { FREEZE_AT } from '../memory/layout.ts'
import type { Offset } from '../memory/words.ts'
import type { HeapThread } from '../reclaim/thread.ts'
import type { GracePeriods } from './grace.ts'
import {
  BAG_FILL,
  LAST_BAG,
  lineAt,
  RELEASED,
  RETIRED,
  TO_OPEN_BAG,
  TO_SEALED_BAG,
} from './words.ts'

/** A bag's own reference: the next sealed one. The others are retired blocks. */
const NEXT_BAG = 0
const ROOM_MAX = 500
/** Words of a bag's data: cookie, blocks. */
const COOKIE = 0
const BLOCKS = 1

/** Makes blocks in a draft that a transaction inside publishes; gives them back otherwise. */
export type Drafting = <T>(build: () => T) => T

export class Retired {
  readonly #thread: HeapThread
  readonly #grace: GracePeriods
  readonly #anchor: Offset
  readonly #domain: Offset
  readonly #room: number
  readonly #drafting: Drafting
  /** Whether `attempt` may make a bag: looking for memory in a heap that is full may take long. */
  makesBags = true

  constructor(thread: HeapThread, grace: GracePeriods, anchor: Offset, drafting: Drafting) {
    this.#thread = thread
    this.#grace = grace
    this.#anchor = anchor
    this.#domain = lineAt(countedData(thread.memory.m, anchor))
    this.#room = Math.min(ROOM_MAX, thread.memory.classes.largest - 16)
    this.#drafting = drafting
  }

  /**
   * Runs a transaction of the thread's holds that may put up to `blocks` blocks into the bag, by
   * `put`. `change` may run nothing but it: it runs once. Throws `ERR_RECLAIM_STALLED`,
   * `ERR_HEAP_FULL`.
   */
  transaction<T>(blocks: number, change: () => T): T {
    const { holds } = this.#thread
    for (;;) {
      // bound: each turn but the last means that other threads filled a bag
      holds.reserve(2)
      holds.expect()
      if (this.#free() >= blocks) {
        const result = change()
        holds.commit()
        return result
      }
      holds.abandon()
      this.#addBag(true)
    }
  }

  /**
   * As `transaction`, for changes that take no new hold, without waiting for other threads: false,
   * and nothing has happened, where one of them is in the way. Throws `ERR_HEAP_FULL`.
   */
  attempt(blocks: number, change: () => void): boolean {
    const { holds } = this.#thread
    for (;;) {
      // bound: as of `transaction`
      if (!holds.begin(0)) return false
      if (this.#free() >= blocks) {
        change()
        holds.commit()
        return true
      }
      holds.abandon()
      // A draft waits for who verifies: here only for one that begins to right after this look.
      const drafts = this.makesBags && this.#thread.memory.words.load(FREEZE_AT) === 0
      if (!drafts || !this.#addBag(false)) return false
    }
  }

  /** A transaction of its own: a hold of this thread becomes the domain's. */
  retire(block: Offset): void {
    const { holds } = this.#thread
    for (;;) {
      // bound: as of `transaction`
      holds.expect()
      if (this.#free() > 0) {
        holds.moveIn(block, this.slot())
        return holds.commit()
      }
      holds.abandon()
      this.#addBag(true)
    }
  }

  /** In a transaction: where the next retired reference goes. The caller moves it there. */
  slot(): Offset {
    const { holds } = this.#thread
    const fill = holds.get(this.#domain + BAG_FILL)
    holds.set(this.#domain + BAG_FILL, fill + 1)
    holds.set(this.#domain + RETIRED, (holds.get(this.#domain + RETIRED) + 1) | 0)
    return countedReference(this.#openBag(), 1 + fill)
  }

  /** In a transaction: moves the reference at `at` into the bag; nothing if there is none. */
  put(at: Offset): void {
    const { holds } = this.#thread
    const word = holds.get(at)
    if (word === 0) return
    holds.set(this.slot(), word)
    holds.set(at, 0)
  }

  /** Blocks that wait; a statistic. */
  get waiting(): number {
    const { m } = this.#thread.memory
    return ((m[this.#domain + RETIRED] as number) - (m[this.#domain + RELEASED] as number)) | 0
  }

  /**
   * Gives up to reclaiming what waits for grace periods that are over; seals the open bag where it
   * holds something. Returns a cookie to wait for, or undefined when nothing waits; `busy` when the
   * lock was not to be had within `waitMs`.
   */
  collect(waitMs: number): number | undefined | 'busy' {
    const { holds } = this.#thread
    for (;;) {
      // bound: sealed bags whose grace period is over
      if (!holds.begin(waitMs)) return 'busy'
      this.#seal()
      const oldest = nodeOf(holds.get(countedReference(this.#anchor, TO_SEALED_BAG)))
      const cookie = oldest === 0 ? 0 : holds.get(this.#dataOf(oldest) + COOKIE)
      const over = oldest !== 0 && this.#grace.isOver(cookie)
      if (over) this.#drop(oldest)
      holds.commit()
      if (oldest === 0) return undefined
      if (!over) return cookie
    }
  }

  #free(): number {
    const { holds } = this.#thread
    if (this.#openBag() === 0) return 0
    return this.#room - holds.get(this.#domain + BAG_FILL)
  }

  #openBag(): Offset {
    return nodeOf(this.#thread.holds.get(countedReference(this.#anchor, TO_OPEN_BAG)))
  }

  #dataOf(bag: Offset): Offset {
    // Known without a load: every bag has as many references.
    return bag + COUNTED_REFERENCES + ((this.#room + 2) & ~1)
  }

  /** `waits`: for the lock, as `expect`; else it is false where that is not to be had at once. */
  #addBag(waits: boolean): boolean {
    const { allocator, holds } = this.#thread
    return this.#drafting(() => {
      const bag = allocateCounted(allocator, this.#room + 1, 8)
      if (waits) holds.expect()
      else if (!holds.begin(0)) return false
      if (this.#free() > 0 && holds.get(this.#domain + BAG_FILL) < this.#room >> 1) {
        holds.abandon() // another thread was first
        return true
      }
      this.#seal()
      holds.set(countedReference(this.#anchor, TO_OPEN_BAG), referenceTo(bag, TAG_NODE))
      holds.set(this.#domain + BAG_FILL, 0)
      holds.publishDraft()
      holds.commit()
      return true
    })
  }

  /** In a transaction: the open bag joins the queue, if something is in it. */
  #seal(): void {
    const { holds } = this.#thread
    const bag = this.#openBag()
    const fill = holds.get(this.#domain + BAG_FILL)
    if (bag === 0 || fill === 0) return
    const last = holds.get(this.#domain + LAST_BAG)
    const reference = referenceTo(bag, TAG_NODE)
    holds.set(this.#dataOf(bag) + COOKIE, this.#grace.next())
    holds.set(this.#dataOf(bag) + BLOCKS, fill)
    if (last === 0) holds.set(countedReference(this.#anchor, TO_SEALED_BAG), reference)
    else holds.set(countedReference(last, NEXT_BAG), reference)
    holds.set(this.#domain + LAST_BAG, bag)
    holds.set(countedReference(this.#anchor, TO_OPEN_BAG), 0)
    holds.set(this.#domain + BAG_FILL, 0)
  }

  /** In a transaction: the oldest bag leaves the queue, and loses its count. */
  #drop(bag: Offset): void {
    const { holds } = this.#thread
    const next = holds.get(countedReference(bag, NEXT_BAG))
    const released = holds.get(this.#domain + RELEASED) + holds.get(this.#dataOf(bag) + BLOCKS)
    holds.set(this.#domain + RELEASED, released | 0)
    if (nodeOf(next) === 0) holds.set(this.#domain + LAST_BAG, 0)
    holds.set(countedReference(bag, NEXT_BAG), 0)
    holds.point(countedReference(this.#anchor, TO_SEALED_BAG), nodeOf(next))
  }
}
