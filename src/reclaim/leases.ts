/**
 * Leases: slots of a thread that name the versions which its user code holds.
 *
 * A lease pins exactly what its version reaches. There is one word per thread and version, with a
 * use count that only the thread sees; words are never moved.
 *
 * **Invariants.** A lease counts only if it was stored inside the section that loaded the record,
 * or re-checked against a cell that still names it (I2). No field of the record is read before.
 *
 * **Ordering.** `[lease-store]` the store comes before the re-check, both sequentially consistent.
 * Pairs with [lease-scan]: a round scans leases after it loaded its tops and waited for sections;
 * if the re-check still saw the record, its successor was published later, so a round that lets
 * the record depart scans later still.
 *
 * **Progress.** Wait-free: two tries without a section, then one inside a section, which cannot
 * fail. A chunk of further words is taken when all are in use.
 *
 * **Crash.** A stale word is conservative: a version stays until the reaper clears the slot. A
 * chunk is linked to the slot before it leaves the cache.
 */

import type { Allocator } from '../memory/allocator.ts'
import { SLOT_LEASE_CHAIN, SLOT_LEASE_COUNT, SLOT_LEASES } from '../memory/layout.ts'
import type { Offset, Words } from '../memory/words.ts'
import type { Section } from './section.ts'

/** Words of a lease chunk before its leases: header, count, link to the older chunk. */
export const LEASE_CHUNK_HEAD = 3

/** One lease word in use; `lease` is its value: record offset and flag. */
interface Held {
  readonly lease: number
  readonly at: Offset
  uses: number
}

export class Leases {
  readonly #words: Words
  readonly #allocator: Allocator
  readonly #section: Section
  /** Looked up from the newest. A Map would do, but its old tables keep its new
   *  ones alive from collection to collection when keys come and go at every write. */
  readonly #held: Held[] = []
  readonly #free: Offset[] = []

  constructor(words: Words, allocator: Allocator, section: Section) {
    this.#words = words
    this.#allocator = allocator
    this.#section = section
    const first = allocator.slotAt + SLOT_LEASES
    for (let index = SLOT_LEASE_COUNT - 1; index >= 0; index--) this.#free.push(first + index)
  }

  /** Leases the newest record of a cell and returns it. `flag` is 0 or `LEASE_SOFT`. */
  take(rootAt: Offset, flag: number): Offset {
    const found = this.#words.load(rootAt)
    const known = this.#find(found | flag)
    if (known !== undefined) {
      known.uses++
      return found
    }
    const at = this.#word()
    const record = this.#store(rootAt, at, flag)
    const same = this.#find(record | flag)
    if (same === undefined) this.#held.push({ lease: record | flag, at, uses: 1 })
    else {
      // The cell moved to a version that this thread holds already.
      same.uses++
      this.#words.store(at, 0)
      this.#free.push(at)
    }
    return record
  }

  /** Ends one use of a record that `take` returned. */
  release(record: Offset, flag: number): void {
    const held = this.#find(record | flag)
    if (held === undefined || --held.uses > 0) return
    const last = this.#held.pop() as Held
    if (last !== held) this.#held[this.#held.lastIndexOf(held)] = last
    this.#words.store(held.at, 0)
    this.#free.push(held.at)
  }

  /** The slot is given back: what is released from now on is another thread's to know. */
  close(): void {
    this.#held.length = 0
    this.#free.length = 0
  }

  #find(lease: number): Held | undefined {
    for (let index = this.#held.length - 1; index >= 0; index--) {
      const held = this.#held[index] as Held
      if (held.lease === lease) return held
    }
    return undefined
  }

  #store(rootAt: Offset, at: Offset, flag: number): Offset {
    const words = this.#words
    for (let attempt = 0; attempt < 2; attempt++) {
      const record = words.load(rootAt)
      words.store(at, record | flag) // [lease-store] Pairs with [lease-scan].
      if (words.load(rootAt) === record) return record
    }
    this.#section.enter()
    const record = words.load(rootAt)
    words.store(at, record | flag)
    this.#section.leave()
    return record
  }

  #word(): Offset {
    const free = this.#free.pop()
    if (free !== undefined) return free
    const { m, slotAt } = this.#allocator
    const size = this.#allocator.chunkWords
    const inDraft = this.#allocator.inDraft
    if (!inDraft) this.#allocator.begin()
    const chunk = this.#allocator.takeChunk((block) => {
      m.fill(0, block + LEASE_CHUNK_HEAD, block + size)
      m[block + 2] = m[slotAt + SLOT_LEASE_CHAIN] as number
      this.#words.store(slotAt + SLOT_LEASE_CHAIN, block)
    })
    if (!inDraft) this.#allocator.abort()
    for (let at = chunk + size - 1; at > chunk + LEASE_CHUNK_HEAD; at--) this.#free.push(at)
    return chunk + LEASE_CHUNK_HEAD
  }
}

/** Calls `visit` with each lease word's value that is not 0. A slot's chain is grow-only. */
export function scanLeases(
  words: Words,
  slotAt: Offset,
  chunkWords: number,
  visit: (lease: number) => void,
): void {
  for (let index = 0; index < SLOT_LEASE_COUNT; index++) {
    const lease = words.load(slotAt + SLOT_LEASES + index) // [lease-scan] Pairs with [lease-store].
    if (lease !== 0) visit(lease)
  }
  let chunk = words.load(slotAt + SLOT_LEASE_CHAIN)
  while (chunk !== 0) {
    // bound: chunks of the slot
    for (let at = chunk + LEASE_CHUNK_HEAD; at < chunk + chunkWords; at++) {
      const lease = words.load(at)
      if (lease !== 0) visit(lease)
    }
    chunk = words.m[chunk + 2] as number
  }
}
