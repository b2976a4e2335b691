/**
 * Keys of etcd as a source. They are listed once, and followed by a watch from the revision of the
 * listing on. When a watch ends it goes on where it was, after it was made sure that the history of
 * the store still says the same up to there; if not, or if that part is compacted, all is listed
 * again.
 */

import { RootswapError } from '../../errors.ts'
import { reasonOf, rejectionOf } from '../rejection.ts'
import { type Content, type ReadOptions, type Source, unavailable } from '../source.ts'
import { type Client, isOutOfRange, Members, requireLeader } from './client.ts'
import type { WatchResponse, WatchStream } from './client.ts'
import { Keys, type Listing } from './keys.ts'
import { type EtcdOptions, type Plan, resolveEtcdOptions } from './options.ts'
import { list, listNames, tooBig } from './requests.ts'

export class EtcdSource implements Source {
  readonly name: string
  readonly #plan: Plan
  readonly #members: Members
  #keys: Keys | undefined
  /** All events up to this revision are in the keys, or were of other keys. */
  #complete = 0n
  /** No watch has ended since the keys were listed. */
  #isListed = false
  /** The keys have missed something: go by a new listing, whatever it says. */
  #isStale = false
  /** Why nothing is known of the store at present. */
  #failure: Error | undefined
  #changed: (() => void) | undefined
  #stream: WatchStream | undefined
  #wake: (() => void) | undefined
  #closed = false

  constructor(options: EtcdOptions) {
    this.#plan = resolveEtcdOptions(options)
    this.name = this.#plan.name
    this.#members = new Members(this.#plan.client)
  }

  async read({ fresh }: ReadOptions): Promise<Content> {
    if (!fresh && this.#failure !== undefined) throw this.#failure
    if (fresh || this.#keys === undefined) await this.#listAnywhere()
    const keys = this.#keys as Keys
    if (keys.bytes > this.#plan.maxBytes) throw tooBig(this.#plan.maxBytes)
    const texts = keys.texts(this.#plan.format)
    if (texts.length === 0) throw unavailable(this, 'there is no such key')
    return { texts, revision: String(keys.revision) }
  }

  /** The keys of the last `read` are of that revision; without one they are listed first. */
  watch(_revision: string | undefined, changed: () => void): void {
    this.#changed = changed
    void this.#follow()
  }

  close(): void {
    this.#closed = true
    this.#changed = undefined
    this.#wake?.()
    this.#stream?.cancel()
    this.#members.close()
  }

  /** Each member is asked once. */
  async #listAnywhere(): Promise<void> {
    let thrown: unknown
    for (let asked = 0; asked < this.#members.count && !this.#closed; asked++) {
      const client = this.#members.connect()
      try {
        return this.#adopt(await list(client, this.#plan.range, this.#plan))
      } catch (error) {
        if (rejectionOf(error) !== undefined) throw error
        this.#members.drop(client)
        thrown = error
      }
    }
    const failure = unavailable(this, reasonOf(thrown))
    if (this.#keys === undefined) this.#failure = failure
    throw failure
  }

  #adopt(listing: Listing): void {
    if (this.#keys?.isSupersededBy(listing) === false && !this.#isStale) return
    const isFirst = this.#keys === undefined
    this.#keys = new Keys(listing)
    this.#complete = listing.revision
    this.#isListed ||= isFirst || this.#isStale
    this.#isStale = false
  }

  /** One session after the other, with pauses that no two machines share, until `close`. */
  async #follow(): Promise<void> {
    let failures = 0
    while (!this.#closed) {
      try {
        await this.#session(() => {
          failures = 0
          this.#recover()
        })
      } catch (error) {
        failures++
        // A watch that ends is no news; that there is no new one is.
        if (failures > 1) this.#fail(error)
      }
      await this.#pause(failures)
    }
  }

  async #session(begun: () => void): Promise<never> {
    const client = this.#members.connect()
    try {
      await this.#catchUp(client)
      const stream = await client.watchClient.watch({ interceptors: [requireLeader] })
      return await this.#listen(stream, begun)
    } finally {
      this.#isListed = false
      this.#members.drop(client)
    }
  }

  /** After it the keys are those of the store at the revision `#complete`. */
  async #catchUp(client: Client): Promise<void> {
    if (this.#keys !== undefined && this.#isListed) return
    const { range } = this.#plan
    if (this.#keys !== undefined && !this.#isStale) {
      try {
        const names = await listNames(client, range, this.#complete, this.#plan)
        if (this.#keys.agreesWith(names)) return
      } catch (error) {
        if (!isOutOfRange(error)) throw error
      }
      this.#isStale = true
    }
    this.#adopt(await list(client, range, this.#plan))
    this.#failure = undefined
    this.#changed?.()
  }

  async #listen(stream: WatchStream, begun: () => void): Promise<never> {
    this.#stream = stream
    // What follows a cancel is not an error.
    stream.on('error', () => {})
    const { timeoutMs } = this.#plan
    const late = ended(`no watch within ${timeoutMs} ms`)
    const timer = setTimeout(() => stream.destroy(late), timeoutMs)
    try {
      const start_revision = String(this.#complete + 1n)
      stream.write({
        create_request: { ...this.#plan.range, start_revision, progress_notify: true },
      })
      for await (const response of stream as AsyncIterable<WatchResponse>) {
        if (this.#closed) break
        if (response.canceled) throw this.#canceled(response)
        if (response.created) {
          clearTimeout(timer)
          begun()
        } else this.#take(response)
      }
      throw ended('the watch has ended')
    } finally {
      clearTimeout(timer)
      stream.cancel()
      this.#stream = undefined
    }
  }

  #take({ events, header }: WatchResponse): void {
    const keys = this.#keys as Keys
    // Without events it says how far the watch is.
    if (events.length === 0) return this.#completeTo(BigInt(header.revision))
    const applied = keys.apply(events)
    if (applied === undefined) {
      this.#isStale = true
      throw ended('an event is missing in the watch')
    }
    // The header may be ahead of the events that are still to come.
    this.#completeTo(keys.revision)
    if (applied > 0) this.#changed?.()
  }

  #completeTo(revision: bigint): void {
    if (revision > this.#complete) this.#complete = revision
  }

  /** Compacted, for the most part. */
  #canceled({ compact_revision, cancel_reason }: WatchResponse): Error {
    this.#isStale = true
    const isCompacted = compact_revision !== '0'
    return ended(isCompacted ? `compacted at revision ${compact_revision}` : cancel_reason)
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined || this.#closed) return
    this.#failure =
      rejectionOf(error) === undefined ? unavailable(this, reasonOf(error)) : (error as Error)
    this.#changed?.()
  }

  #recover(): void {
    if (this.#failure === undefined) return
    this.#failure = undefined
    this.#changed?.()
  }

  /** Up to a limit that doubles with each failure; where in that time is chance, so that those who
   *  failed together do not come back together. */
  async #pause(failures: number): Promise<void> {
    const { retryMs, retryMaxMs } = this.#plan
    const limitMs = Math.min(retryMaxMs, retryMs * 2 ** Math.min(failures - 1, 30))
    if (this.#closed) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.random() * limitMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = undefined
  }
}

function ended(message: string): RootswapError {
  return new RootswapError('ERR_CLOSED', message)
}
