/**
 * The reclaim lock: one word that names its owner, so that it survives the owner.
 *
 * **Invariants.** The word is 0 or the tag (slot and generation) of one thread. Nobody waits while
 * holding it. Words marked L in memory/layout.ts change only under it.
 *
 * **Ordering.** `[lock-take]` the swap that takes it Pairs with [lock-give], the store that gives
 * it back: what the last owner wrote to L words is visible to the next.
 *
 * **Progress.** `tryTake` is wait-free. `take` waits for a bounded time that the caller gives.
 *
 * **Crash.** A dead owner's tag stays in the word. The reaper swaps it for its own tag after the
 * exit event, repairs the journal, and goes on; the slot is freed last, so the tag cannot come
 * back for another thread before.
 */

import { LOCK_AT, LOCK_WAITERS_AT } from '../memory/layout.ts'
import type { Words } from '../memory/words.ts'

export class ReclaimLock {
  readonly #words: Words
  /** Identifies this thread: see `tagOf`. */
  readonly tag: number
  #held = false

  constructor(words: Words, tag: number) {
    this.#words = words
    this.tag = tag
  }

  tryTake(): boolean {
    // [lock-take] Pairs with [lock-give].
    const taken = this.#words.compareExchange(LOCK_AT, 0, this.tag) === 0
    if (taken) this.#held = true
    return taken
  }

  give(): void {
    this.#words.store(LOCK_AT, 0) // [lock-give] Pairs with [lock-take].
    this.#held = false
    // A waiter counts itself before it looks at the lock, so it is seen here or sees the store.
    if (this.#words.load(LOCK_WAITERS_AT) !== 0) this.#words.notify(LOCK_AT)
  }

  /** Takes the lock over from a thread that is known to be dead; false if it did not hold it. */
  takeFrom(dead: number): boolean {
    const taken = this.#words.compareExchange(LOCK_AT, dead, this.tag) === dead
    if (taken) this.#held = true
    return taken
  }

  /** Does this thread hold it? Between two calls it does only if an error unwound past `give`. */
  get isHeld(): boolean {
    return this.#held
  }

  /** Waits until the lock may have changed hands; false after a millisecond in vain. */
  awaitGive(): boolean {
    const words = this.#words
    const owner = words.load(LOCK_AT)
    if (owner === 0) return true
    words.add(LOCK_WAITERS_AT, 1)
    const end = words.wait(LOCK_AT, owner, 1)
    words.add(LOCK_WAITERS_AT, -1)
    return end !== 'timed-out'
  }

  /** The owner's tag, or 0. */
  owner(): number {
    return this.#words.load(LOCK_AT)
  }
}
