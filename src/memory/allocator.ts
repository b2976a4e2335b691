/**
 * A thread's allocator: blocks come from caches of its own, one per size class, without an atomic
 * operation. What it hands out is private until a swap publishes it, and is written down in the
 * thread's draft log first, so that the reaper can give it back.
 *
 * **Invariants.** A block is in exactly one of: a cache, the log of a draft that is not published,
 * the slot's own chunks, the free list of a span, the limbo, what is reachable. While it moves it
 * may be in two for an instant, never in none: it is linked to its new owner before it leaves the
 * old one.
 *
 * **Ordering.** Slot words are plain: the owner writes them, and the reaper reads them after the
 * owner's exit event, which happens after everything that the owner did. Spans are carved by one
 * compare-and-swap on a state word that was never used before.
 *
 * **Progress.** Wait-free from the cache. A miss asks the supply (the reclaimer's lock, tried once)
 * and else carves a fresh span: lock-free, since a lost swap means that another thread got a span.
 * Only when neither has anything does the supply wait, for a bounded time.
 *
 * **Crash.** Between the log entry and the advance of the cache a block is in both: the reaper
 * takes the union. A span in state CARVING belongs to nobody's list yet: the reaper gives it back.
 * Of a large block the first span is OWNED last, after the log entry; a further span that no large
 * block covers is stray, and the reaper gives it back too.
 */

import type { RootswapError } from '../errors.ts'
import { CHUNK, FREE, isPermanent, sizeClassOf } from './kinds.ts'
import {
  FREEZE_AT,
  type Layout,
  SLOT_CACHED_WORDS,
  SLOT_CACHES,
  SLOT_LAST_TICKET,
  SLOT_LOG,
  SLOT_LOG_COUNT,
  SLOT_TICKET,
  SPAN_CARVING,
  SPAN_OWNED,
  SPAN_RUN,
  SPAN_STATE,
  SPAN_USE,
  USE_BLOCKS,
  USE_BODY,
  USE_LARGE,
} from './layout.ts'
import { LARGE, type SizeClasses } from './size-classes.ts'
import { claimFresh, spanAt, spanOf, spanStart, unclaimSpans } from './span-table.ts'
import { slotOfTag } from './tag.ts'
import type { Offset, Words } from './words.ts'

/** Where blocks come from when a cache is empty and no fresh span is left. */
export interface Supply {
  /** A chain of free blocks of the class, already in the thread's cache; its head, or 0. */
  refill(sizeClass: number): Offset
  /** A block made of given-back spans, already in this thread's draft log; or 0. */
  run(spans: number): Offset
  /** Reclaims, waits for a bounded time; false when nothing more can come. */
  relieve(attempt: number): boolean
  /** The error to throw when nothing came. */
  full(requestedWords: number): RootswapError
}

/** Words of a chunk before its entries: header, count, link to the older chunk. */
export const CHUNK_HEAD = 3
const CHUNK_WORDS_MAX = 1024
/** How long a writer waits for `verify`, a millisecond at a time, before it goes on without. */
const FREEZE_WAIT_MS = 1000

export class Allocator {
  readonly words: Words
  readonly m: Int32Array
  readonly layout: Layout
  readonly classes: SizeClasses
  readonly slotAt: Offset
  /** Entries of one log chunk. */
  readonly entriesPerChunk: number
  readonly supply: Supply
  readonly #classOf: Uint8Array
  readonly #chunkClass: number
  readonly #slot: number
  /** Chunks of the log: the newest alone may have no entry yet. */
  #chunks = 0

  constructor(words: Words, layout: Layout, classes: SizeClasses, owner: SlotAndSupply) {
    this.words = words
    this.m = words.m
    this.layout = layout
    this.classes = classes
    this.slotAt = owner.slotAt
    this.supply = owner.supply
    this.#slot = owner.slot
    this.#classOf = classes.classOf
    this.#chunkClass = classes.classOf[Math.min(CHUNK_WORDS_MAX, classes.largest)] as number
    this.entriesPerChunk = chunkEntries(classes)
    const { m } = this
    for (let chunk = m[this.slotAt + SLOT_LOG] as number; chunk !== 0; this.#chunks++) {
      chunk = m[chunk + 2] as number // bound: chunks of the log
    }
  }

  /** Words of a chunk that belongs to the slot. */
  get chunkWords(): number {
    return this.classes.sizes[this.#chunkClass] as number
  }

  /** Is a draft open? */
  get inDraft(): boolean {
    return this.words.load(this.slotAt + SLOT_TICKET) !== 0
  }

  /** Begins a draft: from now on blocks belong to it. Returns its ticket. */
  begin(): number {
    const { m, slotAt } = this
    if (m[slotAt + SLOT_TICKET] !== 0) this.abort() // nobody else writes it
    m[slotAt + SLOT_LOG_COUNT] = 0
    const ticket = nextTicket(m[slotAt + SLOT_LAST_TICKET] as number)
    m[slotAt + SLOT_LAST_TICKET] = ticket
    this.#announce(ticket)
    this.#room() // only now: it may carve a span, which `verify` must not see halfway
    return ticket
  }

  /** Stores the ticket, unless `verify` asks writers to pause: then waits until it has finished.
   *  One that takes too long is told to give up: it may have died, and this thread may be the one
   *  that would reap it. */
  #announce(ticket: number): void {
    const { words, slotAt } = this
    for (let waited = 0; ; waited++) {
      words.store(slotAt + SLOT_TICKET, ticket)
      // [freeze-check] Pairs with [freeze-set]: one of the two sees the other's store.
      const freezer = words.load(FREEZE_AT)
      if (freezer === 0 || slotOfTag(freezer) === this.#slot) return
      words.store(slotAt + SLOT_TICKET, 0)
      if (waited < FREEZE_WAIT_MS) words.wait(FREEZE_AT, freezer, 1)
      else words.compareExchange(FREEZE_AT, freezer, 0)
    }
  }

  /** Ends a draft whose record was swapped in: its blocks are published. */
  end(): void {
    this.#trimLog() // while the ticket says that blocks are on their way
    this.words.store(this.slotAt + SLOT_TICKET, 0)
  }

  /** Ends a draft that was not published: its blocks go back to the caches. */
  abort(): void {
    this.rewind(0)
    this.words.store(this.slotAt + SLOT_TICKET, 0)
  }

  /** How many blocks the draft has; `rewind` takes it. */
  mark(): number {
    return this.m[this.slotAt + SLOT_LOG_COUNT] as number
  }

  /** Gives back every block of the draft that was allocated after `mark`. */
  rewind(mark: number): void {
    const { m, slotAt } = this
    for (let count = this.mark(); ; count--) {
      // Without an entry also where an error came between the chunk and its first one.
      if (count <= this.#firstOfChunk && this.#chunks > 1) this.#dropChunk()
      if (count <= mark) return
      const block = m[this.nextEntryAt() - 1] as number
      const kept = isPermanent(m, this.layout, block)
      const run = !kept && sizeClassOf(m, block) === LARGE
      if (run) this.#disown(block)
      else if (!kept) this.#toCache(block)
      m[slotAt + SLOT_LOG_COUNT] = count - 1
      if (run) this.#freeRun(block)
    }
  }

  /** A private block of at least `size` words: class stamped, kind 0, count 1, contents undefined.
   *  Throws `ERR_HEAP_FULL`. */
  allocate(size: number): Offset {
    if (size > this.classes.largest) return this.#allocateRun(size)
    this.#room()
    const { m, slotAt } = this
    let sizeClass = this.#classOf[size] as number
    if (m[slotAt + SLOT_CACHES + sizeClass] === 0) sizeClass = this.#supplied(sizeClass, size)
    const cacheAt = slotAt + SLOT_CACHES + sizeClass
    const block = m[cacheAt] as number
    const next = m[block + 1] as number
    this.#log(block)
    m[cacheAt] = next
    m[slotAt + SLOT_CACHED_WORDS] =
      (m[slotAt + SLOT_CACHED_WORDS] as number) - (this.classes.sizes[sizeClass] as number)
    m[block] = sizeClass << 4
    m[block + 1] = 1
    return block
  }

  /** Links a block of the chunk class through `link`, then takes it out of the cache: for blocks
   *  that belong to the slot itself (log chunks, lease chunks). */
  takeChunk(link: (block: Offset) => void): Offset {
    const { m, slotAt } = this
    const cacheAt = slotAt + SLOT_CACHES + this.#chunkClass
    const size = this.classes.sizes[this.#chunkClass] as number
    const block = (m[cacheAt] as number) || this.#miss(this.#chunkClass, size)
    const next = m[block + 1] as number
    link(block)
    m[cacheAt] = next
    m[slotAt + SLOT_CACHED_WORDS] = (m[slotAt + SLOT_CACHED_WORDS] as number) - size
    m[block] = (this.#chunkClass << 4) | CHUNK
    return block
  }

  /** Makes room for one more log entry: before a block is looked at, since it takes one itself. */
  #room(): void {
    if (this.mark() === this.#chunks * this.entriesPerChunk) this.#addChunk()
  }

  /** Entries in the chunks that are older than the newest. */
  get #firstOfChunk(): number {
    return (this.#chunks - 1) * this.entriesPerChunk
  }

  /** Where the next log entry goes; `#room` was called before. */
  nextEntryAt(): Offset {
    const chunk = this.m[this.slotAt + SLOT_LOG] as number
    return chunk + CHUNK_HEAD + this.mark() - this.#firstOfChunk
  }

  #log(block: Offset): void {
    this.m[this.nextEntryAt()] = block
    this.m[this.slotAt + SLOT_LOG_COUNT] = this.mark() + 1
  }

  #addChunk(): void {
    const { m, slotAt } = this
    this.takeChunk((block) => {
      m[block + 2] = m[slotAt + SLOT_LOG] as number
      m[slotAt + SLOT_LOG] = block
      this.#chunks++
    })
  }

  #dropChunk(): void {
    const { m, slotAt } = this
    const chunk = m[slotAt + SLOT_LOG] as number
    this.#toCache(chunk)
    m[slotAt + SLOT_LOG] = m[chunk + 2] as number
    this.#chunks--
  }

  #trimLog(): void {
    while (this.#chunks > 1) this.#dropChunk() // bound: chunks of the log
    this.m[this.slotAt + SLOT_LOG_COUNT] = 0
  }

  #toCache(block: Offset): void {
    const { m, slotAt } = this
    const sizeClass = sizeClassOf(m, block)
    const cacheAt = slotAt + SLOT_CACHES + sizeClass
    m[block] = (sizeClass << 4) | FREE
    m[block + 1] = m[cacheAt] as number
    m[cacheAt] = block
    m[slotAt + SLOT_CACHED_WORDS] =
      (m[slotAt + SLOT_CACHED_WORDS] as number) + (this.classes.sizes[sizeClass] as number)
  }

  /** The cache of the class is empty: fills it and returns its head, or throws. */
  #miss(sizeClass: number, size: number): Offset {
    const block = this.#fill(sizeClass)
    if (block === 0) throw this.#full(size)
    return block
  }

  /** The class to take a block from whose own cache is empty: the class itself, once filled, or
   *  where that cannot be a larger one, so that small writes work when all spans are in use. */
  #supplied(sizeClass: number, size: number): number {
    if (this.#fill(sizeClass) !== 0) return sizeClass
    for (let larger = sizeClass + 1; larger < this.classes.count; larger++) {
      if (this.m[this.slotAt + SLOT_CACHES + larger] !== 0) return larger
      if (this.supply.refill(larger) !== 0) return larger
    }
    throw this.#full(size)
  }

  #fill(sizeClass: number): Offset {
    for (let attempt = 0; ; attempt++) {
      const block = this.supply.refill(sizeClass) || this.#carve(sizeClass)
      if (block !== 0 || !this.supply.relieve(attempt)) return block // bound: relieve's
    }
  }

  /** A draft without blocks ends here: its maker may have failed before it could abort it. */
  #full(size: number): RootswapError {
    if (this.mark() === 0) this.words.store(this.slotAt + SLOT_TICKET, 0)
    return this.supply.full(size)
  }

  /** Cuts a fresh span into blocks; returns the first, or 0 when no fresh span is left. */
  #carve(sizeClass: number): Offset {
    const span = claimFresh(this.words, this.layout, this.#slot, 1)
    if (span < 0) return 0
    return this.fillCache(sizeClass, span, this.cut(sizeClass, span))
  }

  /** Threads the blocks of a claimed span together; returns how many. */
  cut(sizeClass: number, span: number): number {
    const { m, layout } = this
    const size = this.classes.sizes[sizeClass] as number
    const first = spanStart(layout, span)
    const count = Math.floor((1 << layout.spanShift) / size)
    for (let index = 0; index < count; index++) {
      const block = first + index * size
      m[block] = (sizeClass << 4) | FREE
      m[block + 1] = index + 1 < count ? block + size : 0
    }
    return count
  }

  /** Puts a cut span of this thread into its (empty) cache and makes the span OWNED. */
  fillCache(sizeClass: number, span: number, count: number): Offset {
    const { m, layout, slotAt } = this
    const first = spanStart(layout, span)
    m[slotAt + SLOT_CACHES + sizeClass] = first
    m[slotAt + SLOT_CACHED_WORDS] =
      (m[slotAt + SLOT_CACHED_WORDS] as number) + count * (this.classes.sizes[sizeClass] as number)
    const at = spanAt(layout, span)
    this.words.store(at + SPAN_USE, USE_BLOCKS | (sizeClass << 8))
    this.words.store(at + SPAN_STATE, SPAN_OWNED)
    return first
  }

  #allocateRun(size: number): Offset {
    this.#room()
    const spans = Math.ceil(size / (1 << this.layout.spanShift))
    if (spans > this.layout.spanCount) throw this.#full(size)
    for (let attempt = 0; ; attempt++) {
      const block = this.supply.run(spans) || this.#freshRun(spans)
      if (block !== 0) return block
      if (!this.supply.relieve(attempt)) throw this.#full(size) // bound: relieve's
    }
  }

  #freshRun(spans: number): Offset {
    const first = claimFresh(this.words, this.layout, this.#slot, spans)
    if (first < 0) return 0
    const { m, words, layout } = this
    const at = spanAt(layout, first)
    const block = spanStart(layout, first)
    for (let index = first + 1; index < first + spans; index++) {
      words.store(spanAt(layout, index) + SPAN_USE, USE_BODY | (this.#slot << 8))
      words.store(spanAt(layout, index) + SPAN_STATE, SPAN_OWNED)
    }
    m[at + SPAN_RUN] = spans
    words.store(at + SPAN_USE, USE_LARGE | (this.#slot << 8))
    m[block] = LARGE << 4
    m[block + 1] = 1
    this.#log(block)
    words.store(at + SPAN_STATE, SPAN_OWNED)
    return block
  }

  /** Marks a private run as claimed but not yet a block, so that it may leave the log. */
  #disown(block: Offset): void {
    const at = spanAt(this.layout, spanOf(this.layout, block))
    this.words.store(at + SPAN_STATE, SPAN_CARVING | (this.#slot << 8))
  }

  /** A private run was never published, so its spans may be fresh again at once. */
  #freeRun(block: Offset): void {
    const first = spanOf(this.layout, block)
    const spans = this.m[spanAt(this.layout, first) + SPAN_RUN] as number
    unclaimSpans(this.words, this.layout, first, spans)
  }
}

export interface SlotAndSupply {
  readonly slot: number
  readonly slotAt: Offset
  readonly supply: Supply
}

/** Words of a chunk, as every thread's allocator cuts it. */
export function chunkWordsOf({ classes }: { readonly classes: SizeClasses }): number {
  const sizeClass = classes.classOf[Math.min(CHUNK_WORDS_MAX, classes.largest)] as number
  return classes.sizes[sizeClass] as number
}

/** Entries of one log chunk. */
export function chunkEntries(classes: SizeClasses): number {
  return chunkWordsOf({ classes }) - CHUNK_HEAD
}

/** Tickets count up and skip 0; they are compared for equality only. */
function nextTicket(last: number): number {
  const next = (last + 1) | 0
  return next === 0 ? 1 : next
}
