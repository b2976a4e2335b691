/**
 * The delta that a draft collects while its successor nodes are built: what the new version
 * replaces and which nodes of older versions it references anew. `record.ts` writes it down.
 *
 * **Invariants.** Entries are in pre-order: a replaced node before the nodes replaced below it. A
 * node that is replaced under two parents (it is shared) has one entry per parent edge. `inc` has
 * one entry for each reference from a new node, or from the record's root, to an old node that is
 * not the in-place kept child of a replaced node.
 *
 * **Ordering.** Private to one thread until the record is written.
 *
 * **Progress.** Wait-free: nothing waits or retries.
 *
 * **Crash.** Nothing shared is written.
 */

import { isReference, nodeOf, referenceCount, referencesAt } from '../memory/kinds.ts'
import { type Memory, wordsOfBlock } from '../memory/memory.ts'
import type { Offset } from '../memory/words.ts'

const NO_DROPS: readonly number[] = []
/** Nodes below what is dropped that one delta weighs; of larger parts the statistics say less. */
const WEIGHED_MAX = 256

export class Delta {
  /** `node, drops, index…` per entry, as in a record. */
  readonly out: number[] = []
  readonly inc: number[] = []
  /** The predecessor's root is dropped whole: no entry speaks of it. */
  dropRoot = false
  /** The new root is that of another version: older nodes may come back. */
  isOther = false
  /** Words of the replaced nodes and, about, of what was dropped: for the limbo's statistics. What
   *  others share is weighed too, as a count may not be read here. */
  retiredWords = 0
  #weighed = 0
  readonly #memory: Memory

  constructor(memory: Memory) {
    this.#memory = memory
  }

  /** `node` has a successor that keeps (or replaces below) all its children but those whose
   *  indexes, counted within its references, are in `dropped`; written down ascending. */
  replaced(node: Offset, dropped: readonly number[] = NO_DROPS): void {
    this.out.push(node, dropped.length)
    for (const index of ascending(dropped)) this.out.push(index)
    this.retiredWords += wordsOfBlock(this.#memory, node)
    if (dropped.length === 0) return
    const { m } = this.#memory
    const first = referencesAt(m, node)
    for (const index of dropped) this.retire(m[first + index] as number)
  }

  /** Weighs what is dropped with a value. */
  retire(word: number): void {
    if (!isReference(word) || this.#weighed >= WEIGHED_MAX) return
    const { m, layout } = this.#memory
    const words = [word]
    // Bound: WEIGHED_MAX, and the children of so many nodes.
    for (let next = words.pop(); next !== undefined; next = words.pop()) {
      if (!isReference(next)) continue
      if (this.#weighed++ >= WEIGHED_MAX) return
      const node = nodeOf(next)
      this.retiredWords += wordsOfBlock(this.#memory, node)
      const first = referencesAt(m, node)
      const count = Math.min(referenceCount(m, node, layout), WEIGHED_MAX)
      for (let index = 0; index < count; index++) words.push(m[first + index] as number)
    }
  }

  /** A new node references the old `node` (moved, duplicated, re-used). */
  included(node: Offset): void {
    this.inc.push(node)
  }

  /** The whole value is that of another version, from then on. */
  tookOver(root: number): void {
    this.dropRoot = true
    this.isOther = true
    if (isReference(root)) this.included(nodeOf(root))
  }

  /** The whole previous value is dropped. */
  droppedRoot(): void {
    this.dropRoot = true
  }

  clear(): void {
    this.out.length = 0
    this.inc.length = 0
    this.dropRoot = false
    this.isOther = false
    this.retiredWords = 0
    this.#weighed = 0
  }

  get isEmpty(): boolean {
    return this.out.length === 0 && this.inc.length === 0 && !this.dropRoot
  }
}

function ascending(indexes: readonly number[]): readonly number[] {
  for (let index = 1; index < indexes.length; index++) {
    if ((indexes[index] as number) < (indexes[index - 1] as number)) {
      return indexes.toSorted((left, right) => left - right)
    }
  }
  return indexes
}
