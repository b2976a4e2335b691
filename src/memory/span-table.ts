/**
 * The span table: where a span is, which span a block is in, and the claiming of fresh spans.
 *
 * **Invariants.** A span's STATE goes from FRESH to CARVING by the swap of one thread, which alone
 * makes it OWNED or FRESH again. The hint is where the search begins: it may skip a fresh span, so
 * a search that found nothing begins again at 0.
 *
 * **Ordering.** All accesses to STATE are atomic; what the claimer wrote while CARVING is visible
 * to whoever sees OWNED.
 *
 * **Progress.** Lock-free: a lost swap means that another thread got a span.
 *
 * **Crash.** A CARVING span names its claimer's slot; the reaper makes it FRESH.
 */

import { sizeClassOf } from './kinds.ts'
import {
  type Layout,
  SPAN_CARVING,
  SPAN_FRESH,
  SPAN_HINT_AT,
  SPAN_OWNED,
  SPAN_RUN,
  SPAN_STATE,
  SPAN_USE,
  SPAN_WORDS,
  USE_BLOCKS,
  USE_LARGE,
} from './layout.ts'
import { LARGE, type SizeClasses } from './size-classes.ts'
import type { Offset, Words } from './words.ts'

export function spanAt(layout: Layout, span: number): Offset {
  return layout.spansAt + span * SPAN_WORDS
}

export function spanStart(layout: Layout, span: number): Offset {
  return layout.firstSpanAt + (span << layout.spanShift)
}

export function spanOf(layout: Layout, block: Offset): number {
  return (block - layout.firstSpanAt) >> layout.spanShift
}

export function blockWords(
  m: Int32Array,
  block: Offset,
  layout: Layout,
  classes: SizeClasses,
): number {
  const sizeClass = sizeClassOf(m, block)
  if (sizeClass !== LARGE) return classes.sizes[sizeClass] as number
  return (m[spanAt(layout, spanOf(layout, block)) + SPAN_RUN] as number) << layout.spanShift
}

/** Is it where a block begins? Under the lock, for an offset that came from outside. */
export function isBlock(
  words: Words,
  layout: Layout,
  classes: SizeClasses,
  block: Offset,
): boolean {
  if (!Number.isInteger(block) || block < layout.firstSpanAt) return false
  const span = spanOf(layout, block)
  if (span >= layout.spanCount) return false
  const at = spanAt(layout, span)
  if (words.load(at + SPAN_STATE) !== SPAN_OWNED) return false
  const use = words.load(at + SPAN_USE)
  const inside = block - spanStart(layout, span)
  if ((use & 0xff) === USE_LARGE) return inside === 0
  if ((use & 0xff) !== USE_BLOCKS) return false
  const size = classes.sizes[use >>> 8] as number
  return inside % size === 0 && inside + size <= 1 << layout.spanShift
}

/** Claims `spans` neighbouring fresh spans for the thread of a slot; the first, or -1. */
export function claimFresh(words: Words, layout: Layout, slot: number, spans: number): number {
  const hint = words.load(SPAN_HINT_AT)
  const first = claimFrom(words, layout, { slot, spans, hint })
  // A run that was given up may have left fresh spans below a hint that moved on meanwhile.
  return first < 0 && hint > 0 ? claimFrom(words, layout, { slot, spans, hint: 0 }) : first
}

interface Claim {
  readonly slot: number
  readonly spans: number
  /** Where to begin. */
  readonly hint: number
}

function claimFrom(words: Words, layout: Layout, { slot, spans, hint }: Claim): number {
  const claim = SPAN_CARVING | (slot << 8)
  let got = 0
  let index = hint
  for (; index < layout.spanCount && got < spans; index++) {
    const stateAt = spanAt(layout, index) + SPAN_STATE
    if (
      words.load(stateAt) === SPAN_FRESH &&
      words.compareExchange(stateAt, SPAN_FRESH, claim) === SPAN_FRESH
    ) {
      got++
    } else {
      unclaimSpans(words, layout, index - got, got)
      got = 0
    }
  }
  if (got < spans) {
    unclaimSpans(words, layout, index - got, got)
    return -1
  }
  if (spans === 1) words.compareExchange(SPAN_HINT_AT, hint, index)
  return index - spans
}

/** Makes claimed spans fresh again, the first one last, and lets the hint see them. */
export function unclaimSpans(words: Words, layout: Layout, first: number, spans: number): void {
  for (let index = first + spans - 1; index >= first; index--) {
    words.store(spanAt(layout, index) + SPAN_STATE, SPAN_FRESH)
  }
  for (;;) {
    const hint = words.load(SPAN_HINT_AT)
    if (spans === 0 || first >= hint) return
    // A failed swap means that another thread moved the hint.
    if (words.compareExchange(SPAN_HINT_AT, hint, first) === hint) return
  }
}
