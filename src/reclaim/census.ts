/**
 * A census of blocks: enumerates every block of a heap from the span table, and notes to which set
 * each belongs. `verify` fills it; a block in no set is leaked, a block in two is damage.
 *
 * **Invariants.** One mark per block; blocks are found by arithmetic, never by following links.
 *
 * **Ordering.** Used under the reclaim lock while writers pause.
 *
 * **Progress.** Linear in the spans in use.
 *
 * **Crash.** Private to the thread; nothing shared is written.
 */

import { spanAt, spanOf, spanStart } from '../memory/span-table.ts'
import {
  SPAN_FRESH,
  SPAN_OWNED,
  SPAN_RUN,
  SPAN_STATE,
  SPAN_USE,
  USE_BLOCKS,
  USE_BODY,
  USE_LARGE,
  USE_NONE,
} from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import { LARGE } from '../memory/size-classes.ts'
import type { Offset } from '../memory/words.ts'

export const SETS = [
  'nowhere',
  'free',
  'cached',
  'chunk',
  'draft',
  'shape',
  'record',
  'dead',
  'live',
] as const
export type SetName = (typeof SETS)[number]

interface SpanUse {
  readonly sizeClass: number
  readonly size: number
  readonly marks: Uint8Array
}

export class Census {
  readonly damages: string[] = []
  readonly #memory: Memory
  readonly #spans = new Map<number, SpanUse>()
  /** Spans that a thread has claimed and not yet made blocks of. */
  readonly #carving = new Set<number>()
  freeSpans = 0
  carvingSpans = 0

  constructor(memory: Memory) {
    this.#memory = memory
    for (let span = 0; span < memory.layout.spanCount;) span += this.#readSpan(span)
  }

  damage(text: string): void {
    if (this.damages.length < 100) this.damages.push(text)
  }

  /** Notes that a block belongs to a set; false if it is no block or belongs to one already. */
  mark(block: Offset, set: SetName, where: string): boolean {
    const use = this.#use(block)
    if (use === undefined) {
      this.damage(`foreign reference: ${where} names ${block}, which is not a block`)
      return false
    }
    const index = this.#indexOf(block, use)
    const found = SETS[use.marks[index] as number] as SetName
    if (found !== 'nowhere') {
      this.damage(`block in two lists: ${block} is ${found} and ${set} (${where})`)
      return false
    }
    use.marks[index] = SETS.indexOf(set)
    return true
  }

  setOf(block: Offset): SetName | undefined {
    const use = this.#use(block)
    return use && (SETS[use.marks[this.#indexOf(block, use)] as number] as SetName)
  }

  /** Is it in a span that is still being cut? Then it belongs to that span, whoever names it. */
  isCarving(block: Offset): boolean {
    return this.#carving.has(spanOf(this.#memory.layout, block))
  }

  isBlock(block: Offset): boolean {
    return this.#use(block) !== undefined
  }

  sizeClassOf(block: Offset): number | undefined {
    return this.#use(block)?.sizeClass
  }

  /** Words and blocks of each set; a block in no set is reported as leaked. */
  totals(): Record<SetName, { blocks: number; words: number }> {
    const totals = Object.fromEntries(SETS.map((set) => [set, { blocks: 0, words: 0 }]))
    for (const [span, use] of this.#spans) {
      for (let index = 0; index < use.marks.length; index++) {
        const set = SETS[use.marks[index] as number] as SetName
        const total = totals[set] as { blocks: number; words: number }
        total.blocks++
        total.words += use.size
        if (set !== 'nowhere') continue
        const block = spanStart(this.#memory.layout, span) + index * use.size
        this.damage(`leaked block: ${block} (${use.size * 4} bytes) belongs to nobody`)
      }
    }
    return totals as Record<SetName, { blocks: number; words: number }>
  }

  #readSpan(span: number): number {
    const { words, m, layout, classes } = this.#memory
    const at = spanAt(layout, span)
    const state = words.load(at + SPAN_STATE)
    if (state === SPAN_FRESH) this.freeSpans++
    else if (state !== SPAN_OWNED) {
      this.carvingSpans++
      this.#carving.add(span)
    }
    if (state !== SPAN_OWNED) return 1
    const use = words.load(at + SPAN_USE)
    const kind = use & 0xff
    const spanWords = 1 << layout.spanShift
    if (kind === USE_NONE) this.freeSpans++
    else if (kind === USE_BLOCKS && use >>> 8 < classes.count) {
      const size = classes.sizes[use >>> 8] as number
      const marks = new Uint8Array(Math.floor(spanWords / size))
      this.#spans.set(span, { sizeClass: use >>> 8, size, marks })
    } else if (kind === USE_LARGE) {
      const run = m[at + SPAN_RUN] as number
      const marks = new Uint8Array(1)
      this.#spans.set(span, { sizeClass: LARGE, size: run * spanWords, marks })
      this.#expectBodies(span, run)
      return Math.max(1, run)
    } else if (kind === USE_BODY) this.carvingSpans++
    else this.damage(`span ${span} has unknown use ${use}`)
    return 1
  }

  #expectBodies(span: number, run: number): void {
    const { words, layout } = this.#memory
    if (run < 1 || span + run > layout.spanCount) {
      this.damage(`large block at span ${span} claims ${run} spans`)
    }
    for (let index = span + 1; index < Math.min(span + run, layout.spanCount); index++) {
      const use = words.load(spanAt(layout, index) + SPAN_USE)
      if ((use & 0xff) !== USE_BODY) this.damage(`span ${index} is not part of its large block`)
    }
  }

  #use(block: Offset): SpanUse | undefined {
    const { layout } = this.#memory
    if (block < layout.firstSpanAt) return undefined
    const span = spanOf(layout, block)
    const use = this.#spans.get(span)
    if (use === undefined) return undefined
    const inside = block - spanStart(layout, span)
    if (inside % use.size !== 0 || inside / use.size >= use.marks.length) return undefined
    return use
  }

  #indexOf(block: Offset, use: SpanUse): number {
    return (block - spanStart(this.#memory.layout, spanOf(this.#memory.layout, block))) / use.size
  }
}
