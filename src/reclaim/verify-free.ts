/**
 * The part of `verify` that looks at free blocks: the lists of the spans, and the threads' caches.
 *
 * **Invariants.** A free block is of kind FREE, of its span's class, and in one list.
 *
 * **Ordering.** Under the lock, while writers pause; see verify.ts.
 *
 * **Progress.** A list that does not end is damage: a block is marked once.
 *
 * **Crash.** Nothing shared is written.
 */

import { FREE, kindOf, sizeClassOf } from '../memory/kinds.ts'
import {
  CLASS_HEADS_AT,
  SPAN_FREE,
  SPAN_FREE_COUNT,
  SPAN_NEXT,
  SPAN_OWNED,
  SPAN_STATE,
  SPAN_USE,
  USE_BLOCKS,
} from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import { spanAt, spanOf } from '../memory/span-table.ts'
import type { Offset } from '../memory/words.ts'
import type { Census } from './census.ts'

/** Marks the free blocks of all spans. */
export function markFree(memory: Memory, census: Census): void {
  const { m, layout, classes } = memory
  for (let sizeClass = 0; sizeClass < classes.count; sizeClass++) {
    let span = (m[CLASS_HEADS_AT + sizeClass] as number) - 1
    for (let left = layout.spanCount; span >= 0; left--) {
      if (left === 0 || span >= layout.spanCount) {
        census.damage(`broken free list: spans of class ${sizeClass} do not end`)
        break
      }
      markSpan(memory, census, span, sizeClass)
      span = (m[spanAt(layout, span) + SPAN_NEXT] as number) - 1
    }
  }
}

function markSpan(memory: Memory, census: Census, span: number, sizeClass: number): void {
  const { m, words, layout } = memory
  const at = spanAt(layout, span)
  const state = words.load(at + SPAN_STATE)
  const use = words.load(at + SPAN_USE)
  if (state !== SPAN_OWNED || use !== (USE_BLOCKS | (sizeClass << 8))) {
    census.damage(`wrong class: span ${span} is in the list of class ${sizeClass}`)
    return
  }
  const chain: Chain = { head: m[at + SPAN_FREE] as number, set: 'free' }
  const count = markChain(memory, census, chain, (block) => {
    return spanOf(layout, block) === span && sizeClassOf(m, block) === sizeClass
  })
  const noted = m[at + SPAN_FREE_COUNT]
  if (count !== noted) {
    census.damage(`broken free list: span ${span} notes ${noted} blocks, has ${count}`)
  }
}

interface Chain {
  readonly head: Offset
  readonly set: 'free' | 'cached'
}

/** Follows a chain of free blocks; returns how many it marked. */
export function markChain(
  { m }: Memory,
  census: Census,
  { head, set }: Chain,
  fits: (block: Offset) => boolean,
): number {
  let count = 0
  for (let block = head; block !== 0; count++) {
    // bound: a block is marked once
    if (!census.isBlock(block) || kindOf(m, block) !== FREE) {
      census.damage(`broken free list: ${block} is no free block (${set})`)
      return count
    }
    if (!fits(block)) {
      census.damage(`wrong class: ${block} in a ${set} list of another class or span`)
      return count
    }
    if (!census.mark(block, set, `${set} list`)) return count
    block = m[block + 1] as number
  }
  return count
}
