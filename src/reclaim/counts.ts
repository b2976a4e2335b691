/**
 * Reference counts, as rounds change them: always within a transaction of the journal.
 *
 * **Invariants.** A published node's count is an L word. A node whose count falls to 0 goes to the
 * dead list, linked by that very word; nothing references it any more (I8). A count that reached
 * its maximum stays: the node is immortal.
 *
 * **Ordering.** Under the lock; see journal.ts.
 *
 * **Progress.** Each method adds a bounded number of pairs; callers make room first.
 *
 * **Crash.** All or nothing, with the rest of the transaction.
 */

import { corrupt } from '../errors.ts'
import { COUNTED_SERIAL } from '../memory/counted.ts'
import { COUNTED, isReference, nodeOf } from '../memory/kinds.ts'
import { DEAD_AT } from '../memory/layout.ts'
import type { Offset } from '../memory/words.ts'
import type { Journal } from './journal.ts'
import type { Spans } from './spans.ts'

export const COUNT_MAX = 2 ** 31 - 1

export class Counts {
  readonly #journal: Journal
  readonly #spans: Spans
  readonly #batchPairs: number

  constructor(journal: Journal, spans: Spans, batchPairs: number) {
    this.#journal = journal
    this.#spans = spans
    this.#batchPairs = batchPairs
  }

  increment(node: Offset): void {
    const count = this.#journal.get(node + 1)
    if (count <= 0) throw corrupt(`a referenced node has count ${count}`, { node, count })
    if (count < COUNT_MAX) this.#journal.set(node + 1, count + 1)
  }

  release(word: number): void {
    if (isReference(word)) this.drop(nodeOf(word), 1)
  }

  /** Takes `uses` off a count. */
  drop(node: Offset, uses: number): void {
    const journal = this.#journal
    const count = journal.get(node + 1)
    if (count < uses) throw corrupt(`a released node has count ${count}`, { node, count })
    if (count === COUNT_MAX) return
    if (count > uses) {
      journal.set(node + 1, count - uses)
      return
    }
    if ((journal.get(node) & 15) === COUNTED) journal.set(node + COUNTED_SERIAL, 0)
    journal.set(node + 1, journal.get(DEAD_AT))
    journal.set(DEAD_AT, node)
  }

  /** Frees a block whose children have found other owners. A long run goes by way of the dead
   *  list, a slice at a time; only blocks without references are that long. */
  free(block: Offset): void {
    if (this.#spans.isLongRun(block)) {
      this.#journal.set(block + 1, this.#journal.get(DEAD_AT))
      this.#journal.set(DEAD_AT, block)
    } else this.#spans.free(block)
  }

  boundary(): void {
    if (this.#journal.size >= this.#batchPairs) this.#journal.commit()
  }

  ensureRoom(pairs: number): void {
    if (this.#journal.room < pairs + 128) this.#journal.commit()
  }
}
