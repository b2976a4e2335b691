/**
 * Where configurations come from: files, a distributed store, or whatever a user writes a source
 * for. All sources of one configuration are read together, all or nothing.
 */

import { type Issue, reasonOf, rejection, rejectionOf } from './rejection.ts'
import { within } from './schema.ts'
import { hashOf, type Text } from './text.ts'

/** What a source says, all of one moment. */
export interface Content {
  /** Later ones override earlier ones. None is no configuration: reject instead. */
  readonly texts: readonly Text[]
  /** The source's own name for that moment, if it has one; kept in the history. */
  readonly revision?: string
}

export interface ReadOptions {
  /** Somebody asked: look at the source itself. Otherwise what the watch has got will do, if it is
   *  at least as new as the last call of `changed`. */
  readonly fresh: boolean
}

/** One place that configurations come from. Its calls never overlap, but for `close`. */
export interface Source {
  /** Names it in messages and `revisions`. */
  readonly name: string
  /** Rejects with any error if the content can not be had now, which is then `unavailable`.
   *  Never goes back: what it gives is as new as what it gave before. */
  read(options: ReadOptions): Promise<Content>
  /** Called once: from now on calls `changed` whenever `read` might give something else than it
   *  did at `revision`, or can not give it any more, or can again. Changes since `revision` count,
   *  however long ago; with `undefined`, or without revisions, since the last `read`. It may call
   *  too often; never from within this call. */
  watch(revision: string | undefined, changed: () => void): void
  /** Ends the watch and gives everything back. Idempotent. */
  close(): void
}

/** What all sources said. */
export interface Reading {
  readonly texts: readonly Text[]
  /** Of all names and bytes. */
  readonly hash: string
  /** By the name of the source, of those that have revisions. */
  readonly revisions: Readonly<Record<string, string>>
}

export class Sources {
  readonly #sources: readonly Source[]
  readonly #timeoutMs: number
  /** Reads that have not settled in time. */
  readonly #late = new Set<Source>()
  #changed: (() => void) | undefined

  constructor(sources: readonly Source[], timeoutMs: number) {
    this.#sources = sources
    this.#timeoutMs = timeoutMs
  }

  get names(): string[] {
    return this.#sources.map(({ name }) => name)
  }

  /** Throws a rejection. */
  async read(options: ReadOptions): Promise<Reading> {
    const reads = this.#sources.map(async (source) => await this.#read(source, options))
    const settled = await Promise.allSettled(reads)
    const texts: Text[] = []
    const revisions: [string, string][] = []
    for (const [index, result] of settled.entries()) {
      if (result.status === 'rejected') throw result.reason
      texts.push(...result.value.texts)
      const { name } = this.#sources[index] as Source
      if (result.value.revision !== undefined) revisions.push([name, result.value.revision])
    }
    return { texts, hash: hashOf(texts), revisions: Object.fromEntries(revisions) }
  }

  /** From what `reading` has; from nothing, if the sources had nothing to start with. */
  watch(reading: Reading | undefined, changed: () => void): void {
    this.#changed = changed
    for (const source of this.#sources) {
      source.watch(reading?.revisions[source.name], () => this.#changed?.())
    }
  }

  close(): void {
    this.#changed = undefined
    for (const source of this.#sources) source.close()
  }

  async #read(source: Source, options: ReadOptions): Promise<Content> {
    if (this.#late.has(source)) throw unavailable(source, 'an earlier read has not settled yet')
    const asked = { done: false, reading: Promise.resolve() as Promise<unknown> }
    try {
      const content = await within('reading', this.#timeoutMs, () => {
        const reading = (async () => await source.read(options))()
        asked.reading = reading.finally(() => (asked.done = true))
        asked.reading.catch(() => {})
        return reading
      })
      return expectContent(source, content)
    } catch (error) {
      if (rejectionOf(error) !== undefined) throw error
      const isLate = (error as { code?: unknown } | null)?.code === 'ERR_TIMEOUT' && !asked.done
      if (isLate) this.#waitFor(source, asked.reading)
      throw unavailable(source, isLate ? (error as Error).message : reasonOf(error))
    }
  }

  /** What comes of it after all has not been looked at. */
  #waitFor(source: Source, reading: Promise<unknown>): void {
    this.#late.add(source)
    const settled = (): void => {
      this.#late.delete(source)
      this.#changed?.()
    }
    reading.then(settled, settled)
  }
}

/** A rejection that blames nobody. */
export function unavailable({ name }: Pick<Source, 'name'>, message: string): Error {
  return rejection('read', [{ message, file: name }], true)
}

/** A source may be written in JavaScript. */
function expectContent(source: Source, content: unknown): Content {
  const { texts, revision } = (content ?? {}) as { texts?: unknown; revision?: unknown }
  const refuse = (message: string): Error => {
    const issue: Issue = { message, file: source.name }
    return rejection('read', [issue])
  }
  if (!Array.isArray(texts) || texts.length === 0) throw refuse('the source gave no texts')
  for (const text of texts as (Partial<Text> | null)[]) {
    const isText = typeof text?.file === 'string' && text.bytes instanceof Uint8Array
    if (!isText) throw refuse('a text of the source is not { file, bytes }')
  }
  if (revision !== undefined && typeof revision !== 'string') {
    throw refuse('the revision of the source is not a string')
  }
  return content as Content
}
