/** Scenarios: each wait against each notify, and `verify` against writers. */

import type { Words } from '../../src/explore.ts'
import { SLOT_WAITING, WAITERS_AT } from '../../src/memory/layout.ts'
import { type Memory, memoryOf } from '../../src/memory/memory.ts'
import { verifyHeap } from '../../src/reclaim/verify.ts'
import { ring } from '../../src/versions/root.ts'
import { Bell, type BellHost } from '../../src/versions/waiters.ts'
import { setTree, type Tree } from './arrays.ts'
import { cellOf, idOf, type Model, modelOf, settled, threadAt } from './model-heap.ts'
import { publish, write } from './model-readers.ts'
import { common, type ModelScenario, type Seen } from './model-run.ts'
import { shadowed } from './model-shadow.ts'
import { reapAll } from './model-slots.ts'

const before: Tree = [1, [2, 3], [5]]
const shared = (slots: number) => (): Model =>
  shadowed(modelOf({ slots, trees: [before], sizes: [6, 8, 20] }))

/** A port whose waits have no time limit: a lost notify is a deadlock, not a delay. */
export function patient(memory: Memory, seen: Seen): Memory {
  const words = memory.words as unknown as Words
  const port = {
    buffer: words.buffer,
    m: words.m,
    bytes: words.bytes,
    doubles: words.doubles,
    load: (at: number) => words.load(at),
    store: (at: number, value: number) => words.store(at, value),
    add: (at: number, value: number) => words.add(at, value),
    compareExchange: (at: number, expected: number, value: number) =>
      words.compareExchange(at, expected, value),
    wait(at: number, value: number) {
      const result = words.wait(at, value, Infinity)
      seen.add(result)
      return result
    },
    notify: (at: number) => words.notify(at),
  }
  return memoryOf(port as unknown as Words, memory.layout)
}

const host: BellHost = { waitAsync: () => ({ async: false, value: 'not-equal' }), now: () => 0 }

/** Blocks until another version than the first is published. */
function waitForPublish(model: Model, slot: number, seen: Seen): void {
  const memory = patient(model.memory, seen)
  const { rootAt } = cellOf(memory)
  const thread = threadAt(model.memory, slot)
  const first = firsts.get(model)
  const bell = new Bell(memory, thread.slot.at, host)
  let looks = 0
  // The looks before it blocks only save time: it is the wait that this is about.
  const published = (): boolean => ++looks > LOOKS && memory.words.load(rootAt) !== first
  const done = bell.waitSync(published, 1000)
  if (!done) throw new RangeError('the wait ended, and nothing was published')
  bell.close()
}

/** The record that `shared()` has published. */
const firsts = new WeakMap<Model, number>()

/** At least as often does a blocking wait look before it blocks. */
const LOOKS = 40

function expectNoWaiters({ raw, memory: { layout } }: Model): void {
  if (raw[WAITERS_AT] !== 0) throw new RangeError(`${raw[WAITERS_AT]} waiters stay counted`)
  for (let at = layout.slotsAt; at < layout.journalAt; at += 128) {
    if (raw[at + SLOT_WAITING] !== 0) throw new RangeError('a slot stays marked as waiting')
  }
}

const bell: ModelScenario = {
  name: 'bell',
  claim: 'a waiter hears of every publish, whenever it begins to wait',
  meets: ['ok', 'not-equal'],
  make: (seen) => ({
    ...common,
    shared() {
      const model = shared(3)()
      firsts.set(model, model.raw[cellOf(model.memory).rootAt] as number)
      return model
    },
    threads: {
      one: (model) => waitForPublish(model, 1, seen),
      two: (model) => waitForPublish(model, 2, seen),
      writer: ({ memory }) => publish(threadAt(memory, 0), [1, 0], 7),
    },
    after(model) {
      expectNoWaiters(model)
      settled(model)
    },
    preemptions: 2,
  }),
}

const bellAfterDeath: ModelScenario = {
  name: 'crash-bell',
  claim: 'a publisher dies between its swap and its ring: who reaps it rings',
  meets: ['ok', 'rung after a death'],
  make: (seen) => ({
    ...common,
    shared() {
      const model = shared(4)()
      firsts.set(model, model.raw[cellOf(model.memory).rootAt] as number)
      return model
    },
    threads: {
      waiter: {
        crash: false,
        run: (model) => waitForPublish(model, 1, seen),
      },
      writer: ({ memory }) => publish(threadAt(memory, 2), [1, 0], 7),
      reaper: {
        after: 'writer crashed',
        crash: false,
        run({ memory }) {
          const thread = threadAt(memory, 0)
          reapAll(thread, idOf(2))
          publish(thread, [1, 1], 8)
          ring(memory)
          seen.add('rung after a death')
        },
      },
    },
    after(model) {
      expectNoWaiters(model)
      settled(model)
    },
    crashes: 1,
    preemptions: 1,
  }),
}

/** The writer waits for its notify, or for a millisecond at a time as programs do. */
const freezing = (patiently: boolean): ModelScenario => ({
  name: patiently ? 'verify-writer' : 'verify-impatient',
  claim: 'verify pauses writers: it counts a heap that nobody changes, and wakes them',
  meets: ['verified', 'published'],
  make: (seen) => ({
    ...common,
    shared: shared(2),
    threads: {
      verifier({ memory }) {
        verifyHeap(threadAt(memory, 1).reclaimer, 3)
        seen.add('verified')
      },
      writer({ memory }) {
        write(threadAt(patiently ? patient(memory, seen) : memory, 0), [1, 0], 7)
        seen.add('published')
      },
    },
    preemptions: patiently ? 2 : 0,
  }),
})

const lockWaits: ModelScenario = {
  name: 'lock-waits',
  claim: 'who waits for the lock gets it, and goes on without a notify',
  meets: ['waited', 'got it at once'],
  make: (seen) => ({
    ...common,
    shared: shared(2),
    threads: {
      owner: ({ memory }) => {
        const thread = threadAt(memory, 0)
        setTree(thread, cellOf(memory), [1, 0], 7)
        thread.reclaimer.attempt(2)
      },
      waiter({ memory }) {
        const { reclaimer } = threadAt(memory, 1)
        if (reclaimer.takeLock(0)) seen.add('got it at once')
        else {
          seen.add('waited')
          if (!reclaimer.takeLock(100)) throw new RangeError('the lock did not come back')
        }
        reclaimer.lock.give()
      },
    },
    preemptions: 2,
  }),
}

/** Two executions by itself: it is for who dies in it. */
export const impatient = freezing(false)

export const waits = [bell, bellAfterDeath, freezing(true), lockWaits]
