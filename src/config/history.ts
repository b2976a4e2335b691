/** The accepted versions, and the values of the latest, to go back to. */

import { deserialize } from 'node:v8'
import { RootswapError } from '../errors.ts'
import type { Reason } from './events.ts'
import type { Reading } from './source.ts'

/** What became version `version`. */
export interface Entry {
  readonly version: number
  /** SHA-256 of the files' names and bytes. */
  readonly hash: string
  /** When it was published, in milliseconds since 1970. */
  readonly time: number
  readonly files: readonly string[]
  readonly reason: Reason
  /** By the name of the source, of those that have revisions. */
  readonly revisions: Readonly<Record<string, string>>
  /** The version whose value it has, after a rollback. */
  readonly of?: number
}

/** A value, serialised: a few bytes more, and nobody can change it. Undefined for what is not to be
 *  serialised though a store takes it, such as a Proxy; there is no going back to that. */
export type Packed = Uint8Array | undefined

interface Kept {
  readonly entry: Entry
  readonly reading: Reading
  readonly packed: Packed
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

  /** `packed` is the value, serialised. */
  add(entry: Entry, reading: Reading, packed: Packed): Entry {
    return this.#keep({ entry: Object.freeze(entry), reading, packed })
  }

  /** The value of an older version has become a newer one. */
  addAgain(entry: Entry, of: number): Entry {
    const { reading, packed } = this.#find(of)
    return this.#keep({ entry: Object.freeze({ ...entry, of }), reading, packed })
  }

  /** Throws `ERR_UNKNOWN_VERSION`. */
  valueOf(version: number): unknown {
    const { packed } = this.#find(version)
    if (packed === undefined) throw this.#unknown(version)
    return deserialize(packed)
  }

  entryOf(version: number): Entry {
    return this.#find(version).entry
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
    if (kept === undefined) throw this.#unknown(version)
    return kept
  }

  #unknown(version: number): RootswapError {
    const versions = this.#kept.filter(({ packed }) => packed).map(({ entry }) => entry.version)
    return new RootswapError(
      'ERR_UNKNOWN_VERSION',
      `version ${version} is not kept; kept are ${versions.join(', ')}`,
      { version, versions },
    )
  }
}
