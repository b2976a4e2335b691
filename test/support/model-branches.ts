/**
 * Scenarios: branches that are forked, written, adopted, dropped and whose cells are used again,
 * against publishing and reclaiming.
 */

import {
  CELL_DROPPED,
  CELL_FREE,
  CELL_HISTORY,
  CELL_STATE,
  CELL_WORDS,
  SLOT_LEASE_COUNT,
  SLOT_LEASES,
} from '../../src/memory/layout.ts'
import type { ThreadFunction, WriteEvent } from '../../src/explore.ts'
import { stakeIn } from '../../src/reclaim/leases.ts'
import type { HeapThread } from '../../src/reclaim/thread.ts'
import type { Attachment } from '../../src/store/attachment.ts'
import { adoptBranch, forkCell } from '../../src/store/branches.ts'
import { Writer } from '../../src/store/writer.ts'
import { closeCell, openCell } from '../../src/versions/branch.ts'
import type { RootCell } from '../../src/versions/root.ts'
import { decodeTree, setTree, type Tree } from './arrays.ts'
import { cellOf, FINE, type Model, modelOf, settled, threadAt } from './model-heap.ts'
import { documentOf } from './model-publishers.ts'
import { publish, write } from './model-readers.ts'
import { common, type ModelScenario, type Seen } from './model-run.ts'
import { shadowed, watchHeap } from './model-shadow.ts'

export const before: Tree = [1, [2, 3], [5]]
export const sizes = [6, 8, 20, 22]

interface Options {
  readonly slots?: number
  /** Versions that the document keeps. */
  readonly history?: number
}

export const shared =
  ({ slots = 3, history = 0 }: Options = {}) =>
  (): Model => {
    const model = modelOf({ slots, trees: [before], sizes, cells: 4 })
    model.words.poke(cellOf(model.memory).at + CELL_HISTORY, history)
    return shadowed(model)
  }

/** What the shipped functions need of an attachment, without codec and registry. */
export function attachmentOf(thread: HeapThread): Attachment {
  const { memory } = thread
  const attachment = {
    memory,
    thread,
    codec: { encoder: { births: 0 } },
    recipes: new Uint8Array(memory.layout.cells),
    readDepth: 0,
    building: false,
    maxWaitMs: 3,
    use: () => attachment,
    release: () => {},
    catchUp: () => false,
    reapDead: () => {},
    reclaimLater: () => {},
    stalls: { look: () => {}, stalled: () => [] },
  }
  return attachment as unknown as Attachment
}

export const fork = (thread: HeapThread, cell: RootCell): RootCell =>
  forkCell(attachmentOf(thread), cell, '')

/** One place of a branch is written and the branch read, as by the only thread that has it. */
export function edit(
  thread: HeapThread,
  cell: RootCell,
  path: readonly number[],
  tree: Tree,
): string {
  while (!setTree(thread, cell, path, tree)) continue // another one published
  return readNewest(thread, cell)
}

function readNewest(thread: HeapThread, cell: RootCell): string {
  const record = thread.leases.take(cell.rootAt, 0)
  const text = JSON.stringify(decodeTree(thread.memory.m, cell.rootOf(record)))
  thread.leases.release(record, 0)
  return text
}

/** After everybody has gone and reclaiming came to its end: the document, and so many branches. */
function expectLeft(model: Model, branches: number): void {
  const { versions } = settled(model)
  if (versions !== 1 + branches) throw new RangeError(`${versions} versions, ${branches} branches`)
}

/** Notes branches that ended, and cells that were freed. */
function watchCells(seen: Seen): (model: Model, write: WriteEvent) => void {
  return (model, event) => {
    watchHeap(model, event)
    const { layout } = model.memory
    const inCells = event.offset - layout.cellsAt
    if (inCells < 0 || event.offset >= layout.slotsAt) return
    if (inCells % CELL_WORDS !== CELL_STATE) return
    if (event.after === CELL_DROPPED) seen.add('dropped')
    if (event.after === CELL_FREE && event.before === CELL_DROPPED) seen.add('cell freed')
  }
}

const reclaim =
  (slot: number, slices = 8): ThreadFunction<Model> =>
  ({ memory }) =>
    void threadAt(memory, slot).reclaimer.attempt(slices)

/** A branch that has its origin's version, and no other, while that one goes. */
const forking: ModelScenario = {
  name: 'fork-publish-reclaim',
  claim: 'a branch has one whole version of its origin, whatever is published and reclaimed there',
  meets: ['[1,[2,3],[5]]', '[1,[7,3],[5]]', 'dropped', 'cell freed'],
  make: (seen) => ({
    ...common,
    shared: shared(),
    watch: watchCells(seen),
    threads: {
      writer: ({ memory }) => write(threadAt(memory, 0), [1, 0], 7),
      forker({ memory }) {
        const thread = threadAt(memory, 1)
        const branch = fork(thread, cellOf(memory))
        const text = readNewest(thread, branch)
        if (text === '0') throw new RangeError('the branch reads nothing: it has ended')
        seen.add(text)
        closeCell(thread, branch)
      },
      reclaimer: reclaim(2, 4),
    },
    after: (model) => expectLeft(model, 0),
    preemptions: 2,
    random: 50,
  }),
}

/** As above, but the branch is written and the origin replaced below it, entry by entry. */
const forkedSlices: ModelScenario = {
  name: 'fork-sliced-round',
  claim: 'between the slices of a round a branch begins and is written, and nothing shared goes',
  meets: ['[1,[2,9],[5]]', '[1,[7,9],[5]]'],
  make: (seen) => ({
    ...common,
    shared: shared({ slots: 2 }),
    threads: {
      writer({ memory }) {
        const thread = threadAt(memory, 0, FINE)
        publish(thread, [1, 0], 7)
        thread.reclaimer.attempt(40)
      },
      forker({ memory }) {
        const thread = threadAt(memory, 1)
        const branch = fork(thread, cellOf(memory))
        seen.add(edit(thread, branch, [1, 1], 9))
        closeCell(thread, branch)
      },
    },
    after: (model) => expectLeft(model, 0),
    preemptions: 2,
  }),
}

/** A branch of a branch; which of them goes first. */
function forkOfFork(first: 'older' | 'younger'): ModelScenario {
  return {
    name: `fork-of-fork-${first}`,
    claim: `of a branch of a branch the ${first} is dropped first, while their origin moves on`,
    meets: ['[1,[2,9],[5]] [1,[2,9],[6]]', '[1,[7,9],[5]] [1,[7,9],[6]]', 'cell freed'],
    make: (seen) => ({
      ...common,
      shared: shared({ slots: 2 }),
      watch: watchCells(seen),
      threads: {
        writer({ memory }) {
          const thread = threadAt(memory, 0)
          write(thread, [1, 0], 7)
          thread.reclaimer.attempt(4)
        },
        forker({ memory }) {
          const thread = threadAt(memory, 1)
          const older = fork(thread, cellOf(memory))
          const text = edit(thread, older, [1, 1], 9)
          const younger = fork(thread, older)
          seen.add(`${text} ${edit(thread, younger, [2, 0], 6)}`)
          for (const branch of first === 'older' ? [older, younger] : [younger, older]) {
            closeCell(thread, branch)
          }
        },
      },
      after: (model) => expectLeft(model, 0),
      preemptions: 2,
    }),
  }
}

/** The branch that `shared()` of a scenario makes, held by slot 1. */
function withBranch(path: readonly number[], tree: Tree): Model {
  const model = modelOf({ slots: 3, trees: [before], sizes, cells: 4 })
  const thread = threadAt(model.memory, 1)
  const branch = fork(thread, cellOf(model.memory))
  while (!setTree(thread, branch, path, tree)) continue // never: no other
  // Into the last word: the thread's private half is made anew, and uses the first ones.
  const words = thread.slot.at + SLOT_LEASES
  for (let index = 0; index < SLOT_LEASE_COUNT; index++) model.words.poke(words + index, 0)
  model.words.poke(words + SLOT_LEASE_COUNT - 1, stakeIn(branch.index))
  return shadowed(model)
}

/** A thread that has the branch of `withBranch` open: its private half of that. */
function holder(memory: Model['memory'], slot: number): [thread: HeapThread, branch: RootCell] {
  const thread = threadAt(memory, slot)
  const branch = cellOf(memory, 1)
  if (!openCell(thread, branch, 0, 3)) throw new RangeError('the branch is held, and yet gone')
  return [thread, branch]
}

export function adopt(thread: HeapThread, branch: RootCell, force: boolean): string {
  const attachment = attachmentOf(thread)
  const cell = cellOf(thread.memory)
  const writer = new Writer(attachment, cell)
  try {
    const { version } = adoptBranch({ attachment, cell, writer }, branch, { force })
    return `adopted as ${version}`
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === 'ERR_CONFLICT') return code
    throw error
  }
}

const adopting: ModelScenario = {
  name: 'adopt-publish',
  claim:
    'a branch is adopted if its origin did not move, else it is a conflict and nothing changes',
  meets: ['adopted as 2, then [1,[7,9],[5]]', 'ERR_CONFLICT, then [1,[7,3],[5]]'],
  make: (seen) => ({
    ...common,
    shared: () => withBranch([1, 1], 9),
    threads: {
      writer: ({ memory }) => write(threadAt(memory, 0), [1, 0], 7),
      adopter({ memory }) {
        const [thread, branch] = holder(memory, 2)
        outcome = adopt(thread, branch, false)
        closeCell(thread, branch)
      },
    },
    after(model) {
      seen.add(`${outcome}, then ${documentOf(model)}`)
      settled(model)
    },
    preemptions: 2,
  }),
}

let outcome = ''

/** The branch is written, and what is replaced there reclaimed, while it is adopted. */
const adoptMoving: ModelScenario = {
  name: 'adopt-moving-branch',
  claim: 'a branch that is written while it is adopted gives one whole version',
  meets: ['[1,[2,9],[5]]', '[1,[6,9],[5]]'],
  make: (seen) => ({
    ...common,
    shared: () => withBranch([1, 1], 9),
    threads: {
      editor({ memory }) {
        const [thread, branch] = holder(memory, 1)
        while (!setTree(thread, branch, [1, 0], 6)) continue // never: no other
        thread.reclaimer.attempt(4)
        closeCell(thread, branch)
      },
      adopter({ memory }) {
        const [thread, branch] = holder(memory, 2)
        adopt(thread, branch, false)
        closeCell(thread, branch)
      },
    },
    after(model) {
      seen.add(documentOf(model))
      settled(model)
    },
    preemptions: 2,
  }),
}

/** The last one closes a branch while another opens it by its handle; a third forks anew. */
const opening: ModelScenario = {
  name: 'close-open',
  claim: 'a branch that is opened while it ends is whole, or refused; its cell serves another',
  meets: ['[1,[2,9],[5]]', 'refused', 'cell freed', 'the same cell', 'another cell'],
  make: (seen) => ({
    ...common,
    shared: () => withBranch([1, 1], 9),
    watch: watchCells(seen),
    threads: {
      closer({ memory }) {
        const thread = threadAt(memory, 1)
        closeHeld(thread, 1)
      },
      opener({ memory }) {
        const thread = threadAt(memory, 2)
        const branch = cellOf(memory, 1)
        if (!openCell(thread, branch, 0, 3)) {
          seen.add('refused')
          return
        }
        const text = readNewest(thread, branch)
        if (text !== '[1,[2,9],[5]]') throw new RangeError(`the branch reads ${text}`)
        seen.add(text)
        closeCell(thread, branch)
      },
      forker: {
        after: 'closer ended',
        run({ memory }) {
          const thread = threadAt(memory, 0)
          const branch = fork(thread, cellOf(memory))
          seen.add(branch.index === 1 ? 'the same cell' : 'another cell')
          const text = readNewest(thread, branch)
          if (text !== '[1,[2,3],[5]]') throw new RangeError(`the new branch reads ${text}`)
          closeCell(thread, branch)
        },
      },
    },
    after: (model) => expectLeft(model, 0),
    preemptions: 2,
    random: 100,
  }),
}

/** Ends the stake that `shared()` left in the slot's words, as the `Leases` of then would. */
function closeHeld(thread: HeapThread, cell: number): void {
  const { words } = thread.memory
  const first = thread.slot.at + SLOT_LEASES
  for (let at = first; at < first + SLOT_LEASE_COUNT; at++) {
    if (words.m[at] === stakeIn(cell)) words.store(at, 0)
  }
  closeCell(thread, cellOf(thread.memory, cell))
}

/** Statistics and names are read of cells that are not held. */
const lateReader: ModelScenario = {
  name: 'recycle-statistics',
  claim: 'statistics read cells in sections while branches end, and their cells serve others',
  meets: ['branch', 'none', 'cell freed'],
  make: (seen) => ({
    ...common,
    shared: () => withBranch([1, 1], 9),
    watch: watchCells(seen),
    threads: {
      owner({ memory }) {
        const thread = threadAt(memory, 1)
        closeHeld(thread, 1)
        const branch = fork(thread, cellOf(memory))
        closeCell(thread, branch)
      },
      reader({ memory }) {
        const thread = threadAt(memory, 2)
        const cell = cellOf(memory, 1)
        for (let look = 0; look < 2; look++) {
          thread.section.enter()
          const named = cell.isNamed()
          const published = named ? cell.published() : 0
          thread.section.leave()
          seen.add(named ? 'branch' : 'none')
          if (named && (published < 1 || published > 2)) throw new RangeError(`${published}`)
        }
      },
    },
    after: (model) => expectLeft(model, 0),
    preemptions: 2,
  }),
}

export const branches = [
  forking,
  forkedSlices,
  forkOfFork('older'),
  forkOfFork('younger'),
  adopting,
  adoptMoving,
  opening,
  lateReader,
]
