/** The accepted versions, and the values of the latest, to go back to. */

import { deserialize, serialize } from 'node:v8'
import { RootswapError } from '../errors.ts'
import type { Reason } from './events.ts'
import type { Reading } from './sources.ts'

/** What became version `version`. */
export interface Entry {
  readonly version: number
  /** SHA-256 of the files' names and bytes. */
  readonly hash: string
  /** When it was published, in milliseconds since 1970. */
  readonly time: number
  readonly files: readonly string[]
  readonly reason: Reason
  /** The version whose value it has, after a rollback. */
  readonly of?: number
}

interface Kept {
  readonly entry: Entry
  readonly reading: Reading
  /** Serialised: a few bytes more than the value, and nobody can change it. */
  readonly value: Uint8Array
}

export class History {
  readonly #length: number
  readonly #kept: Kept[] = []

  constructor(length: number) {
    this.#length = length
  }

  /** Oldest first. */
  get entries(): Entry[] {
    return this.#kept.map(({ entry }) => entry)
  }

  add(entry: Entry, reading: Reading, value: unknown): Entry {
    return this.#keep({ entry: Object.freeze(entry), reading, value: serialize(value) })
  }

  /** The value of an older version has become a newer one. */
  addAgain(entry: Entry, of: number): Entry {
    const { reading, value } = this.#find(of)
    return this.#keep({ entry: Object.freeze({ ...entry, of }), reading, value })
  }

  /** Throws `ERR_UNKNOWN_VERSION`. */
  valueOf(version: number): unknown {
    return deserialize(this.#find(version).value)
  }

  readingOf(version: number): Reading {
    return this.#find(version).reading
  }

  #keep(kept: Kept): Entry {
    this.#kept.push(kept)
    if (this.#kept.length > this.#length) this.#kept.shift()
    return kept.entry
  }

  #find(version: number): Kept {
    const kept = this.#kept.find(({ entry }) => entry.version === version)
    if (kept !== undefined) return kept
    const versions = this.entries.map((entry) => entry.version)
    throw new RootswapError(
      'ERR_UNKNOWN_VERSION',
      `version ${version} is not kept; kept are ${versions.join(', ')}`,
      { version, versions },
    )
  }
}
