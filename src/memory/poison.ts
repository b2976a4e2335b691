/**
 * Poison: in a heap made with `debug`, freed blocks are overwritten, so that whoever still reads
 * one gets `ERR_CORRUPT_HEAP` instead of a value that looks right.
 *
 * **Invariants.** The poison is a value word that refers to a node beyond any heap. The header and
 * the link of a free block (its first two words) are kept.
 *
 * **Ordering.** Written under the lock, after the transaction that freed the block: before, the
 * block may still be needed to repeat the transaction's work; and nobody can take it meanwhile.
 *
 * **Progress.** Linear in the words freed: that is why it is not the default.
 *
 * **Crash.** A thread that dies before it filled leaves a free block as it was; no harm.
 */

import type { Offset } from './words.ts'

/** As a value word: a node at byte offset 2^32 - 8. */
export const POISON = -8 | 5

/** Overwrites a free block of so many words, but for its header and link. */
export function poison(m: Int32Array, block: Offset, words: number): void {
  m.fill(POISON, block + 2, block + words)
}
