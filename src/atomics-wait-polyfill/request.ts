/**
 * What a caller asked for, read as the platform reads it: which view and index are right, what a
 * value or a time-out is converted to, and which answers are given at once, without waiting.
 */
import { typeError } from '../errors.ts'

/** What can be waited on: a view over a SharedArrayBuffer. */
export type Waitable = Int32Array | BigInt64Array

export type WaitOutcome = 'ok' | 'timed-out'

/** The platform's result, shape for shape. */
export type WaitAsyncResult =
  { async: false; value: 'not-equal' | 'timed-out' } | { async: true; value: Promise<WaitOutcome> }

export interface WaitAsync {
  (view: Int32Array, index: number, value: number, timeout?: number): WaitAsyncResult
  (view: BigInt64Array, index: number, value: bigint, timeout?: number): WaitAsyncResult
}

/** One wait that has to be waited for: its element held `value` when it was asked. */
export interface Wait {
  readonly view: Waitable
  readonly index: number
  readonly value: number | bigint
  /** On the clock of `now()`; Infinity if there is no time-out. */
  readonly deadlineMs: number
}

/** Answers a wait later. Never rejects, and never keeps a process alive. */
export type Backend = (wait: Wait) => Promise<WaitOutcome>

/** Milliseconds on a clock that the threads of a process share. */
export function now(): number {
  return performance.timeOrigin + performance.now()
}

/** Makes a `waitAsync` of something that can wait. */
export function createWaitAsync(waitFor: Backend): WaitAsync {
  return (view: Waitable, index: number, value: number | bigint, timeout?: number) => {
    const at = Math.trunc(+index) || 0
    checkView(view, at)
    const expected = convertValue(view, value)
    const timeoutMs = convertTimeout(timeout)
    if (!holds(view, at, expected)) return { async: false, value: 'not-equal' }
    if (timeoutMs === 0) return { async: false, value: 'timed-out' }
    const wait = { view, index: at, value: expected, deadlineMs: now() + timeoutMs }
    return { async: true, value: waitFor(wait) }
  }
}

/** Whether the element still holds the value (the comparison is the platform's: exact bits). */
export function holds(view: Waitable, index: number, value: number | bigint): boolean {
  return (Atomics.load(view as Int32Array, index) as number | bigint) === value
}

/** The platform checks type and range itself, in a `notify` that wakes nobody. */
function checkView(view: Waitable, index: number): void {
  Atomics.notify(view as Int32Array, index, 0)
  // By name, not by instanceof: the buffer may come from another realm.
  const kind = Object.prototype.toString.call(view.buffer)
  if (kind === '[object SharedArrayBuffer]') return
  throw typeError(
    'ERR_INVALID_ARGUMENT',
    `waitAsync needs a view over a SharedArrayBuffer, this one is over ${kind}; ` +
      'no other thread could change it',
  )
}

function convertValue(view: Waitable, value: number | bigint): number | bigint {
  // asIntN throws the platform's TypeError for a number; Number would take a bigint silently.
  if (view instanceof BigInt64Array || Object.prototype.toString.call(view) === BIG) {
    return BigInt.asIntN(64, value as bigint)
  }
  return (value as number) | 0
}

const BIG = '[object BigInt64Array]'

function convertTimeout(timeout: number | undefined): number {
  // Not Number(): like the platform, a unary plus refuses a bigint.
  const milliseconds = timeout === undefined ? Number.NaN : +timeout
  return Number.isNaN(milliseconds) ? Infinity : Math.max(milliseconds, 0)
}
