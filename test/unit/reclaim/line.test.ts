import { expect, test } from 'vitest'
import { reapSlot } from '../../../src/reclaim/reaper.ts'
import { verifyHeap } from '../../../src/reclaim/verify.ts'
import { createTree, decodeTree, setTree } from '../../support/arrays.ts'
import { testMemory, testThread } from '../../support/heap.ts'

test('a version is published, read, replaced and reclaimed; every block is accounted for', () => {
  const memory = testMemory()
  const thread = testThread(memory, 1)
  const cell = createTree(thread, [1, [2, [3, 4]], [5]])
  const first = verifyHeap(thread.reclaimer, 5)
  for (let round = 0; round < 10_000; round++) {
    expect(setTree(thread, cell, [1, 1, 0], [round, [round]])).toBe(true)
    expect(thread.reclaimer.attempt(8)).toBe('idle')
  }
  const root = cell.rootOf(cell.newest())
  expect(decodeTree(memory.m, root)).toEqual([1, [2, [[9999, [9999]], 4]], [5]])
  const last = verifyHeap(thread.reclaimer, 5)
  expect(last.versions).toBe(1)
  expect(last.liveBlocks).toBe(first.liveBlocks + 2)
})

test('a lease keeps exactly its version while 1,000 others come and go', () => {
  const memory = testMemory()
  const [writer, reader] = [testThread(memory, 1), testThread(memory, 2)]
  const cell = createTree(writer, [1, [2, [3, 4]], [5]])
  setTree(writer, cell, [2, 0], 6)
  const held = reader.leases.take(cell.rootAt, 0)
  for (let round = 0; round < 1000; round++) {
    setTree(writer, cell, [1, round & 1], [round])
    writer.reclaimer.attempt(8)
    if (round % 100 === 0) verifyHeap(writer.reclaimer, 5)
  }
  expect(decodeTree(memory.m, cell.rootOf(held))).toEqual([1, [2, [3, 4]], [6]])
  const report = verifyHeap(writer.reclaimer, 5)
  expect(report.zombies).toBe(1)
  reader.leases.release(held, 0)
  writer.reclaimer.attempt(8)
  const after = verifyHeap(writer.reclaimer, 5)
  expect(after.zombies).toBe(0)
  expect(after.liveBytes).toBeLessThan(report.liveBytes)
})

test('a dead thread is reaped: its draft, caches, leases and open section', () => {
  const memory = testMemory({ megabytes: 64 })
  const [writer, dead] = [testThread(memory, 1), testThread(memory, 2)]
  const cell = createTree(writer, [1, [2], [3]])
  setTree(dead, cell, [1], [9])
  dead.leases.take(cell.rootAt, 0)
  dead.allocator.begin()
  for (let block = 0; block < 3000; block++) dead.allocator.allocate(4 + (block % 400))
  dead.section.enter()
  setTree(writer, cell, [2], [8])
  expect(writer.reclaimer.attempt(8)).toBe('waiting')
  expect(reapSlot(writer.reclaimer, dead.slot.index, 2, 5)).toBe(true)
  expect(writer.reclaimer.attempt(8)).toBe('idle')
  const report = verifyHeap(writer.reclaimer, 5)
  expect(report.draftBytes).toBe(0)
  expect(report.versions).toBe(1)
  expect(report.zombies).toBe(0)
  expect(testThread(memory, 3).slot.index).toBe(dead.slot.index)
})
