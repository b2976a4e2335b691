/**
 * Who builds successors from the leaves up learns the replaced nodes children first; a delta wants
 * parents first. `Preorder` collects entries in segments, each parents first within itself, and
 * hands the segments on in reverse.
 */

import type { Memory } from '../memory/memory.ts'
import { Delta } from '../versions/delta.ts'

export class Preorder {
  /** Entries of the open segment go here. */
  readonly segment: Delta
  readonly #ends: number[] = []

  constructor(memory: Memory) {
    this.segment = new Delta(memory)
  }

  /** The entries since the last call are a segment. */
  close(): void {
    this.#ends.push(this.segment.out.length)
  }

  /** Whether a segment was closed. */
  get isEmpty(): boolean {
    return this.#ends.length === 0
  }

  /** Tells the delta everything. */
  flush(delta: Delta): void {
    const { out, inc } = this.segment
    for (let index = this.#ends.length - 1; index >= 0; index--) {
      const end = this.#ends[index] as number
      let at = index === 0 ? 0 : (this.#ends[index - 1] as number)
      while (at < end) {
        const drops = out[at + 1] as number
        delta.replaced(out[at] as number, out.slice(at + 2, at + 2 + drops))
        at += 2 + drops
      }
    }
    for (const node of inc) delta.included(node)
  }
}
