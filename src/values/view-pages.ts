/**
 * What a view has decoded goes over to the view of the next version: pages of 64 values, one for
 * each leaf of the order's vector. Versions that share a leaf share its page.
 */

import { nodeOf, ownOf, TABLE } from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import { type Cell, State } from './decode-cells.ts'
import { entryValue } from './entry.ts'
import { vectorLeaf } from './list.ts'
import { tableOrder } from './table.ts'
import { NO_WORD } from './word.ts'

/** A value that was decoded, whose place has another word now, or `NO_WORD`. */
export interface PageChange {
  readonly before: number
  readonly after: number
  /** Where the new value belongs. */
  readonly slots: unknown[]
  readonly index: number
}

type OnChange = (slot: unknown, change: PageChange) => void

/** The new view's state. Both are Maps or both are Sets. */
export function pairPages(m: Int32Array, old: Cell, fresh: Cell, changed: OnChange): State {
  const before = tableOrder(m, nodeOf(old.word))
  const after = tableOrder(m, nodeOf(fresh.word))
  const pages: unknown[] = []
  old.state?.slots.forEach((page, index) => {
    const first = index * 64
    const oldLeaf = vectorLeaf(m, before, first)
    const leaf = first < after.length ? vectorLeaf(m, after, first) : 0
    pages[index] =
      leaf === oldLeaf ? page : pairPage(m, page as unknown[], [oldLeaf, leaf], changed)
  })
  return new State(TABLE, undefined, pages)
}

function pairPage(
  m: Int32Array,
  page: readonly unknown[],
  [oldLeaf, leaf]: readonly [Offset, Offset],
  changed: OnChange,
): unknown[] {
  const count = leaf === 0 ? 0 : ownOf(m, leaf)
  const slots: unknown[] = []
  page.forEach((slot, index) => {
    const entry = index < count ? (m[leaf + 3 + index] as number) : 0
    const before = entryValue(m, nodeOf(m[oldLeaf + 3 + index] as number))
    const after = entry === 0 ? NO_WORD : entryValue(m, nodeOf(entry))
    if (before === after) slots[index] = slot
    else changed(slot, { before, after, slots, index })
  })
  return slots
}
