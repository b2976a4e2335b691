/** Threads that die between two particular steps, and what their reaper makes of it. */

import { expect, test } from 'vitest'
import {
  CELL_NAMED,
  CELL_STATE,
  CELL_WORDS,
  SLOT_LOG_COUNT,
  SLOTS_AT,
} from '../../src/memory/layout.ts'
import { slotsOfThread } from '../../src/reclaim/reaper.ts'
import { slotAt } from '../../src/reclaim/slots.ts'
import { RootCell } from '../../src/versions/root.ts'
import { createTree } from '../support/arrays.ts'
import { testMemory, testThread } from '../support/heap.ts'
import { dies, expectWhole, hooked, kill, once, reap, setRoot, treeOf } from './killing.ts'

const dead = { slot: 1, threadId: 2 }

test('a record that its dead writer had swapped in stays, though an older one arrives last', () => {
  const memory = testMemory()
  const main = testThread(memory, 1)
  const [first, second] = [createTree(main, [1, [2]]), createTree(main, [1, [2]])]
  main.reclaimer.attempt(10)
  // Cells arrive by index, so the writer's newer ticket arrives before its older one.
  const hooks = once('after', (access, at) => access === 'swap' && at === first.rootAt, kill)
  const writer = testThread(hooked(memory, hooks), dead.threadId)
  setRoot(writer, second.index, [5, [6]])
  expect(dies(() => setRoot(writer, first.index, [7, [8, [9]]]))).toBe(true)
  expect(reap(main, dead)).toBe(true)
  expectWhole(main)
  // What was freed wrongly would be written over by now.
  for (let turn = 0; turn < 3; turn++) setRoot(main, second.index, [turn, [60, [70]]])
  expect(treeOf(memory, first.index)).toEqual([7, [8, [9]]])
  expectWhole(main)
})

test('a log chunk of which the only entry is still in a cache is dropped with the entry', () => {
  const memory = testMemory()
  const main = testThread(memory, 1)
  createTree(main, [1, [2]])
  const countAt = slotAt(memory.layout, dead.slot) + SLOT_LOG_COUNT
  let armed = false
  let entries = 0
  const isFirstOfChunk = (_access: string, at: number, value: number): boolean => {
    return armed && at === countAt && value === entries + 1
  }
  const writer = testThread(hooked(memory, once('after', isFirstOfChunk, kill)), dead.threadId)
  const { allocator } = writer
  entries = allocator.entriesPerChunk
  // A chunk's entries hold what the block held before, and that looks like an offset.
  allocator.begin()
  for (let count = 0; count < 20; count++) {
    const block = allocator.allocate(allocator.chunkWords)
    memory.m.fill(0x41414, block + 2, block + allocator.chunkWords)
  }
  allocator.abort()
  armed = true
  allocator.begin()
  expect(dies(() => allocateForever(() => allocator.allocate(6)))).toBe(true)
  expect(reap(main, dead)).toBe(true)
  expectWhole(main)
})

function allocateForever(allocate: () => void): never {
  for (;;) allocate() // bound: the thread dies, or the heap is full
}

test('a store that was not named before its creator died leaves nothing to reclaim', () => {
  const memory = testMemory()
  const main = testThread(memory, 1)
  createTree(main, [1, [2]])
  const stateAt = memory.layout.cellsAt + CELL_WORDS + CELL_STATE
  const names = (access: string, at: number, value: number): boolean => {
    return access === 'store' && at === stateAt && value === CELL_NAMED
  }
  const creator = testThread(hooked(memory, once('before', names, kill)), dead.threadId)
  expect(main.reclaimer.attempt(1000)).toBe('idle')
  expect(dies(() => void createTree(creator, [3]))).toBe(true)
  expect(reap(main, dead)).toBe(true)
  expect(main.reclaimer.attempt(1000)).toBe('idle')
  expectWhole(main)
  expect(createTree(main, [4]).index).toBe(1)
  expectWhole(main)
})

test('a thread that died at any step of its registration keeps no slot', () => {
  const memory = testMemory({ threads: 4 })
  const main = testThread(memory, 1)
  let steps = 0
  let claimed = 0
  for (let alive = false; !alive; steps++) {
    let left = steps
    const threadId = 2 + steps
    const before = (): void => {
      if (left-- === 0) kill()
    }
    alive = !dies(() => void testThread(hooked(memory, { before }), threadId))
    for (const slot of slotsOfThread(memory, threadId)) {
      claimed++
      expect(reap(main, { slot, threadId })).toBe(true)
    }
  }
  console.log(`died at each of ${steps} steps, had a slot already at ${claimed}`)
  expect(claimed).toBeGreaterThan(1)
  expect(claimed).toBeLessThan(steps)
  for (let threadId = 100; threadId < 103; threadId++) testThread(memory, threadId)
  expect(memory.words.load(SLOTS_AT)).toBe(4)
})

test('a thread that died while it raised the number of slots is found by its slot', () => {
  const memory = testMemory({ threads: 4 })
  const main = testThread(memory, 1)
  const raises = (access: string, at: number): boolean => access === 'swap' && at === SLOTS_AT
  for (const moment of ['before', 'after'] as const) {
    for (let threadId = 2; threadId < 12; threadId++) {
      const hooks = once(moment, raises, kill)
      if (!dies(() => void testThread(hooked(memory, hooks), threadId)))
        expect(hooks.happened).toBe(false)
      for (const slot of slotsOfThread(memory, threadId)) reap(main, { slot, threadId })
    }
  }
  expect(new RootCell(memory, 0).isNamed()).toBe(false)
  expect(testThread(memory, 99).slot.index).toBe(1)
})
