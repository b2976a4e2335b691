/** What a thread does for RCU when it is idle: it waits for nobody, and ends no process. */

import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test, vi } from 'vitest'
import { Heap } from '../../../src/index.ts'
import { FREEZE_AT } from '../../../src/memory/layout.ts'
import type { Memory } from '../../../src/memory/memory.ts'
import { Rcu, RcuHashMap, RcuPointer } from '../../../src/rcu.ts'
import { HeapThread } from '../../../src/reclaim/thread.ts'
import { attach } from '../../../src/store/attachment.ts'
import type { RcBlock } from '../../../src/store/block.ts'
import { memoryOfHandle } from '../../../src/store/handle.ts'

const HELD_MS = 400
const ends: (() => void)[] = []

afterEach(() => {
  for (const end of ends.splice(0).reverse()) end()
})

interface Stage {
  readonly heap: Heap
  readonly rcu: Rcu
  readonly memory: Memory
  /** What nobody caught. */
  readonly uncaught: unknown[]
  /** How often this thread blocked since the call. */
  blocked(): () => number
}

function stage(): Stage {
  const heap = Heap.create({ maxBytes: 4 * 2 ** 20, maxThreads: 8 })
  const rcu = Rcu.create(heap)
  const { memory } = attach(memoryOfHandle(heap.handle, 'heap'), '')
  const uncaught: unknown[] = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => uncaught.push(error))
  ends.push(() => {
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
    rcu.close()
    heap.close()
  })
  const blocked = (): (() => number) => {
    const wait = vi.spyOn(memory.words, 'wait')
    ends.push(() => wait.mockRestore())
    return () => wait.mock.calls.length
  }
  return { heap, rcu, memory, uncaught, blocked }
}

/** Another thread of the heap. */
function another(memory: Memory): HeapThread {
  const thread = new HeapThread(memory, {
    threadId: 900_000,
    creatorId: -1,
    watched: true,
    label: 'another',
  })
  ends.push(() => void thread.leave(50))
  return thread
}

/** A pointer that owns a block which it does not name any more. What was retired before is in the
 *  open bag, which is sealed by the first look of who is idle: giving that block up takes a bag. */
function untidy({ heap, rcu }: Stage): { pointer: RcuPointer; former: RcBlock } {
  const pointer = RcuPointer.create(heap)
  ends.push(() => pointer.close())
  const [former, block, retired] = [heap.allocate(64), heap.allocate(64), heap.allocate(64)]
  pointer.store(former)
  pointer.store(block)
  rcu.retire(retired)
  expect(former.count).toBe(2)
  return { pointer, former }
}

/** Defers callbacks one after the other; how many have run. */
function deferring(rcu: Rcu): () => number {
  let ran = 0
  const timer = setInterval(() => rcu.defer(() => ran++), 20)
  ends.push(() => clearInterval(timer))
  return () => ran
}

test('while another has the lock nothing blocks or is thrown, and callbacks run', async () => {
  const staged = stage()
  const { heap, rcu, memory, uncaught } = staged
  const { former } = untidy(staged)
  const map = RcuHashMap.create(heap)
  ends.push(() => map.close())
  const value = heap.allocate(64)
  map.add(1, value)
  map.delete(1)
  expect(value.count).toBe(2)
  const { lock } = another(memory).reclaimer
  expect(lock.tryTake()).toBe(true)
  const blocked = staged.blocked()
  const ran = deferring(rcu)
  await sleep(HELD_MS)
  console.log(`lock held for ${HELD_MS} ms: ${ran()} callbacks ran, blocked ${blocked()} times`)
  expect(uncaught).toEqual([])
  expect(blocked()).toBe(0)
  expect(ran()).toBeGreaterThan(1)
  lock.give()
  await expect.poll(() => [former.count, value.count]).toEqual([1, 1])
  const before = ran()
  await expect.poll(ran).toBeGreaterThan(before + 1)
  expect(uncaught).toEqual([])
  heap.verify()
})

test('while another thread verifies, no draft is begun that would wait for it', async () => {
  const staged = stage()
  const { former } = untidy(staged)
  const { words } = staged.memory
  words.store(FREEZE_AT, another(staged.memory).slot.tag)
  const blocked = staged.blocked()
  const ran = deferring(staged.rcu)
  await sleep(HELD_MS / 2)
  expect(former.count).toBe(2)
  expect(blocked()).toBe(0)
  expect(ran()).toBeGreaterThan(0)
  words.store(FREEZE_AT, 0)
  await expect.poll(() => former.count).toBe(1)
  expect(staged.uncaught).toEqual([])
})

test('while the heap is full nothing is thrown, and it is tried again, not too often', async () => {
  const staged = stage()
  const { heap, rcu, uncaught } = staged
  const { former } = untidy(staged)
  const filling: RcBlock[] = []
  ends.push(() => {
    for (const block of filling) block.release()
  })
  for (let bytes = 2 ** 16; bytes >= 256; bytes /= 2) {
    try {
      for (;;) filling.push(heap.allocate(bytes))
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_HEAP_FULL' })
    }
  }
  const { reclaimer } = attach(memoryOfHandle(heap.handle, 'heap'), '').thread
  const full = vi.spyOn(reclaimer, 'full')
  ends.push(() => full.mockRestore())
  const reader = rcu.register() // keeps what is retired, and so the memory of the sealed bag
  reader.lock()
  const ran = deferring(rcu)
  const begin = performance.now()
  await sleep(HELD_MS)
  const ms = Math.round(performance.now() - begin)
  console.log(`no room for a bag ${full.mock.calls.length} times in ${ms} ms`)
  expect(full.mock.calls.length).toBeGreaterThan(0)
  expect(full.mock.calls.length).toBeLessThan(ms / 50)
  expect([former.count, ran()]).toEqual([2, 0])
  expect(uncaught).toEqual([])
  reader.unlock()
  await expect.poll(ran).toBeGreaterThan(4)
  await expect.poll(() => former.count).toBe(1)
  expect(uncaught).toEqual([])
})

test('any other error is uncaught, not again and again, and callbacks run', async () => {
  const staged = stage()
  const { rcu, uncaught } = staged
  const { pointer } = untidy(staged)
  let fails = true
  const tidy = pointer.tidy.bind(pointer)
  pointer.tidy = (idle) => {
    if (fails) throw new RangeError('not of a kind that is expected')
    return tidy(idle)
  }
  const reader = rcu.register()
  reader.lock()
  let ran = 0
  for (let count = 0; count < 3; count++) rcu.defer(() => ran++)
  const begin = performance.now()
  await sleep(HELD_MS)
  const ms = Math.round(performance.now() - begin)
  console.log(`uncaught: ${uncaught.length} in ${ms} ms`)
  expect(ran).toBe(0)
  expect(uncaught.length).toBeGreaterThan(0)
  expect(uncaught.length).toBeLessThan(2 + ms / 500)
  reader.unlock()
  await expect.poll(() => ran).toBe(3)
  for (const error of uncaught) expect(error).toBeInstanceOf(RangeError)
  fails = false
  await rcu.barrier()
})

test('who waits for callbacks waits for the lock without blocking', async () => {
  const staged = stage()
  const { rcu, memory } = staged
  const { former } = untidy(staged)
  const { lock } = another(memory).reclaimer
  expect(lock.tryTake()).toBe(true)
  const blocked = staged.blocked()
  let over = false
  const waiting = rcu.barrier().then(() => (over = true))
  await sleep(HELD_MS / 2)
  expect([over, blocked()]).toEqual([false, 0])
  lock.give()
  await waiting
  expect(former.count).toBe(1)
})
