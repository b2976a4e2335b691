/** Scenarios: registration against a round, and the reaping of slots. */

import { LEASE_SOFT, LOCK_AT, SLOT_STATE, SLOTS_AT } from '../../src/memory/layout.ts'
import type { Words } from '../../src/explore.ts'
import type { Memory } from '../../src/memory/memory.ts'
import { reapSlot, slotsOfThread } from '../../src/reclaim/reaper.ts'
import { slotAt } from '../../src/reclaim/slots.ts'
import type { HeapThread } from '../../src/reclaim/thread.ts'
import { encodeTree, setTree, type Tree } from './arrays.ts'
import { testThread } from './heap.ts'
import { cellOf, FINE, idOf, type Model, modelOf, settled, threadAt } from './model-heap.ts'
import { expectDocument } from './model-publishers.ts'
import { publish, readInSection, readLeased, write } from './model-readers.ts'
import { common, type ModelScenario, type Seen } from './model-run.ts'
import { shadowed } from './model-shadow.ts'

const before: Tree = [1, [2, 3], [5]]
/** Small spans of few classes: a newcomer has to carve its own. */
const sizes = [6, 8, 20, 22]

/** Thread id of who registers while others run. */
export const newcomer = 50

/** Waits for another thread to change something. */
function rest(memory: Memory): void {
  ;(memory.words as unknown as Words).pause()
}

/** Reaps every slot that a thread left; the lock may be taken for a while. */
export function reapAll(thread: HeapThread, dead: number): void {
  const { memory } = thread
  for (const slot of slotsOfThread(memory, dead)) {
    while (!reapSlot(thread.reclaimer, slot, dead, 0)) rest(memory)
  }
}

const registration: ModelScenario = {
  name: 'registration-scan',
  claim: 'a thread that registers while a round scans is seen, or sees newer versions only',
  meets: ['[1,[2,3],[5]]', '[1,[7,3],[5]]', 'before the scan', 'after the scan'],
  make: (seen) => ({
    ...common,
    shared: () => shadowed(modelOf({ slots: 1, trees: [before], sizes })),
    threads: {
      writer: ({ memory }) => {
        const thread = threadAt(memory, 0)
        publish(thread, [1, 0], 7)
        seen.add(memory.words.load(SLOTS_AT) > 1 ? 'before the scan' : 'after the scan')
        thread.reclaimer.attempt(4)
      },
      newcomer: ({ memory }) => {
        const thread = testThread(memory, newcomer)
        seen.add(readInSection(thread))
        seen.add(readLeased(thread))
      },
    },
    preemptions: 3,
  }),
}

/** Slot 1 as a thread left it that died in a draft, with a lease, under the lock. */
function withDead(): Model {
  const model = modelOf({ slots: 3, trees: [before], sizes: [6, 8, 20] })
  const dead = threadAt(model.memory, 1)
  dead.leases.take(cellOf(model.memory).rootAt, LEASE_SOFT)
  publish(dead, [2, 0], 6)
  dead.allocator.begin()
  encodeTree(dead, [1, [2]])
  model.words.poke(LOCK_AT, dead.slot.tag)
  return shadowed(model)
}

const lateNotice: ModelScenario = {
  name: 'late-notice',
  claim: 'a second notice of a death does not hit the next owner of the slot',
  meets: ['the same slot', 'another slot'],
  make: (seen) => ({
    ...common,
    shared: withDead,
    threads: {
      first: ({ memory }) => reapAll(threadAt(memory, 0), idOf(1)),
      second: ({ memory }) => reapAll(threadAt(memory, 2), idOf(1)),
      newcomer({ memory }) {
        const thread = testThread(memory, newcomer)
        seen.add(thread.slot.index === 1 ? 'the same slot' : 'another slot')
        if (thread.reclaimer.attempt(1) !== 'busy') seen.add('took the lock')
        publish(thread, [1, 0], 7)
      },
    },
    after(model) {
      expectDocument(model, [1, [7, 3], [6]])
      expectNobody(model, idOf(1))
      settled(model)
    },
    preemptions: 2,
    seconds: 15,
  }),
}

function expectNobody({ raw, memory: { layout } }: Model, threadId: number): void {
  for (let slot = 0; slot < layout.threads; slot++) {
    if (raw[slotAt(layout, slot) + SLOT_STATE] !== threadId + 1) continue
    throw new RangeError(`slot ${slot} still belongs to the dead thread ${threadId}`)
  }
}

const leaving: ModelScenario = {
  name: 'leave-reap',
  claim: 'a thread that leaves, and a notice of its end, free its slot once',
  meets: ['left'],
  make: (seen: Seen) => ({
    ...common,
    shared: () => shadowed(modelOf({ slots: 3, trees: [before], sizes })),
    threads: {
      leaver({ memory }) {
        const thread = threadAt(memory, 1)
        setTree(thread, cellOf(memory), [1, 0], 7)
        while (!thread.leave(0)) rest(memory)
        seen.add('left')
      },
      reaper: {
        after: 'leaver ended',
        run: ({ memory }) => reapAll(threadAt(memory, 0), idOf(1)),
      },
      writer: ({ memory }) => write(threadAt(memory, 2, FINE), [2, 0], 8),
    },
    after(model) {
      expectNobody(model, idOf(1))
      settled(model)
    },
    preemptions: 2,
  }),
}

const leavingDies: ModelScenario = {
  name: 'crash-leave',
  claim: 'a thread dies while it leaves: its slot and the lock come back',
  meets: ['left', 'reaped'],
  make: (seen: Seen) => ({
    ...common,
    shared: () => shadowed(modelOf({ slots: 2, trees: [before], sizes })),
    threads: {
      leaver({ memory }) {
        const thread = threadAt(memory, 1, FINE)
        setTree(thread, cellOf(memory), [1, 0], 7)
        while (!thread.leave(0)) rest(memory)
        seen.add('left')
      },
      reaper: {
        after: 'leaver crashed',
        crash: false,
        run({ memory }) {
          reapAll(threadAt(memory, 0), idOf(1))
          seen.add('reaped')
        },
      },
    },
    after(model) {
      expectNobody(model, idOf(1))
      settled(model)
    },
    crashes: 1,
    preemptions: 1,
  }),
}

export const slots = [registration, lateNotice, leaving, leavingDies]
