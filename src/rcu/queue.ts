/**
 * `RcuQueue`: many producers, each with a lane of its own, and a number for each entry that gives
 * their order. What a producer does is wait-free; consumers take turns under the reclaim lock.
 *
 * A lane is a chain of segments; the producer writes into the last one, consumers read from the
 * first one. An entry exists once its segment's FILL counts it. A consumer looks at the first entry
 * of each lane and takes the one with the smallest number, of those below the number that was next
 * when it began to look: an entry that it missed was put in after it began.
 *
 * **Invariants.** Numbers ascend along a lane. A segment ends with its lane's next one, or is the
 * one that the producer writes into. The lane of a living producer stays.
 *
 * **Ordering.** `[queue-fill]` an entry's words are written, and its number taken, before FILL
 * counts it. Pairs with [queue-take]: who loads the count sees the entry whole. If putting `a` in
 * returned before putting `b` in began, `a` has the smaller number and was counted before `b` got
 * its own: whoever may take `b` sees `a`.
 *
 * **Progress.** Putting an integer or a string in is wait-free; each 30th needs a segment, which
 * comes from the thread's own cache, and waits only where the heap is full. A block's count changes
 * under the lock. Taking waits for the lock, for a bounded time.
 *
 * **Crash.** A new segment is published by the one store that links it (SLOT_LINK). An entry is
 * there or not. A dead producer's lane is taken away once it is empty; an entry that was being
 * taken is taken, with what the dead thread held.
 */

import { allocateCounted, countedData, countedReference } from '../memory/counted.ts'
import { nodeOf, referenceTo, TAG_NODE } from '../memory/kinds.ts'
import { SLOT_LINK } from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import type { Offset, Words } from '../memory/words.ts'
import type { HeapThread } from '../reclaim/thread.ts'
import { BLOCK, INTEGER, type Item, TEXT } from './map-words.ts'
import type { Drafting, Retired } from './retired.ts'
import { makeText, readText } from './text.ts'
import { isGone } from './words.ts'

/** The anchor: a reference to the first lane; the next entry's number, CAS. */
const TO_LANES = 0
const NUMBER = 0
/** A lane: references to the next lane and to the first segment. */
const NEXT_LANE = 0
const FIRST_SEGMENT = 1
/** The owner's tag, or 0; the segment that it writes into; both t, atomic. */
const TAG = 0
const LAST_SEGMENT = 1
/** A segment: references to the next one and of its entries. */
const NEXT_SEGMENT = 0
/** t, atomic: entries. L: how many of them were taken. once: bytes of text there is room for. */
const FILL = 0
const TAKEN = 1
const TEXT_ROOM = 2
const SEGMENT_HEAD = 4
export const SEGMENT_ENTRIES = 30
/** An entry: number, kind, integer or length of a text, its first byte. */
const ENTRY_WORDS = 4
const TEXT_BYTES = 360
/** Longer texts are blocks of their own, as those of a map. */
const TEXT_MAX = 100_000
const LONG_TEXT = 3
/** Entries that one transaction takes. */
export const TAKEN_MAX = 64

export interface QueueParts {
  readonly thread: HeapThread
  readonly anchor: Offset
  readonly retired: Retired
  readonly drafting: Drafting
}

/** A private anchor of the open draft. */
export function makeQueue(thread: HeapThread, first = 0): Offset {
  const anchor = allocateCounted(thread.allocator, 1, 8)
  const { m } = thread.memory
  m[countedData(m, anchor) + NUMBER] = first
  return anchor
}

/** What was taken: under the lock still; a text was read, a block is held. */
export type Take = (kind: number, integer: number, text: string, block: Offset) => void

export class QueueCore {
  readonly #thread: HeapThread
  readonly #memory: Memory
  readonly #words: Words
  readonly #m: Int32Array
  readonly #anchor: Offset
  readonly #data: Offset
  readonly #retired: Retired
  readonly #drafting: Drafting
  /** This thread's lane, the segment that it writes into, its entries and bytes of text. */
  #lane: Offset = 0
  #segment: Offset = 0
  #fill = 0
  #textUsed = 0

  constructor({ thread, anchor, retired, drafting }: QueueParts) {
    this.#thread = thread
    this.#memory = thread.memory
    this.#words = thread.memory.words
    this.#m = thread.memory.m
    this.#anchor = anchor
    this.#data = countedData(this.#m, anchor)
    this.#retired = retired
    this.#drafting = drafting
  }

  /** Puts an entry in. Throws `ERR_HEAP_FULL`; for a block `ERR_RECLAIM_STALLED`. */
  put(item: Item): void {
    const long = item.text.length > TEXT_MAX
    const bytes = long ? 0 : item.text.length * 2
    this.#makeRoom(bytes)
    const m = this.#m
    const data = countedData(m, this.#segment)
    const entry = data + SEGMENT_HEAD + this.#fill * ENTRY_WORDS
    if (item.kind === BLOCK) this.#putBlock(item.block, false)
    if (long) this.#drafting(() => this.#putBlock(makeText(this.#thread, item.text), true))
    m[entry + 1] = long ? LONG_TEXT : item.kind
    m[entry + 2] = item.kind === TEXT ? item.text.length : item.integer
    m[entry + 3] = this.#textUsed
    if (bytes > 0) this.#writeText(data, item.text)
    m[entry] = this.#words.add(this.#data + NUMBER, 1)
    this.#fill++
    this.#words.store(data + FILL, this.#fill) // [queue-fill] Pairs with [queue-take].
  }

  /** Takes up to `limit` entries, at most `TAKEN_MAX`; how many. */
  take(limit: number, found: Take): number {
    const { holds, reclaimer } = this.#thread
    holds.reserve(Math.min(limit, TAKEN_MAX))
    return this.#retired.transaction(0, () => {
      const next = this.#words.load(this.#data + NUMBER)
      let taken = 0
      for (; taken < limit && taken < TAKEN_MAX; taken++) {
        const segment = this.#first(next)
        if (segment === 0) break
        this.#takeFrom(segment, found)
        reclaimer.journal.commit()
      }
      return taken
    })
  }

  /** This thread puts nothing in any more. */
  leave(): void {
    if (this.#lane !== 0) this.#words.store(countedData(this.#m, this.#lane) + TAG, 0)
    this.#lane = 0
  }

  /* ---- producing ---------------------------------------------------------------------------- */

  #makeRoom(bytes: number): void {
    if (this.#lane === 0) this.#openLane(bytes)
    const data = countedData(this.#m, this.#segment)
    const room = this.#m[data + TEXT_ROOM] as number
    if (this.#fill < SEGMENT_ENTRIES && this.#textUsed + bytes <= room) return
    this.#addSegment(bytes)
  }

  #makeSegment(bytes: number): Offset {
    const m = this.#m
    const room = Math.max(TEXT_BYTES, (bytes + 3) & ~3)
    const words = SEGMENT_HEAD + SEGMENT_ENTRIES * ENTRY_WORDS
    const references = 1 + SEGMENT_ENTRIES
    const segment = allocateCounted(this.#thread.allocator, references, words * 4 + room)
    const data = countedData(m, segment)
    m[data + FILL] = 0
    m[data + TAKEN] = 0
    m[data + TEXT_ROOM] = room
    return segment
  }

  #openLane(bytes: number): void {
    const { allocator, holds, slot } = this.#thread
    const m = this.#m
    this.#drafting(() => {
      const lane = allocateCounted(allocator, 2, 8)
      const segment = this.#makeSegment(bytes)
      const data = countedData(m, lane)
      const lanesAt = countedReference(this.#anchor, TO_LANES)
      m[data + TAG] = slot.tag
      m[data + LAST_SEGMENT] = segment
      m[countedReference(lane, FIRST_SEGMENT)] = referenceTo(segment, TAG_NODE)
      holds.expect()
      m[countedReference(lane, NEXT_LANE)] = holds.get(lanesAt)
      holds.set(lanesAt, referenceTo(lane, TAG_NODE))
      holds.publishDraft()
      holds.commit()
      this.#lane = lane
      this.#use(segment)
    })
  }

  /** No lock: the link publishes the segment, and the reaper knows of it; see isLinked. */
  #addSegment(bytes: number): void {
    const { allocator, slot } = this.#thread
    const words = this.#words
    const linkAt = countedReference(this.#segment, NEXT_SEGMENT)
    this.#drafting(() => {
      const segment = this.#makeSegment(bytes)
      words.store(slot.at + SLOT_LINK, linkAt)
      words.store(linkAt, referenceTo(segment, TAG_NODE)) // [queue-link] Pairs with [queue-next].
      allocator.end()
      // Only now may the segment before it go: the link was looked up in it.
      words.store(countedData(this.#m, this.#lane) + LAST_SEGMENT, segment)
      words.store(slot.at + SLOT_LINK, 0)
      this.#use(segment)
    })
  }

  #use(segment: Offset): void {
    this.#segment = segment
    this.#fill = 0
    this.#textUsed = 0
  }

  /** A block of the draft that was begun for it, or another: a draft may be open all the same,
   *  that of a value whose accessor called. */
  #putBlock(block: Offset, drafted: boolean): void {
    const { holds } = this.#thread
    const at = countedReference(this.#segment, 1 + this.#fill)
    this.#retired.transaction(0, () => {
      if (holds.get(at) !== 0) holds.point(at, 0) // an error came after the last transaction
      if (drafted) holds.publishDraft()
      else holds.share(block)
      holds.set(at, referenceTo(block, TAG_NODE))
    })
  }

  #writeText(data: Offset, text: string): void {
    const { bytes } = this.#words
    let at = textAt(data) + this.#textUsed
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index)
      bytes[at++] = code & 0xff
      bytes[at++] = code >>> 8
    }
    this.#textUsed += text.length * 2
  }

  /* ---- consuming: under the lock ------------------------------------------------------------ */

  /** The segment whose next entry is the oldest of those numbered before `next`; or 0. */
  #first(next: number): Offset {
    const { holds } = this.#thread
    let found = 0
    let number = 0
    let laneAt = countedReference(this.#anchor, TO_LANES)
    for (let lane = nodeOf(holds.get(laneAt)); lane !== 0; lane = nodeOf(holds.get(laneAt))) {
      // bound: lanes
      const segment = this.#settle(lane)
      if (segment === 0) {
        this.#dropLane(lane, laneAt)
        continue
      }
      laneAt = countedReference(lane, NEXT_LANE)
      const data = countedData(this.#m, segment)
      const taken = holds.get(data + TAKEN)
      if (taken === this.#words.load(data + FILL)) continue // [queue-take]
      const each = this.#m[data + SEGMENT_HEAD + taken * ENTRY_WORDS] as number
      if (((each - next) | 0) >= 0 || (found !== 0 && ((each - number) | 0) > 0)) continue
      found = segment
      number = each
    }
    return found
  }

  /** Drops segments that are used up; the first one left, or 0 where the lane is done with. */
  #settle(lane: Offset): Offset {
    const { holds, reclaimer } = this.#thread
    const words = this.#words
    const firstAt = countedReference(lane, FIRST_SEGMENT)
    const data = countedData(this.#m, lane)
    for (;;) {
      // bound: segments of the lane
      // Before what is in the lane: an owner that is gone puts nothing in after that.
      const tag = words.load(data + TAG)
      const gone = tag === 0 || isGone(this.#memory, tag)
      const segment = nodeOf(holds.get(firstAt))
      const at = countedData(this.#m, segment)
      if (holds.get(at + TAKEN) < words.load(at + FILL)) return segment
      const nextAt = countedReference(segment, NEXT_SEGMENT)
      const next = nodeOf(words.load(nextAt)) // [queue-next] Pairs with [queue-link].
      if (next === 0) return gone ? 0 : segment
      if (!gone && words.load(data + LAST_SEGMENT) === segment) return segment
      // Filled up before the link: what came meanwhile is seen by now.
      if (holds.get(at + TAKEN) < words.load(at + FILL)) return segment
      holds.set(nextAt, 0)
      holds.point(firstAt, next)
      reclaimer.journal.commit()
    }
  }

  #dropLane(lane: Offset, laneAt: Offset): void {
    const { holds, reclaimer } = this.#thread
    const next = holds.get(countedReference(lane, NEXT_LANE))
    holds.set(countedReference(lane, NEXT_LANE), 0)
    holds.point(laneAt, nodeOf(next))
    reclaimer.journal.commit()
  }

  #takeFrom(segment: Offset, found: Take): void {
    const { holds } = this.#thread
    const m = this.#m
    const data = countedData(m, segment)
    const taken = holds.get(data + TAKEN)
    const entry = data + SEGMENT_HEAD + taken * ENTRY_WORDS
    const kind = m[entry + 1] as number
    const length = m[entry + 2] as number
    holds.set(data + TAKEN, taken + 1)
    if (kind === BLOCK) {
      found(kind, 0, '', holds.moveOut(countedReference(segment, 1 + taken)))
    } else if (kind === TEXT) {
      found(kind, 0, this.#readText(textAt(data) + (m[entry + 3] as number), length), 0)
    } else if (kind === LONG_TEXT) {
      const at = countedReference(segment, 1 + taken)
      found(TEXT, 0, readText(this.#memory, nodeOf(holds.get(at))), 0)
      holds.point(at, 0)
    } else found(INTEGER, length, '', 0)
  }

  #readText(at: number, length: number): string {
    const { bytes } = this.#words
    let text = ''
    for (let index = 0; index < length; index++) {
      const low = bytes[at + 2 * index] as number
      text += String.fromCharCode(low | ((bytes[at + 2 * index + 1] as number) << 8))
    }
    return text
  }
}

function textAt(data: Offset): number {
  return (data + SEGMENT_HEAD + SEGMENT_ENTRIES * ENTRY_WORDS) * 4
}
