/**
 * `RcuPointer`: a word that names a block, or none. Readers load it; writers replace it. The
 * pointer counts what it names, and what it named until readers have moved on, so that no death and
 * no release can take a block from under a reader.
 *
 * The anchor keeps a few *owned* blocks: each has a count of the pointer's. A block is owned before
 * the word names it. What the word no longer names goes, at the next store of a new block or when
 * the thread is idle, to the domain's retired blocks. A block that this thread stored lately, and
 * that is still owned, is stored again by one atomic store.
 *
 * **Invariants.** The word names an owned block, or is 0. An owned block with the tag of a living
 * thread leaves only by that thread, so that what its private cache says stays true; without a tag,
 * or with one that is gone, any thread may retire it under the lock while the word does not name
 * it. Blocks without a tag are named only by stores under the lock.
 *
 * **Ordering.** `[pointer-store]` a block's words are written before the store that names it. Pairs
 * with [pointer-load]: a reader that loads the name sees the block whole. A block is retired after
 * the word was seen to name another, so a section that loaded it began before.
 *
 * **Progress.** Loads are wait-free. A store of an owned block is one atomic store; other changes
 * are a transaction under the lock, with a swap that can fail only against such a store. Tidying up
 * waits for no other thread: it is for threads that are idle.
 *
 * **Crash.** At any step a block is owned, held or in a bag, never in none of them: each move is a
 * transaction, and the word is changed by one store or swap after the block is owned and before any
 * other is given up.
 */

import { RootswapError } from '../errors.ts'
import { allocateCounted, countedData, countedReference } from '../memory/counted.ts'
import { nodeOf, referenceTo, TAG_NODE } from '../memory/kinds.ts'
import type { Offset, Words } from '../memory/words.ts'
import type { HeapThread } from '../reclaim/thread.ts'
import type { Retired } from './retired.ts'
import { isGone, LINE, lineAt } from './words.ts'

/** Blocks that a pointer owns at most; the first ones belong to no thread. */
export const OWNED = 6
const SHARED = 2
/** Words of an anchor's data: a line for the word, then the owners' tags. */
export const POINTER_BYTES = (LINE + LINE + OWNED) * 4
const TAGS = LINE

export function wordAt(m: Int32Array, anchor: Offset): Offset {
  return lineAt(countedData(m, anchor))
}

/** A private anchor of the open draft. */
export function makePointer(thread: HeapThread): Offset {
  const anchor = allocateCounted(thread.allocator, OWNED, POINTER_BYTES)
  const { m } = thread.memory
  const data = countedData(m, anchor)
  m.fill(0, data, data + (POINTER_BYTES >> 2))
  return anchor
}

/** What a change of the word came to. */
export interface Swapped {
  readonly swapped: boolean
  /** The block that the word named; held by this thread if that was asked for. */
  readonly found: Offset
}

/** The pointer's words, and what this thread does to them. */
export class PointerCore {
  readonly at: Offset
  readonly #thread: HeapThread
  readonly #words: Words
  readonly #anchor: Offset
  readonly #retired: Retired
  /** References that this thread's entries hold: only it takes them away. */
  readonly #mine: number[] = []
  /** How often one of them was taken away. */
  forgotten = 0

  constructor(thread: HeapThread, anchor: Offset, retired: Retired) {
    this.#thread = thread
    this.#words = thread.memory.words
    this.#anchor = anchor
    this.#retired = retired
    this.at = wordAt(thread.memory.m, anchor)
  }

  /** The reference that the word holds, or 0. */
  load(): number {
    return this.#words.load(this.at) // [pointer-load] Pairs with [pointer-store].
  }

  /** Is it a block that this thread may store without the lock? */
  isMine(block: Offset): boolean {
    return this.#mine.includes(referenceTo(block, TAG_NODE))
  }

  /** Stores a block that `isMine`, or 0. */
  storeMine(reference: number): void {
    this.#words.store(this.at, reference) // [pointer-store] Pairs with [pointer-load].
  }

  /**
   * Names a block that this thread holds (0: none). With `expected` only if the word names that
   * block. `hold`: this thread gets a hold of what the word named. Throws `ERR_RECLAIM_STALLED`,
   * `ERR_HEAP_FULL`, and then nothing has changed.
   */
  replace(block: Offset, expected: Offset | undefined, hold: boolean): Swapped {
    return this.#retired.transaction(2 * OWNED, () => {
      const reference = block === 0 ? 0 : referenceTo(block, TAG_NODE)
      for (;;) {
        // bound: a swap that failed means that another thread stored
        const word = this.load()
        const found = nodeOf(word)
        if (expected !== undefined && found !== expected) return { swapped: false, found }
        const mine = this.#own(block, word)
        if (hold && found !== 0) this.#thread.holds.retain(found)
        this.#commit()
        if (mine) this.#mine.push(reference) // only now: an error may have come before
        const swapped = this.#words.compareExchange(this.at, word, reference) === word
        if (swapped) return { swapped, found }
        if (hold && found !== 0) this.#thread.holds.release(found)
        this.#commit()
      }
    })
  }

  /** A hold of this thread's on what the word names now; the block, or 0. */
  hold(): Offset {
    return this.#retired.transaction(0, () => {
      // Under the lock what the word names is owned, whatever it names a moment later.
      const found = nodeOf(this.load())
      if (found !== 0) this.#thread.holds.retain(found)
      return found
    })
  }

  /** Gives up what the word does not name, where that needs no waiting for other threads; whether
   *  it did. Throws `ERR_HEAP_FULL`. */
  tidy(): boolean {
    return this.#retired.attempt(OWNED, () => this.#retireStale(this.load()))
  }

  /** As `tidy`, and what the word names is nobody's from now on. Throws as `replace`. */
  leave(): void {
    const { holds, slot } = this.#thread
    this.#retired.transaction(OWNED, () => {
      this.#retireStale(this.load())
      for (let index = SHARED; index < OWNED; index++) {
        if (holds.get(this.#tagAt(index)) === slot.tag) holds.set(this.#tagAt(index), 0)
      }
    })
    this.#mine.length = 0
  }

  /** Is something owned that the word does not name? A hint. */
  get isUntidy(): boolean {
    const { m } = this.#thread.memory
    const word = this.load()
    for (let index = 0; index < OWNED; index++) {
      const reference = m[countedReference(this.#anchor, index)] as number
      if (reference !== 0 && reference !== word) return true
    }
    return false
  }

  /** In a transaction: the pointer owns the block, in this thread's name if there is room; whether
   *  it newly does so. */
  #own(block: Offset, word: number): boolean {
    if (block === 0) return false
    const { holds, slot } = this.#thread
    const reference = referenceTo(block, TAG_NODE)
    if (this.#find(reference) >= 0) return false
    this.#retireStale(word)
    const index = this.#room()
    holds.share(block)
    holds.set(countedReference(this.#anchor, index), reference)
    if (index < SHARED) return false
    holds.set(this.#tagAt(index), slot.tag)
    return true
  }

  /** An entry of this thread's, or of nobody's, that owns the block; or -1. */
  #find(reference: number): number {
    const { holds } = this.#thread
    for (let index = 0; index < OWNED; index++) {
      if (holds.get(countedReference(this.#anchor, index)) !== reference) continue
      if (index < SHARED || holds.get(this.#tagAt(index)) === this.#thread.slot.tag) return index
    }
    return -1
  }

  /** A free entry: there always is one of nobody's, as the word names only one of the two. */
  #room(): number {
    const { holds } = this.#thread
    for (let index = OWNED - 1; index >= 0; index--) {
      if (holds.get(countedReference(this.#anchor, index)) === 0) return index
    }
    throw new RootswapError('ERR_CORRUPT_HEAP', 'a pointer owns more blocks than it may')
  }

  /** In a transaction: what `word` does not name, and no other living thread may store, goes. */
  #retireStale(word: number): void {
    const { holds, memory, slot } = this.#thread
    for (let index = 0; index < OWNED; index++) {
      const at = countedReference(this.#anchor, index)
      const reference = holds.get(at)
      if (reference === 0 || reference === word) continue
      const tag = index < SHARED ? 0 : holds.get(this.#tagAt(index))
      if (tag !== 0 && tag !== slot.tag && !isGone(memory, tag)) continue
      if (tag === slot.tag) this.#forget(reference)
      this.#retired.put(at)
    }
  }

  #forget(reference: number): void {
    const index = this.#mine.indexOf(reference)
    if (index >= 0) this.#mine.splice(index, 1)
    this.forgotten++
  }

  #tagAt(index: number): Offset {
    return this.at + TAGS + index
  }

  #commit(): void {
    this.#thread.reclaimer.journal.commit()
  }
}
