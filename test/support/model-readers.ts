/** Scenarios: readers against publishers and reclaiming. */

import type { Words } from '../../src/explore.ts'
import {
  BEGUN_AT,
  FREED_AT,
  ROUND_AT,
  SLOT_LAST_TICKET,
  SLOT_PUBLISHED,
  SLOT_SECTION,
} from '../../src/memory/layout.ts'
import { memoryOf } from '../../src/memory/memory.ts'
import { slotAt } from '../../src/reclaim/slots.ts'
import type { HeapThread } from '../../src/reclaim/thread.ts'
import { decodeTree, setTree, type Tree } from './arrays.ts'
import { cellOf, type Model, modelOf, threadAt } from './model-heap.ts'
import { common, type ModelScenario, type Seen } from './model-run.ts'
import { shadowed } from './model-shadow.ts'

const before: Tree = [1, [2, 3], [5]]
const shared = (slots: number) => (): Model => shadowed(modelOf({ slots, trees: [before] }))

/** Publishes one version and reclaims as a writer does. */
export function write(thread: HeapThread, path: readonly number[], value: Tree): void {
  publish(thread, path, value)
  thread.reclaimer.attempt(4)
}

export function publish(thread: HeapThread, path: readonly number[], value: Tree): void {
  while (!setTree(thread, cellOf(thread.memory), path, value)) continue // another one published
}

/** Reads the whole document in a section, as `store.get` reads one place. */
export function readInSection(thread: HeapThread, cell = 0): string {
  const root = cellOf(thread.memory, cell)
  thread.section.enter()
  const tree = decodeTree(thread.memory.m, root.rootOf(root.newest()))
  thread.section.leave()
  return JSON.stringify(tree)
}

/** Reads the whole document twice under one lease, as a snapshot is read. */
export function readLeased(thread: HeapThread, cell = 0): string {
  const root = cellOf(thread.memory, cell)
  const record = thread.leases.take(root.rootAt, 0)
  const first = JSON.stringify(decodeTree(thread.memory.m, root.rootOf(record)))
  const again = JSON.stringify(decodeTree(thread.memory.m, root.rootOf(record)))
  if (first !== again) throw new RangeError(`a snapshot changed from ${first} to ${again}`)
  thread.leases.release(record, 0)
  return first
}

const reading =
  (slot: number, read: (thread: HeapThread) => string, seen: Seen) =>
  ({ memory }: Model): void =>
    seen.add(read(threadAt(memory, slot)))

const sectionRead: ModelScenario = {
  name: 'publish-section',
  claim: 'a read in a section sees one whole version, and nothing of it is freed meanwhile',
  meets: ['[1,[2,3],[5]]', '[1,[7,3],[5]]', '[1,[8,3],[5]]'],
  make: (seen) => ({
    ...common,
    shared: shared(2),
    threads: {
      writer(model) {
        const thread = threadAt(model.memory, 0)
        write(thread, [1, 0], 7)
        write(thread, [1, 0], 8)
      },
      reader: { run: reading(1, readInSection, seen), progress: 20 },
    },
    preemptions: 3,
  }),
}

const leaseRead: ModelScenario = {
  name: 'publish-lease',
  claim: 'a leased version stays as it was, however much is published and reclaimed',
  meets: ['[1,[2,3],[5]]', '[1,[7,3],[5]]', '[1,[8,3],[5]]'],
  make: (seen) => ({
    ...common,
    shared: shared(2),
    threads: {
      writer(model) {
        const thread = threadAt(model.memory, 0)
        write(thread, [1, 0], 7)
        write(thread, [1, 0], 8)
      },
      reader: { run: reading(1, readLeased, seen), progress: 20 },
    },
    preemptions: 3,
  }),
}

const threeRoles: ModelScenario = {
  name: 'snapshot-publish-reclaim',
  claim: 'a snapshot, a publisher and a reclaimer that is not the publisher get along',
  meets: ['[1,[2,3],[5]]', '[1,[7,3],[5]]'],
  make: (seen) => ({
    ...common,
    shared: shared(3),
    threads: {
      writer: ({ memory }) => publish(threadAt(memory, 0), [1, 0], 7),
      reclaimer: ({ memory }) => void threadAt(memory, 2).reclaimer.attempt(4),
      reader: reading(1, readLeased, seen),
    },
    preemptions: 3,
  }),
}

/** A port through which the cell seems to have moved on whenever a lease is re-checked: the leases
 *  that came too late were of no record. */
function restless(words: Words, rootAt: number): Words {
  let loads = 0
  return {
    ...words,
    m: words.m,
    bytes: words.bytes,
    doubles: words.doubles,
    store: (at: number, value: number) => words.store(at, value),
    load(at: number) {
      const value = words.load(at)
      if (at !== rootAt) return value
      loads++
      return loads === 2 || loads === 4 ? 0 : value
    },
  } as unknown as Words
}

const leaseInSection: ModelScenario = {
  name: 'lease-in-section',
  claim: 'a lease that was twice too late is taken inside a section, and counts',
  meets: ['[1,[2,3],[5]]', '[1,[7,3],[5]]'],
  make: (seen) => ({
    ...common,
    shared: shared(2),
    threads: {
      writer(model) {
        const thread = threadAt(model.memory, 0)
        write(thread, [1, 0], 7)
        thread.reclaimer.attempt(4)
      },
      reader({ memory, words }) {
        const port = restless(words, cellOf(memory).rootAt)
        seen.add(readLeased(threadAt(memoryOf(port, memory.layout), 1)))
      },
    },
    preemptions: 3,
  }),
}

/** Sections, rounds, tickets and statistics stand just before their wrap. */
export function beforeWrap(model: Model): Model {
  const { words, memory } = model
  for (let slot = 0; slot < 3; slot++) {
    words.poke(slotAt(memory.layout, slot) + SLOT_SECTION, -2)
    words.poke(slotAt(memory.layout, slot) + SLOT_LAST_TICKET, -2)
    words.poke(slotAt(memory.layout, slot) + SLOT_PUBLISHED, -2)
  }
  for (const at of [ROUND_AT, BEGUN_AT, FREED_AT]) words.poke(at, 0x7fffffff)
  return model
}

/** What a writer does about reclaiming that waits for sections: it comes back later. */
function writeTwice(model: Model): void {
  const thread = threadAt(model.memory, 0)
  write(thread, [1, 0], 7)
  write(thread, [1, 0], 8)
  thread.reclaimer.attempt(4)
}

const wrapping: ModelScenario = {
  name: 'counters-wrap',
  claim: 'sections, rounds and tickets are compared for equality: their wrap holds up nothing',
  meets: ['wrapped', 'idle'],
  make: (seen) => ({
    ...common,
    shared: () => beforeWrap(shared(2)()),
    threads: {
      writer: writeTwice,
      reader({ memory }) {
        const thread = threadAt(memory, 1)
        readInSection(thread)
        readInSection(thread)
      },
      last: {
        after: 'writer ended',
        run({ memory, words }, control) {
          while (words.load(slotAt(memory.layout, 1) + SLOT_SECTION) !== 2) {
            control.rest()
          }
          seen.add('wrapped')
          const end = threadAt(memory, 2).reclaimer.attempt(8)
          if (end !== 'idle') throw new RangeError(`all sections are closed, but it is ${end}`)
          seen.add(end)
        },
      },
    },
    preemptions: 2,
  }),
}

export const readers = [sectionRead, leaseRead, threeRoles, leaseInSection, wrapping]
