/** What a heap holds, in plain numbers: counted from the span table, not by walking values. */

import { blockWords, spanAt, spanStart } from '../memory/span-table.ts'
import { FREE } from '../memory/kinds.ts'
import {
  CELL_NAMED,
  CELL_STATE,
  CONFLICTS_AT,
  LEASE_SOFT,
  ROUND_AT,
  SLOT_CACHED_WORDS,
  SLOT_LEASE_CHAIN,
  SLOT_LOG,
  SLOT_STATE,
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
import { knownRecords } from '../reclaim/cells.ts'
import { scanLeases } from '../reclaim/leases.ts'
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
  /** Versions held by snapshots, in any thread. */
  readonly snapshots: number
  /** The oldest version that a snapshot of any store holds, or 0. */
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

/** Milliseconds that the numbers of snapshots wait for the reclaim lock; without it they are 0. */
const LOCK_WAIT_MS = 20

interface SpanTotals {
  usedWords: number
  freeWords: number
  blocks: number
  shared: number
}

/** Reads the counters of a heap. Other threads go on: the numbers are of one moment, about. */
export function heapStats(memory: Memory, thread: HeapThread): HeapStats {
  const { words, layout } = memory
  const spans = spanTotals(memory)
  const slots = slotTotals(memory, thread)
  const limboWords = limboTotal(memory, thread)
  const limbo = Math.min(limboWords * 4, Math.max(0, (spans.usedWords - slots.chunkWords) * 4))
  const capacity = layout.capacity * 4
  const cached = (slots.cachedWords + slots.chunkWords) * 4
  const free = spans.freeWords * 4 - slots.cachedWords * 4
  const live = (spans.usedWords - slots.chunkWords) * 4 - limbo
  return {
    publishes: publishTotal(memory, thread),
    conflicts: words.load(CONFLICTS_AT),
    gracePeriods: words.load(ROUND_AT) >>> 0,
    threads: slots.threads,
    ...slots.held,
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
    if ((m[block + 1] as number) > 1) totals.shared++
  }
}

function slotTotals(memory: Memory, thread: HeapThread) {
  const { words, m, layout } = memory
  const chunk = thread.allocator.chunkWords
  let threads = 0
  let cachedWords = 0
  let chunkWords = 0
  for (let slot = 0; slot < slotsInUse(words); slot++) {
    const at = slotAt(layout, slot)
    if (words.load(at + SLOT_STATE) === 0) continue
    threads++
    cachedWords += m[at + SLOT_CACHED_WORDS] as number
    for (const link of [SLOT_LOG, SLOT_LEASE_CHAIN]) {
      if (m[at + link] !== 0) chunkWords += chunk
    }
  }
  return { threads, cachedWords, chunkWords, held: heldBySnapshots(memory, thread) }
}

/** Under the lock, where neither a leased record nor a chunk of leases can go. */
function heldBySnapshots(memory: Memory, thread: HeapThread) {
  const none = { snapshots: 0, oldestSnapshotVersion: 0 }
  const { reclaimer } = thread
  if (!reclaimer.takeLock(LOCK_WAIT_MS)) return none
  const known = knownRecords(memory)
  const leased = new Set<number>()
  for (let slot = 0; slot < slotsInUse(memory.words); slot++) {
    scanLeases(memory.words, slotAt(memory.layout, slot), thread.allocator.chunkWords, (lease) => {
      if ((lease & LEASE_SOFT) === 0 && known.has(lease)) leased.add(lease)
    })
  }
  let oldest = 0
  for (const record of leased) {
    const number = new RootCell(memory, 0).numberOf(record)
    if (oldest === 0 || number < oldest) oldest = number
  }
  reclaimer.lock.give()
  return leased.size === 0 ? none : { snapshots: leased.size, oldestSnapshotVersion: oldest }
}

function eachCell(memory: Memory, visit: (cell: RootCell) => number): number {
  let total = 0
  for (let index = 0; index < memory.layout.cells; index++) {
    const cell = new RootCell(memory, index)
    if (memory.words.load(cell.at + CELL_STATE) === CELL_NAMED) total += visit(cell)
  }
  return total
}

function limboTotal(memory: Memory, thread: HeapThread): number {
  return inSection(thread, () => eachCell(memory, (cell) => cell.limboWords()))
}

function publishTotal(memory: Memory, thread: HeapThread): number {
  return inSection(thread, () => eachCell(memory, (cell) => cell.numberOf(cell.newest())))
}

function inSection(thread: HeapThread, count: () => number): number {
  try {
    thread.section.enter()
    return count()
  } finally {
    thread.section.leave()
  }
}
