/**
 * Free memory under the lock: spans keep their own free blocks, classes keep the spans that have
 * some, and a span whose blocks are all free is given back for any class.
 *
 * **Invariants.** A span of blocks is in its class's list exactly while it has free blocks; a
 * span without use is in the list of free spans. Lists are doubly linked, as index + 1.
 *
 * **Ordering.** Every word here is L: plain, ordered by the lock.
 *
 * **Progress.** Bounded: a constant number of words per block, per span of a run.
 *
 * **Crash.** All changes are pairs of a transaction; see journal.ts. A span without use may be cut
 * before the transaction that takes it: nobody reads its inside. Of a long run the further spans
 * are taken first; until the last transaction they are stray, and the reaper gives them back.
 */

import { corrupt } from '../errors.ts'
import { type Allocator } from '../memory/allocator.ts'
import { blockWords, spanAt, spanOf, spanStart } from '../memory/span-table.ts'
import { FREE, sizeClassOf } from '../memory/kinds.ts'
import {
  CLASS_HEADS_AT,
  DEBUG_AT,
  FREE_SPANS_AT,
  FREED_AT,
  type Layout,
  SLOT_CACHED_WORDS,
  SLOT_CACHES,
  SLOT_LOG_COUNT,
  SPAN_FREE,
  SPAN_FREE_COUNT,
  SPAN_NEXT,
  SPAN_OWNED,
  SPAN_PREVIOUS,
  SPAN_RUN,
  SPAN_STATE,
  SPAN_USE,
  USE_BLOCKS,
  USE_BODY,
  USE_LARGE,
  USE_NONE,
} from '../memory/layout.ts'
import { LARGE, type SizeClasses } from '../memory/size-classes.ts'
import { poison } from '../memory/poison.ts'
import type { Offset, Words } from '../memory/words.ts'
import type { Journal } from './journal.ts'

/** Spans of a run that one transaction gives back. */
const RUN_SLICE = 256
/** A refill takes the lists of further spans while it has no more blocks than this. */
const GATHERED_MAX = 32

export class Spans {
  readonly #words: Words
  readonly #m: Int32Array
  readonly #layout: Layout
  readonly #classes: SizeClasses
  readonly #journal: Journal
  readonly #debug: boolean
  /** Of each size class. */
  readonly #blocksPerSpan: readonly number[]
  /** In a debug heap: block and words that the open transaction frees. */
  readonly #freed: [block: Offset, words: number][] = []

  constructor(words: Words, layout: Layout, classes: SizeClasses, journal: Journal) {
    this.#words = words
    this.#m = words.m
    this.#layout = layout
    this.#classes = classes
    this.#journal = journal
    this.#debug = words.m[DEBUG_AT] === 1
    const spanWords = 1 << layout.spanShift
    this.#blocksPerSpan = Array.from(classes.sizes, (size) => Math.floor(spanWords / size))
    if (this.#debug) journal.ended = (committed) => this.#poisonFreed(committed)
  }

  #poisonFreed(committed: boolean): void {
    for (const [block, words] of committed ? this.#freed : []) poison(this.#m, block, words)
    this.#freed.length = 0
  }

  /** Frees a block within the open transaction. False: a long run, of which only the tail was
   *  freed; the caller keeps the block on a list and calls again in another transaction. */
  free(block: Offset): boolean {
    const sizeClass = sizeClassOf(this.#m, block)
    if (sizeClass === LARGE) return this.#freeRun(block)
    this.#journal.add(FREED_AT, 1)
    this.#freeSmall(block, sizeClass)
    return true
  }

  /** How many pairs `free` may add for a block. */
  pairsToFree(block: Offset): number {
    return sizeClassOf(this.#m, block) === LARGE ? 5 * RUN_SLICE + 16 : 24
  }

  /** Spans of a large block, 0 of a smaller one. */
  runOf(block: Offset): number {
    if (sizeClassOf(this.#m, block) !== LARGE) return 0
    return this.#journal.get(spanAt(this.#layout, spanOf(this.#layout, block)) + SPAN_RUN)
  }

  /** Frees the tail of a large block, a slice of it, but not its first span. */
  trim(block: Offset): void {
    this.#freeRun(block, 1)
  }

  /** Does freeing the block take more than one transaction? */
  isLongRun(block: Offset): boolean {
    return this.runOf(block) > RUN_SLICE
  }

  wordsOf(block: Offset): number {
    return blockWords(this.#m, block, this.#layout, this.#classes)
  }

  /** Moves free blocks of the class into the allocator's empty cache; its head, or 0. Commits.
   *  Where memory came back one block here and one there, lists of several spans are joined, so
   *  that not each allocation is a transaction. */
  refill(allocator: Allocator, sizeClass: number): Offset {
    const m = this.#m
    const journal = this.#journal
    const headAt = CLASS_HEADS_AT + sizeClass
    if (m[headAt] === 0) return this.#recut(allocator, sizeClass)
    let first = 0
    let count = 0
    // Bound: each turn adds a block.
    for (let head = m[headAt] as number; head !== 0; head = journal.get(headAt)) {
      const at = spanAt(this.#layout, head - 1)
      const more = m[at + SPAN_FREE_COUNT] as number
      if (count > 0 && count + more > GATHERED_MAX) break
      const list = m[at + SPAN_FREE] as number
      if (first !== 0) journal.set(lastOf(m, list, more) + 1, first)
      this.#unlink(headAt, head - 1)
      journal.set(at + SPAN_FREE, 0)
      journal.set(at + SPAN_FREE_COUNT, 0)
      first = list
      count += more
    }
    this.#give(allocator, sizeClass, first, count)
    return first
  }

  /** Makes a block of free spans and logs it in the allocator's draft; or 0. Commits. */
  takeRun(allocator: Allocator, slot: number, spans: number): Offset {
    const first = this.#findRun(spans)
    if (first < 0) return 0
    const journal = this.#journal
    for (let index = first + 1; index < first + spans; index++) {
      this.#unlink(FREE_SPANS_AT, index)
      journal.set(spanAt(this.#layout, index) + SPAN_USE, USE_BODY | (slot << 8))
      if (journal.room < 64) journal.commit()
    }
    const at = spanAt(this.#layout, first)
    const block = spanStart(this.#layout, first)
    this.#m[block] = LARGE << 4
    this.#m[block + 1] = 1
    this.#unlink(FREE_SPANS_AT, first)
    journal.set(at + SPAN_USE, USE_LARGE | (slot << 8))
    journal.set(at + SPAN_RUN, spans)
    journal.set(allocator.nextEntryAt(), block)
    journal.set(allocator.slotAt + SLOT_LOG_COUNT, allocator.mark() + 1)
    journal.commit()
    return block
  }

  #recut(allocator: Allocator, sizeClass: number): Offset {
    const head = this.#m[FREE_SPANS_AT] as number
    if (head === 0) return 0
    const count = allocator.cut(sizeClass, head - 1)
    this.#unlink(FREE_SPANS_AT, head - 1)
    const at = spanAt(this.#layout, head - 1)
    this.#journal.set(at + SPAN_USE, USE_BLOCKS | (sizeClass << 8))
    const first = spanStart(this.#layout, head - 1)
    this.#give(allocator, sizeClass, first, count)
    return first
  }

  #give(allocator: Allocator, sizeClass: number, first: Offset, count: number): void {
    const journal = this.#journal
    const cachedAt = allocator.slotAt + SLOT_CACHED_WORDS
    const words = count * (this.#classes.sizes[sizeClass] as number)
    journal.set(allocator.slotAt + SLOT_CACHES + sizeClass, first)
    journal.set(cachedAt, journal.get(cachedAt) + words)
    journal.commit()
  }

  #freeSmall(block: Offset, sizeClass: number): void {
    const journal = this.#journal
    if (this.#debug) this.#freed.push([block, this.#classes.sizes[sizeClass] as number])
    const span = spanOf(this.#layout, block)
    const at = spanAt(this.#layout, span)
    const count = journal.add(at + SPAN_FREE_COUNT, 1)
    journal.append(block, FREE | (sizeClass << 4))
    const next = journal.exchange(at + SPAN_FREE, block)
    if (next === block) throw corrupt('a block is freed twice', { block })
    journal.append(block + 1, next)
    if (count === 1) this.#link(CLASS_HEADS_AT + sizeClass, span)
    if (count === this.#blocksPerSpan[sizeClass]) this.#retire(span, sizeClass)
  }

  /** All blocks of the span are free: gives it back, unless it is the last one of its class. */
  #retire(span: number, sizeClass: number): void {
    const headAt = CLASS_HEADS_AT + sizeClass
    const at = spanAt(this.#layout, span)
    const journal = this.#journal
    if (journal.get(headAt) === span + 1 && journal.get(at + SPAN_NEXT) === 0) return
    this.#unlink(headAt, span)
    journal.set(at + SPAN_FREE, 0)
    journal.set(at + SPAN_FREE_COUNT, 0)
    this.giveBack(span)
  }

  /** Puts an owned span that nothing uses into the list of free spans; part of a transaction. */
  giveBack(span: number): void {
    this.#journal.set(spanAt(this.#layout, span) + SPAN_USE, USE_NONE)
    this.#link(FREE_SPANS_AT, span)
  }

  #freeRun(block: Offset, least = 0): boolean {
    const journal = this.#journal
    const first = spanOf(this.#layout, block)
    const runAt = spanAt(this.#layout, first) + SPAN_RUN
    const run = journal.get(runAt)
    const keep = Math.max(least, run - RUN_SLICE)
    const tail = spanStart(this.#layout, first + keep)
    if (this.#debug) this.#freed.push([tail, (run - keep) << this.#layout.spanShift])
    for (let index = first + run - 1; index >= first + keep; index--) this.giveBack(index)
    journal.set(runAt, keep)
    if (keep === 0) journal.set(FREED_AT, (journal.get(FREED_AT) + 1) | 0)
    return keep === 0
  }

  #findRun(spans: number): number {
    let got = 0
    for (let index = 0; index < this.#layout.spanCount; index++) {
      const at = spanAt(this.#layout, index)
      const owned = this.#words.load(at + SPAN_STATE) === SPAN_OWNED
      got = owned && this.#words.load(at + SPAN_USE) === USE_NONE ? got + 1 : 0
      if (got === spans) return index - spans + 1
    }
    return -1
  }

  #link(headAt: Offset, span: number): void {
    const journal = this.#journal
    const at = spanAt(this.#layout, span)
    const head = journal.get(headAt)
    journal.set(at + SPAN_NEXT, head)
    journal.set(at + SPAN_PREVIOUS, 0)
    if (head !== 0) journal.set(spanAt(this.#layout, head - 1) + SPAN_PREVIOUS, span + 1)
    journal.set(headAt, span + 1)
  }

  #unlink(headAt: Offset, span: number): void {
    const journal = this.#journal
    const at = spanAt(this.#layout, span)
    const next = journal.get(at + SPAN_NEXT)
    const previous = journal.get(at + SPAN_PREVIOUS)
    if (previous === 0) journal.set(headAt, next)
    else journal.set(spanAt(this.#layout, previous - 1) + SPAN_NEXT, next)
    if (next !== 0) journal.set(spanAt(this.#layout, next - 1) + SPAN_PREVIOUS, previous)
  }
}

/** The last block of a span's list of so many. */
function lastOf(m: Int32Array, list: Offset, count: number): Offset {
  let block = list
  for (let left = count; left > 1; left--) block = m[block + 1] as number
  return block
}
