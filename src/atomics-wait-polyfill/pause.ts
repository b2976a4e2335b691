/** `Atomics.pause`: tells the processor that this thread spins. */
import { typeError } from '../errors.ts'

const native = (Atomics as { pause?: (iteration?: number) => void }).pause

/** Enough to leave the contended word alone for a microsecond or so, too few to be missed. */
const LOADS_MAX = 64

/** A word that nobody else reads or writes. */
const ownWord = new Int32Array(new SharedArrayBuffer(4))

/**
 * The platform's where it exists, else a short delay that leaves the contended word alone.
 * `iteration` says how often the caller has spun already: a larger one may pause longer.
 *
 * @throws TypeError if `iteration` is no integer.
 */
export const pause: (iteration?: number) => void =
  native === undefined ? delay : (iteration) => native.call(Atomics, iteration)

/** Exported for tests: platforms that have `Atomics.pause` do not come here. */
export function delay(iteration?: number): void {
  if (iteration !== undefined && !Number.isInteger(iteration)) {
    throw typeError(
      'ERR_INVALID_ARGUMENT',
      `pause takes an integer, the number of turns spun so far, not ${String(iteration)}`,
    )
  }
  const loads = Math.min(Math.max(iteration ?? 1, 1), LOADS_MAX)
  for (let i = 0; i < loads; i++) Atomics.load(ownWord, 0)
}
