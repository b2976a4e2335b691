/**
 * The keys that are followed, as of one revision: a listing, and the events since, each applied
 * once and in order. What can not be the next event says that one before it was lost.
 */

import type { FormatName, Text } from '../text.ts'
import type { KeyValue, WatchEvent } from './client.ts'

/** All keys of one moment. */
export interface Listing {
  readonly cluster: string
  readonly revision: bigint
  readonly found: readonly KeyValue[]
}

export class Keys {
  readonly #cluster: string
  #found: ReadonlyMap<string, KeyValue>
  #revision: bigint

  constructor({ cluster, revision, found }: Listing) {
    this.#cluster = cluster
    this.#revision = revision
    this.#found = new Map(found.map((kv) => [nameOf(kv), kv]))
  }

  /** Of the listing or the newest event. */
  get revision(): bigint {
    return this.#revision
  }

  get bytes(): number {
    return [...this.#found.values()].reduce((sum, { value }) => sum + value.byteLength, 0)
  }

  /**
   * The events of one response, which has whole revisions only. How many were new; undefined, and
   * nothing is applied, if an event before them is missing.
   */
  apply(events: readonly WatchEvent[]): number | undefined {
    const had = this.#revision
    const found = new Map(this.#found)
    let newest = had
    let applied = 0
    for (const { type, kv } of events) {
      const revision = BigInt(kv.mod_revision)
      if (revision <= had) continue
      const name = nameOf(kv)
      const old = found.get(name)
      const isNext = type === 'Delete' ? old !== undefined : isSuccessor(kv, old)
      if (revision < newest || !isNext) return undefined
      if (type === 'Delete') found.delete(name)
      else found.set(name, kv)
      newest = revision
      applied++
    }
    this.#found = found
    this.#revision = newest
    return applied
  }

  /** Whether a listing of names agrees with these keys: else it is of another history. */
  agreesWith({ cluster, found }: Listing): boolean {
    if (cluster !== this.#cluster || found.length !== this.#found.size) return false
    return found.every((kv) => this.#found.get(nameOf(kv))?.mod_revision === kv.mod_revision)
  }

  /** Whether what was listed is as new as this, or of a store that was made anew. */
  isSupersededBy({ cluster, revision }: Listing): boolean {
    return cluster !== this.#cluster || revision >= this.#revision
  }

  /** In the order of their keys' bytes. */
  texts(format: FormatName | undefined): Text[] {
    const all = [...this.#found.values()].sort((a, b) => Buffer.compare(a.key, b.key))
    return all.map(({ key, value }) => {
      const text = { file: key.toString(), bytes: value }
      return format === undefined ? text : Object.assign(text, { format })
    })
  }
}

function isSuccessor(kv: KeyValue, old: KeyValue | undefined): boolean {
  const version = BigInt(kv.version)
  if (old === undefined) return version === 1n
  return kv.create_revision === old.create_revision && version === BigInt(old.version) + 1n
}

/** Keys are bytes, in whatever encoding. */
function nameOf({ key }: KeyValue): string {
  return key.toString('latin1')
}
