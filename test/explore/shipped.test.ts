/**
 * The explorer runs the shipped code as it is: how a scenario over a heap is written. Threads make
 * their own `HeapThread`, since it keeps state of its own; `shared()` makes what is in words only.
 */

import { expect, it } from 'vitest'
import { Words } from '../../src/explore.ts'
import type { Scenario } from '../../src/explore.ts'
import { writeHeader } from '../../src/memory/header.ts'
import { LOCK_AT } from '../../src/memory/layout.ts'
import { memoryOf } from '../../src/memory/memory.ts'
import type { Memory } from '../../src/memory/memory.ts'
import { reapSlot, slotsOfThread } from '../../src/reclaim/reaper.ts'
import { verifyHeap } from '../../src/reclaim/verify.ts'
import { RootCell } from '../../src/versions/root.ts'
import { createTree, decodeTree, setTree } from '../support/arrays.ts'
import { testThread } from '../support/heap.ts'
import { assert, expectFailure, expectPass } from './expectations.ts'

interface Shared {
  readonly memory: Memory
  readonly cell: number
}

const ids = { setup: 1, writer: 2, reader: 3, reaper: 4 }

function shared(): Shared {
  const capacity = 2 ** 18
  const words = new Words(capacity)
  const layout = writeHeader(words, {
    capacity,
    threads: 6,
    cells: 1,
    limboWordsMax: capacity >> 2,
    stallMs: 1000,
    maxWaitMs: 5,
    reclaimEvery: 1,
    identity: [1, 2],
  })
  const memory = memoryOf(words, layout)
  const cell = createTree(testThread(memory, ids.setup), [1, [2, 3], [5]])
  return { memory, cell: cell.index }
}

function write({ memory, cell }: Shared): void {
  const thread = testThread(memory, ids.writer)
  setTree(thread, new RootCell(memory, cell), [1, 0], [7])
  thread.reclaimer.attempt(8)
}

const common = {
  shared,
  memory: 'restore',
  nameOf: (offset: number) => (offset === LOCK_AT ? 'lock' : `word ${offset}`),
} satisfies Partial<Scenario<Shared>>

it('publish and reclaim against a reader with a lease', () => {
  const seen = new Set<string>()
  const result = expectPass<Shared>({
    ...common,
    threads: {
      writer: write,
      reader({ memory, cell: index }) {
        const thread = testThread(memory, ids.reader)
        const cell = new RootCell(memory, index)
        const record = thread.leases.take(cell.rootAt, 0)
        const tree = JSON.stringify(decodeTree(memory.m, cell.rootOf(record)))
        seen.add(tree)
        thread.leases.release(record, 0)
      },
    },
    after: ({ memory }) => void verifyHeap(testThread(memory, ids.reaper).reclaimer, 5),
    preemptions: 1,
  })
  expect([...seen].sort()).toEqual(['[1,[2,3],[5]]', '[1,[[7],3],[5]]'])
  expect(result.executions).toBeGreaterThan(10)
})

it('publish and reclaim against a reader that holds nothing are a race', () => {
  const failure = expectFailure<Shared>(
    {
      ...common,
      threads: {
        writer(inside) {
          write(inside)
          write(inside)
        },
        reader({ memory, cell: index }) {
          const cell = new RootCell(memory, index)
          decodeTree(memory.m, cell.rootOf(cell.newest()))
        },
      },
      preemptions: 1,
    },
    'race',
  )
  expect(failure.reason).toContain('reader')
})

it('a writer crashes between any two of its steps, and is reaped', () => {
  const result = expectPass<Shared>({
    ...common,
    threads: {
      writer: write,
      reaper: {
        after: 'writer crashed',
        run({ memory }) {
          const thread = testThread(memory, ids.reaper)
          for (const slot of slotsOfThread(memory, ids.writer)) {
            assert(reapSlot(thread.reclaimer, slot, ids.writer, 5), 'the lock is not to be had')
          }
        },
      },
    },
    after: ({ memory }) => void verifyHeap(testThread(memory, ids.reaper).reclaimer, 5),
    crashes: 1,
    preemptions: 0,
  })
  expect(result.crashes).toBeGreaterThan(50)
})
