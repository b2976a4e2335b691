/** Scenarios: several publishers, and rounds that change hands. */

import type { WriteEvent } from '../../src/explore.ts'
import {
  BEGUN_AT,
  CELL_OLDEST,
  CELL_ROOT,
  CELL_WORDS,
  CONFLICTS_AT,
  ROUND_AT,
} from '../../src/memory/layout.ts'
import { decodeTree, type Tree } from './arrays.ts'
import { cellOf, FINE, type Model, modelOf, settled, threadAt } from './model-heap.ts'
import { publish, readInSection, readLeased, write } from './model-readers.ts'
import { common, type ModelScenario, type Seen } from './model-run.ts'
import { shadowed, watchHeap } from './model-shadow.ts'

const before: Tree = [1, [2, 3], [5]]

/** The newest document, when all threads have ended. */
export function documentOf({ raw, memory }: Model, cell = 0): string {
  const at = memory.layout.cellsAt + cell * CELL_WORDS + CELL_ROOT
  return JSON.stringify(decodeTree(raw, cellOf({ ...memory, m: raw }, cell).rootOf(raw[at]!)))
}

export function expectDocument(model: Model, expected: Tree): void {
  const found = documentOf(model)
  if (found !== JSON.stringify(expected)) throw new RangeError(`the document is ${found}`)
}

const twoPublishers: ModelScenario = {
  name: 'two-publishers',
  claim: 'two publishers lose nothing of each other, and each lost swap is tried again',
  meets: ['lost a swap', 'won at once'],
  make: (seen) => {
    const writer =
      (slot: number, path: number[]) =>
      ({ memory }: Model) => {
        const thread = threadAt(memory, slot)
        write(thread, path, 7 + slot)
      }
    return {
      ...common,
      shared: () => shadowed(modelOf({ slots: 2, trees: [before] })),
      threads: { one: writer(0, [1, 0]), two: writer(1, [2, 0]) },
      after(model) {
        expectDocument(model, [1, [7, 3], [8]])
        seen.add(conflicts(model) > 0 ? 'lost a swap' : 'won at once')
        settled(model)
      },
      preemptions: 3,
    }
  },
}

function conflicts({ raw }: Model): number {
  return raw[CONFLICTS_AT] as number
}

/** Notes rounds that one thread began and another ended. */
function watchHands(seen: Seen): (model: Model, write: WriteEvent) => void {
  let beginner = ''
  return (model, write) => {
    watchHeap(model, write)
    if (write.offset === BEGUN_AT) beginner = write.thread
    if (write.offset !== ROUND_AT) return
    seen.add(write.thread === beginner ? 'kept' : 'handed over')
  }
}

const handedOver: ModelScenario = {
  name: 'round-handed-over',
  claim: 'a round sliced between two owners of the lock goes on where it was left',
  meets: ['handed over', 'kept'],
  make: (seen) => ({
    ...common,
    shared() {
      const model = modelOf({ slots: 3, trees: [before] })
      const thread = threadAt(model.memory, 0)
      publish(thread, [1, 0], 7)
      publish(thread, [1, 1], [8])
      return shadowed(model)
    },
    watch: watchHands(seen),
    threads: {
      one: ({ memory }) => void threadAt(memory, 0, FINE).reclaimer.attempt(4),
      two: ({ memory }) => void threadAt(memory, 1, FINE).reclaimer.attempt(40),
    },
    preemptions: 3,
  }),
}

const handedOverReader: ModelScenario = {
  name: 'sliced-round-reader',
  claim: 'between the slices of a round readers come and go, and versions are published',
  meets: ['leased', 'section'],
  make: (seen) => ({
    ...common,
    shared() {
      const model = modelOf({ slots: 3, trees: [before] })
      publish(threadAt(model.memory, 0), [1, 0], 7)
      return shadowed(model)
    },
    threads: {
      writer({ memory }) {
        const thread = threadAt(memory, 0, FINE)
        publish(thread, [1, 1], 8)
        thread.reclaimer.attempt(40)
      },
      reader({ memory }) {
        const thread = threadAt(memory, 1)
        readLeased(thread)
        seen.add('leased')
        readInSection(thread)
        seen.add('section')
      },
      other: ({ memory }) => void threadAt(memory, 2, FINE).reclaimer.attempt(3),
    },
    preemptions: 2,
  }),
}

const nothingStranded: ModelScenario = {
  name: 'nothing-stranded',
  claim: 'a publisher that finds the lock taken leaves its garbage to the owner, not to chance',
  meets: ['busy', 'idle'],
  make: (seen) => {
    const writer =
      (slot: number, path: number[]) =>
      ({ memory }: Model) => {
        const thread = threadAt(memory, slot)
        publish(thread, path, 7)
        seen.add(thread.reclaimer.attempt(8))
      }
    return {
      ...common,
      shared: () => shadowed(modelOf({ slots: 2, trees: [before, [4, 6]] })),
      threads: {
        one: writer(0, [1, 0]),
        two: writer(1, [2, 0]),
      },
      after(model) {
        const { raw, memory } = model
        const at = memory.layout.cellsAt
        if (raw[at + CELL_OLDEST] !== raw[at + CELL_ROOT]) {
          throw new RangeError('old versions stay, nobody reads, and nobody will come back')
        }
        settled(model)
      },
      preemptions: 3,
    }
  },
}

export const publishers = [twoPublishers, handedOver, handedOverReader, nothingStranded]
