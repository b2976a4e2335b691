/**
 * Scenarios: the races for which C++11 gave up copy-on-write strings. Two owners write at one
 * moment; one releases while the other copies; a reader looks while the owner writes.
 */

import type { Scenario, ThreadOptions } from '../../src/explore.ts'
import {
  createText,
  editText,
  firstUnit,
  lengthOf,
  openText,
  shareText,
  textBetween,
} from '../../src/cow/text.ts'
import type { HeapThread } from '../../src/reclaim/thread.ts'
import { everyStore, reaperOf } from './model-crashes.ts'
import { reapSlot } from '../../src/reclaim/reaper.ts'
import { idOf, type Model, modelOf, settled, threadAt } from './model-heap.ts'
import { common, type ModelScenario, type Seen } from './model-run.ts'
import { shadowed } from './model-shadow.ts'

interface StringModel extends Model {
  /** Of slot 1, and of slot 2 where it has one. */
  readonly anchors: readonly number[]
  readonly serial: number
}

/** What a method of a string does around its kernel. */
export function drafted<T>({ allocator, holds }: HeapThread, build: () => T): T {
  allocator.begin()
  const result = build()
  if (holds.isDraftPublished) allocator.end()
  else allocator.abort()
  return result
}

function textOf(thread: HeapThread, anchor: number): string {
  const first = firstUnit(thread, anchor)
  return textBetween(thread, first, first + lengthOf(thread, anchor))
}

const sizes = [6, 8, 10, 12]
const shares = (owners: number) => (): StringModel => {
  const model = modelOf({ slots: 3, trees: [], sizes, spans: 40 })
  const threads = [0, 1, 2].map((slot) => threadAt(model.memory, slot))
  const [, first, second] = threads as [HeapThread, HeapThread, HeapThread]
  const anchors = [drafted(first, () => createText(first, 'abcd'))]
  const serial = model.raw[anchors[0]! + 2] as number
  for (const thread of threads) thread.holds.reserve(1)
  if (owners === 2) anchors.push(drafted(second, () => openText(second, anchors[0]!, serial)))
  return Object.assign(shadowed(model), { anchors, serial })
}

const anchorOf = (model: Model, slot: number): number => (model as StringModel).anchors[slot - 1]!

/** Writes `insert` at `at` over as many units; what is read back is what was written. */
function overwrite(model: Model, slot: number, [at, insert]: [number, string], seen: Seen): void {
  const thread = threadAt(model.memory, slot)
  const anchor = anchorOf(model, slot)
  const before = textOf(thread, anchor)
  const edit = { at, remove: insert.length, insert }
  const inPlace = drafted(thread, () => editText(thread, anchor, edit))
  seen.add(inPlace ? 'in place' : 'moved')
  const wanted = before.slice(0, at) + insert + before.slice(at + insert.length)
  const found = textOf(thread, anchor)
  if (found !== wanted) throw new RangeError(`'${found}' is read, '${wanted}' was written`)
}

function release(model: Model, slot: number): void {
  const { holds, reclaimer } = threadAt(model.memory, slot)
  holds.expect()
  holds.release(anchorOf(model, slot))
  holds.commit()
  reclaimer.attempt(1)
}

/** Opens the string of slot 1 while that one is written, and reads what it got. */
function openAndRead(model: Model, seen: Seen, texts: readonly string[]): void {
  const thread = threadAt(model.memory, 2)
  const { serial } = model as StringModel
  const anchor = drafted(thread, () => openText(thread, anchorOf(model, 1), serial))
  if (anchor === 0) return seen.add('gone')
  const found = textOf(thread, anchor)
  if (!texts.includes(found)) throw new RangeError(`half of a write is read: '${found}'`)
  seen.add(found)
}

const writers: ModelScenario = {
  name: 'string-two-writers',
  claim: 'two owners of the same bytes write at one moment: each has its own text',
  meets: ['in place', 'moved'],
  make: (seen) => ({
    ...common,
    shared: shares(2),
    threads: {
      one: (model) => overwrite(model, 1, [0, 'x'], seen),
      two: (model) => overwrite(model, 2, [1, 'yz'], seen),
    },
    preemptions: 3,
  }),
}

const releaser: ModelScenario = {
  name: 'string-release',
  claim: 'one owner releases while the other copies or writes in place: no byte is freed or lost',
  meets: ['in place', 'moved'],
  make: (seen) => ({
    ...common,
    shared: shares(2),
    threads: {
      one: (model) => release(model, 1),
      two: (model) => overwrite(model, 2, [1, 'yz'], seen),
    },
    preemptions: 3,
  }),
}

const reader: ModelScenario = {
  name: 'string-reader',
  claim: 'who opens a string while its owner writes reads all of the write or nothing of it',
  meets: ['in place', 'moved', 'abcd', 'wxyz'],
  make: (seen) => ({
    ...common,
    shared: shares(1),
    threads: {
      writer: (model) => overwrite(model, 1, [0, 'wxyz'], seen),
      reader: (model) => openAndRead(model, seen, ['abcd', 'wxyz']),
    },
    preemptions: 3,
  }),
}

/** Two edits, of which the second is longer, and a slice. */
function workThenDie(model: Model, seen: Seen): void {
  overwrite(model, 1, [0, 'wxyz'], seen)
  const thread = threadAt(model.memory, 1)
  const anchor = anchorOf(model, 1)
  drafted(thread, () => shareText(thread, anchor, 1, 3))
  drafted(thread, () => editText(thread, anchor, { at: 4, remove: 0, insert: '!' }))
  thread.reclaimer.attempt(2)
}

const dying: ModelScenario = {
  name: 'crash-string',
  claim: 'an owner dies between any two stores of a write: others read all of it or nothing',
  meets: ['abcd', 'wxyz', 'gone', 'died'],
  make: (seen) => {
    const scenario: Scenario<Model> = {
      ...common,
      shared: shares(1),
      threads: {
        writer: (model) => workThenDie(model, seen),
        reader: {
          crash: false,
          run: (model) => openAndRead(model, seen, ['abcd', 'wxyz', 'wxyz!']),
        },
        reaper: reaperOf('writer', 1, 0),
      },
      after(model, { crashed }) {
        seen.add(crashed.length > 0 ? 'died' : 'lived')
        settled(model)
      },
      crashes: 1,
      preemptions: 0,
      random: 100,
    }
    return everyStore(scenario)
  },
}

/** The writer dies, and then who reaps it: a third repairs, and looks before it has reaped all. */
function lookBetween(model: Model, seen: Seen): void {
  const thread = threadAt(model.memory, 0)
  const { serial } = model as StringModel
  const reap = (slot: number): boolean => reapSlot(thread.reclaimer, slot, idOf(slot), 0)
  if (!reap(2)) {
    // The writer has the lock still: nobody looked before it was reaped.
    reap(1)
    reap(2)
    return
  }
  const anchor = drafted(thread, () => openText(thread, anchorOf(model, 1), serial))
  const found = anchor === 0 ? 'gone' : textOf(thread, anchor)
  if (!['gone', 'abcd', 'wxyz'].includes(found)) {
    throw new RangeError(`half of a write is read: '${found}'`)
  }
  seen.add(`between: ${found}`)
  reap(1)
}

const twice: ModelScenario = {
  name: 'crash-string-twice',
  claim: 'a writer dies and then its reaper: who comes next reads all of the write or nothing',
  meets: ['between: abcd', 'between: wxyz'],
  make: (seen) => {
    let text = 0
    return {
      ...common,
      shared: () => {
        const model = shares(1)()
        text = firstUnit(threadAt(model.memory, 1), model.anchors[0]!) >>> 1
        return model
      },
      threads: {
        writer: (model) => overwrite(model, 1, [0, 'wxyz'], seen),
        first: reaperThatMayDie(),
        second: {
          after: 'first crashed',
          crash: false,
          run: (model) => lookBetween(model, seen),
        },
      },
      after(model, { crashed }) {
        if (crashed.length !== 1) settled(model)
      },
      // Between the stores to the text, too.
      steps: (offset) => offset >= text && offset < text + 2,
      crashes: 2,
      preemptions: 0,
    }
  },
}

function reaperThatMayDie(): ThreadOptions<Model> {
  const { crash: _, ...options } = reaperOf('writer', 1, 2)
  return options
}

export const strings: readonly ModelScenario[] = [writers, releaser, reader, dying, twice]
