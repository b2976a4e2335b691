/**
 * One heap as one thread sees it: the port to its words, and what is derived from its header.
 *
 * **Invariants.** `m` is `words.m`. Everything here is immutable.
 *
 * **Ordering.** The header was checked before (heap-open in header.ts).
 *
 * **Progress.** Wait-free: nothing waits or retries.
 *
 * **Crash.** Nothing shared is written.
 */

import { blockWords } from './span-table.ts'
import type { Layout } from './layout.ts'
import { type SizeClasses, sizeClasses } from './size-classes.ts'
import type { Offset, Words } from './words.ts'

export interface Memory {
  readonly words: Words
  readonly m: Int32Array
  readonly layout: Layout
  readonly classes: SizeClasses
}

export function memoryOf(words: Words, layout: Layout): Memory {
  return { words, m: words.m, layout, classes: sizeClasses(layout.spanShift) }
}

/** Words that a block takes, its class's rounding included. */
export function wordsOfBlock(memory: Memory, block: Offset): number {
  return blockWords(memory.m, block, memory.layout, memory.classes)
}
