/**
 * Hearing of new versions: subscriptions, change iterators and waits over one store.
 * All of them compare version numbers, never the root's offset: a record's memory may come back
 * for a later version, so an equal offset does not mean that nothing was published.
 */

import { RootswapError } from '../errors.ts'
import type { Patch } from '../values/patch.ts'
import type { Bell } from '../versions/waiters.ts'
import { Deliveries, type Delivery } from './deliveries.ts'
import { type Track, trackable, type TrackedChange } from './patches.ts'
import {
  functionOf,
  optionsOf,
  type SignalOptions,
  signalOf,
  timeoutOf,
  versionOf,
} from './wait-arguments.ts'

/** What is watched: a store, as far as this file knows it. */
export interface Watched<T> {
  /** The newest version, by an atomic load; called only while the store is open. */
  readonly version: number
  readonly bell: Bell
  isClosed(): boolean
  /** One version's value and number; the value stays readable afterwards. */
  read<R>(fn: (value: T, version: number) => R): R
}

/** A newer version than the one last heard of; the newest, not each one. */
export interface ChangeTo<V> {
  readonly version: number
  /** That of the call before; the same one in the first call that `immediate` asks for. */
  readonly previousVersion: number
  readonly value: V
  /** Where they were asked for: from the previous version to this one; frozen. */
  readonly patches?: readonly Patch[]
}

export type Listener<T> = (change: ChangeTo<T>) => void

export type SelectorListener<S, T> = (
  selected: S,
  /** `undefined` in the call that `immediate` asks for. */
  previous: S | undefined,
  change: ChangeTo<T>,
) => void

export interface ChangesOptions extends SignalOptions {
  /**
   * Changes say what became of the version that this subscriber saw last. For that the version is
   * kept: what was replaced since is not reclaimed before the next call, nor, where that does not
   * come, before the end of the subscription. The comparison costs what changed.
   */
  readonly patches?: boolean
}

export interface SubscribeOptions extends ChangesOptions {
  /** The subscription keeps its thread alive; by default it does not. */
  readonly keepAlive?: boolean
}

export interface SelectorOptions<S> extends SubscribeOptions {
  /** Whether two selected values are the same, so that the listener is not called. `Object.is`. */
  readonly equals?: (a: S, b: S) => boolean
  /** The listener is also called with what is selected now, in a task of its own. */
  readonly immediate?: boolean
}

/**
 * Calls the listener after each publish, with the newest version, in a task of its own. Returns
 * what ends the subscription. Throws `TypeError`, `ERR_CLOSED`.
 */
export function subscribe<T>(
  watched: Watched<T>,
  listener: Listener<T>,
  options?: SubscribeOptions,
): () => void
export function subscribe<T, S>(
  watched: Watched<T>,
  selector: (value: T) => S,
  listener: SelectorListener<S, T>,
  options?: SelectorOptions<S>,
): () => void
export function subscribe<T>(
  watched: Watched<T>,
  first: Listener<T> | ((value: T) => unknown),
  second?: SubscribeOptions | SelectorListener<unknown, T>,
  third?: SelectorOptions<unknown>,
): () => void
export function subscribe<T>(
  watched: Watched<T>,
  first: Listener<T> | ((value: T) => unknown),
  second?: SubscribeOptions | SelectorListener<unknown, T>,
  third?: SelectorOptions<unknown>,
): () => void {
  const selects = typeof second === 'function'
  functionOf(selects ? 'selector' : 'listener', first)
  if (third !== undefined && !selects) functionOf('listener', second)
  const options = optionsOf(selects ? third : (second as SubscribeOptions | undefined))
  const signal = signalOf(options)
  expectOpen(watched)
  if (signal?.aborted === true) return () => {}
  const hearing = selects
    ? selected(watched, first as (value: T) => unknown, second, options)
    : { isNews: () => true, hear: first as Listener<T> }
  const immediate = selects && (options as SelectorOptions<unknown>).immediate === true
  return new Subscription(watched, hearing, options.patches === true).begin({
    signal,
    immediate,
    keepAlive: options.keepAlive === true,
  })
}

/** A listener, and whether it wants to hear of a value. What throws is reported either way. */
interface Hearing<T> {
  isNews(value: T): boolean
  hear(change: ChangeTo<T>): void
}

/** A listener that asks the selector first. */
function selected<T, S>(
  watched: Watched<T>,
  selector: (value: T) => S,
  listener: SelectorListener<S, T>,
  options: SelectorOptions<S>,
): Hearing<T> {
  const equals = functionOf('equals', options.equals ?? Object.is)
  let first = options.immediate === true
  // Nothing is selected yet where the first call is still to come.
  let last: S | undefined = first ? undefined : selector(observe(watched).value)
  let next: S | undefined
  return {
    isNews: (value) => {
      next = selector(value)
      return first || !equals(next, last as S)
    },
    hear: (change) => {
      first = false
      const previous = last
      last = next
      listener(next as S, previous, change)
    },
  }
}

interface Terms {
  readonly signal: AbortSignal | undefined
  readonly immediate: boolean
  readonly keepAlive: boolean
}

class Subscription<T> implements Delivery {
  readonly #watched: Watched<T>
  readonly #hearing: Hearing<T>
  readonly #deliveries: Deliveries
  readonly #track: Track | undefined
  /** The newest version that was looked at. */
  #seen: number
  /** The version of the last call. */
  #heard: number
  #immediate = false
  #ended = false
  #end: () => void = () => {}

  constructor(watched: Watched<T>, hearing: Hearing<T>, patches: boolean) {
    this.#watched = watched
    this.#hearing = hearing
    this.#deliveries = deliveriesOf(watched.bell)
    this.#track = patches ? trackable(watched).track?.() : undefined
    this.#seen = this.#heard = this.#track?.version ?? watched.version
  }

  begin({ signal, immediate, keepAlive }: Terms): () => void {
    const end = (): void => this.#end()
    this.#immediate = immediate
    if (immediate) this.#deliveries.add(this)
    const unwatch = this.#watched.bell.watch(() => this.#look(), keepAlive)
    this.#end = () => {
      this.#ended = true
      unwatch()
      this.#track?.end()
      signal?.removeEventListener('abort', end)
    }
    signal?.addEventListener('abort', end)
    return end
  }

  #look(): boolean {
    if (this.#watched.isClosed()) this.#end()
    else if (this.#watched.version !== this.#seen) this.#deliveries.add(this)
    return this.#ended
  }

  deliver(): void {
    if (this.#ended || this.#watched.isClosed()) return
    const change = this.#track === undefined ? this.#next() : this.#nextWithPatches(this.#track)
    if (change === undefined) return
    const { version } = change
    const previousVersion = this.#immediate ? version : this.#heard
    this.#heard = version
    // What `immediate` asks for is the first value, not a change.
    const first = this.#immediate && change.patches !== undefined ? { patches: [] } : undefined
    this.#immediate = false
    this.#hearing.hear({ ...change, previousVersion, ...first })
  }

  #next(): Omit<ChangeTo<T>, 'previousVersion'> | undefined {
    const change = observe(this.#watched)
    if (!this.#wants(change.value, change.version)) return undefined
    // The selector may have ended this, or closed the store.
    return this.#ended || this.#watched.isClosed() ? undefined : change
  }

  #nextWithPatches(track: Track): Omit<ChangeTo<T>, 'previousVersion'> | undefined {
    const change = track.step((value, version) => this.#wants(value as T, version))
    return change as TrackedChange<T> | undefined
  }

  #wants(value: T, version: number): boolean {
    if (version === this.#seen && !this.#immediate) return false
    this.#seen = version
    return this.#hearing.isNews(value)
  }
}

/** One for each bell: its listeners run together, and the errors are reported after them. */
const deliveriesOfBells = new WeakMap<Bell, Deliveries>()

function deliveriesOf(bell: Bell): Deliveries {
  let deliveries = deliveriesOfBells.get(bell)
  if (deliveries === undefined) deliveriesOfBells.set(bell, (deliveries = new Deliveries(bell)))
  return deliveries
}

/**
 * For a read that found a newer version: listeners run after the current job. In a thread whose
 * event loop turns this only makes them earlier; in one that is parked between its tasks it is
 * what makes them run with the next task. Call it outside sections.
 */
export function noticeNewVersion(bell: Bell): void {
  if (bell.size === 0) return
  bell.wakeWatchers()
  deliveriesOfBells.get(bell)?.hurry()
}

/**
 * The changes from now on: each step gives the newest version, once there is one newer than the
 * last. Only a step that waits keeps its thread alive. Throws `TypeError`, `ERR_CLOSED`.
 */
export function changes<T>(
  watched: Watched<T>,
  options?: ChangesOptions,
): AsyncIterable<ChangeTo<T>> {
  const signal = signalOf(options)
  expectOpen(watched)
  const track = options?.patches === true ? trackable(watched).track?.() : undefined
  const from = track?.version ?? watched.version
  const all = {
    [Symbol.asyncIterator]: () => new Changes(watched, { from, track: track?.fork(), signal }),
  }
  if (track !== undefined) trackable(watched).endTrackWith?.(all, track)
  return all
}

interface Beginning {
  readonly from: number
  readonly track: Track | undefined
  readonly signal: AbortSignal | undefined
}

class Changes<T> implements AsyncIterator<ChangeTo<T>, undefined> {
  readonly #watched: Watched<T>
  readonly #returned = new AbortController()
  readonly #signal: AbortSignal | undefined
  readonly #track: Track | undefined
  #last: number
  #done = false
  /** Steps that are asked for before the last one came wait for their turn. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(watched: Watched<T>, { from, track, signal }: Beginning) {
    this.#watched = watched
    this.#last = from
    this.#track = track
    this.#signal = signal
    if (track !== undefined) trackable(watched).endTrackWith?.(this, track)
  }

  next(): Promise<IteratorResult<ChangeTo<T>, undefined>> {
    const step = this.#turn.then(() => this.#step())
    this.#turn = step.catch(() => {})
    return step
  }

  async return(): Promise<IteratorResult<ChangeTo<T>, undefined>> {
    this.#finish()
    this.#returned.abort()
    return { done: true, value: undefined }
  }

  async #step(): Promise<IteratorResult<ChangeTo<T>, undefined>> {
    if (this.#done) return { done: true, value: undefined }
    const previousVersion = this.#last
    try {
      await until(this.#watched, [this.#signal, this.#returned.signal], (version) => {
        return version !== previousVersion
      })
      expectOpen(this.#watched)
      const tracked = this.#track?.step(() => true) as TrackedChange<T> | undefined
      const change = tracked ?? observe(this.#watched)
      this.#last = change.version
      return { done: false, value: { ...change, previousVersion } }
    } catch (error) {
      if (this.#done) return { done: true, value: undefined }
      this.#finish()
      throw error
    }
  }

  #finish(): void {
    this.#done = true
    this.#track?.end()
  }
}

/** Resolves to the newest version once that is `version` or more. */
export async function waitForVersion<T>(
  watched: Watched<T>,
  version: number,
  options?: SignalOptions,
): Promise<number> {
  const wanted = versionOf(version)
  return await until(watched, [signalOf(options)], (newest) => newest >= wanted)
}

/** Blocks the thread. Throws `ERR_TIMEOUT`, `ERR_CLOSED`, `TypeError`. */
export function waitForVersionSync<T>(
  watched: Watched<T>,
  version: number,
  timeoutMs?: number,
): number {
  const wanted = versionOf(version)
  const limitMs = timeoutOf(timeoutMs)
  expectOpen(watched)
  let newest = 0
  const look = (): boolean => (newest = watched.version) >= wanted
  if (watched.bell.waitSync(look, limitMs)) return newest
  throw new RootswapError(
    'ERR_TIMEOUT',
    `version ${wanted} was not published within ${limitMs} ms; the newest is ${newest}`,
    { wantedVersion: wanted, version: newest, timeoutMs: limitMs },
  )
}

/** Resolves to the newest version once it is the one wanted; keeps the thread alive until then. */
function until<T>(
  watched: Watched<T>,
  signals: readonly (AbortSignal | undefined)[],
  wanted: (version: number) => boolean,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const given = signals.filter((signal) => signal !== undefined)
    let unwatch = (): void => {}
    const clear = (): void => {
      unwatch()
      for (const signal of given) signal.removeEventListener('abort', abort)
    }
    const abort = (): void => {
      clear()
      reject(given.find(({ aborted }) => aborted)?.reason)
    }
    const look = (): boolean => {
      if (watched.isClosed()) reject(closedError())
      else {
        const version = watched.version
        if (!wanted(version)) return false
        resolve(version)
      }
      clear()
      return true
    }
    if (given.some(({ aborted }) => aborted)) return abort()
    for (const signal of given) signal.addEventListener('abort', abort)
    unwatch = watched.bell.watch(look, true)
  })
}

function observe<T>(watched: Watched<T>): { version: number; value: T } {
  return watched.read((value, version) => ({ version, value }))
}

function expectOpen(watched: Watched<unknown>): void {
  if (watched.isClosed()) throw closedError()
}

function closedError(): RootswapError {
  return new RootswapError('ERR_CLOSED', 'the store is closed in this thread')
}
