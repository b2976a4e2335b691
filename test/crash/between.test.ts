/** Two threads, of which one does something just between two particular steps of the other. */

import { expect, test } from 'vitest'
import {
  FREEZE_AT,
  LOCK_AT,
  SLOT_CACHES,
  SLOT_LEASE_CHAIN,
  SLOT_LEASES,
  SLOT_TICKET,
  SPAN_CARVING,
  SPAN_FRESH,
  SPAN_HINT_AT,
  SPAN_STATE,
} from '../../src/memory/layout.ts'
import { claimFresh, spanAt, unclaimSpans } from '../../src/memory/span-table.ts'
import { LEASE_CHUNK_HEAD } from '../../src/reclaim/leases.ts'
import { slotAt } from '../../src/reclaim/slots.ts'
import { verifyHeap } from '../../src/reclaim/verify.ts'
import { drained } from '../../src/store/drained.ts'
import { heapStats } from '../../src/store/stats.ts'
import { createTree, type Tree } from '../support/arrays.ts'
import { testMemory, testThread } from '../support/heap.ts'
import { dies, expectWhole, hooked, kill, once, reap, setRoot, treeOf } from './killing.ts'

const other = { slot: 1, threadId: 2 }

test('a span that a run gave back below a hint that moved on is still found', () => {
  const memory = testMemory()
  const { words, layout } = memory
  const span = words.load(SPAN_HINT_AT)
  const stateAt = spanAt(layout, span) + SPAN_STATE
  // A run of two has claimed its first span, finds the second taken, and gives the first back
  // just before the thread that took the second moves the hint past both.
  words.compareExchange(stateAt, SPAN_FRESH, SPAN_CARVING | (2 << 8))
  const moves = (access: string, at: number): boolean => access === 'swap' && at === SPAN_HINT_AT
  const hooks = once('before', moves, () => unclaimSpans(words, layout, span, 1))
  expect(claimFresh(hooked(memory, hooks).words, layout, 1, 1)).toBe(span + 1)
  expect(hooks.happened).toBe(true)
  const claimed = new Set([span + 1])
  for (let next = 0; (next = claimFresh(words, layout, 3, 1)) >= 0;) claimed.add(next)
  console.log(`${claimed.size} of ${layout.spanCount} spans claimed`)
  expect(claimed.has(span)).toBe(true)
  expect(claimed.size).toBe(layout.spanCount - span)
})

test('a publisher that trims a long log counts as a draft until it has done so', () => {
  const memory = testMemory({ megabytes: 16 })
  const main = testThread(memory, 1)
  createTree(main, [1, [2]])
  const at = slotAt(memory.layout, other.slot)
  let armed = false
  let looks = 0
  let unannounced = 0
  const after = (access: string, address: number): void => {
    const cache = address - at - SLOT_CACHES
    if (!armed || access !== 'write' || cache < 0 || cache >= 64) return
    looks++
    if (memory.m[at + SLOT_TICKET] === 0) unannounced++
  }
  const writer = testThread(hooked(memory, { after }), other.threadId)
  const many = (count: number): Tree[] => Array.from({ length: count }, (_, n) => [n, [n]])
  armed = true
  setRoot(writer, 0, [many(250), many(250), many(200)])
  console.log(`${writer.allocator.entriesPerChunk} entries a chunk, ${looks} changes of caches`)
  expect(looks).toBeGreaterThan(1400)
  expect(unannounced).toBe(0)
  armed = false
  expectWhole(main)
})

/** A dead thread with more leases than its slot has words for, and a thread that reads them. */
function leasesOfTheDead() {
  const memory = testMemory()
  const main = testThread(memory, 1)
  const cell = createTree(main, [1, [2]])
  const dead = testThread(memory, other.threadId)
  for (let turn = 0; turn < 20; turn++) {
    dead.leases.take(cell.rootAt, 0)
    setRoot(main, 0, [turn, [turn]])
  }
  const chunk = memory.m[dead.slot.at + SLOT_LEASE_CHAIN] as number
  expect(chunk).not.toBe(0)
  const reads = (access: string, at: number): boolean => {
    return access === 'load' && at === chunk + LEASE_CHUNK_HEAD
  }
  let reaped: boolean | undefined
  /** Reaps the dead thread, and uses the chunk again. */
  const hooks = once('before', reads, () => {
    reaped = reap(main, other)
    main.allocator.begin()
    for (let count = 0; count < 400; count++) {
      const block = main.allocator.allocate(main.allocator.chunkWords)
      memory.m.fill(0x7ffffff1, block + 2, block + 20)
    }
    main.allocator.abort()
  })
  const reader = testThread(hooked(memory, hooks), 3)
  return { main, reader, reaped: () => reaped }
}

test('stats hold the lock while they count leases, so that a reaper frees no chunk of them', () => {
  const { main, reader, reaped } = leasesOfTheDead()
  const { oldestSnapshotVersion } = heapStats(reader.memory, reader)
  expect([reaped(), oldestSnapshotVersion]).toEqual([false, 1])
  expect(reap(main, other)).toBe(true)
  expectWhole(main)
  expect(heapStats(main.memory, main).oldestSnapshotVersion).toBe(0)
})

test('drained holds the lock whenever it looks at leases', async () => {
  const memory = testMemory()
  const main = testThread(memory, 1)
  const cell = createTree(main, [1, [2]])
  const held = main.leases.take(cell.rootAt, 0)
  setRoot(main, 0, [3])
  let looks = 0
  let unlocked = 0
  const before = (access: string, at: number): void => {
    if (access !== 'load' || at !== main.slot.at + SLOT_LEASES) return
    looks++
    if (memory.words.load(LOCK_AT) !== reader.slot.tag) unlocked++
  }
  const reader = testThread(hooked(memory, { before }), 3)
  let ended = false
  const waiting = drained({ thread: reader, cell, expectOpen: () => {} }, 2)
  void waiting.then(() => (ended = true))
  await expect.poll(() => looks, { interval: 1 }).toBeGreaterThan(5)
  expect(ended).toBe(false)
  main.leases.release(held, 0)
  await waiting
  expect(unlocked).toBe(0)
  expectWhole(main)
})

/** How often a writer may wait before a test calls it endless. */
const WAITS_MAX = 5000

/** Hooks of a writer that may only wait so often. */
function impatient() {
  const hooks = {
    waits: 0,
    before: (access: string): void => {
      if (access === 'wait' && hooks.waits++ > WAITS_MAX) throw new Error('waits without an end')
    },
  }
  return hooks
}

test('a writer waits a bounded time for a verifier that died, which it alone could reap', () => {
  const memory = testMemory()
  const hooks = impatient()
  const writer = testThread(hooked(memory, hooks), 1)
  createTree(writer, [1, [2]])
  const locks = (access: string, at: number): boolean => access === 'swap' && at === LOCK_AT
  const verifier = testThread(hooked(memory, once('before', locks, kill)), other.threadId)
  expect(dies(() => void verifyHeap(verifier.reclaimer, 50))).toBe(true)
  expect(memory.words.load(FREEZE_AT)).toBe(verifier.slot.tag)
  expect(setRoot(writer, 0, [3])).toBe(true)
  console.log(`waited ${hooks.waits} times`)
  expect(hooks.waits).toBeGreaterThan(100)
  expect(reap(writer, other)).toBe(true)
  expectWhole(writer)
})

test('a verifier that a writer did not wait for says so, and does not call the heap whole', () => {
  const memory = testMemory()
  const writer = testThread(hooked(memory, impatient()), 1)
  createTree(writer, [1, [2]])
  const ends = (access: string, at: number, value: number): boolean => {
    return at === FREEZE_AT && access !== 'load' && access !== 'wait' && value === 0
  }
  const hooks = once('before', ends, () => setRoot(writer, 0, [3]))
  const verifier = testThread(hooked(memory, hooks), other.threadId)
  const verify = (): unknown => verifyHeap(verifier.reclaimer, 50)
  expect(verify).toThrow(expect.objectContaining({ code: 'ERR_TIMEOUT' }))
  expect(hooks.happened).toBe(true)
  expect(treeOf(memory, 0)).toEqual([3])
  expectWhole(writer)
})
