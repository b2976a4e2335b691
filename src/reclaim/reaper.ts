/**
 * The reaper: gives back what a dead thread left. It runs in the thread that saw the exit event,
 * under the lock, and can itself die at any step: each step is a transaction, or idempotent.
 *
 * **Invariants.** A slot is reaped only while its STATE names the dead thread. Order: journal (if
 * the dead held the lock), arrivals, draft, holds, caches, chunks, spans, words, slot; the slot is
 * last, so that its tag stays good for the lock until everything is done. A thread that reaps
 * itself holds the lock by that very tag, and gives it before the slot.
 *
 * **Ordering.** The exit event happens after everything that the dead thread did. `[slot-free]` the
 * store that frees the slot Pairs with [slot-claim].
 *
 * **Progress.** Blocking on the lock's owner alone; if that one is dead too, its own reaper takes
 * the lock from it.
 *
 * **Crash.** A block in flight is in two places only as the newest log entry (or chunk) and the
 * head of a cache; the first steps settle that, by looking, so they may run again.
 */

import { CHUNK_HEAD, chunkEntries, chunkWordsOf } from '../memory/allocator.ts'
import { spanAt, spanOf, unclaimSpans } from '../memory/span-table.ts'
import { kindOf, SHAPE, sizeClassOf } from '../memory/kinds.ts'
import {
  CELL_CLAIMED,
  CELL_FREE,
  CELL_STATE,
  CELL_TURN,
  CLASSES_MAX,
  FREEZE_AT,
  type Layout,
  SLOT_CACHED_WORDS,
  SLOT_CACHES,
  SLOT_GENERATION,
  SLOT_HOLD_CHAIN,
  SLOT_LEASE_CHAIN,
  SLOT_LEASE_COUNT,
  SLOT_LEASES,
  SLOT_LINK,
  SLOT_LOG,
  SLOT_LOG_COUNT,
  SLOT_PUBLISHED,
  SLOT_READING,
  SLOT_SECTION,
  SLOT_SNAPSHOTS,
  SLOT_STATE,
  SLOT_TICKET,
  SLOT_WAITING,
  SPAN_CARVING,
  SPAN_OWNED,
  SPAN_RUN,
  SPAN_STATE,
  SPAN_USE,
  USE_BODY,
  USE_LARGE,
  WAITERS_AT,
} from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import { LARGE } from '../memory/size-classes.ts'
import type { Offset } from '../memory/words.ts'
import { slotOfTag, tagOf } from '../memory/tag.ts'
import { cellAt, cellsInUse } from './cells.ts'
import { Counts } from './counts.ts'
import { eachHold } from './holds.ts'
import { isLinked } from './log.ts'
import { DEFAULT_TUNING, Reclaimer } from './reclaimer.ts'
import { slotAt, slotsInUse, threadOfSlot } from './slots.ts'

/** Slots of a dead thread that it left in this heap. */
export function slotsOfThread(memory: Memory, threadId: number): number[] {
  const found: number[] = []
  for (let slot = 0; slot < slotsInUse(memory.words); slot++) {
    if (threadOfSlot(memory, slot) === threadId) found.push(slot)
  }
  return found
}

/**
 * Reaps one slot of a thread that is known to be dead. Returns false when the lock was not to be
 * had within `waitMs`; the caller tries again later.
 */
export function reapSlot(
  reclaimer: Reclaimer,
  slot: number,
  threadId: number,
  waitMs: number,
): boolean {
  const { memory, lock } = reclaimer
  const at = slotAt(memory.layout, slot)
  // The lock before the slot: a tag of this slot that was seen while the dead thread still had the
  // slot is its tag. The generation is an L word: before the lock is had, another reaper of the
  // same thread may have freed the slot, and its next owner may hold the lock.
  const owner = lock.owner()
  if (memory.words.load(at + SLOT_STATE) !== threadId + 1) return true
  if (slotOfTag(owner) === slot && lock.takeFrom(owner)) {
    reclaimer.journal.discard()
    reclaimer.journal.repair()
    reclaimer.round.restart()
  } else if (!reclaimer.takeLock(waitMs)) return false
  if (memory.words.load(at + SLOT_STATE) === threadId + 1) {
    const dead = tagOf(slot, memory.m[at + SLOT_GENERATION] as number)
    new Reaping(reclaimer, slot, dead).run()
    // Who leaves gives the lock before the slot: the owner of a lock is found by its slot.
    if (slot === reclaimer.slot.index) lock.give()
    // [slot-free] Pairs with [slot-claim]. Not where a newcomer took the slot over to reap it.
    memory.words.compareExchange(at + SLOT_STATE, threadId + 1, 0)
    if (slot === reclaimer.slot.index) return true
  }
  lock.give()
  return true
}

/** Leaves the heap: a thread reaps its own slot, as if it had died between two operations. */
export function releaseOwnSlot(reclaimer: Reclaimer, threadId: number, waitMs: number): boolean {
  return reapSlot(reclaimer, reclaimer.slot.index, threadId, waitMs)
}

/**
 * Reaps a slot of a dead thread for one that has no slot of its own, since all are taken: it takes
 * the slot over, which then is its own to leave. Should it die there, it is reaped as its owner.
 * Returns false when the lock was not to be had.
 */
export function reapForNewcomer(
  memory: Memory,
  { slot, threadId: deadId }: { readonly slot: number; readonly threadId: number },
  newcomer: { readonly threadId: number; readonly waitMs: number },
): boolean {
  const { words, m, layout } = memory
  const at = slotAt(layout, slot)
  const [dead, own] = [deadId + 1, newcomer.threadId + 1]
  if (words.compareExchange(at + SLOT_STATE, dead, own) !== dead) return true
  const taken = { index: slot, at, tag: tagOf(slot, m[at + SLOT_GENERATION] as number) }
  const reclaimer = new Reclaimer(memory, taken, DEFAULT_TUNING, chunkWordsOf(memory))
  if (releaseOwnSlot(reclaimer, newcomer.threadId, newcomer.waitMs)) return true
  words.compareExchange(at + SLOT_STATE, own, dead)
  return false
}

class Reaping {
  readonly #reclaimer: Reclaimer
  readonly #memory: Memory
  readonly #m: Int32Array
  readonly #layout: Layout
  readonly #slot: number
  readonly #at: Offset
  readonly #tag: number

  constructor(reclaimer: Reclaimer, slot: number, tag: number) {
    this.#reclaimer = reclaimer
    this.#memory = reclaimer.memory
    this.#m = reclaimer.memory.m
    this.#layout = reclaimer.memory.layout
    this.#slot = slot
    this.#at = slotAt(this.#layout, slot)
    this.#tag = tag
  }

  run(): void {
    this.#reclaimer.round.arrive()
    this.#settleCarving()
    this.#settleChunks()
    this.#dropEmptyChunk()
    this.#settleRun()
    this.#settleEntry()
    this.#dropEmptyChunk() // again: the entry may have been the newest chunk's only one
    this.#freeDraft()
    this.#releaseHolds()
    this.#freeCaches()
    this.#freeChunks()
    this.#unclaimStraySpans()
    this.#clearWords()
    this.#endGeneration()
  }

  /** A span that was cut but not yet owned may already be the cache: forget it there. */
  #settleCarving(): void {
    const m = this.#m
    for (let sizeClass = 0; sizeClass < CLASSES_MAX; sizeClass++) {
      const head = m[this.#at + SLOT_CACHES + sizeClass] as number
      if (head === 0) continue
      const stateAt = spanAt(this.#layout, spanOf(this.#layout, head)) + SPAN_STATE
      if (this.#memory.words.load(stateAt) === this.#carving()) {
        m[this.#at + SLOT_CACHES + sizeClass] = 0
      }
    }
  }

  /** A large block whose log entry was written is a block, though its first span is still being
   *  claimed: own it, so that it is freed like the others. */
  #settleRun(): void {
    const m = this.#m
    const count = m[this.#at + SLOT_LOG_COUNT] as number
    if (count === 0 || m[this.#at + SLOT_TICKET] === 0) return
    const newest = m[this.#entryAt(count - 1)] as number
    const span = spanOf(this.#layout, newest)
    const stateAt = spanAt(this.#layout, span) + SPAN_STATE
    if (sizeClassOf(m, newest) === LARGE && this.#memory.words.load(stateAt) === this.#carving()) {
      this.#memory.words.store(stateAt, SPAN_OWNED)
    }
  }

  /** The newest chunk may still be the head of its cache: it stays in the cache. */
  #settleChunks(): void {
    const m = this.#m
    for (const link of [SLOT_LOG, SLOT_LEASE_CHAIN, SLOT_HOLD_CHAIN]) {
      const chunk = m[this.#at + link] as number
      if (chunk !== 0 && this.#isCacheHead(chunk)) m[this.#at + link] = m[chunk + 2] as number
    }
  }

  /** The newest log entry may still be the head of its cache: it stays in the cache. */
  #settleEntry(): void {
    const m = this.#m
    const count = m[this.#at + SLOT_LOG_COUNT] as number
    if (count === 0 || m[this.#at + SLOT_LOG] === 0) return
    if (this.#isCacheHead(m[this.#entryAt(count - 1)] as number)) {
      m[this.#at + SLOT_LOG_COUNT] = count - 1
    }
  }

  /** A chunk that was added, or emptied, without an entry: entries are looked up in the newest. */
  #dropEmptyChunk(): void {
    const m = this.#m
    let chunks = 0
    for (let chunk = m[this.#at + SLOT_LOG] as number; chunk !== 0; chunks++) {
      chunk = m[chunk + 2] as number // bound: chunks of the log
    }
    const entries = chunkEntries(this.#memory.classes)
    const needed = Math.max(1, Math.ceil((m[this.#at + SLOT_LOG_COUNT] as number) / entries))
    for (; chunks > needed; chunks--) this.#freeChunk(SLOT_LOG)
  }

  /** Frees the blocks of a draft that was never published; leaves those of one that was. */
  #freeDraft(): void {
    const m = this.#m
    const ticket = m[this.#at + SLOT_TICKET] as number
    if (ticket === 0 || ticket === m[this.#at + SLOT_PUBLISHED]) return
    if (isLinked(this.#memory, this.#at)) return
    const { journal } = this.#reclaimer
    const entries = chunkEntries(this.#memory.classes)
    for (let count = m[this.#at + SLOT_LOG_COUNT] as number; count > 0; count--) {
      const block = m[this.#entryAt(count - 1)] as number
      if (!this.#isPermanent(block)) this.#free(block)
      journal.set(this.#at + SLOT_LOG_COUNT, count - 1)
      journal.commit()
      if ((count - 1) % entries === 0 && count > 1) this.#freeChunk(SLOT_LOG)
    }
  }

  /** Counted blocks that the thread held; what nobody else holds is freed by a round. */
  #releaseHolds(): void {
    const { journal, spans } = this.#reclaimer
    const counts = new Counts(journal, spans, Infinity)
    const chunkWords = chunkWordsOf(this.#memory)
    eachHold(this.#m, this.#at, chunkWords, (block, uses, at) => {
      counts.drop(block, uses)
      journal.set(at, 0)
      journal.set(at + 1, 0)
      journal.commit()
    })
  }

  #freeCaches(): void {
    const { journal } = this.#reclaimer
    for (let sizeClass = 0; sizeClass < CLASSES_MAX; sizeClass++) {
      const headAt = this.#at + SLOT_CACHES + sizeClass
      for (let block = this.#m[headAt] as number; block !== 0;) {
        // bound: the blocks of the cache
        const next = this.#m[block + 1] as number
        this.#free(block)
        journal.set(headAt, next)
        journal.commit()
        block = next
      }
    }
  }

  #freeChunks(): void {
    for (const link of [SLOT_LOG, SLOT_LEASE_CHAIN, SLOT_HOLD_CHAIN]) {
      while (this.#m[this.#at + link] !== 0) this.#freeChunk(link) // bound: chunks of the slot
    }
  }

  #freeChunk(link: number): void {
    const chunk = this.#m[this.#at + link] as number
    const { journal } = this.#reclaimer
    journal.set(this.#at + link, this.#m[chunk + 2] as number)
    this.#free(chunk)
    journal.commit()
  }

  /** Claimed spans that never became a block, and further spans that no large block covers. */
  #unclaimStraySpans(): void {
    const { words } = this.#memory
    const layout = this.#layout
    const stray = USE_BODY | (this.#slot << 8)
    for (let span = 0; span < layout.spanCount;) {
      const at = spanAt(layout, span)
      const state = words.load(at + SPAN_STATE)
      const use = words.load(at + SPAN_USE)
      if (state === this.#carving() || (state === SPAN_OWNED && use === stray)) {
        unclaimSpans(words, layout, span, 1)
      } else if (state === SPAN_OWNED && (use & 0xff) === USE_LARGE) {
        span += (this.#m[at + SPAN_RUN] as number) - 1
      }
      span++
    }
  }

  #clearWords(): void {
    const { words } = this.#memory
    const m = this.#m
    const at = this.#at
    if (m[at + SLOT_WAITING] === 1) {
      m[at + SLOT_WAITING] = 0
      words.add(WAITERS_AT, -1)
    }
    for (let index = 0; index < SLOT_LEASE_COUNT; index++) words.store(at + SLOT_LEASES + index, 0)
    words.store(at + SLOT_TICKET, 0)
    words.store(at + SLOT_LINK, 0)
    words.store(at + SLOT_SNAPSHOTS, 0)
    for (const word of [SLOT_SECTION, SLOT_READING]) {
      const value = words.load(at + word)
      if ((value & 1) === 1) words.store(at + word, (value + 1) | 0)
    }
    m[at + SLOT_LOG_COUNT] = 0
    m[at + SLOT_CACHED_WORDS] = 0
    words.compareExchange(FREEZE_AT, this.#tag, 0)
    const claimed = ((this.#slot + 1) << 2) | CELL_CLAIMED
    for (let cell = 0, cells = cellsInUse(this.#memory); cell < cells; cell++) {
      const at = cellAt(this.#layout, cell)
      words.compareExchange(at + CELL_TURN, this.#tag, 0)
      words.compareExchange(at + CELL_STATE, claimed, CELL_FREE)
    }
  }

  /** The next owner's tag differs. Once too often, where a reaper dies here, does no harm. */
  #endGeneration(): void {
    const generationAt = this.#at + SLOT_GENERATION
    // [generation-end] Pairs with [generation-check]: seen by threads without the lock.
    this.#memory.words.store(generationAt, ((this.#m[generationAt] as number) + 1) & 0x3fff)
  }

  #free(block: Offset): void {
    const { journal, spans } = this.#reclaimer
    if (journal.room < spans.pairsToFree(block) + 8) journal.commit()
    while (!spans.free(block)) journal.commit() // bound: slices of a run
  }

  #isPermanent(block: Offset): boolean {
    const m = this.#m
    if (kindOf(m, block) !== SHAPE) return false
    return this.#memory.words.load(this.#layout.shapesAt + (m[block + 2] as number)) === block
  }

  #isCacheHead(block: Offset): boolean {
    const sizeClass = sizeClassOf(this.#m, block)
    return this.#m[this.#at + SLOT_CACHES + sizeClass] === block
  }

  #entryAt(index: number): Offset {
    const entries = chunkEntries(this.#memory.classes)
    return (this.#m[this.#at + SLOT_LOG] as number) + CHUNK_HEAD + (index % entries)
  }

  #carving(): number {
    return SPAN_CARVING | (this.#slot << 8)
  }
}
