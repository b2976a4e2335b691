/**
 * How values read the version that they were decoded from: through a lease that is pinned while the
 * library reads and idle while user code runs, so that it may be given up when memory is short.
 *
 * **Invariants.** Memory is read only between `check` and the `settle` that ends the call. A source
 * that was given up says so at every later `check`, whatever is at those words by then.
 */

import { RootswapError } from '../errors.ts'
import type { Offset } from '../memory/words.ts'
import type { Lease, Leases } from '../reclaim/leases.ts'
import type { Source } from '../values/decode-cells.ts'

/** So many calls of one job read through a lease one by one; for the others it stays pinned. */
const CALLS_PER_JOB = 64

/** What the library reads through in the call that goes on. User code never runs meanwhile. */
export class ReadPins {
  readonly #leases: Leases
  readonly #pinned: Lease[] = []
  /** Changes when the pins end: a source that has noted it need not pin again. */
  call = 1

  readonly #kept = new Map<LeaseSource, Lease>()
  readonly #afterJob: (run: () => void) => void

  constructor(leases: Leases, afterJob: (run: () => void) => void) {
    this.#leases = leases
    this.#afterJob = afterJob
  }

  /** Keeps a version for the job that goes on: each pin costs two atomic accesses. */
  keepForJob(source: LeaseSource, lease: Lease): void {
    this.#afterJob(this.#endJob) // first: what is kept has an end, whatever may throw
    if (!this.#leases.hold(lease)) return
    source.isKept = true
    this.#kept.set(source, lease)
  }

  /** Ends what a job keeps, where it does. */
  letGo(source: LeaseSource): void {
    const lease = this.#kept.get(source)
    if (lease === undefined) return
    this.#kept.delete(source)
    source.isKept = false
    this.#leases.letGo(lease)
  }

  readonly #endJob = (): void => {
    for (const source of this.#kept.keys()) this.letGo(source)
  }

  pin(lease: Lease): boolean {
    if (!this.#leases.pin(lease)) return false
    this.#pinned.push(lease)
    return true
  }

  /** The call has read what it wanted. What an error left pinned ends with the next call. */
  readonly settle = (): void => {
    if (this.#pinned.length === 0) return
    this.call = (this.call + 1) & 0x3fffffff
    for (;;) {
      const lease = this.#pinned.pop()
      if (lease === undefined) return
      this.#leases.unpin(lease)
    }
  }
}

/** Says whether the version that a value is decoded from is still protected, and keeps it so for
 *  the call that asks. */
export class LeaseSource implements Source {
  readonly era: number
  readonly version: number
  /** Kept whatever other calls do: by the job that goes on, or by a snapshot. */
  isKept: boolean
  readonly #lease: Lease | undefined
  readonly #pins: ReadPins
  #call = 0
  #calls = 0
  #isGone = false

  /** Without a lease of its own the source is kept until it ends. */
  constructor(pins: ReadPins, lease: Lease | undefined, of: { era: number; version: number }) {
    this.era = of.era
    this.version = of.version
    this.isKept = lease === undefined
    this.#lease = lease
    this.#pins = pins
  }

  check(): void {
    if (!this.#isGone) {
      if (this.isKept || this.#call === this.#pins.call) return
      if (this.#pins.pin(this.#lease as Lease)) {
        this.#call = this.#pins.call
        if (++this.#calls % CALLS_PER_JOB === 0) {
          this.#pins.keepForJob(this, this.#lease as Lease)
        }
        return
      }
      this.end()
    }
    throw new RootswapError(
      'ERR_STALE_SNAPSHOT',
      `a part of version ${this.version} that was never read is gone: its version was given up`,
      { version: this.version },
    )
  }

  end(): void {
    this.#isGone = true
    if (this.isKept) this.#pins.letGo(this)
  }
}

/** A version that this thread holds as a cache. */
export interface Basis {
  readonly record: Offset
  readonly lease: Lease
  readonly source: LeaseSource
}
