/** Scenarios: hash maps and queues of `rootswap/rcu`: every recording is linearizable. */

import type { Control, Operation, Specification } from '../../src/explore.ts'
import { expectLinearizable } from '../../src/explore.ts'
import { countedData } from '../../src/memory/counted.ts'
import type { Memory } from '../../src/memory/memory.ts'
import { hasSegment, makeMap } from '../../src/rcu/map-buckets.ts'
import { MapChanges } from '../../src/rcu/map-change.ts'
import {
  INTEGER,
  type Item,
  type KeyItem,
  MapWords,
  mixed,
  VALUE,
} from '../../src/rcu/map-words.ts'
import { makeQueue, QueueCore } from '../../src/rcu/queue.ts'
import { reaperOf } from './model-crashes.ts'
import { synchronize } from './model-grace.ts'
import { type Model, settled } from './model-heap.ts'
import { partyOf, rcuModel, type RcuModel, readerOf } from './model-rcu.ts'
import { common, type ModelScenario, type Seen } from './model-run.ts'

const of = (model: Model): RcuModel => model as RcuModel

function mapAt(model: Model, slot: number) {
  const party = partyOf(model.memory, slot)
  const map = new MapWords(model.memory, of(model).anchor)
  return { ...party, map, changes: new MapChanges({ ...party, map }) }
}

const item = (integer: number): Item => ({ kind: INTEGER, integer, text: '', block: 0 })
const key = (integer: number): KeyItem => ({ ...item(integer), hash: mixed(integer) })

function put(model: Model, slot: number, given: { key: number; value: number }): number {
  const { changes, map } = mapAt(model, slot)
  const entry = { texts: false, make: () => ({ key: key(given.key), value: item(given.value) }) }
  let former = 0
  changes.put('addReplace', entry, (node) => {
    former = map.m[node + VALUE] as number
  })
  return former
}

const remove = (model: Model, slot: number, which: number): boolean =>
  mapAt(model, slot).changes.remove(key(which), () => {}) !== 0

function look(model: Model, which: number): number {
  const reader = readerOf(model.memory)
  const map = new MapWords(model.memory, of(model).anchor)
  reader.lock()
  const node = map.find(key(which))
  const value = node === 0 ? 0 : (map.m[node + VALUE] as number)
  reader.unlock()
  return value
}

type Entries = Readonly<Record<string, number>>

/** One number for a key, 0 for none. */
const mapSpecification = (initial: Entries): Specification<Entries> => ({
  initial: () => initial,
  apply(state, { name, argument, result, end }) {
    const [which, value] = argument as [number, number]
    const found = state[which] ?? 0
    if (name === 'look') return end === Infinity || result === found ? state : undefined
    const expected = name === 'remove' ? found !== 0 : found
    if (end !== Infinity && result !== expected) return undefined
    return { ...state, [which]: name === 'remove' ? 0 : value }
  },
})

const recorded = (control: Control, name: string, given: [number, number], run: () => unknown) =>
  control.operation(name, given, run)

/** Four entries, of which 1 and 9 are looked for; nodes for a few more. */
function mapModel(): RcuModel {
  const model = rcuModel((thread) => makeMap(thread, false), 2, 0)
  for (const which of [1, 2, 3, 9]) put(model, 0, { key: which, value: which * 10 })
  return model
}

const initial: Entries = { 1: 10, 2: 20, 3: 30, 9: 90 }

function lookAll(model: Model, control: Control, keys: readonly number[], seen: Seen): void {
  for (const which of keys) {
    const value = recorded(control, 'look', [which, 0], () => look(model, which))
    seen.add(`saw ${String(value)}`)
  }
}

/** Whether the list is in order, holds every bucket, and each entry is found by its key. */
function expectWhole(model: Model): void {
  const map = new MapWords({ ...model.memory, m: model.raw } as Memory, of(model).anchor)
  const raw = model.raw
  let before = -1
  let count = 0
  for (let node = raw[map.dummyOf(0)] as number; node !== 0; node = raw[node] as number) {
    const order = (raw[node + 1] as number) >>> 0
    if (order < before) throw new RangeError(`order ${order} comes after ${before}`)
    before = order
    if ((order & 1) === 1) count++
  }
  const size = raw[countedData(raw, of(model).anchor) + 1] as number
  if (count !== size) throw new RangeError(`${count} entries are in the list, ${size} are counted`)
}

function afterMap(model: Model, history: readonly Operation[]): void {
  expectLinearizable(history, mapSpecification(initial))
  expectWhole(model)
  settled(model)
}

const lookups: ModelScenario = {
  name: 'rcu-map',
  claim:
    'lookups beside changes are linearizable, and nodes are used again only when none sees them',
  meets: ['saw 10', 'saw 0', 'saw 11', 'saw 90'],
  make: (seen) => ({
    ...common,
    shared: mapModel,
    threads: {
      writer(model, control) {
        recorded(control, 'remove', [1, 0], () => remove(model, 2, 1))
        recorded(control, 'put', [9, 91], () => put(model, 2, { key: 9, value: 91 }))
        recorded(control, 'put', [1, 11], () => put(model, 2, { key: 1, value: 11 }))
      },
      reader: {
        run: (model, control) => lookAll(model, control, [1, 9], seen),
        progress: 80,
      },
    },
    after: (model, { history }) => afterMap(model, history),
    preemptions: 2,
    random: 200,
    seconds: 40,
  }),
}

/** The nodes that wait are freed, and used again, as soon as grace periods allow it. */
const reuse: ModelScenario = {
  name: 'rcu-map-reuse',
  claim: 'a node that was taken out is used again after a grace period only',
  meets: ['saw 10', 'saw 0', 'used again'],
  make: (seen) => ({
    ...common,
    shared: mapModel,
    threads: {
      writer(model, control) {
        const { map, changes, grace } = mapAt(model, 2)
        const node = map.find(key(1))
        recorded(control, 'remove', [1, 0], () => remove(model, 2, 1))
        synchronize(model.memory, grace)
        changes.tidy()
        recorded(control, 'put', [5, 50], () => put(model, 2, { key: 5, value: 50 }))
        if (map.find(key(5)) === node) seen.add('used again')
      },
      reader: (model, control) => lookAll(model, control, [1, 1], seen),
    },
    after: (model, { history }) => afterMap(model, history),
    preemptions: 2,
  }),
}

const resizing: ModelScenario = {
  name: 'rcu-map-resize',
  claim: 'entries are found while buckets are made and unmade under the lookup',
  meets: ['saw 10', 'saw 90', 'saw 12'],
  make: (seen) => ({
    ...common,
    shared: mapModel,
    threads: {
      writer(model, control) {
        mapAt(model, 2).changes.resize(16)
        recorded(control, 'put', [1, 12], () => put(model, 2, { key: 1, value: 12 }))
        mapAt(model, 2).changes.tidy()
        for (let turn = 0; turn < 5; turn++) {
          recorded(control, 'put', [2, turn], () => put(model, 2, { key: 2, value: turn }))
        }
        mapAt(model, 2).changes.resize(8)
      },
      reader: (model, control) => lookAll(model, control, [9, 1], seen),
    },
    after: (model, { history }) => afterMap(model, history),
    preemptions: 2,
    random: 200,
    seconds: 60,
  }),
}

const mapDies: ModelScenario = {
  name: 'rcu-crash-map',
  claim: 'a writer dies at any step: the map is as before or after, and nothing is lost',
  meets: ['saw 10', 'saw 0'],
  make: (seen) => ({
    ...common,
    shared: mapModel,
    threads: {
      writer(model, control) {
        recorded(control, 'remove', [1, 0], () => remove(model, 2, 1))
        mapAt(model, 2).changes.resize(16)
        recorded(control, 'put', [9, 91], () => put(model, 2, { key: 9, value: 91 }))
      },
      reader: {
        crash: false,
        run: (model, control) => lookAll(model, control, [1, 9], seen),
      },
      reaper: reaperOf('writer', 2, 0),
    },
    after: (model, { history }) => afterMap(model, history),
    crashes: 1,
    preemptions: 1,
  }),
}

/** Its buckets are half of what they were, but what they stood in may still be there. */
const shrinkDies: ModelScenario = {
  name: 'rcu-crash-map-shrink',
  claim: 'a writer dies while it halves the buckets: who doubles them again loses no block',
  meets: ['saw 10', 'half done'],
  make: (seen) => ({
    ...common,
    shared: mapModel,
    threads: {
      writer(model, control) {
        const { changes } = mapAt(model, 2)
        changes.resize(16)
        for (const value of [91, 92, 93, 94]) {
          recorded(control, 'put', [9, value], () => put(model, 2, { key: 9, value }))
        }
        changes.resize(8)
      },
      reaper: reaperOf('writer', 2, 0),
    },
    after(model, { history }) {
      const { map, changes } = mapAt(model, 3)
      if (map.buckets === 8 && hasSegment(map, 1)) seen.add('half done')
      changes.resize(16)
      put(model, 3, { key: 2, value: 20 })
      seen.add(`saw ${look(model, 1)}`)
      changes.resize(8)
      afterMap(model, history)
    },
    crashes: 1,
    preemptions: 0,
  }),
}

/* ---- queues ------------------------------------------------------------ */

const queueAt = (model: Model, slot: number): QueueCore => {
  const { thread, retired, drafting } = partyOf(model.memory, slot)
  return new QueueCore({ thread, anchor: of(model).anchor, retired, drafting })
}

const queueSpecification: Specification<readonly number[]> = {
  initial: () => [],
  apply(state, { name, argument, result, end }) {
    if (name === 'put') return [...state, argument as number]
    if (end !== Infinity && result !== (state[0] ?? 0)) return undefined
    return state.slice(1)
  },
}

function takeOne(model: Model, slot: number): number {
  let found = 0
  queueAt(model, slot).take(1, (_kind, integer) => {
    found = integer
  })
  return found
}

function putAll(model: Model, control: Control, slot: number, values: readonly number[]): void {
  const queue = queueAt(model, slot)
  for (const value of values) control.operation('put', value, () => queue.put(item(value)))
  queue.leave()
}

function takeAll(model: Model, control: Control, times: number, seen: Seen): void {
  for (let turn = 0; turn < times; turn++) {
    seen.add(`took ${control.operation('take', undefined, () => takeOne(model, 3))}`)
  }
}

/** Numbers of entries begin just before their wrap. */
const queueModel = (): RcuModel => rcuModel((thread) => makeQueue(thread, 0x7ffffffe), 2, 0)

function afterQueue(model: Model, history: readonly Operation[]): void {
  expectLinearizable(history, queueSpecification)
  settled(model)
}

const queues: ModelScenario = {
  name: 'rcu-queue',
  claim: 'two that put in and one that takes out: first in, first out',
  meets: ['took 0', 'took 1', 'took 2', 'took 3'],
  make: (seen) => ({
    ...common,
    shared: queueModel,
    threads: {
      first: (model, control) => putAll(model, control, 1, [1, 2]),
      second: (model, control) => putAll(model, control, 2, [3]),
      taker: (model, control) => takeAll(model, control, 3, seen),
    },
    after: (model, { history }) => afterQueue(model, history),
    preemptions: 1,
    random: 1_000,
    seconds: 40,
  }),
}

/** A word of the header that nothing else uses. */
const FLAG = 61

/** One thread feeds two lanes in turn; the other has emptied both, and looks for more. */
const order: ModelScenario = {
  name: 'rcu-queue-order',
  claim: 'what is put in while a taker looks does not overtake what was put in before it',
  meets: ['took 0', 'took 4', 'took 5'],
  make: (seen) => ({
    ...common,
    shared: queueModel,
    threads: {
      feeder(model, control) {
        const lanes = [queueAt(model, 2), queueAt(model, 1)]
        const put = (value: number): void => {
          const lane = lanes[(value - 1) & 1] as QueueCore
          control.operation('put', value, () => lane.put(item(value)))
        }
        put(1)
        put(2)
        model.memory.words.store(FLAG, 1)
        while (model.memory.words.load(FLAG) === 1) control.rest()
        for (const value of [4, 5, 6, 7]) put(value)
        for (const lane of lanes) lane.leave()
      },
      taker(model, control) {
        const take = (): unknown => control.operation('take', undefined, () => takeOne(model, 3))
        while (model.memory.words.load(FLAG) === 0) control.rest()
        take()
        take()
        model.memory.words.store(FLAG, 2)
        for (let turn = 0; turn < 2; turn++) seen.add(`took ${String(take())}`)
      },
    },
    after: (model, { history }) => afterQueue(model, history),
    preemptions: 2,
  }),
}

/** So many that a segment is full, and the next one is linked while the other takes. */
const segments: ModelScenario = {
  name: 'rcu-crash-queue',
  claim: 'a producer dies at any step, also while it links a segment: what it put in stays, once',
  meets: ['took 1', 'took 0'],
  make: (seen) => ({
    ...common,
    shared: queueModel,
    threads: {
      producer: (model, control) => {
        const queue = queueAt(model, 2)
        for (let value = 1; value <= 32; value++) {
          control.operation('put', value, () => queue.put(item(value)))
        }
        queue.leave()
      },
      taker: {
        crash: false,
        after: 'producer ended',
        run: (model, control) => takeAll(model, control, 33, seen),
      },
      heir: {
        crash: false,
        after: 'producer crashed',
        run(model, control) {
          reaperOf('producer', 2, 0).run(model, control)
          takeAll(model, control, 33, seen)
        },
      },
    },
    after: (model, { history }) => afterQueue(model, history),
    crashes: 1,
    preemptions: 0,
    seconds: 60,
  }),
}

export const structures = [lookups, reuse, resizing, mapDies, shrinkDies, queues, order, segments]
