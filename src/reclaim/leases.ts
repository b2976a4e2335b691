/**
 * Leases: slots of a thread that name the versions which its user code holds.
 *
 * A lease pins exactly what its version reaches. There is one word per thread and version, with a
 * use count that only the thread sees; words are never moved. A **stake** is a lease word that
 * names a whole branch, for a thread that has it open (versions/branch.ts).
 *
 * A soft lease is *pinned* while its thread reads through it, and else *idle*. An idle one may be
 * ousted by whoever owns the reclaim lock and is short of memory (oust.ts).
 *
 * **Invariants.** A lease counts only if it was stored inside the section that loaded the record,
 * or re-checked against a cell that still names it (I2), or under the lock while the record was
 * known to stay. No field of the record is read before.
 *
 * **Ordering.** `[lease-pin]` a pin and an ousting are swaps of one word, so one of them fails. A
 * pin that fails reads nothing; an ousting that fails gives nothing up. Pairs with [lease-oust].
 * `[lease-store]` the store comes before the re-check, both sequentially consistent.
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
import {
  LEASE_IDLE,
  LEASE_OUSTED,
  LEASE_RECORD,
  LEASE_SOFT,
  STAKE_FIRST,
  SLOT_LEASE_CHAIN,
  SLOT_LEASE_COUNT,
  SLOT_LEASES,
} from '../memory/layout.ts'
import type { Offset, Words } from '../memory/words.ts'
import type { Section } from './section.ts'

/** Stakes are above, since cells are few; ousted leases below, since a heap ends in time. */
const OUSTED_BELOW = -8192

/** Words of a lease chunk before its leases: header, count, link to the older chunk. */
export const LEASE_CHUNK_HEAD = 3

/** One lease word in use; `lease` is what it holds while it is not idle: record and flag. */
export interface Lease {
  readonly lease: number
  readonly at: Offset
  uses: number
  /** Of a soft one: how many of the uses read through it now. */
  pins: number
  /** How many of the uses compare a root word with the record's place. */
  places: number
  /** It was found ousted: another version's record may be at its place by now. */
  isGone: boolean
}

/** The word of a soft lease while nobody reads through it. */
function idleWord({ lease, places }: Lease): number {
  return places > 0 ? lease | LEASE_IDLE : recordOfLease(lease) | LEASE_IDLE
}

export class Leases {
  readonly #words: Words
  readonly #allocator: Allocator
  readonly #section: Section
  /** Looked up from the newest. A Map would do, but its old tables keep its new
   *  ones alive from collection to collection when keys come and go at every write. */
  readonly #held: Lease[] = []
  readonly #free: Offset[] = []
  #isClosed = false

  constructor(words: Words, allocator: Allocator, section: Section) {
    this.#words = words
    this.#allocator = allocator
    this.#section = section
    const first = allocator.slotAt + SLOT_LEASES
    for (let index = SLOT_LEASE_COUNT - 1; index >= 0; index--) this.#free.push(first + index)
  }

  /** Leases the newest record of a cell and returns it. `flag` is 0 or `LEASE_SOFT`; a soft lease
   *  is pinned. */
  take(rootAt: Offset, flag: number): Offset {
    const found = this.#words.load(rootAt)
    const known = this.find(found, flag)
    if (known !== undefined && (flag === 0 || this.pin(known))) {
      known.uses++
      return found
    }
    const at = this.reserve()
    const record = this.#store(rootAt, at, flag)
    this.#note(record | flag, at)
    return record
  }

  /** Leases the record that `find` names inside a section; 0 where it finds none. */
  takeFound(find: () => Offset, flag: number): Offset {
    const at = this.reserve()
    this.#section.enter()
    const record = find()
    if (record !== 0) this.#words.store(at, record | flag)
    this.#section.leave()
    if (record === 0) this.#free.push(at)
    else this.#note(record | flag, at)
    return record
  }

  /** Is there a word for one more lease, without asking for memory? */
  get hasRoom(): boolean {
    return this.#free.length > 0
  }

  /** A word for `keep`: taken beforehand, since it may need memory. */
  reserve(): Offset {
    return this.#free.pop() ?? this.#moreWords()
  }

  /** Stores a lease, or a stake, that the caller knows to count, in a reserved word. */
  keep(lease: number, at: Offset): void {
    this.#words.store(at, lease)
    this.#note(lease, at)
  }

  /** Gives a reserved word back that is not needed. */
  unreserve(at: Offset): void {
    this.#words.store(at, 0)
    this.#free.push(at)
  }

  release(record: Offset, flag: number): void {
    const held = this.find(record, flag)
    if (held === undefined) return
    if (flag === 0) this.forget(held)
    else this.letGo(held)
  }

  /** Ends one use; of a soft lease, one that is not pinned. Where the stack overflows nothing has
   *  been counted yet: it may be tried again. */
  forget(held: Lease): void {
    // An error may have unwound past the end of the last use: its word is another lease's by now.
    if (held.uses === 0) return
    if (held.uses === 1 && !this.#isClosed) {
      this.#remove(held)
      this.#words.store(held.at, 0)
    }
    held.uses--
    if (held.uses === 0 && !this.#isClosed) this.#free.push(held.at)
  }

  /** Before reading through a soft lease; false: it was ousted, and its version may be gone. */
  pin(held: Lease): boolean {
    if (held.isGone) return false
    if (held.pins === 0) {
      const idle = idleWord(held)
      // [lease-pin] Pairs with [lease-oust].
      if (this.#words.compareExchange(held.at, idle, held.lease) !== idle) {
        held.isGone = true
        this.#remove(held)
        return false
      }
    }
    held.pins++
    return true
  }

  #remove(held: Lease): void {
    const index = this.#held.lastIndexOf(held)
    if (index < 0) return
    const last = this.#held.pop() as Lease
    if (last !== held) this.#held[index] = last
  }

  /** After reading: the last pin that ends makes the lease idle. */
  unpin(held: Lease): void {
    this.#idle(held)
    held.pins--
  }

  #idle(held: Lease): void {
    if (held.pins !== 1 || held.uses === 0 || this.#isClosed) return
    this.#words.store(held.at, idleWord(held))
  }

  /** A use begins to compare with the record's place; the lease is pinned. */
  beginPlace(held: Lease): void {
    held.places++
  }

  /** That use goes on without: the place may be another version's soon. */
  endPlace(held: Lease): void {
    const before = idleWord(held)
    held.places--
    const idle = idleWord(held)
    if (held.pins > 0 || idle === before) return
    const found = this.#words.compareExchange(held.at, before, idle)
    if (found !== before) this.#words.store(held.at, LEASE_OUSTED)
  }

  /** Ends a use that compares with the place and is not pinned. */
  forgetPlace(held: Lease): void {
    if (held.uses > 1) this.endPlace(held)
    this.forget(held)
  }

  /** One more use of a soft lease, pinned; false: it was ousted. */
  hold(held: Lease): boolean {
    if (!this.pin(held)) return false
    held.uses++
    return true
  }

  /** Ends what `hold` began. */
  letGo(held: Lease): void {
    if (held.uses <= 1) return this.forget(held)
    this.#idle(held)
    held.pins-- // nothing is called in between, so both are counted or none
    held.uses--
  }

  /** The slot is given back: what is released from now on is another thread's to know. */
  close(): void {
    this.#isClosed = true
    this.#held.length = 0
    this.#free.length = 0
  }

  #note(lease: number, at: Offset): void {
    const flag = lease < 0 ? 0 : lease & LEASE_SOFT
    const same = this.find(lease, 0)
    if (same === undefined || (flag !== 0 && !this.pin(same))) {
      this.#held.push({ lease, at, uses: 1, pins: flag, places: 0, isGone: false })
      return
    }
    // The cell moved to a version that this thread holds already.
    same.uses++
    this.unreserve(at)
  }

  /** This thread's lease of a record. */
  find(record: Offset, flag: number): Lease | undefined {
    const lease = record | flag
    for (let index = this.#held.length - 1; index >= 0; index--) {
      const held = this.#held[index] as Lease
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

  #moreWords(): Offset {
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

/** Whether a lease word says that it was ousted; others below 0 are stakes. */
export function isOusted(word: number): boolean {
  return word < OUSTED_BELOW
}

/** Whether a lease word is a snapshot's: no flag is set. */
export function isSnapshotLease(lease: number): boolean {
  return (lease & ~LEASE_RECORD) === 0
}

/** The record that a lease word names. */
export function recordOfLease(lease: number): Offset {
  return lease & LEASE_RECORD
}

/** The word of a thread that has the branch of a cell open. */
export function stakeIn(cell: number): number {
  return STAKE_FIRST - cell
}

/** The cell that a stake names. */
export function cellOfStake(stake: number): number {
  return STAKE_FIRST - stake
}

/** Calls `visit` with each lease of a version: record offset and flag. */
export function scanLeases(
  words: Words,
  slotAt: Offset,
  chunkWords: number,
  visit: (lease: number, at: Offset) => void,
): void {
  scanWords(words, slotAt, chunkWords, (held, at) => {
    if (held > 0) visit(held, at)
  })
}

/** Calls `visit` with each lease word's value that is not 0: leases, ousted ones, and stakes. A
 *  slot's chain is grow-only. */
export function scanWords(
  words: Words,
  slotAt: Offset,
  chunkWords: number,
  visit: (held: number, at: Offset) => void,
): void {
  for (let index = 0; index < SLOT_LEASE_COUNT; index++) {
    const lease = words.load(slotAt + SLOT_LEASES + index) // [lease-scan] Pairs with [lease-store].
    if (lease !== 0) visit(lease, slotAt + SLOT_LEASES + index)
  }
  let chunk = words.load(slotAt + SLOT_LEASE_CHAIN)
  while (chunk !== 0) {
    // bound: chunks of the slot
    for (let at = chunk + LEASE_CHUNK_HEAD; at < chunk + chunkWords; at++) {
      const lease = words.load(at)
      if (lease !== 0) visit(lease, at)
    }
    chunk = words.m[chunk + 2] as number
  }
}
