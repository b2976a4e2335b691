/**
 * Scenarios: a thread dies at any step, and another, told so, reaps its slot. What the dead thread
 * was about to do happens wholly or not at all.
 */

import { SLOT_LEASES, CLASS_HEADS_AT, CLASSES_MAX, SPAN_HINT_AT } from '../../src/memory/layout.ts'
import type { Scenario, ThreadOptions, WriteEvent } from '../../src/explore.ts'
import { reapSlot } from '../../src/reclaim/reaper.ts'
import type { HeapThread } from '../../src/reclaim/thread.ts'
import { encodeTree, publishTree, setTree, type Tree } from './arrays.ts'
import { cellOf, FINE, idOf, type Model, modelOf, settled, threadAt } from './model-heap.ts'
import { duplicate, move } from './model-deltas.ts'
import { documentOf } from './model-publishers.ts'
import { publish, readInSection, readLeased, write, beforeWrap } from './model-readers.ts'
import { common, type ModelScenario, type Seen } from './model-run.ts'
import { shadowed, watchHeap } from './model-shadow.ts'
import { reapAll } from './model-slots.ts'

const before: Tree = [1, [2, 3], [5]]
/** Of few classes and blocks: a reaper gives each back in a transaction of its own. */
const sizes = [6, 8, 20, 22]
const shared = (slots: number) => (): Model => shadowed(modelOf({ slots, trees: [before], sizes }))

/** Reaps the thread of a slot once it has crashed. */
export function reaperOf(name: string, dead: number, own: number): ThreadOptions<Model> {
  return {
    after: `${name} crashed`,
    crash: false,
    run({ memory }) {
      const thread = threadAt(memory, own)
      reapAll(thread, idOf(dead))
      thread.reclaimer.attempt(4)
    },
  }
}

/** A scenario in which each plain store to a word before the blocks is a step: a place to die. */
export function everyStore(scenario: Scenario<Model>): Scenario<Model> {
  let end = Infinity
  return {
    ...scenario,
    shared() {
      const model = scenario.shared()
      end = model.memory.layout.firstSpanAt
      return model
    },
    steps: (offset) => offset < end,
  }
}

interface Crash {
  readonly name: string
  readonly claim: string
  readonly shared?: () => Model
  /** Between any two stores, plain ones too; else at any step, with a preemption. */
  readonly stores?: boolean
  readonly work: (thread: HeapThread, seen: Seen) => void
  readonly documents: readonly string[]
}

/** One thread works and may crash; a reader comes at any time; a reaper follows. */
function crash({ name, claim, work, documents, ...rest }: Crash): ModelScenario {
  return {
    name,
    claim,
    meets: documents,
    make(seen) {
      const scenario: Scenario<Model> = {
        ...common,
        shared: rest.shared ?? shared(3),
        threads: {
          worker: ({ memory }) => work(threadAt(memory, 1, FINE), seen),
          reader: {
            crash: false,
            run: ({ memory }) => void readLeased(threadAt(memory, 0)),
          },
          reaper: reaperOf('worker', 1, 2),
        },
        after(model) {
          seen.add(documentOf(model))
          settled(model)
        },
        crashes: 1,
        preemptions: 1,
      }
      return rest.stores ? { ...everyStore(scenario), preemptions: 0 } : scenario
    },
  }
}

const garbage = (): Model => {
  const model = modelOf({ slots: 4, trees: [[[1, [2]], [5], 4]], sizes, others: [] })
  const thread = threadAt(model.memory, 0)
  for (const step of [duplicate, move]) {
    publishTree(thread, cellOf(model.memory), (root, delta) => step(thread, root, delta))
  }
  publish(thread, [2], 8)
  return model
}

const crashes = [
  crash({
    name: 'crash-publish',
    claim: 'a publisher dies at any step: its version is published or leaves nothing',
    work: (thread) => write(thread, [1, 0], [7]),
    documents: ['[1,[2,3],[5]]', '[1,[[7],3],[5]]'],
  }),
  crash({
    name: 'crash-two-cells',
    claim: 'a publisher to two documents dies: records that arrive out of its order are its own',
    shared: () => shadowed(modelOf({ slots: 3, trees: [before, [[4], 6]], sizes })),
    work(thread) {
      while (!setTree(thread, cellOf(thread.memory, 1), [0, 0], 5)) continue // never: no other
      publish(thread, [1, 0], 7)
    },
    documents: ['[1,[2,3],[5]]', '[1,[7,3],[5]]'],
  }),
  crash({
    name: 'crash-stores',
    claim: 'a publisher dies between any two of its stores',
    stores: true,
    work: (thread) => write(thread, [1, 0], [7]),
    documents: ['[1,[2,3],[5]]', '[1,[[7],3],[5]]'],
  }),
  crash({
    name: 'crash-abort',
    claim: 'a draft that is given up, or dies while it is, leaves nothing',
    stores: true,
    work({ allocator, ...thread }) {
      allocator.begin()
      const mark = allocator.mark()
      encodeTree({ ...thread, allocator } as HeapThread, [1, [2], [3, [4]]])
      allocator.rewind(mark)
      encodeTree({ ...thread, allocator } as HeapThread, [1])
      allocator.abort()
    },
    documents: ['[1,[2,3],[5]]'],
  }),
  crash({
    name: 'crash-wrap',
    claim: 'tickets that wrap tell a published draft from one that is not, too',
    shared: () => beforeWrap(shared(3)()),
    work(thread) {
      write(thread, [1, 0], 6)
      write(thread, [1, 0], 7)
    },
    documents: ['[1,[2,3],[5]]', '[1,[6,3],[5]]', '[1,[7,3],[5]]'],
  }),
]

const readerDies: ModelScenario = {
  name: 'crash-reader',
  claim: 'a reader dies in its section or with its lease: what it held up comes back',
  meets: ['read'],
  make: (seen) => ({
    ...common,
    shared: shared(3),
    threads: {
      reader({ memory }) {
        const thread = threadAt(memory, 1)
        readInSection(thread)
        readLeased(thread)
        seen.add('read')
      },
      writer: {
        crash: false,
        run: ({ memory }) => write(threadAt(memory, 0), [1, 0], 7),
      },
      reaper: reaperOf('reader', 1, 2),
    },
    crashes: 1,
    preemptions: 2,
  }),
}

/** Words under the lock and the journal: a crash between any two stores to them. */
const journaled = (offset: number, model: Model): boolean => {
  const { layout } = model.memory
  return offset < SPAN_HINT_AT + SLOT_LEASES || offset >= layout.journalAt
}

function repair(name: string, own: number, dead: readonly number[]): ThreadOptions<Model> {
  return {
    after: `${name} crashed`,
    run({ memory }) {
      const thread = threadAt(memory, own, FINE)
      // One of the dead may hold the lock: who waits for another's is tried again.
      for (let left = dead; left.length > 0;) {
        left = left.filter((slot) => !reapSlot(thread.reclaimer, slot, idOf(slot), 0))
      }
    },
  }
}

function journalScenario(seen: Seen): Scenario<Model> & { model?: Model } {
  let model: Model | undefined
  return {
    ...common,
    // The shadow heap sees the journal armed: this one is about what the stores leave behind.
    watch: () => {},
    live: undefined as never,
    shared: () => (model = garbage()),
    threads: {
      worker: ({ memory }) => void threadAt(memory, 1, FINE).reclaimer.attempt(30),
      first: repair('worker', 2, [1]),
      second: repair('first', 3, [2, 1]),
    },
    after(ended, { crashed }) {
      if (crashed.includes('second')) return
      seen.add(['not crashed', 'repaired', 'repaired again'][crashed.length] ?? 'often')
      settled(ended)
    },
    steps: (offset) => model === undefined || journaled(offset, model),
    preemptions: 0,
  }
}

const journal: ModelScenario = {
  name: 'crash-journal',
  claim: 'a round dies between any two stores to its journal or to the words that it guards',
  meets: ['repaired', 'not crashed'],
  make: (seen) => ({ ...journalScenario(seen), crashes: 1 }),
}

const repairs: ModelScenario = {
  name: 'crash-repair',
  claim: 'a repair dies between any two stores, and the next one repairs both',
  meets: ['repaired', 'repaired again'],
  // Each store of the round, and of the first repair, is a place to die.
  thorough: { preemptions: 0, random: 0 },
  make: (seen) => ({
    ...journalScenario(seen),
    crashes: 2,
    preemptions: -1,
    random: 8_000,
    seconds: 30,
  }),
}

/** Blocks come from the free lists of spans, and from fresh spans, in three threads at once. */
const refill: ModelScenario = {
  name: 'refill-carve',
  claim: 'refilling under the lock and carving without it hand out each block once',
  meets: ['carved', 'refilled'],
  make: (seen) => ({
    ...common,
    shared() {
      const model = modelOf({ slots: 3, trees: [before], sizes })
      const thread = threadAt(model.memory, 0)
      for (let value = 0; value < 3; value++) write(thread, [1, 0], value)
      return shadowed(model)
    },
    watch: watchSupply(seen),
    threads: {
      one: ({ memory }) => takeMany(threadAt(memory, 1)),
      two: ({ memory }) => takeMany(threadAt(memory, 2)),
    },
    preemptions: 2,
  }),
}

/** More blocks than the caches hold; all are given back. */
function takeMany({ allocator }: HeapThread): void {
  allocator.begin()
  for (let count = 0; count < 7; count++) allocator.allocate(20)
  allocator.abort()
}

/** Notes spans that are carved, and lists of free blocks that are taken. */
function watchSupply(seen: Seen): (model: Model, write: WriteEvent) => void {
  return (model, write) => {
    watchHeap(model, write)
    const { offset, after } = write
    if (offset === SPAN_HINT_AT) seen.add('carved')
    const head = offset >= CLASS_HEADS_AT && offset < CLASS_HEADS_AT + CLASSES_MAX
    if (head && after === 0) seen.add('refilled')
  }
}

/** No span is fresh, and slot 1 has no block for a record: it needs what comes back. */
function fullHeap(): Model {
  const options = { slots: 2, trees: [before], sizes: [6, 8, 20], others: [6, 8], spans: 8 }
  const model = modelOf(options)
  const thread = threadAt(model.memory, 0)
  for (let value = 0; value < 2; value++) publish(thread, [1, 0], value)
  return shadowed(model)
}

const heapFull: ModelScenario = {
  name: 'heap-full',
  claim: 'on a full heap a writer lives on what is reclaimed, and waits for readers and the lock',
  meets: ['refilled', 'written'],
  make: (seen) => ({
    ...common,
    shared: fullHeap,
    watch: watchSupply(seen),
    threads: {
      reader({ memory }) {
        const thread = threadAt(memory, 0)
        readInSection(thread)
        thread.reclaimer.attempt(2)
      },
      writer({ memory }) {
        const thread = threadAt(memory, 1)
        for (let value = 2; value < 4; value++) write(thread, [1, 0], value)
        seen.add('written')
      },
    },
    preemptions: 2,
  }),
}

const refillDies: ModelScenario = {
  name: 'crash-refill',
  claim: 'a thread dies while it refills or carves: no block is lost, none is handed out twice',
  meets: ['carved', 'refilled'],
  make: (seen) =>
    everyStore({
      ...common,
      shared() {
        const model = modelOf({ slots: 3, trees: [before], sizes })
        const thread = threadAt(model.memory, 0)
        for (let value = 0; value < 3; value++) write(thread, [1, 0], value)
        return shadowed(model)
      },
      watch: watchSupply(seen),
      threads: {
        worker({ memory }) {
          const thread = threadAt(memory, 1)
          takeMany(thread)
          thread.allocator.begin()
          for (let count = 0; count < 7; count++) thread.allocator.allocate(100)
          thread.allocator.allocate(1500)
          thread.allocator.abort()
        },
        other: {
          crash: false,
          run: ({ memory }) => void setTree(threadAt(memory, 0), cellOf(memory), [1, 0], 9),
        },
        reaper: reaperOf('worker', 1, 2),
      },
      crashes: 1,
      preemptions: 0,
    }),
}

export const dying = [...crashes, readerDies, journal, repairs, refill, refillDies, heapFull]
