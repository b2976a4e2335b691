/** Scenarios: pointers and retired blocks of `rootswap/rcu` against readers, with deaths. */

import type { Scenario } from '../../src/explore.ts'
import {
  allocateCounted,
  countedData,
  countedReference,
  COUNTED_SERIAL,
} from '../../src/memory/counted.ts'
import { nodeOf, referenceTo, TAG_NODE } from '../../src/memory/kinds.ts'
import { RCU_AT } from '../../src/memory/layout.ts'
import type { Memory } from '../../src/memory/memory.ts'
import { tagOf } from '../../src/memory/tag.ts'
import { Domain } from '../../src/rcu/domain.ts'
import { GracePeriods } from '../../src/rcu/grace.ts'
import { makePointer, PointerCore } from '../../src/rcu/pointer.ts'
import { ReaderCore } from '../../src/rcu/reader.ts'
import { ReaderTable } from '../../src/rcu/readers.ts'
import { type Drafting, Retired } from '../../src/rcu/retired.ts'
import { GP, lineAt, READER_WORDS, SECTION, TO_READERS } from '../../src/rcu/words.ts'
import type { HeapThread } from '../../src/reclaim/thread.ts'
import { reaperOf } from './model-crashes.ts'
import { synchronize } from './model-grace.ts'
import { type Model, modelOf, settled, threadAt } from './model-heap.ts'
import { common, type ModelScenario, type Seen } from './model-run.ts'
import { shadowed } from './model-shadow.ts'
import { sweepings } from './model-sweep.ts'

export interface RcuModel extends Model {
  /** The anchor of the structure that the scenario is about. */
  readonly anchor: number
  readonly blocks: readonly number[]
}

export const draftingOf =
  ({ allocator, holds }: HeapThread): Drafting =>
  (build) => {
    allocator.begin()
    const result = build()
    if (holds.isDraftPublished) allocator.end()
    else allocator.abort()
    return result
  }

/** One thread's half of the domain, made anew whenever it is resumed. */
export function partyOf(memory: Memory, slot: number) {
  const thread = threadAt(memory, slot)
  const anchor = nodeOf(memory.words.load(RCU_AT))
  const at = lineAt(countedData(memory.m, anchor))
  const table = new ReaderTable(memory, at, countedReference(anchor, TO_READERS))
  const grace = new GracePeriods(memory, at, table)
  const drafting = draftingOf(thread)
  const retired = new Retired(thread, grace, anchor, drafting)
  return { thread, table, grace, retired, drafting, at }
}

/** The reader that `shared` has registered for the thread of slot 1. */
export function readerOf(memory: Memory): ReaderCore {
  const { table, at } = partyOf(memory, 1)
  const entry = table.beginOf(table.first()) + READER_WORDS
  const tally = { inside: 0, online: 0, active: 0 }
  return new ReaderCore(memory.words, { entry, gpAt: at + GP }, 'section', tally)
}

/** A held block of two words that are equal as long as it is whole. */
export function blockOf(thread: HeapThread, value: number): number {
  const { allocator, holds, memory } = thread
  return draftingOf(thread)(() => {
    holds.reserve(1)
    const block = allocateCounted(allocator, 0, 8)
    const data = countedData(memory.m, block)
    memory.m[data] = value
    memory.m[data + 1] = value
    holds.expect()
    holds.adopt(block)
    holds.publishDraft()
    holds.commit()
    return block
  })
}

export function valueOf(memory: Memory, block: number): number {
  const data = countedData(memory.m, block)
  const [first, second] = [memory.m[data] as number, memory.m[data + 1] as number]
  if (first !== second) throw new RangeError(`torn or freed: ${first}, ${second}`)
  return first
}

export type Making = (thread: HeapThread) => number

/** A heap with a domain whose first bag is there, a reader of slot 1, a structure, and blocks that
 *  the thread of `holder` holds. */
export function rcuModel(make: Making, holder: number, blocks: number): RcuModel {
  const model = modelOf({ slots: 4, trees: [], sizes: [6, 8], spans: 60 })
  const { memory } = model
  const first = threadAt(memory, 0)
  Domain.join(first, draftingOf(first))
  const { table, retired, thread } = partyOf(memory, 0)
  if (table.claim(tagOf(1, 0), SECTION, '') === 0) throw new RangeError('the table is full')
  const old = blockOf(thread, 9)
  retired.transaction(1, () => thread.holds.moveIn(old, retired.slot()))
  const anchor = draftingOf(thread)(() => {
    thread.holds.reserve(1)
    const made = make(thread)
    thread.holds.expect()
    thread.holds.adopt(made)
    thread.holds.publishDraft()
    thread.holds.commit()
    return made
  })
  const held = threadAt(memory, holder)
  const made = Array.from({ length: blocks }, (_, index) => blockOf(held, index + 1))
  for (let slot = 1; slot < 4; slot++) threadAt(memory, slot).holds.reserve(2)
  return { ...shadowed(model), anchor, blocks: made }
}

const of = (model: Model): RcuModel => model as RcuModel

function pointerAt(model: Model, slot: number) {
  const party = partyOf(model.memory, slot)
  return { ...party, pointer: new PointerCore(party.thread, of(model).anchor, party.retired) }
}

/** Stores the blocks one after the other, as a program does; gives its holds up; waits; frees. */
function storeAll(model: Model, slot: number): void {
  const { pointer, thread, grace, retired } = pointerAt(model, slot)
  for (const block of of(model).blocks) pointer.replace(block, undefined, false)
  for (const block of of(model).blocks) {
    retired.transaction(0, () => thread.holds.release(block))
  }
  if (!pointer.tidy()) throw new RangeError('nobody else has the lock')
  retired.collect(3)
  synchronize(model.memory, grace)
  retired.collect(3)
  thread.reclaimer.attempt(2)
}

function follow(model: Model, seen: Seen): void {
  const reader = readerOf(model.memory)
  const { pointer } = pointerAt(model, 1)
  reader.lock()
  const block = nodeOf(pointer.load())
  seen.add(block === 0 ? 'nothing' : `saw ${valueOf(model.memory, block)}`)
  reader.unlock()
}

const pointed: ModelScenario = {
  name: 'rcu-pointer',
  claim: 'what a pointer names, or named when a section began, is not freed',
  meets: ['nothing', 'saw 1', 'saw 2'],
  make: (seen) => ({
    ...common,
    shared: () => rcuModel(makePointer, 2, 2),
    threads: {
      writer: (model) => storeAll(model, 2),
      reader: { run: (model) => follow(model, seen), progress: 30 },
    },
    preemptions: 2,
    seconds: 40,
  }),
}

/** Every block that lives is counted; those that nobody needs are gone. */
function afterDeath(model: Model, seen: Seen): void {
  seen.add('reaped or done')
  settled(model)
}

const pointerDies: ModelScenario = {
  name: 'rcu-crash-pointer',
  claim: 'a writer dies at any step: no block is lost, none is freed under a reader',
  meets: ['nothing', 'saw 1', 'saw 2', 'reaped or done'],
  make: (seen) => ({
    ...common,
    shared: () => rcuModel(makePointer, 2, 2),
    threads: {
      writer: (model) => storeAll(model, 2),
      reader: { crash: false, run: (model) => follow(model, seen) },
      reaper: reaperOf('writer', 2, 0),
    },
    after: (model) => afterDeath(model, seen),
    crashes: 1,
    preemptions: 1,
    seconds: 40,
  }),
}

/** One thread stores two owned blocks in turn without the lock; another swaps under it. */
const twoStore: ModelScenario = {
  name: 'rcu-pointer-two',
  claim: 'a store without the lock never names a block that another thread has retired',
  meets: ['saw 1', 'saw 2', 'saw 3', 'swapped', 'another was first', 'without the lock'],
  make: (seen) => ({
    ...common,
    shared: () => {
      const model = rcuModel(makePointer, 2, 2)
      const third = blockOf(threadAt(model.memory, 3), 3)
      return { ...model, third }
    },
    threads: {
      fast(model) {
        const { pointer, retired, grace, thread } = pointerAt(model, 2)
        const [one, two] = of(model).blocks as [number, number]
        for (const block of [one, two, one, two]) {
          if (!pointer.isMine(block)) pointer.replace(block, undefined, false)
          else {
            pointer.storeMine(referenceTo(block, TAG_NODE))
            seen.add('without the lock')
          }
        }
        for (const block of [one, two]) {
          retired.transaction(0, () => thread.holds.release(block))
        }
        pointer.leave()
        retired.collect(3)
        synchronize(model.memory, grace)
        retired.collect(3)
        thread.reclaimer.attempt(2)
      },
      other(model) {
        const { pointer } = pointerAt(model, 3)
        const { third } = model as RcuModel & { third: number }
        const found = nodeOf(pointer.load())
        const { swapped } = pointer.replace(third, found, false)
        seen.add(swapped ? 'swapped' : 'another was first')
        pointer.leave()
      },
      reader: (model) => follow(model, seen),
    },
    preemptions: 1,
    random: 1_000,
    seconds: 60,
  }),
}

/** Unlinks from a word of its own, then retires: for people who build their own structures. */
function retireOne(model: Model): void {
  const { thread, retired, grace } = partyOf(model.memory, 2)
  const [block] = of(model).blocks as [number]
  model.memory.words.store(wordOf(model), 0)
  retired.transaction(1, () => thread.holds.moveIn(block, retired.slot()))
  let cookie = retired.collect(3)
  if (typeof cookie === 'number') {
    while (!grace.isOver(cookie)) synchronize(model.memory, grace)
    cookie = retired.collect(3)
  }
  thread.reclaimer.attempt(2)
}

/** A word that names the first block: in the block's own pointer-like anchor. */
function wordOf(model: Model): number {
  return countedData(model.memory.m, of(model).anchor)
}

const word = (model: RcuModel): RcuModel => {
  model.words.poke(countedData(model.raw, model.anchor), model.blocks[0] as number)
  return model
}

const makeWord: Making = (thread) => allocateCounted(thread.allocator, 0, 8)

const retires: ModelScenario = {
  name: 'rcu-retire',
  claim: 'a retired block stays for the sections that may have found it',
  meets: ['saw 1', 'nothing'],
  make: (seen) => ({
    ...common,
    shared: () => word(rcuModel(makeWord, 2, 1)),
    threads: {
      writer: (model) => retireOne(model),
      reader: (model) => readWord(model, seen),
    },
    preemptions: 2,
  }),
}

function readWord(model: Model, seen: Seen): void {
  const reader = readerOf(model.memory)
  reader.lock()
  const block = model.memory.words.load(wordOf(model))
  seen.add(block === 0 ? 'nothing' : `saw ${valueOf(model.memory, block)}`)
  reader.unlock()
}

const retireDies: ModelScenario = {
  name: 'rcu-crash-retire',
  claim: 'a thread dies while it retires: the block is its own, or the domain’s, and is freed once',
  meets: ['freed', 'in the bag'],
  make: (seen): Scenario<Model> => ({
    ...common,
    shared: () => rcuModel(makeWord, 2, 1),
    threads: {
      writer: (model) => retireOne(model),
      reaper: reaperOf('writer', 2, 0),
    },
    after(model) {
      const block = of(model).blocks[0] as number
      const lives = model.raw[block + COUNTED_SERIAL] !== 0
      seen.add(lives ? 'in the bag' : 'freed')
      settled(model)
    },
    crashes: 1,
    preemptions: 0,
  }),
}

export const rcus = [pointed, pointerDies, twoStore, retires, retireDies, ...sweepings]
