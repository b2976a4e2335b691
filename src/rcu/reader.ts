/**
 * A reader of an RCU domain: one registration of one thread.
 *
 * Flavor *section*: between `lock` and `unlock`, which nest, nothing is freed that could be reached
 * when `lock` returned. Flavor *qsbr*: everywhere but in `quiescent` and between `offline` and
 * `online`; reading costs nothing, and the reader must say again and again that it holds nothing.
 *
 * **Invariants.** The word is 0 exactly while the reader holds up nobody. Each time that it begins
 * to it stores an even number it has not stored lately; a quiescent state stores a copy of GP.
 *
 * **Ordering.** `[reader-enter]` the store that makes the word active comes before the loads of
 * pointers. `[reader-quiescent]` GP is loaded, and its copy stored, between the last use of what
 * was read before and the next load of a pointer. Both pair with [grace-begin].
 *
 * **Progress.** Wait-free: two stores for a section, a load and rarely a store for a quiescent
 * state.
 *
 * **Crash.** The word stays as it was until the thread is reaped; see grace.ts.
 */

import { RootswapError } from '../errors.ts'
import type { Offset, Words } from '../memory/words.ts'
import { copyOf, READER_CLAIMS, wakeSleepers } from './words.ts'

export type Flavor = 'section' | 'qsbr'

/** What a thread's readers do, together: private to the thread. */
export interface Tally {
  /** Readers inside of sections, or reads. */
  inside: number
  /** Readers of flavor qsbr that are online. */
  online: number
  /** Readers that hold up grace periods: while it is above 0 pointers may be followed. */
  active: number
}

export interface ReaderPlace {
  readonly entry: Offset
  /** The domain's GP. */
  readonly gpAt: Offset
}

/** The reader's words, and what it does to them. */
export class ReaderCore {
  readonly entry: Offset
  readonly flavor: Flavor
  readonly #words: Words
  readonly #gpAt: Offset
  readonly #tally: Tally
  /** How deep in sections; -1: unregistered. */
  #depth = 0
  /** The word as this thread last stored it. */
  #word = 0
  #last = 0

  constructor(words: Words, place: ReaderPlace, flavor: Flavor, tally: Tally) {
    this.#words = words
    this.entry = place.entry
    this.#gpAt = place.gpAt
    this.flavor = flavor
    this.#tally = tally
    // Not where the entry's last owner began: a grace period that waits for that one's section
    // would wait for this one's, and for that of the next.
    this.#last = words.load(place.entry + READER_CLAIMS) << 16
    if (flavor === 'qsbr') this.#activate()
  }

  get depth(): number {
    return this.#depth
  }

  /** May pointers be followed now? */
  get isReading(): boolean {
    return this.#word !== 0
  }

  get isOnline(): boolean {
    return this.flavor === 'qsbr' && this.#word !== 0
  }

  lock(): void {
    if (this.#depth <= 0) this.#enter()
    this.#depth++ // after what may throw
  }

  unlock(): void {
    if (this.#depth <= 0) throw this.#misuse('unlock without a lock')
    if (--this.#depth > 0) return
    this.#tally.inside--
    if (this.flavor === 'section') this.#deactivate()
  }

  quiescent(): void {
    if (this.#word === 0 || this.#depth !== 0) this.#checkQuiescent('quiescent')
    this.#pass()
  }

  /** A quiescent state that the library knows of; nothing where the reader is offline or inside. */
  passIfOnline(): void {
    if (this.isOnline && this.#depth === 0) this.#pass()
  }

  offline(): void {
    this.#checkQuiescent('offline')
    this.#deactivate()
  }

  online(): void {
    if (this.flavor !== 'qsbr' || this.#depth < 0) this.#checkQuiescent('online')
    if (this.#word === 0) this.#activate()
  }

  /** Ends the registration's use; the entry is the table's to give back. */
  end(): void {
    if (this.#depth > 0) this.#tally.inside--
    this.#depth = -1
    if (this.#word !== 0) this.#deactivate()
  }

  #pass(): void {
    // [reader-quiescent] Pairs with [grace-begin].
    const copy = copyOf(this.#words.load(this.#gpAt))
    if (copy === this.#word) return
    this.#word = copy
    this.#words.store(this.entry, copy)
    wakeSleepers(this.#words, this.#gpAt)
  }

  #enter(): void {
    if (this.#depth < 0) throw this.#closed()
    if (this.flavor === 'section') this.#activate()
    else if (this.#word === 0) throw this.#misuse('a read while the reader is offline')
    this.#tally.inside++
  }

  #activate(): void {
    this.#last = (this.#last + 2) | 0 || 2
    this.#word = this.#last
    this.#words.store(this.entry, this.#word) // [reader-enter] Pairs with [grace-begin].
    this.#tally.active++
    if (this.flavor === 'qsbr') this.#tally.online++
  }

  #deactivate(): void {
    this.#tally.active--
    if (this.flavor === 'qsbr') this.#tally.online--
    this.#word = 0
    this.#words.store(this.entry, 0)
    wakeSleepers(this.#words, this.#gpAt)
  }

  #checkQuiescent(what: string): void {
    if (this.#depth < 0) throw this.#closed()
    if (this.flavor !== 'qsbr') throw this.#misuse(`${what} of a reader of flavor 'section'`)
    if (this.#depth > 0) throw this.#misuse(`${what} inside a read`)
    if (this.#word === 0 && what !== 'online') throw this.#misuse(`${what} while offline`)
  }

  #closed(): RootswapError {
    return new RootswapError('ERR_CLOSED', 'the reader was unregistered, or its domain closed')
  }

  #misuse(what: string): RootswapError {
    const message = `${what}: see docs/rcu.md`
    return new RootswapError('ERR_RCU_MISUSE', message, { flavor: this.flavor, depth: this.#depth })
  }
}
