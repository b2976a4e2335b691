/**
 * Small heaps under the explorer. `shared()` claims the slots and fills the caches beforehand, so
 * that the threads of a scenario do what the scenario is about; each makes its private half
 * (`threadAt`) anew whenever it is resumed.
 */

import { Words } from '../../src/explore.ts'
import { Allocator, chunkWordsOf } from '../../src/memory/allocator.ts'
import { readHeader, writeHeader } from '../../src/memory/header.ts'
import { CELL_ROOT, CELL_WORDS, SLOT_CACHES, SLOT_CACHED_WORDS } from '../../src/memory/layout.ts'
import { type Memory, memoryOf } from '../../src/memory/memory.ts'
import { Words as PlainWords } from '../../src/memory/words.ts'
import { Holds } from '../../src/reclaim/holds.ts'
import { Leases } from '../../src/reclaim/leases.ts'
import { Reclaimer, type ReclaimTuning } from '../../src/reclaim/reclaimer.ts'
import { readingOf, sectionOf } from '../../src/reclaim/section.ts'
import { slotAt } from '../../src/reclaim/slots.ts'
import { HeapThread } from '../../src/reclaim/thread.ts'
import { tagOf } from '../../src/memory/tag.ts'
import { verifyHeap, type VerifyReport } from '../../src/reclaim/verify.ts'
import { RootCell } from '../../src/versions/root.ts'
import { createTree, type Tree } from './arrays.ts'
import { testThread } from './heap.ts'

/** What the threads of a scenario share. */
export interface Model {
  readonly words: Words
  readonly memory: Memory
  /** The same memory without the explorer: for checks, never for threads. */
  readonly raw: Int32Array
}

export interface ModelOptions {
  /** Threads with a slot of their own, claimed and supplied beforehand. Thread `i` has slot `i`. */
  readonly slots: number
  /** A document for each root cell. */
  readonly trees: readonly Tree[]
  /** Words of blocks that each thread finds in its caches. */
  readonly sizes?: readonly number[]
  /** The same for the threads from slot 1 on, where they need less. */
  readonly others?: readonly number[]
  /** Root cells, where more than two are wanted. */
  readonly cells?: number
  /** Spans of the heap, where the usual plenty is not wanted. */
  readonly spans?: number
}

/** Blocks of each size that a thread finds in its cache; the rest of the span is slot 0's. */
const SUPPLIED = 4
const SIZES = [4, 6, 8, 18, 20, 22, 24]
/** Thread ids are unlike slot numbers. */
export const idOf = (slot: number): number => 10 + slot

/** One entry and one pair at a time: every boundary is a place to stop. */
export const FINE: ReclaimTuning = { slice: 1, batchPairs: 1 }
/** A whole round at once, each entry a transaction. */
export const WHOLE: ReclaimTuning = { slice: 4096, batchPairs: 1 }

export function modelOf(options: ModelOptions): Model {
  const sizes = options.sizes ?? SIZES
  const spans = options.spans ?? (options.slots + 2) * (sizes.length + 3)
  const cells = options.cells ?? 2
  const capacity = 9_400 + (options.slots + 2) * 128 + cells * CELL_WORDS + spans * 1_034
  const words = new Words(capacity)
  const layout = writeHeader(words, {
    capacity,
    threads: options.slots + 2,
    cells,
    limboWordsMax: capacity >> 2,
    stallMs: 1000,
    maxWaitMs: 3,
    reclaimEvery: 1,
    identity: [1, 2],
  })
  const memory = memoryOf(words, layout)
  for (let slot = 0; slot < options.slots; slot++) {
    const own = slot === 0 ? sizes : (options.others ?? sizes)
    supply(testThread(memory, idOf(slot)), own)
  }
  for (const tree of options.trees) createTree(threadAt(memory, 0), tree)
  return { words, memory, raw: new Int32Array(words.buffer) }
}

/** Fills the thread's caches, and hands what is more than a few blocks of a size to slot 0. */
function supply(thread: HeapThread, sizes: readonly number[]): void {
  const { allocator, memory, slot } = thread
  allocator.begin()
  for (const size of sizes) allocator.allocate(size)
  allocator.abort()
  const own = slot.at + SLOT_CACHES
  for (const size of sizes) {
    const sizeClass = memory.classes.classOf[size] as number
    const kept = cutAfter(memory.m, own + sizeClass, SUPPLIED)
    if (slot.index > 0) prepend(memory, sizeClass, kept)
    else putBack(memory, sizeClass, kept)
    memory.m[slot.at + SLOT_CACHED_WORDS] = 0
  }
}

/** Ends a chain after `count` blocks; the head of the rest. */
function cutAfter(m: Int32Array, headAt: number, count: number): number {
  let link = headAt
  for (let left = count; left > 0; left--) link = (m[link] as number) + 1
  const rest = m[link] as number
  m[link] = 0
  return rest
}

function prepend({ m, layout }: Memory, sizeClass: number, chain: number): void {
  let last = chain
  while (m[last + 1] !== 0) last = m[last + 1] as number
  const headAt = slotAt(layout, 0) + SLOT_CACHES + sizeClass
  m[last + 1] = m[headAt] as number
  m[headAt] = chain
}

/** Slot 0 keeps all of its own. */
function putBack(memory: Memory, sizeClass: number, chain: number): void {
  if (chain !== 0) prepend(memory, sizeClass, chain)
}

/** The private half of the thread that owns a slot since `shared()`. */
export function threadAt(memory: Memory, slot: number, tuning: ReclaimTuning = WHOLE): HeapThread {
  const { words, layout, classes } = memory
  const own = { index: slot, at: slotAt(layout, slot), tag: tagOf(slot, 0) }
  const chunkWords = chunkWordsOf(memory)
  const reclaimer = new Reclaimer(memory, own, tuning, chunkWords)
  const allocator = new Allocator(words, layout, classes, {
    slot,
    slotAt: own.at,
    supply: reclaimer,
  })
  reclaimer.serve(allocator)
  const section = sectionOf(words, own.at)
  const identity = { threadId: idOf(slot), creatorId: -1, watched: true, label: `t${slot}` }
  const reading = readingOf(words, own.at)
  const leases = new Leases(words, allocator, section)
  const holds = new Holds(memory, reclaimer, allocator)
  const parts = { memory, identity, slot: own, reclaimer, allocator, section, reading, leases }
  return Object.assign(Object.create(HeapThread.prototype) as HeapThread, { ...parts, holds })
}

export function cellOf(memory: Memory, index = 0): RootCell {
  return new RootCell(memory, index)
}

/** The words without the explorer's names: enough for a trace to be read. */
export function rootWord({ memory }: Model, cell = 0): number {
  return memory.layout.cellsAt + cell * CELL_WORDS + CELL_ROOT
}

let spare = new SharedArrayBuffer(0)

/** The heap as it stands, copied: checks may go on with it, and it is fast. */
export function copyOf({ raw }: Model): Memory {
  if (spare.byteLength !== raw.byteLength) spare = new SharedArrayBuffer(raw.byteLength)
  new Int32Array(spare).set(raw)
  const words = new PlainWords(spare)
  return memoryOf(words, readHeader(words))
}

const VERIFIER = 9_999

/** Verifies the heap as it stands; throws `ERR_CORRUPT_HEAP`. */
export function verified(model: Model): VerifyReport {
  return verifyHeap(testThread(copyOf(model), VERIFIER).reclaimer, 3)
}

/**
 * Verifies the heap, lets reclaiming come to its end, verifies again: nobody holds anything any
 * more, so one version of each document is left, and nothing of the others.
 */
export function settled(model: Model, history = 0): VerifyReport {
  const thread = testThread(copyOf(model), VERIFIER)
  verifyHeap(thread.reclaimer, 3)
  for (let turn = 0; turn < 100; turn++) {
    if (thread.reclaimer.attempt(64) === 'idle') break
  }
  const report = verifyHeap(thread.reclaimer, 3)
  if (report.zombies > 0) throw new RangeError(`${report.zombies} zombies stay that nobody holds`)
  if (report.draftBytes > 0) {
    throw new RangeError(`${report.draftBytes} bytes stay claimed, and nobody drafts`)
  }
  const cells = namedCells(thread.memory)
  if (report.versions > cells + history) {
    throw new RangeError(`${report.versions} versions of ${cells} documents stay: nobody reads`)
  }
  return report
}

function namedCells(memory: Memory): number {
  let named = 0
  for (let cell = 0; cell < memory.layout.cells; cell++) {
    if (new RootCell(memory, cell).isNamed()) named++
  }
  return named
}
