/**
 * The explorer's shadow heap on the shipped allocator's words, and I5 at each end of a transaction.
 * Nothing of it is known to the code under test: everything is told by what it writes.
 *
 * - A log entry that counts: the block is handed out. One that is taken back: it is given back.
 * - A root word: the blocks of the writer's log are published; nobody may write them any more, but
 *   for their count and for a record's link and state.
 * - The journal is armed: the blocks whose headers it will make free are freed, before they are.
 * - Any word: its writer is in no section, or it is one that a section may write (I9).
 * - The journal is disarmed: every count is as I5 says, and nothing free is referenced (I8).
 */

import { CHUNK_HEAD, chunkWordsOf } from '../../src/memory/allocator.ts'
import { eachHold } from '../../src/reclaim/holds.ts'
import type { WriteEvent } from '../../src/explore.ts'
import { COUNTED_BYTES } from '../../src/memory/counted.ts'
import {
  CHUNK,
  COUNTED,
  FREE,
  isReference,
  kindOf,
  nodeOf,
  RECORD,
  referenceCount,
  referencesAt,
} from '../../src/memory/kinds.ts'
import {
  CELL_CURSOR,
  CELL_OLDEST,
  CELL_ROOT,
  CELL_STATE,
  CELL_WORDS,
  CLASSES_MAX,
  DEAD_AT,
  RCU_AT,
  SLOT_CACHES,
  SLOT_LEASE_CHAIN,
  SLOT_LEASE_COUNT,
  SLOT_LEASES,
  SLOT_LOG,
  SLOT_LOG_COUNT,
  SLOT_SECTION,
  SLOT_TICKET,
  SLOT_WORDS,
  SPAN_USE,
  ZOMBIE_AT,
} from '../../src/memory/layout.ts'
import { wordsOfBlock } from '../../src/memory/memory.ts'
import {
  RECORD_NEXT,
  RECORD_OUT,
  RECORD_OUT_WORDS,
  RECORD_PREVIOUS,
  RECORD_ROOT,
  RECORD_STATE,
  RECORD_WRITER,
  STATE_SHELL,
} from '../../src/memory/record.ts'
import { spanAt, spanOf, spanStart } from '../../src/memory/span-table.ts'
import { hasVersions, isTombstone } from '../../src/reclaim/cells.ts'
import { countDamage } from './model-counts.ts'
import type { Model } from './model-heap.ts'

/** Header and count: the allocator's own at any time. */
const KEPT = 2

/** Tells the shadow heap of what `shared()` has made. */
export function shadowed(model: Model): Model {
  for (const block of liveBlocks(model)) {
    model.words.shadow.allocated(block, sizeOf(model, block), KEPT)
    publishBlock(model, block)
  }
  return model
}

/** For `watch`. */
export function watchHeap(model: Model, write: WriteEvent): void {
  expectOutside(model, write)
  const { layout } = model.memory
  const { offset } = write
  if (offset === layout.journalAt) {
    if (write.after !== 0) freeArmed(model, write.after)
    else expectCounts(model)
    return
  }
  const inCells = offset - layout.cellsAt
  if (inCells >= 0 && offset < layout.slotsAt) {
    if (inCells % CELL_WORDS === CELL_ROOT) publish(model, write.after)
    return
  }
  const inSlots = offset - layout.slotsAt
  if (inSlots < 0 || offset >= layout.journalAt) return
  if (inSlots % SLOT_WORDS === SLOT_LOG_COUNT) logged(model, offset - SLOT_LOG_COUNT, write)
}

/** The slot whose section a thread entered last, by scenario: there a name is always one slot's. */
const entered = new WeakMap<Model, Map<string, number>>()

/**
 * I9: inside its section a thread writes its section word and its leases, and nothing else: it
 * takes no lock, begins no draft, allocates nothing, is counted as no waiter.
 */
function expectOutside(model: Model, write: WriteEvent): void {
  const { raw, memory } = model
  const { layout } = memory
  const { offset, thread } = write
  const inSlots = offset - layout.slotsAt
  const word = inSlots >= 0 && offset < layout.journalAt ? inSlots % SLOT_WORDS : -1
  const sections = entered.get(model) ?? new Map<string, number>()
  if (word === SLOT_SECTION) {
    if ((write.after & 1) === 1) entered.set(model, sections.set(thread, offset))
    return
  }
  const sectionAt = sections.get(thread)
  if (sectionAt === undefined || ((raw[sectionAt] as number) & 1) === 0) return
  const own = offset - sectionAt + SLOT_SECTION
  if (own >= SLOT_LEASES && own < SLOT_LEASES + SLOT_LEASE_COUNT) return
  throw new RangeError(`I9: ${thread} writes word ${offset} inside its section`)
}

/** For `live`: what may be handed out when all threads have ended. */
export function* liveBlocks(model: Model): Generator<number> {
  const { raw, memory } = model
  const { layout } = memory
  const found = new Set<number>()
  const visit: number[] = []
  const note = (block: number): void => {
    if (found.has(block)) return
    found.add(block)
    visit.push(block)
  }
  for (const record of records(model)) {
    found.add(record)
    if (raw[record + RECORD_STATE] === STATE_SHELL) continue
    const word = raw[record + RECORD_ROOT] as number
    if (isReference(word)) note(nodeOf(word))
  }
  for (const node of departing(model)) note(node)
  if (raw[RCU_AT] !== 0) note(nodeOf(raw[RCU_AT] as number))
  for (let slot = layout.slotsAt; slot < layout.journalAt; slot += SLOT_WORDS) {
    eachHold(raw, slot, chunkWordsOf(memory), (block) => note(block))
  }
  for (let node = raw[DEAD_AT] as number; node !== 0; node = raw[node + 1] as number) note(node)
  for (let node = visit.pop(); node !== undefined; node = visit.pop()) {
    const first = referencesAt(raw, node)
    const end = first + referenceCount(raw, node, layout)
    for (let at = first; at < end; at++) {
      if (isReference(raw[at] as number)) note(nodeOf(raw[at] as number))
    }
  }
  yield* found
  for (let at = layout.slotsAt; at < layout.journalAt; at += SLOT_WORDS) yield* draft(model, at)
}

function* records({ raw, memory: { layout } }: Model): Generator<number> {
  for (let at = layout.cellsAt; at < layout.slotsAt; at += CELL_WORDS) {
    if (!hasVersions(raw[at + CELL_STATE] as number)) continue
    for (let record = raw[at + CELL_ROOT] as number; record !== 0;) {
      if (!isTombstone(layout, record)) yield record
      record = record === raw[at + CELL_OLDEST] ? 0 : (raw[record + RECORD_PREVIOUS] as number)
    }
  }
  for (let zombie = raw[ZOMBIE_AT] as number; zombie !== 0;) {
    yield zombie
    zombie = raw[zombie + RECORD_NEXT] as number
  }
}

/** Nodes whose entries a half-done departure still has before it: the shells above may be gone. */
function* departing({ raw, memory: { layout } }: Model): Generator<number> {
  for (let at = layout.cellsAt; at < layout.slotsAt; at += CELL_WORDS) {
    const cursor = raw[at + CELL_CURSOR] as number
    if (!hasVersions(raw[at + CELL_STATE] as number) || cursor === 0) continue
    const successor = raw[(raw[at + CELL_OLDEST] as number) + RECORD_NEXT] as number
    const out = successor + RECORD_OUT
    for (let entry = cursor - 1; entry < (raw[successor + RECORD_OUT_WORDS] as number);) {
      yield raw[out + entry] as number
      entry += 2 + (raw[out + entry + 1] as number)
    }
  }
}

/** Blocks of a slot's log, which has one chunk in scenarios. */
function* draft({ raw }: Model, slot: number): Generator<number> {
  const chunk = raw[slot + SLOT_LOG] as number
  const count = raw[slot + SLOT_LOG_COUNT] as number
  for (let index = 0; index < count; index++) yield raw[chunk + CHUNK_HEAD + index] as number
}

function sizeOf({ raw, memory }: Model, block: number): number {
  return wordsOfBlock({ ...memory, m: raw }, block)
}

/** What is taken back is marked free first; the log of a draft that was published is only left. */
function logged(model: Model, slot: number, { before, after }: WriteEvent): void {
  const { raw, words } = model
  if (raw[slot + SLOT_TICKET] === 0) return
  const entries = (raw[slot + SLOT_LOG] as number) + CHUNK_HEAD
  for (let index = before; index < after; index++) {
    const block = raw[entries + index] as number
    words.shadow.allocated(block, sizeOf(model, block), KEPT)
  }
  for (let index = after; index < before; index++) {
    const block = raw[entries + index] as number
    if (kindOf(raw, block) === FREE && words.shadow.isAllocated(block)) words.shadow.freed(block)
  }
}

function publish(model: Model, record: number): void {
  if (isTombstone(model.memory.layout, record)) return
  const writer = model.raw[record + RECORD_WRITER] as number
  const slot = model.memory.layout.slotsAt + writer * SLOT_WORDS
  for (const block of draft(model, slot)) publishBlock(model, block)
}

function publishBlock(model: Model, block: number): void {
  const { shadow } = model.words
  const words = sizeOf(model, block)
  shadow.published(block, 1)
  // Its references and bytes may change: the race detector says who may write them.
  if (kindOf(model.raw, block) === COUNTED) return shadow.published(block + COUNTED_BYTES, 1)
  if (kindOf(model.raw, block) === RECORD) {
    // Link and state are the lock owner's.
    shadow.published(block + 3, 7)
    shadow.published(block + 11, words - 11)
  } else shadow.published(block + KEPT, words - KEPT)
}

function freeArmed(model: Model, pairs: number): void {
  const { raw, memory, words } = model
  const { layout } = memory
  for (let pair = 0; pair < pairs; pair++) {
    const at = raw[layout.journalAt + 2 + 2 * pair] as number
    const value = raw[layout.journalAt + 3 + 2 * pair] as number
    if (at < layout.firstSpanAt || (value & 15) !== FREE || !isHeader(model, at)) continue
    if (words.shadow.isAllocated(at) || !belongsToSlot(model, at)) words.shadow.freed(at)
  }
}

/** Whether a word is the first of a block: only freeing writes it under the lock. */
function isHeader({ raw, memory: { layout, classes } }: Model, at: number): boolean {
  const span = spanOf(layout, at)
  const size = classes.sizes[(raw[spanAt(layout, span) + SPAN_USE] as number) >>> 8] as number
  return (at - spanStart(layout, span)) % size === 0
}

/** Cached blocks and chunks were not handed out by a log. */
function belongsToSlot({ raw, memory: { layout } }: Model, block: number): boolean {
  if (kindOf(raw, block) === CHUNK) return true
  for (let slot = layout.slotsAt; slot < layout.journalAt; slot += SLOT_WORDS) {
    if (raw[slot + SLOT_LOG] === block || raw[slot + SLOT_LEASE_CHAIN] === block) return true
    for (let sizeClass = 0; sizeClass < CLASSES_MAX; sizeClass++) {
      if (raw[slot + SLOT_CACHES + sizeClass] === block) return true
    }
  }
  return false
}

function expectCounts({ raw, memory }: Model): void {
  const damage = countDamage(raw, memory)
  if (damage !== undefined) throw new RangeError(damage)
}
