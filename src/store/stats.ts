/** What a heap holds, in plain numbers: counted from the span table, not by walking values. */

import { blockWords, spanAt, spanStart } from '../memory/span-table.ts'
import { CHUNK, FREE, kindOf } from '../memory/kinds.ts'
import {
  CONFLICTS_AT,
  RECYCLED_AT,
  ROUND_AT,
  SLOT_CACHED_WORDS,
  SLOT_HOLD_CHAIN,
  SLOT_LEASE_CHAIN,
  SLOT_LOG,
  SLOT_SNAPSHOTS,
  SLOT_STATE,
  SPAN_FREE_COUNT,
  SPAN_FRESH,
  SPAN_OWNED,
  SPAN_RUN,
  SPAN_STATE,
  SPAN_USE,
  USE_BLOCKS,
  USE_LARGE,
  USE_NONE,
} from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import { readWide, RECORD_CELL } from '../memory/record.ts'
import { cellsInUse, knownRecords } from '../reclaim/cells.ts'
import { isSnapshotLease, scanLeases } from '../reclaim/leases.ts'
import { slotAt, slotsInUse } from '../reclaim/slots.ts'
import type { HeapThread } from '../reclaim/thread.ts'
import { RootCell } from '../versions/root.ts'

export interface HeapStats {
  /** Versions published in this heap, the initial ones included. */
  readonly publishes: number
  /** Publishes that another writer overtook, and that ran again. */
  readonly conflicts: number
  readonly gracePeriods: number
  readonly threads: number
  /** Snapshots that are held, of any store, in any thread; a save under way holds one. */
  readonly snapshots: number
  /** The oldest version that one of them holds, or 0; a store's stats ask for its own alone. */
  readonly oldestSnapshotVersion: number
  readonly capacityBytes: number
  /** Reachable from roots and snapshots, about: `verify()` is exact. */
  readonly liveBytes: number
  /** Replaced and waiting for readers, in steps of 1 KiB. */
  readonly limboBytes: number
  readonly freeBytes: number
  /** In the caches of threads, and in drafts. */
  readonly cachedBytes: number
  readonly headerBytes: number
  readonly blocks: number
  /** Blocks with more than one reference. */
  readonly sharedBlocks: number
}

export interface StoreStats extends HeapStats {
  readonly version: number
}

/** Milliseconds that the oldest version waits for the reclaim lock; without it it is 0. */
const LOCK_WAIT_MS = 20

interface SpanTotals {
  usedWords: number
  freeWords: number
  blocks: number
  shared: number
}

/** Reads the counters of a heap. Other threads go on: the numbers are of one moment, about. With a
 *  cell, the oldest version is that of its snapshots. */
export function heapStats(memory: Memory, thread: HeapThread, cell?: number): HeapStats {
  const { words, layout } = memory
  const oldest = oldestSnapshot(memory, thread, cell) // first: what was published is counted by it
  const slots = slotTotals(memory, thread)
  const spans = spanTotals(memory)
  const waiting = limboWords(thread)
  const limbo = Math.min(waiting * 4, Math.max(0, (spans.usedWords - slots.chunkWords) * 4))
  const capacity = layout.capacity * 4
  const cached = (slots.cachedWords + slots.chunkWords) * 4
  const free = spans.freeWords * 4 - slots.cachedWords * 4
  const live = (spans.usedWords - slots.chunkWords) * 4 - limbo
  return {
    publishes: publishTotal(memory, thread),
    conflicts: words.load(CONFLICTS_AT),
    gracePeriods: words.load(ROUND_AT) >>> 0,
    threads: slots.threads,
    snapshots: slots.snapshots,
    oldestSnapshotVersion: oldest,
    capacityBytes: capacity,
    liveBytes: live,
    limboBytes: limbo,
    freeBytes: free,
    cachedBytes: cached,
    headerBytes: capacity - live - limbo - free - cached,
    blocks: spans.blocks,
    sharedBlocks: spans.shared,
  }
}

function spanTotals(memory: Memory): SpanTotals {
  const { words, m, layout, classes } = memory
  const spanWords = 1 << layout.spanShift
  const totals: SpanTotals = { usedWords: 0, freeWords: 0, blocks: 0, shared: 0 }
  for (let span = 0; span < layout.spanCount; span++) {
    const at = spanAt(layout, span)
    const state = words.load(at + SPAN_STATE)
    const use = words.load(at + SPAN_USE)
    if (state === SPAN_FRESH || (state === SPAN_OWNED && use === USE_NONE)) {
      totals.freeWords += spanWords
    } else if (state === SPAN_OWNED && (use & 0xff) === USE_LARGE) {
      totals.usedWords += blockWords(m, spanStart(layout, span), layout, classes)
      totals.blocks++
      span += Math.max(0, (m[at + SPAN_RUN] as number) - 1)
    } else if (state === SPAN_OWNED && (use & 0xff) === USE_BLOCKS) {
      countBlocks(memory, span, totals)
    }
  }
  return totals
}

function countBlocks(memory: Memory, span: number, totals: SpanTotals): void {
  const { m, words, layout, classes } = memory
  const size = classes.sizes[words.load(spanAt(layout, span) + SPAN_USE) >>> 8] as number
  const first = spanStart(layout, span)
  const end = first + Math.floor((1 << layout.spanShift) / size) * size
  for (let block = first; block < end; block += size) {
    if (((m[block] as number) & 15) === FREE) {
      totals.freeWords += size
      continue
    }
    totals.usedWords += size
    totals.blocks++
    // The word of a chunk that others have for a count is a link.
    if ((m[block + 1] as number) > 1 && kindOf(m, block) !== CHUNK) totals.shared++
  }
}

function slotTotals(memory: Memory, thread: HeapThread) {
  const { words, m, layout } = memory
  const chunk = thread.allocator.chunkWords
  let threads = 0
  let cachedWords = 0
  let chunkWords = 0
  let snapshots = 0
  for (let slot = 0; slot < slotsInUse(words); slot++) {
    const at = slotAt(layout, slot)
    if (words.load(at + SLOT_STATE) === 0) continue
    threads++
    snapshots += words.load(at + SLOT_SNAPSHOTS)
    cachedWords += m[at + SLOT_CACHED_WORDS] as number
    for (const link of [SLOT_LOG, SLOT_LEASE_CHAIN, SLOT_HOLD_CHAIN]) {
      if (m[at + link] !== 0) chunkWords += chunk
    }
  }
  return { threads, cachedWords, chunkWords, snapshots }
}

/** Under the lock, where neither a leased record nor a chunk of leases can go. */
function oldestSnapshot(memory: Memory, thread: HeapThread, cell: number | undefined): number {
  const { reclaimer } = thread
  if (!reclaimer.takeLock(LOCK_WAIT_MS)) return 0
  reclaimer.round.arrive()
  const known = knownRecords(memory)
  const leased = new Set<number>()
  for (let slot = 0; slot < slotsInUse(memory.words); slot++) {
    scanLeases(memory.words, slotAt(memory.layout, slot), thread.allocator.chunkWords, (lease) => {
      if (isSnapshotLease(lease) && known.has(lease)) leased.add(lease)
    })
  }
  let oldest = 0
  for (const record of leased) {
    if (cell !== undefined && memory.m[record + RECORD_CELL] !== cell) continue
    const number = new RootCell(memory, 0).numberOf(record)
    if (oldest === 0 || number < oldest) oldest = number
  }
  reclaimer.lock.give()
  return oldest
}

function eachCell(memory: Memory, visit: (cell: RootCell) => number): number {
  let total = 0
  for (let index = 0, cells = cellsInUse(memory); index < cells; index++) {
    const cell = new RootCell(memory, index)
    if (cell.isNamed()) total += visit(cell)
  }
  return total
}

/** Words that were replaced and wait for readers, in all stores, about. */
export function limboWords(thread: HeapThread): number {
  return inSection(thread, () => eachCell(thread.memory, (cell) => cell.limboWords()))
}

/** Words in free blocks and spans, without those in the caches of threads. */
export function freeWords(memory: Memory): number {
  const { words, m, layout, classes } = memory
  let free = 0
  for (let span = 0; span < layout.spanCount; span++) {
    const at = spanAt(layout, span)
    const state = words.load(at + SPAN_STATE)
    const use = words.load(at + SPAN_USE)
    if (state === SPAN_FRESH || (state === SPAN_OWNED && use === USE_NONE)) {
      free += 1 << layout.spanShift
    } else if (state === SPAN_OWNED && (use & 0xff) === USE_BLOCKS) {
      free += (m[at + SPAN_FREE_COUNT] as number) * (classes.sizes[use >>> 8] as number)
    }
  }
  return free
}

function publishTotal(memory: Memory, thread: HeapThread): number {
  const { words } = memory
  const wide = new Int32Array([words.load(RECYCLED_AT), words.load(RECYCLED_AT + 1)])
  return inSection(thread, () => readWide(wide, 0) + eachCell(memory, (cell) => cell.published()))
}

function inSection(thread: HeapThread, count: () => number): number {
  try {
    thread.section.enter()
    return count()
  } finally {
    thread.section.leave()
  }
}
