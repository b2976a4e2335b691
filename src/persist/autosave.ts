/**
 * `autosave`: a store that saves itself, behind its writers' backs. Delaying a write is
 * copy-on-write applied to disks; its price is what an abnormal end loses, and `savedVersion` says
 * what that is.
 */

import { resolve } from 'node:path'
import { rangeError, typeError } from '../errors.ts'
import type { Store } from '../store/contract.ts'
import { save, type Saved } from './save.ts'

export interface AutosaveOptions {
  readonly file: string
  /** Milliseconds between a publish and the save that it begins, at most. Default 1,000. With
   *  `Infinity` only `everyVersions` and `flush` begin one. */
  readonly everyMs?: number
  /** So many new versions begin a save at once. Default: no such number. */
  readonly everyVersions?: number
  /** How many earlier files are kept, as `file.1` (the newest) … Default 0. */
  readonly keep?: number
  readonly onSaved?: (saved: Saved) => void
  /** Called for each save that failed; without it the first of a row is a process warning. */
  readonly onError?: (error: unknown) => void
}

export interface Autosave extends AsyncDisposable {
  /** The newest version that is on disk; what is newer is lost in a crash. 0 before the first. */
  readonly savedVersion: number
  /** Resolves with `savedVersion` when it is the newest version there was at the call, or newer.
   *  Rejects with the error of its save; the saver goes on. */
  flush(): Promise<number>
  /** Stops; waits for a save that is under way. What was published since is not saved: `flush`
   *  first. Idempotent. */
  close(): Promise<void>
}

const EVERY_MS = 1000
/** After a failed save: the first pause, and the longest. */
const RETRY_MS = 1000
const RETRY_MS_MAX = 60_000
/** A timer that is to wait longer does not wait at all. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** Saves the store whenever it changed, in a helper thread; does not keep the process alive. */
export function autosave<T>(store: Store<T>, options: AutosaveOptions): Autosave {
  if (typeof (store as Partial<Store<T>> | undefined)?.subscribe !== 'function') {
    throw typeError('ERR_INVALID_ARGUMENT', 'autosave takes a store', { argument: 'store' })
  }
  return new Saver(store as Store<unknown>, checked(options ?? {}))
}

type Plan = ReturnType<typeof checked>

class Saver implements Autosave {
  savedVersion = 0
  readonly #store: Store<unknown>
  readonly #plan: Plan
  readonly #unsubscribe: () => void
  #running: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #failures = 0
  #closed = false

  constructor(store: Store<unknown>, plan: Plan) {
    this.#store = store
    this.#plan = plan
    this.#unsubscribe = store.subscribe(() => this.#changed())
    this.#changed()
  }

  async flush(): Promise<number> {
    const wanted = this.#store.version
    // A save that is under way may have begun with an older version.
    while (this.savedVersion < wanted) {
      // bound: two saves, or a failure
      if (this.#running === undefined) await this.#save()
      else await this.#running
    }
    return this.savedVersion
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#unsubscribe()
    this.#stopTimer()
    await this.#running?.catch(() => {})
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `Autosave { file: '${this.#plan.file}', savedVersion: ${this.savedVersion} }`
  }

  /** The store has a version that is not saved: sees to it that it will be. */
  #changed(): void {
    if (this.#closed || this.#running !== undefined) return
    const due = this.#store.version - this.savedVersion
    if (due <= 0) return
    if (this.#failures === 0 && due >= this.#plan.everyVersions) this.#begin()
    else this.#wait(this.#pauseMs())
  }

  #wait(ms: number): void {
    if (ms === Infinity) return
    this.#timer ??= setTimeout(() => this.#begin(), Math.min(ms, TIMER_MS_MAX)).unref()
  }

  #pauseMs(): number {
    if (this.#failures === 0) return this.#plan.everyMs
    return Math.min(RETRY_MS * 2 ** (this.#failures - 1), RETRY_MS_MAX)
  }

  #begin(): void {
    this.#stopTimer()
    if (this.#closed || this.#running !== undefined) return
    this.#save().catch(() => {})
  }

  #save(): Promise<void> {
    this.#stopTimer()
    const running = this.#saveOnce().finally(() => {
      this.#running = undefined
      this.#changed()
    })
    this.#running = running
    return running
  }

  async #saveOnce(): Promise<void> {
    try {
      const saved = await save(this.#store, this.#plan, {})
      this.savedVersion = saved.version
      this.#failures = 0
      this.#plan.onSaved?.(saved)
    } catch (error) {
      this.#failures++
      this.#report(error)
      throw error
    }
  }

  #report(error: unknown): void {
    if (this.#plan.onError !== undefined) this.#plan.onError(error)
    else if (this.#failures === 1) {
      process.emitWarning(`${(error as Error).message}; it is tried again`, {
        type: 'RootswapWarning',
        code: 'ROOTSWAP_AUTOSAVE',
      })
    }
  }

  #stopTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

function checked(options: AutosaveOptions) {
  const { file, everyMs = EVERY_MS, everyVersions = Infinity, keep = 0, ...callbacks } = options
  if (typeof file !== 'string' || file === '') {
    throw typeError('ERR_INVALID_ARGUMENT', 'file must be a path', { argument: 'file' })
  }
  expectAtLeast('everyMs', everyMs, 0)
  expectAtLeast('everyVersions', everyVersions, 1)
  expectAtLeast('keep', keep, 0)
  if (!Number.isInteger(keep)) throw rangeError(`keep is ${keep}; it must be a whole number`)
  return { file: resolve(file), everyMs, everyVersions, keep, ...callbacks }
}

function expectAtLeast(argument: string, value: unknown, least: number): void {
  if (typeof value === 'number' && value >= least) return
  throw rangeError(`${argument} is ${String(value)}; it must be a number, ${least} or more`, {
    argument,
    value,
  })
}
