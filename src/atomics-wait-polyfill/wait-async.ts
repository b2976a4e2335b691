/**
 * Which back end: the platform's `Atomics.waitAsync`, helper threads where it has none, a timer
 * where no thread can be started. Chosen once, when the module is loaded.
 *
 * Each copy of the package has threads and timers of its own, and remembers the platform's
 * function as it was at load: two copies share nothing, and an installed polyfill that another
 * copy meets is to it a platform that has `waitAsync`.
 */
import { HelperThreads } from './helper-threads.ts'
import { platformHelper } from './helper.ts'
import { Polling } from './polling.ts'
import { type WaitAsync, createWaitAsync } from './request.ts'

const native = (Atomics as { waitAsync?: WaitAsync }).waitAsync

export type BackendName = 'native' | 'thread' | 'timer'

/** Makes a `waitAsync` over the back end named; one that cannot be had falls to the next. */
export function waitAsyncOver(name: BackendName): WaitAsync {
  if (name === 'native' && native !== undefined) return native.bind(Atomics) as WaitAsync
  const polling = new Polling()
  const start = name === 'timer' ? undefined : platformHelper()
  if (start === undefined) return createWaitAsync(polling.wait)
  return createWaitAsync(new HelperThreads(start, polling.wait).wait)
}

/**
 * As `Atomics.waitAsync`: waits until another thread notifies the element, without blocking.
 * `timeout` is in milliseconds, for ever if it is left out. A wait keeps no process alive.
 *
 * @throws TypeError if the view is none over a SharedArrayBuffer, RangeError if the index is none
 * of its elements.
 * @example
 * const result = waitAsync(view, 0, seen, 1_000)
 * if (result.async) await result.value   // 'ok' or 'timed-out'
 */
export const waitAsync: WaitAsync = waitAsyncOver('native')
