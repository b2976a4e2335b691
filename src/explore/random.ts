/**
 * Random priorities, after Burckhardt, Kothari, Musuvathi and Nagarakatte's PCT: each thread gets a
 * random priority, the runnable thread of the highest priority runs, and at `depth - 1` random
 * steps the running thread's priority falls below all others. A fault that needs `depth` ordering
 * constraints among n threads and k steps is met with a probability of at least 1 / (n k^(depth-1))
 * in each execution. A thread that rests falls below all others, too; where threads may crash, one
 * random step is where a crash is chosen.
 */

import { Action, actionOf, threadOf } from './schedule.ts'
import type { Options, Strategy } from './schedule.ts'

/** Numbers in [0, 1) from a 32-bit seed (mulberry32). */
export class RandomNumbers {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }
}

export interface RandomPlan {
  readonly threads: number
  readonly depth: number
  readonly crashes: number
  /** Steps of the longest execution so far. */
  readonly longest: number
}

export class RandomPriorities implements Strategy {
  readonly reduces = false
  readonly preemptionsMax = Infinity
  readonly #numbers: RandomNumbers
  readonly #priorities: number[]
  readonly #changesAt = new Set<number>()
  readonly #crashesAt: number[] = []
  #step = 0
  #lowest = -1

  constructor(numbers: RandomNumbers, plan: RandomPlan) {
    this.#numbers = numbers
    this.#priorities = Array.from({ length: plan.threads }, () => 1 + numbers.next())
    for (let index = 1; index < plan.depth; index++) {
      this.#changesAt.add(1 + numbers.below(plan.longest))
    }
    for (let index = 0; index < plan.crashes; index++) {
      this.#crashesAt.push(numbers.below(plan.longest + 1))
    }
  }

  choose(options: Options): number {
    let best = -1
    let highest = -Infinity
    for (let index = 0; index < options.count; index++) {
      const packed = options.at(index)
      const action = actionOf(packed)
      const priority = this.#priorities[threadOf(packed)]!
      if (action === Action.crash && this.#crashIsDue()) return index
      if (action === Action.crash || (action !== Action.run && this.#isRare(options))) continue
      if (priority > highest) {
        highest = priority
        best = index
      }
    }
    return Math.max(best, 0)
  }

  stepped(thread: number): void {
    this.#step++
    if (this.#changesAt.has(this.#step)) this.#priorities[thread] = this.#lowest--
  }

  #crashIsDue(): boolean {
    const index = this.#crashesAt.findIndex((step) => step <= this.#step)
    if (index < 0) return false
    this.#crashesAt.splice(index, 1)
    return true
  }

  /** Time-outs, spurious wake-ups and freezes: taken now and then, unless nothing else is left. */
  #isRare(options: Options): boolean {
    return options.count > 1 && this.#numbers.next() > 1 / 16
  }
}
