/**
 * Size classes: the block sizes that spans are cut into.
 *
 * **Invariants.** Sizes are even (a block's byte offset is a multiple of 8), ascending, at least 4
 * words (a free block keeps its link in word 1), at most a quarter of a span; what is larger gets
 * a run of whole spans (class `LARGE`).
 *
 * **Ordering.** Pure arithmetic over private tables.
 *
 * **Progress.** Wait-free: nothing waits or retries.
 *
 * **Crash.** Nothing shared is written.
 */

import { CLASSES_MAX } from './layout.ts'

/** Marks a block that is a run of spans. */
export const LARGE = CLASSES_MAX - 1

export interface SizeClasses {
  /** Words of each class. */
  readonly sizes: Int32Array
  /** Class of each request of 0…`largest` words. */
  readonly classOf: Uint8Array
  /** The largest request that is not a run of spans, in words. */
  readonly largest: number
  readonly count: number
}

/** 4, 6, 8 … 32 words, then steps of about a fifth, up to a quarter of a span. */
export function sizeClasses(spanShift: number): SizeClasses {
  const largest = 1 << (spanShift - 2)
  const sizes: number[] = []
  let size = 4
  while (size < largest) {
    sizes.push(size)
    size = size < 32 ? size + 2 : Math.ceil((size * 1.2) / 2) * 2
  }
  sizes.push(largest)
  const classOf = new Uint8Array(largest + 1)
  let index = 0
  for (let words = 0; words <= largest; words++) {
    while ((sizes[index] as number) < words) index++
    classOf[words] = index
  }
  return { sizes: Int32Array.from(sizes), classOf, largest, count: sizes.length }
}
