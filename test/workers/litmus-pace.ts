/** What paces the threads of a litmus test: a barrier before and after each round, and delays. */

import { availableParallelism } from 'node:os'
import { READY_AT } from '../../src/memory/layout.ts'
import type { Words } from '../../src/memory/words.ts'

const ARRIVED_AT = 0
const TURN_AT = 16
/** Of the control words: set when a test without rounds is over. */
export const OVER_AT = 32
/** Looks before a thread goes to sleep. With a core for each it pays to wait for one that is just
 *  waking up, so that both begin the round at once; with fewer, the others need the core. */
const LOOKS_MANY = 100_000
const LOOKS_FEW = 2000

export class Barrier {
  readonly #words: Words
  readonly #threads: number
  readonly #looks: number
  #turn = 0

  constructor(words: Words, threads: number) {
    this.#words = words
    this.#threads = threads
    this.#looks = threads <= availableParallelism() ? LOOKS_MANY : LOOKS_FEW
  }

  /** The last to come wakes the others. */
  wait(): void {
    const words = this.#words
    const turn = this.#turn
    this.#turn = turn + 1
    if (words.add(ARRIVED_AT, 1) === this.#threads - 1) {
      words.store(ARRIVED_AT, 0)
      words.store(TURN_AT, turn + 1)
      words.notify(TURN_AT)
      return
    }
    for (let look = 0; words.load(TURN_AT) === turn; look++) {
      if (look > this.#looks) words.wait(TURN_AT, turn, 1000) // bound: the slowest thread
    }
  }
}

/** xorshift32: a seed gives the same delays again. */
export class Delays {
  #state: number
  #sink = 0

  constructor(seed: number) {
    this.#state = seed | 1
  }

  next(): number {
    let state = this.#state
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.#state = state
    return state >>> 0
  }

  /** Spins for fewer than `most` turns. */
  spin(most: number): void {
    const turns = this.next() % most
    for (let turn = 0; turn < turns; turn++) this.#sink = (this.#sink + turn) | 0
  }

  /** Sometimes lets the other threads run for a while. */
  sleep(words: Words): void {
    if ((this.next() & 7) === 0) words.wait(READY_AT, words.load(READY_AT), 0.05)
  }

  /** Mostly nothing, sometimes some microseconds. */
  rarely(): void {
    if ((this.next() & 15) === 0) this.spin(5000)
  }
}
