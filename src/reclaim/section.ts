/**
 * Sections: what protects library code inside one call that reads unleased nodes.
 *
 * **Invariants.** SECTION is odd exactly while the thread is inside. User code never runs inside
 * (I9), nor does a wait, an allocation or the taking of a lock. Sections do not nest.
 *
 * **Ordering.** `[section-enter]` the odd store comes before the load of the root; both are
 * sequentially consistent. Pairs with [section-scan]: a round loads its tops first and the
 * section words after; a section that it sees even, or changed, loads the tops or newer roots.
 *
 * **Progress.** Wait-free: two stores.
 *
 * **Crash.** The word stays odd; reclaiming waits until the reaper makes it even.
 */

import { SLOT_READING, SLOT_SECTION } from '../memory/layout.ts'
import type { Offset, Words } from '../memory/words.ts'

/** A counter of the calling thread: odd while inside. */
export class Section {
  readonly #words: Words
  readonly #at: Offset
  #count: number

  constructor(words: Words, at: Offset) {
    this.#words = words
    this.#at = at
    this.#count = words.m[at] as number
  }

  enter(): void {
    // Odd whatever was before: an error may have unwound past a leave.
    this.#count = (this.#count + 1) | 1
    this.#words.store(this.#at, this.#count) // [section-enter] Pairs with [section-scan].
  }

  /** After an error: leaves, if the thread is still inside. */
  settle(): void {
    if ((this.#count & 1) === 1) this.leave()
  }

  leave(): void {
    this.#count = (this.#count + 1) | 0
    this.#words.store(this.#at, this.#count)
  }
}

export function sectionOf(words: Words, slotAt: Offset): Section {
  return new Section(words, slotAt + SLOT_SECTION)
}

/** What `read(fn)` keeps odd: it holds up `synchronize`, never reclaiming. */
export function readingOf(words: Words, slotAt: Offset): Section {
  return new Section(words, slotAt + SLOT_READING)
}
