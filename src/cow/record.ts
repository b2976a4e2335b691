/**
 * The record of an address space: a counted block with the roots of its four segments, what it is
 * tied to, and where its segments lie. One thread at a time uses a record: that is its *turn*.
 *
 * **Invariants.** TURN is 0 or the tag of the thread that uses the space, with the sign bit if it
 * only reads. The other words of the data belong to who has the turn (`W` below), or are written
 * before anybody can find the record (`once`).
 *
 * **Ordering.** `[turn-take]` the swap that takes the turn Pairs with [turn-give], the store that
 * gives it back: what the last user wrote is visible to the next.
 *
 * **Progress.** A writer that finds a writer fails at once; a reader and a writer wait for each
 * other, a millisecond at a time, for a bounded time.
 *
 * **Crash.** A turn names its owner. Who finds that of a thread whose slot was reaped takes it
 * over; the bytes that the dead thread was writing may be half written, the pages and tables are
 * whole.
 */

import { RootswapError } from '../errors.ts'
import { countedData, countedReference } from '../memory/counted.ts'
import { nodeOf } from '../memory/kinds.ts'
import { MAX_WAIT_MS_AT, SLOT_GENERATION, SLOT_STATE } from '../memory/layout.ts'
import { slotOfTag, tagOf } from '../memory/tag.ts'
import type { Offset } from '../memory/words.ts'
import { reportSlots, slotAt } from '../reclaim/slots.ts'
import type { HeapThread } from '../reclaim/thread.ts'

/** References: a root for each segment, then these. */
export const PARENT = 4
/** Of a parent: what tells it that its first child has begun. */
export const WAITS_FOR = 5
/** Of a child, until its exec or exit: what it tells that it has begun. */
export const TELLS = 6
export const RECORD_REFERENCES = 7

/** CAS: 0, or who uses the space; atomic. */
const TURN = 0
/** once: bytes of a page. */
const PAGE_BYTES = 1
/** W: 1 when it has exited. */
const EXITED = 2
/** W: 1 while it runs in its parent's pages (`vfork`). */
const BORROWS = 3
/** W: 1 where the parent's writes wait for the child, 0 where only its faults do. */
const STRICT = 4
/** W: bit i: the root of segment i is this space's own. */
const OWN_ROOTS = 5
/** W: writes that stopped at a page that was not the space's own. */
export const FAULTS = 6
/** W: pages copied by them. */
export const PAGES_COPIED = 7
/** W: how often it got a new image. */
const IMAGES = 8
/** W: four words for each segment. */
const SEGMENTS = 9
export const SEGMENT_WORDS = 4
/** First byte of the region, in pages. */
const REGION_PAGE = 0
/** Bytes that the segment may grow to. */
const REGION_BYTES = 1
/** Bytes that it has. */
const LENGTH = 2
/** 1: writable; 2: it grows down. */
const FLAGS = 3
export const RECORD_BYTES = (SEGMENTS + 4 * SEGMENT_WORDS + 1) * 4

const READS = 0x80000000 | 0
export const WRITABLE = 1
export const GROWS_DOWN = 2

export interface SegmentPlace {
  /** Of the first byte that the segment may ever have. */
  readonly regionPage: number
  readonly regionBytes: number
  readonly byteLength: number
  readonly flags: number
}

/** The words of one record, as this thread sees them. */
export class SpaceRecord {
  readonly thread: HeapThread
  readonly block: Offset
  readonly pageBytes: number
  readonly #m: Int32Array
  readonly #data: Offset

  constructor(thread: HeapThread, block: Offset) {
    this.thread = thread
    this.block = block
    this.#m = thread.memory.m
    this.#data = countedData(this.#m, block)
    this.pageBytes = this.#m[this.#data + PAGE_BYTES] as number
  }

  /** Writes a new record's words, while it is private. */
  static write(thread: HeapThread, block: Offset, pageBytes: number): SpaceRecord {
    const { m } = thread.memory
    const data = countedData(m, block)
    m.fill(0, data, data + RECORD_BYTES / 4)
    m[data + PAGE_BYTES] = pageBytes
    return new SpaceRecord(thread, block)
  }

  get hasExited(): boolean {
    return this.#m[this.#data + EXITED] === 1
  }

  get borrows(): boolean {
    return this.#m[this.#data + BORROWS] === 1
  }

  get isStrict(): boolean {
    return this.#m[this.#data + STRICT] === 1
  }

  /** The block that a reference names, or 0. */
  reference(index: number): Offset {
    const word = this.#m[countedReference(this.block, index)] as number
    return word === 0 ? 0 : nodeOf(word)
  }

  referenceAt(index: number): Offset {
    return countedReference(this.block, index)
  }

  get ownRootsAt(): Offset {
    return this.#data + OWN_ROOTS
  }

  /** Sets a flag within the open transaction. */
  setFlag(flag: 'exited' | 'borrows' | 'strict', on: boolean): void {
    const word = { exited: EXITED, borrows: BORROWS, strict: STRICT }[flag]
    this.thread.holds.set(this.#data + word, on ? 1 : 0)
  }

  /** Another number: where the segments lie has changed. */
  get images(): number {
    return this.#m[this.#data + IMAGES] as number
  }

  /** Counts a new image, within the open transaction. */
  addImage(): void {
    this.thread.holds.set(this.#data + IMAGES, (this.images + 1) | 0)
  }

  statistic(word: number): number {
    return this.#m[this.#data + word] as number
  }

  add(word: number, by: number): void {
    this.#m[this.#data + word] = ((this.#m[this.#data + word] as number) + by) | 0
  }

  /** An address as bytes from the beginning of a segment's region; outside it: negative, or
   *  beyond its length. */
  offsetIn(index: number, address: number): number {
    const at = this.#data + SEGMENTS + index * SEGMENT_WORDS
    return address - (this.#m[at + REGION_PAGE] as number) * this.pageBytes
  }

  /** Are so many bytes at an offset inside a segment that is writable and grows upwards? The
   *  common case; the others are looked at in turn. */
  isPlain(index: number, offset: number, length: number): boolean {
    const at = this.#data + SEGMENTS + index * SEGMENT_WORDS
    const m = this.#m
    return (
      offset >= 0 && offset + length <= (m[at + LENGTH] as number) && m[at + FLAGS] === WRITABLE
    )
  }

  segment(index: number): SegmentPlace {
    const m = this.#m
    const at = this.#data + SEGMENTS + index * SEGMENT_WORDS
    return {
      regionPage: m[at + REGION_PAGE] as number,
      regionBytes: m[at + REGION_BYTES] as number,
      byteLength: m[at + LENGTH] as number,
      flags: m[at + FLAGS] as number,
    }
  }

  setSegment(index: number, place: SegmentPlace): void {
    const { holds } = this.thread
    const at = this.#data + SEGMENTS + index * SEGMENT_WORDS
    holds.set(at + REGION_PAGE, place.regionPage)
    holds.set(at + REGION_BYTES, place.regionBytes)
    holds.set(at + LENGTH, place.byteLength)
    holds.set(at + FLAGS, place.flags)
  }

  /** While one has the turn: one word, so a death does no harm. */
  setLength(index: number, byteLength: number): void {
    this.#m[this.#data + SEGMENTS + index * SEGMENT_WORDS + LENGTH] = byteLength
  }

  /** Takes the turn. Throws `ERR_CONFLICT` where another thread writes, or does not end. */
  take(reads: boolean): void {
    const { words, m } = this.thread.memory
    const at = this.#data + TURN
    const mine = this.thread.slot.tag | (reads ? READS : 0)
    for (let waited = 0; ;) {
      // [turn-take] Pairs with [turn-give].
      const found = words.compareExchange(at, 0, mine)
      if (found === 0) return
      const owner = found & ~READS
      // This thread's own was left by an error that unwound: it is in no other call.
      if (owner === this.thread.slot.tag || this.#isGone(owner)) {
        if (words.compareExchange(at, found, mine) === found) return
        continue // another took it over
      }
      const clash = !reads && found > 0
      if (clash || waited >= (m[MAX_WAIT_MS_AT] as number)) throw this.#conflict(owner)
      if (words.wait(at, found, 1) === 'timed-out') waited++
    }
  }

  give(): void {
    this.thread.memory.words.store(this.#data + TURN, 0) // [turn-give] Pairs with [turn-take].
  }

  /** After an error: gives the turn back if this thread has it. */
  settle(): void {
    const { words } = this.thread.memory
    const found = words.load(this.#data + TURN)
    if ((found & ~READS) === this.thread.slot.tag) this.give()
  }

  /** Has the thread with this tag given its slot back, or been reaped? */
  #isGone(tag: number): boolean {
    const { memory, holds } = this.thread
    const at = slotAt(memory.layout, slotOfTag(tag))
    if (!holds.begin(2)) return false
    const generation = memory.m[at + SLOT_GENERATION] as number
    const gone =
      memory.words.load(at + SLOT_STATE) === 0 || tagOf(slotOfTag(tag), generation) !== tag
    holds.commit()
    return gone
  }

  #conflict(owner: number): RootswapError {
    const slot = slotOfTag(owner)
    const holder = reportSlots(this.thread.memory).find((report) => report.slot === slot)
    const who = holder === undefined ? `slot ${slot}` : `thread ${holder.threadId}`
    return new RootswapError(
      'ERR_CONFLICT',
      `${who} is using this address space: one thread at a time writes a space`,
      { threadId: holder?.threadId, label: holder?.label },
    )
  }
}
