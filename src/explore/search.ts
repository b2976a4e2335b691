/**
 * The exhaustive search: depth first over the decisions of an execution, as a path of indices that
 * is extended by the first option and advanced at its end like an odometer.
 */

import type { Options, Strategy } from './schedule.ts'

export class DepthFirst implements Strategy {
  readonly reduces: boolean
  readonly preemptionsMax: number
  #counts = new Uint8Array(256)
  #indices = new Uint8Array(256)
  #length = 0
  #at = 0

  /** `reduces: false` tries every order; it is what tests hold the reduced search against. */
  constructor(preemptionsMax: number, reduces = true) {
    this.preemptionsMax = preemptionsMax
    this.reduces = reduces
  }

  choose(options: Options): number {
    const { count } = options
    if (count === 1) return 0
    const at = this.#at++
    if (at < this.#length) return this.#counts[at] === count ? this.#indices[at]! : -1
    if (at === this.#counts.length) this.#grow()
    this.#counts[at] = count
    this.#indices[at] = 0
    this.#length++
    return 0
  }

  stepped(): void {}

  /** The next path; false when all were taken. */
  advance(): boolean {
    this.#at = 0
    while (this.#length > 0) {
      const last = this.#length - 1
      if (++this.#indices[last]! < this.#counts[last]!) return true
      this.#length = last
    }
    return false
  }

  #grow(): void {
    const counts = new Uint8Array(this.#counts.length * 2)
    const indices = new Uint8Array(counts.length)
    counts.set(this.#counts)
    indices.set(this.#indices)
    this.#counts = counts
    this.#indices = indices
  }
}
