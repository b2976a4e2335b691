/** Scenarios: versions that are named late, from history or beside a snapshot, and come back. */

import {
  CELL_BORN,
  CELL_FLOOR,
  CELL_GENERATION,
  CELL_OLDEST,
  CELL_WANTED,
  HISTORY_ALL,
  SLOT_LEASES,
} from '../../src/memory/layout.ts'
import { RECORD_NUMBER, writeWide } from '../../src/memory/record.ts'
import { giveUpHistory } from '../../src/reclaim/history.ts'
import type { HeapThread } from '../../src/reclaim/thread.ts'
import { rollBack } from '../../src/store/branches.ts'
import { Writer } from '../../src/store/writer.ts'
import { closeCell, openCell } from '../../src/versions/branch.ts'
import { leaseVersion } from '../../src/versions/kept.ts'
import { decodeTree } from './arrays.ts'
import { adopt, attachmentOf, before, edit, fork, shared, sizes } from './model-branches.ts'
import { cellOf, FINE, type Model, modelOf, settled, threadAt } from './model-heap.ts'
import { publish, write } from './model-readers.ts'
import { common, type ModelScenario } from './model-run.ts'
import { shadowed } from './model-shadow.ts'

/** Named late: history, and what a snapshot holds. */
export function late(thread: HeapThread, version: number): string {
  const cell = cellOf(thread.memory)
  const record = leaseVersion(thread, { cell, version, flag: 0 }, 0)
  if (record <= 0) return record === 0 ? 'unknown' : 'busy'
  const { m } = thread.memory
  const text = JSON.stringify(decodeTree(m, cell.rootOf(record)))
  if (cell.numberOf(record) !== version) throw new RangeError('another version was named')
  if (JSON.stringify(decodeTree(m, cell.rootOf(record))) !== text) {
    throw new RangeError(`version ${version} changed from ${text}`)
  }
  thread.leases.release(record, 0)
  return text
}

const history: ModelScenario = {
  name: 'history-late',
  claim: 'a version of history is named late, or unknown; named, it stays while others depart',
  meets: ['[1,[2,3],[5]]', 'unknown', 'busy'],
  make: (seen) => ({
    ...common,
    shared: shared({ slots: 2, history: 1 }),
    threads: {
      writer({ memory }) {
        const thread = threadAt(memory, 0)
        write(thread, [1, 0], 7)
        write(thread, [1, 0], 8)
        thread.reclaimer.attempt(4)
      },
      reader: ({ memory }) => seen.add(late(threadAt(memory, 1), 1)),
    },
    after: expectHistory(1),
    preemptions: 3,
  }),
}

/** The newest versions are kept, as many as history says, and no other. */
function expectHistory(kept: number): (model: Model) => void {
  return (model) => {
    const { versions } = settled(model, kept)
    if (versions !== kept + 1) throw new RangeError(`${versions - 1} versions are kept`)
    const thread = threadAt(model.memory, 0)
    const cell = cellOf(model.memory)
    const newest = cell.numberOf(cell.newest())
    if (late(thread, newest - kept) === 'unknown') throw new RangeError('too few are kept')
    if (late(thread, newest - kept - 1) !== 'unknown') throw new RangeError('too many are kept')
  }
}

const heldLate: ModelScenario = {
  name: 'snapshot-late',
  claim: 'a version that only a snapshot holds is named late, or unknown once it is let go',
  meets: ['[1,[2,3],[5]]', 'unknown'],
  make: (seen) => ({
    ...common,
    shared: shared(),
    threads: {
      first({ memory }) {
        const thread = threadAt(memory, 0)
        const cell = cellOf(memory)
        const record = thread.leases.take(cell.rootAt, 0)
        decodeTree(memory.m, cell.rootOf(record))
        thread.leases.release(record, 0)
      },
      second({ memory }) {
        seen.add(late(threadAt(memory, 1), 1))
      },
      writer({ memory }) {
        const thread = threadAt(memory, 2)
        write(thread, [1, 0], 7)
        thread.reclaimer.attempt(4)
      },
    },
    preemptions: 3,
  }),
}

/** The record of the first version, as `shared()` made it. */
let firstRecord = 0

/** A lease word that came too late names a version that departs: it holds nothing. */
const departingLate: ModelScenario = {
  name: 'departing-late',
  claim: 'a version that departs already is unknown, though a lease that failed still names it',
  meets: ['[1,[2,3],[5]]', 'unknown', 'busy'],
  make: (seen) => ({
    ...common,
    shared() {
      const model = modelOf({ slots: 3, trees: [before], sizes, cells: 4 })
      const thread = threadAt(model.memory, 0)
      publish(thread, [1, 0], 7)
      publish(thread, [1, 0], 8)
      firstRecord = model.raw[cellOf(model.memory).at + CELL_OLDEST] as number
      return shadowed(model)
    },
    threads: {
      round: ({ memory }) => void threadAt(memory, 2, FINE).reclaimer.attempt(12),
      stale({ memory }) {
        // What `take` leaves for a moment that loaded the root before it was replaced.
        const at = threadAt(memory, 0).slot.at + SLOT_LEASES
        memory.words.store(at, firstRecord)
        memory.words.store(at, 0)
      },
      reader: ({ memory }) => seen.add(late(threadAt(memory, 1), 1)),
    },
    preemptions: 3,
  }),
}

const rollingBack: ModelScenario = {
  name: 'rollback-reclaim',
  claim: 'a kept version comes back whole while it departs, or is unknown',
  meets: ['rolled back', 'ERR_UNKNOWN_VERSION'],
  make: (seen) => ({
    ...common,
    shared: shared({ history: 1 }),
    threads: {
      writer({ memory }) {
        const thread = threadAt(memory, 0)
        write(thread, [1, 0], 7)
        write(thread, [2, 0], 8)
      },
      operator({ memory }) {
        const attachment = attachmentOf(threadAt(memory, 1))
        const cell = cellOf(memory)
        try {
          const parts = { attachment, cell, writer: new Writer(attachment, cell) }
          const { changed } = rollBack(parts, 1, {})
          seen.add(changed ? 'rolled back' : 'nothing to do')
        } catch (error) {
          const { code } = error as { code?: string }
          if (code !== 'ERR_UNKNOWN_VERSION' && code !== 'ERR_TIMEOUT') throw error
          seen.add(code)
        }
      },
    },
    after: (model) => void settled(model, 1),
    preemptions: 2,
  }),
}

const givingUp: ModelScenario = {
  name: 'history-given-up',
  claim: 'versions that are kept while memory lasts go, the oldest first, when room is wanted',
  meets: ['[1,[2,3],[5]]', 'unknown', 'given up'],
  make: (seen) => ({
    ...common,
    shared() {
      const model = shared({ slots: 2, history: HISTORY_ALL })()
      const thread = threadAt(model.memory, 0)
      publish(thread, [1, 0], 7)
      publish(thread, [1, 0], 8)
      return model
    },
    threads: {
      writer({ memory }) {
        const thread = threadAt(memory, 0)
        thread.reclaimer.attempt(4)
        while (!thread.reclaimer.lock.tryTake()) return
        const given = giveUpHistory(memory)
        thread.reclaimer.lock.give()
        if (given) seen.add('given up')
        thread.reclaimer.attempt(8)
      },
      reader({ memory }) {
        const thread = threadAt(memory, 1)
        seen.add(late(thread, 1))
        if (late(thread, 3) === 'unknown') throw new RangeError('the newest is given up')
      },
    },
    after: (model) => void settled(model, 2),
    preemptions: 3,
  }),
}

/** Version numbers, floors and generations stand just before their wrap. */
function wrapping(model: Model): Model {
  const { words, memory } = model
  const { at } = cellOf(memory)
  const record = words.peek(cellOf(memory).rootAt)
  const wide = new Int32Array(2)
  for (const [where, number] of [
    [record + RECORD_NUMBER, 2 ** 31 - 1],
    [at + CELL_BORN, 2 ** 31 - 2],
  ] as const) {
    writeWide(wide, 0, number)
    words.poke(where, wide[0]!)
    words.poke(where + 1, wide[1]!)
  }
  words.poke(at + CELL_FLOOR, (2 ** 31 - 1) | 0)
  words.poke(at + CELL_WANTED, (2 ** 31 - 1) | 0)
  for (let cell = 1; cell < 4; cell++) words.poke(cellOf(memory, cell).at + CELL_GENERATION, -1)
  return model
}

const wraps: ModelScenario = {
  name: 'branches-wrap',
  claim: 'version numbers, floors and generations go on past 2^31 and 2^32',
  meets: ['[1,[2,3],[5]]', 'unknown', 'adopted', 'refused'],
  make: (seen) => ({
    ...common,
    shared: () => wrapping(shared({ slots: 2, history: 1 })()),
    threads: {
      writer({ memory }) {
        const thread = threadAt(memory, 0)
        const branch = fork(thread, cellOf(memory))
        if (branch.generation !== -1) throw new RangeError('not before its wrap')
        edit(thread, branch, [1, 0], 7)
        seen.add(adopt(thread, branch, true).split(' ')[0]!)
        closeCell(thread, branch)
        if (!openCell(thread, branch, -1, 3)) seen.add('refused')
        write(thread, [2, 0], 8)
        thread.reclaimer.attempt(8)
      },
      reader({ memory }) {
        seen.add(late(threadAt(memory, 1), 2 ** 31 - 1))
      },
    },
    after: (model) => void settled(model, 1),
    preemptions: 1,
    random: 200,
  }),
}

export const histories = [history, heldLate, departingLate, rollingBack, givingUp, wraps]
