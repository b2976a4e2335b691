/** How old the version is that a service runs with, and whether its files were refused since. */

import type { ConfigEvents } from '../config/events.ts'
import { isConfig, storeOf, type StoreSource } from '../config/store-source.ts'
import { type Refusal, refusalOf } from '../config/watched.ts'

/** What the health route answers. Nothing of the value is in it, and no message about it. */
export interface Health {
  readonly version: number
  /** Milliseconds since the version was published; of an unwatched store, since this thread saw
   *  it. */
  readonly ageMs: number
  /** There while the files, as they are now, were refused; the version is the last good one. */
  readonly refused?: {
    /** `'unavailable'` where a file is not there. */
    readonly stage: Refusal['stage']
    readonly ageMs: number
  }
}

interface Moment {
  readonly version: number
  readonly time: number
}

/** Follows a source from now on; that its files are refused already it knows from the source.
 *  Keeps no process alive. */
export class HealthWatch {
  readonly #source: StoreSource
  readonly #ends: (() => void)[] = []
  #published: Moment
  #refused: Refusal | undefined

  constructor(source: StoreSource) {
    this.#source = source
    const { version } = source
    this.#published = { version, time: Date.now() }
    this.#ends.push(storeOf(source).subscribe(() => this.#look()))
    if (!isConfig(source)) return
    const entry = source.entries().at(-1)
    if (entry?.version === version) this.#published = { version, time: entry.time }
    this.#refused = refusalOf(source)
    const taken = (): void => void (this.#refused = undefined)
    const refused = (event: ConfigEvents['rejected' | 'unavailable']): void => {
      const stage = event.type === 'rejected' ? event.stage : 'unavailable'
      this.#refused = { stage, time: Date.now() }
    }
    this.#ends.push(
      source.on('reloaded', taken),
      source.on('unchanged', taken),
      source.on('rejected', refused),
      source.on('unavailable', refused),
    )
  }

  /** Throws `ERR_CLOSED`. */
  report(): Health {
    this.#look()
    const now = Date.now()
    const { version, time } = this.#published
    const health = { version, ageMs: Math.max(0, now - time) }
    if (this.#refused === undefined) return health
    const { stage, time: since } = this.#refused
    return { ...health, refused: { stage, ageMs: Math.max(0, now - since) } }
  }

  close(): void {
    for (const end of this.#ends.splice(0)) end()
  }

  /** A version that its listener has not heard of yet is a new one. */
  #look(): void {
    const { version } = this.#source
    if (version !== this.#published.version) this.#published = { version, time: Date.now() }
  }
}
