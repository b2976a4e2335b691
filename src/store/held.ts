/** What a thread says of the snapshots that it holds: how many, and since when the oldest. */

import { SLOT_SNAPSHOT_SINCE, SLOT_SNAPSHOTS } from '../memory/layout.ts'
import type { Offset, Words } from '../memory/words.ts'

const CLOCK_MASK = 0x3fffffff

/** Milliseconds, of a clock that all threads share. */
export function clockMs(): number {
  return Date.now() & CLOCK_MASK
}

/** Milliseconds since a moment of that clock; 0 where the clock was put back. */
export function ageOf(sinceMs: number, nowMs = clockMs()): number {
  const age = (nowMs - sinceMs) & CLOCK_MASK
  return age > CLOCK_MASK >> 1 ? 0 : age
}

export interface HeldSince {
  readonly sinceMs: number
}

export class HeldSnapshots {
  readonly #words: Words
  readonly #slotAt: Offset
  /** In the order in which they were taken. */
  readonly #held = new Set<HeldSince>()
  #oldest: HeldSince | undefined

  constructor(words: Words, slotAt: Offset) {
    this.#words = words
    this.#slotAt = slotAt
  }

  add(): HeldSince {
    const held = { sinceMs: clockMs() }
    this.#held.add(held)
    if (this.#oldest === undefined) this.#note(held)
    this.#words.store(this.#slotAt + SLOT_SNAPSHOTS, this.#held.size)
    return held
  }

  remove(held: HeldSince): void {
    if (!this.#held.delete(held)) return
    if (held === this.#oldest) this.#note(this.#held.values().next().value)
    this.#words.store(this.#slotAt + SLOT_SNAPSHOTS, this.#held.size)
  }

  #note(oldest: HeldSince | undefined): void {
    this.#oldest = oldest
    if (oldest !== undefined) {
      this.#words.store(this.#slotAt + SLOT_SNAPSHOT_SINCE, oldest.sinceMs)
    }
  }
}
