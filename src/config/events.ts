/** What became of a look at the files, and who hears of it. No event is called 'error': one that
 *  nobody listens to would end the service. */

import { typeError } from '../errors.ts'
import { reportUncaught } from '../store/deliveries.ts'
import type { Issue, RejectionFields, Stage } from './rejection.ts'

/** Why the files were looked at, or a version published. */
export type Reason = 'start' | 'fallback' | 'changed' | 'requested' | 'signal' | 'rollback'

interface Looked {
  /** The version that is published now. */
  readonly version: number
  readonly reason: Reason
}

/** A new version is published. */
export interface Reloaded extends Looked {
  readonly type: 'reloaded'
  readonly previousVersion: number
  /** SHA-256 of the files' names and bytes. */
  readonly hash: string
  /** By the name of the source, of those that have revisions. */
  readonly revisions: Readonly<Record<string, string>>
  /** Milliseconds since 1970. */
  readonly time: number
  readonly files: readonly string[]
}

/** The value is the one that is published already. */
export interface Unchanged extends Looked {
  readonly type: 'unchanged'
  /** Kept from the files, which are as they were when `rollback` was called. */
  readonly held: boolean
}

/** The files are not valid; the published version stays. */
export interface Rejected extends Looked {
  readonly type: 'rejected'
  readonly stage: Stage
  readonly message: string
  readonly issues: readonly Issue[]
  /** Of the first issue, where they are known. */
  readonly file: string | undefined
  readonly line: number | undefined
  readonly column: number | undefined
}

/** A file is not there, or a source does not answer; the published version stays. */
export interface Unavailable extends Looked {
  readonly type: 'unavailable'
  readonly message: string
  readonly file: string | undefined
}

export type Outcome = Reloaded | Unchanged | Rejected | Unavailable

export interface ConfigEvents {
  readonly reloaded: Reloaded
  readonly unchanged: Unchanged
  readonly rejected: Rejected
  readonly unavailable: Unavailable
}

export type EventName = keyof ConfigEvents

const names: readonly string[] = ['reloaded', 'unchanged', 'rejected', 'unavailable']

/** The event of a refusal. */
export function refusalEvent(
  message: string,
  { stage, issues, file, line, column, unavailable }: RejectionFields,
  looked: Looked,
): Rejected | Unavailable {
  if (unavailable) return { type: 'unavailable', ...looked, message, file }
  return { type: 'rejected', ...looked, stage, message, issues, file, line, column }
}

export class Listeners {
  readonly #listeners = new Map<string, Set<(event: never) => void>>()

  /** Returns what ends it. Throws `TypeError`. */
  add(name: string, listener: (event: never) => void): () => void {
    if (!names.includes(name)) {
      throw typeError('ERR_INVALID_ARGUMENT', `there is no event ${name}: ${names.join(', ')}`)
    }
    if (typeof listener !== 'function') {
      throw typeError('ERR_INVALID_ARGUMENT', `a listener is a function, not ${typeof listener}`)
    }
    // A function of its own: who adds a listener twice, hears twice and ends each alone.
    const hear = (event: never): void => listener(event)
    const heard = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, heard.add(hear))
    return () => void heard.delete(hear)
  }

  /** Each listener runs; then what they threw is reported as uncaught. */
  emit(event: Outcome): void {
    for (const listener of this.#listeners.get(event.type) ?? []) {
      try {
        listener(event as never)
      } catch (error) {
        reportUncaught(error)
      }
    }
  }

  clear(): void {
    this.#listeners.clear()
  }
}
