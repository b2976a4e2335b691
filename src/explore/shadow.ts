/**
 * The shadow heap: what the scenario says about blocks, held against what the threads do.
 *
 * The code under test knows nothing of it. A scenario reports allocations and frees around the
 * calls it makes, or from `watch`, which sees every written word.
 *
 * `freed` and `allocated` count as plain writes of the whole block. A reader whose access is not
 * ordered before the free is therefore found in every execution where both happen, even one where
 * the read came first: that is what a missing grace period looks like.
 */

import type { FailureKind } from './failure.ts'
import { Shade } from './slots.ts'
import type { Region } from './slots.ts'

/** Tells the explorer about blocks. Offsets count words of the memory it belongs to. */
export interface HeapObserver {
  /**
   * A block was handed out to the calling thread, `words` long. The first `kept` of them (a header,
   * a link of the free list) are the allocator's own: it may access them at any time.
   */
  allocated(offset: number, words: number, kept?: number): void
  /** From now on nobody may write these words until they are freed. */
  published(offset: number, words: number): void
  /** A block is given back: call it *before* the code that frees. */
  freed(offset: number): void
  /** Whether the block is handed out at this moment. */
  isAllocated(offset: number): boolean
}

export interface Block {
  readonly offset: number
  readonly words: number
  readonly kept: number
  readonly owner: string
}

export interface ShadowFault {
  readonly kind: FailureKind
  readonly reason: string
}

export class ShadowHeap {
  readonly region: Region
  #blocks = new Map<number, Block>()
  #initialBlocks: Map<number, Block> | undefined
  #initialShade: Uint8Array | undefined
  #changed = false

  constructor(region: Region) {
    this.region = region
  }

  /** Remembers the state that `shared()` has left, to go back to. */
  keep(): void {
    this.#initialBlocks = new Map(this.#blocks)
    this.#initialShade = this.region.shade.slice()
    this.#changed = false
  }

  reset(): void {
    if (!this.#changed) return
    this.#changed = false
    this.#blocks = new Map(this.#initialBlocks)
    if (this.#initialShade) this.region.shade.set(this.#initialShade)
    else this.region.shade.fill(Shade.none)
  }

  allocated(made: Block): ShadowFault | undefined {
    this.#changed = true
    const { offset, words, owner } = made
    for (const block of this.#blocks.values()) {
      if (offset < block.offset + block.words && block.offset < offset + words) {
        return {
          kind: 'double-free',
          reason:
            `block ${offset} of ${words} words was handed out to ${owner} while ${block.owner} ` +
            `has block ${block.offset} of ${block.words} words`,
        }
      }
    }
    this.#blocks.set(offset, made)
    this.region.shade.fill(Shade.none, offset, offset + words)
    return undefined
  }

  published(offset: number, words: number): void {
    this.#changed = true
    this.region.shade.fill(Shade.published, offset, offset + words)
  }

  /** The block, or the fault. */
  freed(offset: number, by: string): Block | ShadowFault {
    this.#changed = true
    const block = this.#blocks.get(offset)
    if (block === undefined) {
      return {
        kind: 'double-free',
        reason: `${by} frees block ${offset}, which is not handed out`,
      }
    }
    this.#blocks.delete(offset)
    this.region.shade.fill(Shade.none, offset, offset + block.words)
    this.region.shade.fill(Shade.freed, offset + block.kept, offset + block.words)
    return block
  }

  isAllocated(offset: number): boolean {
    return this.#blocks.has(offset)
  }

  /** The blocks that are handed out and not among `live`. */
  leaked(live: ReadonlySet<number>): string[] {
    return [...this.#blocks.values()]
      .filter((block) => !live.has(block.offset))
      .map((block) => `block ${block.offset} of ${block.words} words (from ${block.owner})`)
  }
}
