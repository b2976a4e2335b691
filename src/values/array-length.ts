/**
 * How long an array may be. A sparse array, or a length from a patch, may claim billions of
 * elements, which the engine cannot hold either: it ends the process.
 */

import { RootswapError } from '../errors.ts'

/** Each element takes a word at least. Throws `ERR_HEAP_FULL`. */
export function expectRoomFor(length: number, m: Int32Array): void {
  if (length <= m.length) return
  throw new RootswapError(
    'ERR_HEAP_FULL',
    `an array of ${length} elements has no room in a heap of ${m.length * 4} bytes`,
    { requestedBytes: length * 4, capacityBytes: m.length * 4 },
  )
}
