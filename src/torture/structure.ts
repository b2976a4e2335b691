/**
 * What a structure under torture must say of itself. To add one: write a `Structure`, put it into
 * `structures`. `create` and `check` run in the thread that runs the torture, `reader` and `writer`
 * in every other; all of them report what is wrong by `Context.violation` or by throwing.
 */

import type { RandomNumbers } from '../explore/random.ts'
import type { Heap } from '../store/contract.ts'
import type { Control, Counter, LoggedOperation, Phase } from './control.ts'

export interface Context {
  readonly control: Control
  readonly numbers: RandomNumbers
  /** Names what the thread does now, for the report of kills. */
  phase(phase: Phase): void
  count(counter: Counter, more?: number): void
  highest(counter: Counter, value: number): void
  /** What must never be: ends the run. */
  violation(what: string): void
  /** Now and then, inside a read: a delay that is long beside a grace period. */
  delayRarely(): void
  /** Records the invocation and the return of an operation; skips it when the log is full. */
  operation(code: number, run: () => number): void
}

/** One thread's part in it. */
export interface Participant {
  /** One operation; many turns a second. */
  turn(): void
  close(): void
}

export interface Structure {
  readonly name: string
  /** Makes the structure; what it returns is sent to the threads. */
  create(heap: Heap): unknown
  reader(handle: unknown, context: Context): Participant
  writer(handle: unknown, context: Context): Participant
  /** At a quiet point: what is wrong, if anything. `log` holds what was recorded since the last. */
  check(handle: unknown, log: readonly LoggedOperation[]): string | undefined
}
