/**
 * A configuration that follows its sources: one look at them after the other, each of which ends in
 * exactly one event. Whatever goes wrong, the published version stays.
 */

import { RootswapError } from '../errors.ts'
import type { StoreHandle } from '../store/handle.ts'
import type { Snapshot } from '../store/snapshot.ts'
import type { Store } from '../store/contract.ts'
import type { ChangeTo } from '../store/subscribe.ts'
import type { Commit } from '../store/writer.ts'
import type { Immutable } from '../values/immutable.ts'
import type { Candidates } from './candidate.ts'
import {
  type ConfigEvents,
  type EventName,
  Listeners,
  type Outcome,
  type Reason,
  refusalEvent,
} from './events.ts'
import type { Fallback } from './fallback.ts'
import { type Entry, History, type Packed } from './history.ts'
import type { Plan } from './options.ts'
import { rejectionOf, type Stage } from './rejection.ts'
import type { Reading, Sources } from './source.ts'

export interface Config<T> extends Disposable {
  /** The newest value; see `Store.current`. */
  readonly current: Immutable<T>
  readonly store: Store<T>
  /** For other threads: `openStore(handle)`. */
  readonly handle: StoreHandle<T>
  readonly version: number
  /** One version, say for one request. */
  snapshot(): Snapshot<T>
  readonly select: Store<T>['select']
  /** As `Store.subscribe`; in patches the values at `secrets` are hidden. */
  readonly subscribe: Store<T>['subscribe']
  /** Returns what ends the listening. Throws `TypeError`. */
  on<E extends EventName>(event: E, listener: (event: ConfigEvents[E]) => void): () => void
  /** Looks at the files now. What is wrong with them is the outcome, not an error.
   *  Rejects with `ERR_CLOSED`. */
  reload(): Promise<Outcome>
  /** Publishes the value of an older entry, and keeps it until the files change.
   *  Throws `ERR_UNKNOWN_VERSION`, `ERR_CLOSED`. */
  rollback(version: number): Commit
  /** Resolves when nobody, in any thread, reads or holds a version older than this one. */
  propagated(version: number, options?: { signal?: AbortSignal }): Promise<void>
  /** The accepted versions that are kept, oldest first. */
  entries(): Entry[]
  /** Stops watching, and closes the store in this thread. Idempotent. */
  close(): void
}

export interface Parts {
  readonly plan: Plan
  readonly candidates: Candidates
  readonly sources: Sources
  readonly fallback: Fallback | undefined
}

/** What the configuration starts with. */
export interface First {
  readonly store: Store<unknown>
  readonly reading: Reading
  readonly packed: Packed
  readonly reason: Reason
  /** What the sources had, if they could be read. */
  readonly seen: Reading | undefined
  /** Why they were not taken, if they were not. */
  readonly refused: unknown
}

/** That the sources, as they were looked at last, are not what is published. */
export interface Refusal {
  /** `'unavailable'` where a file is not there. */
  readonly stage: Stage | 'unavailable'
  /** Milliseconds since 1970. */
  readonly time: number
}

/** Of a configuration of `watchConfig`: for who begins to listen when the event has been. */
export function refusalOf(config: object): Refusal | undefined {
  return config instanceof WatchedConfig ? WatchedConfig.refusalOf(config) : undefined
}

export class WatchedConfig {
  readonly store: Store<unknown>
  readonly #parts: Parts
  readonly #history: History
  readonly #listeners = new Listeners()
  /** The hash of what was read last. */
  #seen: string | undefined
  #accepted: boolean
  /** Of files that a rollback holds back. */
  #held: string | undefined
  #rollbacks = 0
  #refused: Refusal | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #next: { readonly done: Promise<Outcome>; reason: Reason } | undefined
  #closed = false

  constructor(parts: Parts, { store, reading, packed, reason, seen, refused }: First) {
    this.#parts = parts
    this.store = store
    this.#history = new History(parts.plan.history)
    this.#remember(entryOf(store.version, reading, reason), reading, packed)
    this.#accepted = refused === undefined
    this.#seen = seen?.hash
    if (refused !== undefined) this.#tellSoon(refused, reason)
    parts.sources.watch(seen, () => this.#look('changed'))
    if (parts.plan.sighup) process.on('SIGHUP', this.#signalled)
  }

  static refusalOf(config: WatchedConfig): Refusal | undefined {
    return config.#refused
  }

  get current(): unknown {
    return this.store.current
  }

  get handle(): StoreHandle<unknown> {
    return this.store.handle
  }

  get version(): number {
    return this.store.version
  }

  snapshot(): Snapshot<unknown> {
    return this.store.snapshot()
  }

  select(selector: (value: unknown) => unknown, project?: (selected: unknown) => unknown) {
    return this.store.select(selector, project)
  }

  subscribe(...given: unknown[]): () => void {
    // The listener is the last function; it gets the change as its last argument.
    const place = typeof given[1] === 'function' ? 1 : 0
    const listener = given[place] as (...heard: unknown[]) => void
    const { secrets } = this.#parts.plan
    if (typeof listener === 'function' && !secrets.isEmpty) {
      given[place] = (...heard: unknown[]) => {
        const change = heard.pop() as ChangeTo<unknown>
        const patches = change.patches?.map((patch) => secrets.hideInPatch(patch))
        listener(...heard, patches === undefined ? change : { ...change, patches })
      }
    }
    return (this.store.subscribe as (...given: unknown[]) => () => void)(...given)
  }

  on(event: string, listener: (event: never) => void): () => void {
    return this.#listeners.add(event, listener)
  }

  reload(): Promise<Outcome> {
    return this.#request('requested')
  }

  rollback(version: number): Commit {
    this.#expectOpen()
    const value = this.#history.valueOf(version)
    const previousVersion = this.store.version
    const commit = this.store.replace(value)
    this.#rollbacks++
    this.#held = this.#seen
    const reading = this.#history.readingOf(version)
    if (commit.changed) {
      const { files, revisions } = this.#history.entryOf(version)
      const entry = entryOf(commit.version, reading, 'rollback')
      const again = this.#history.addAgain({ ...entry, files, revisions }, version)
      this.#publish(again, previousVersion)
    }
    void this.#parts.fallback?.save(reading)
    return commit
  }

  async propagated(version: number, options?: { signal?: AbortSignal }): Promise<void> {
    await this.store.drained(version, options)
  }

  entries(): Entry[] {
    return this.#history.entries
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#parts.sources.close()
    process.off('SIGHUP', this.#signalled)
    this.#listeners.clear()
    this.store.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    const names = this.#parts.sources.names.map((name) => `'${name}'`).join(', ')
    const state = this.#closed ? 'closed' : `version: ${this.version}`
    return `Config { sources: [${names}], ${state} }`
  }

  /** After the caller has got the configuration, and could listen; before the next look, which may
   *  find better files. That they are refused is known at once. */
  #tellSoon(refused: unknown, reason: Reason): void {
    this.#refused = refusalFrom(refused)
    this.#turn = new Promise<void>((resolve) => {
      setImmediate(() => {
        if (!this.#closed) this.#refuse(refused, reason)
        resolve()
      })
    })
  }

  readonly #signalled = (): void => this.#look('signal')

  /** A look that nobody waits for; it can only fail because of `close`. */
  #look(reason: Reason): void {
    this.#request(reason).catch(() => {})
  }

  /** One look after the one that is running; whoever asks before it begins shares it. */
  #request(reason: Reason): Promise<Outcome> {
    if (this.#next !== undefined) {
      // What was asked for is never skipped, whoever asked first.
      if (reason !== 'changed') this.#next.reason = reason
      return this.#next.done
    }
    const done = this.#turn.then(async () => {
      const asked = this.#next?.reason ?? reason
      this.#next = undefined
      return await this.#attempt(asked)
    })
    this.#turn = done.catch(() => {})
    this.#next = { done, reason }
    return done
  }

  async #attempt(reason: Reason): Promise<Outcome> {
    this.#expectOpen()
    try {
      return await this.#reloaded(reason)
    } catch (error) {
      this.#expectOpen()
      return this.#refuse(error, reason)
    }
  }

  async #reloaded(reason: Reason): Promise<Outcome> {
    const { sources, candidates, fallback } = this.#parts
    const rollbacks = this.#rollbacks
    const reading = await sources.read({ fresh: reason !== 'changed' })
    this.#expectOpen()
    if (rollbacks !== this.#rollbacks) this.#held = reading.hash
    const isSame = this.#seen === reading.hash && this.#accepted && reason === 'changed'
    this.#seen = reading.hash
    if (this.#held === reading.hash || isSame) return this.#unchanged(reason)
    this.#held = undefined
    this.#accepted = false
    const { value, packed } = await candidates.make(reading, this.store.current)
    this.#expectOpen()
    if (rollbacks !== this.#rollbacks) {
      this.#held = reading.hash
      return this.#unchanged(reason)
    }
    const previousVersion = this.store.version
    const commit = this.#replace(value)
    this.#accepted = true
    let outcome: Outcome
    if (commit.changed) {
      const entry = entryOf(commit.version, reading, reason)
      outcome = this.#publish(this.#remember(entry, reading, packed), previousVersion)
    } else outcome = this.#unchanged(reason)
    await fallback?.save(reading)
    return outcome
  }

  /** The texts are kept for the fallback alone. */
  #remember(entry: Entry, reading: Reading, packed: Packed): Entry {
    const texts = this.#parts.fallback === undefined ? [] : reading.texts
    return this.#history.add(entry, { ...reading, texts }, packed)
  }

  #replace(value: unknown): Commit {
    try {
      return this.store.replace(value)
    } catch (error) {
      throw this.#parts.candidates.refused(error, [value, this.store.current])
    }
  }

  #publish({ of: _, ...entry }: Entry, previousVersion: number): Outcome {
    this.#refused = undefined
    const event = { type: 'reloaded', previousVersion, ...entry } as const
    this.#listeners.emit(event)
    return event
  }

  #unchanged(reason: Reason): Outcome {
    this.#refused = undefined
    const held = this.#held !== undefined
    const event = { type: 'unchanged', version: this.store.version, reason, held } as const
    this.#listeners.emit(event)
    return event
  }

  #refuse(error: unknown, reason: Reason): Outcome {
    const fields = rejectionOf(error)
    if (fields === undefined) throw error
    this.#accepted = false
    this.#refused = refusalFrom(error)
    const looked = { version: this.store.version, reason }
    const event = refusalEvent((error as Error).message, fields, looked)
    this.#listeners.emit(event)
    return event
  }

  #expectOpen(): void {
    if (!this.#closed) return
    throw new RootswapError('ERR_CLOSED', 'the configuration is closed')
  }
}

function refusalFrom(error: unknown): Refusal | undefined {
  const fields = rejectionOf(error)
  if (fields === undefined) return undefined
  return { stage: fields.unavailable ? 'unavailable' : fields.stage, time: Date.now() }
}

function entryOf(version: number, { hash, texts, revisions }: Reading, reason: Reason): Entry {
  const files = texts.map(({ file }) => file)
  return { version, hash, time: Date.now(), files, reason, revisions }
}
