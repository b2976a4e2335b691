/** The public face of `Rcu` in one thread: flavors, waits, callbacks, retiring, misuse. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { Heap } from '../../../src/index.ts'
import { Rcu, type RcuReader } from '../../../src/rcu.ts'

const open: { close(): void }[] = []

function made(): { heap: Heap; rcu: Rcu } {
  const heap = Heap.create({ maxBytes: 4 * 2 ** 20, maxThreads: 8 })
  const rcu = Rcu.create(heap)
  open.push(rcu, heap)
  return { heap, rcu }
}

afterEach(() => {
  for (const each of open.splice(0)) each.close()
})

const code = (code: string): object => expect.objectContaining({ code })

test('a section holds up a grace period, and nesting counts', async () => {
  const { rcu } = made()
  const reader = rcu.register({ label: 'slow' })
  reader.lock()
  reader.lock()
  const cookie = rcu.startPoll()
  expect(rcu.poll(cookie)).toBe(false)
  reader.unlock()
  expect(rcu.poll(cookie)).toBe(false)
  reader.unlock()
  expect(rcu.poll(cookie)).toBe(true)
  rcu.synchronizeSync()
  await rcu.synchronize()
})

test('a qsbr reader holds it up until it says that it holds nothing, or goes offline', () => {
  const { rcu } = made()
  const reader = rcu.register({ flavor: 'qsbr' })
  let cookie = rcu.startPoll()
  expect(rcu.poll(cookie)).toBe(false)
  reader.quiescent()
  expect(rcu.poll(cookie)).toBe(true)
  cookie = rcu.startPoll()
  expect(rcu.poll(cookie)).toBe(false)
  reader.offline()
  expect(rcu.poll(cookie)).toBe(true)
  expect(rcu.poll(rcu.startPoll())).toBe(true)
  reader.online()
  cookie = rcu.startPoll()
  expect(rcu.poll(cookie)).toBe(false)
  reader.unregister()
  expect(rcu.poll(cookie)).toBe(true)
})

test('who waits is quiescent: its own qsbr readers do not hold it up', async () => {
  const { rcu } = made()
  const reader = rcu.register({ flavor: 'qsbr' })
  rcu.synchronizeSync(1000)
  await rcu.synchronize()
  expect(rcu.poll(rcu.startPoll())).toBe(false)
  reader.quiescent()
})

test('read leaves the section also when the function throws', () => {
  const { rcu } = made()
  const reader = rcu.register()
  expect(reader.read(() => 7)).toBe(7)
  expect(() =>
    reader.read(() => {
      throw new RangeError('mine')
    }),
  ).toThrow('mine')
  rcu.synchronizeSync(1000)
})

test('many that wait at once share a grace period or two', async () => {
  const { rcu } = made()
  const before = rcu.stats().gracePeriods
  rcu.register({ flavor: 'qsbr' }) // not quiescent before this task ends
  const ends: number[] = []
  const waits = Array.from({ length: 50 }, (_, index) => {
    return rcu.synchronize().then(() => void ends.push(index))
  })
  await Promise.all(waits)
  expect(ends).toHaveLength(50)
  expect(rcu.stats().gracePeriods - before).toBeLessThanOrEqual(3)
  expect(rcu.stats().gracePeriods).toBeGreaterThan(before)
})

test('a wait that is aborted rejects with the reason', async () => {
  const { rcu, heap } = made()
  const other = Rcu.open(structuredClone(rcu.handle))
  open.unshift(other)
  const controller = new AbortController()
  controller.abort(new RangeError('enough'))
  await expect(rcu.synchronize({ signal: controller.signal })).rejects.toThrow('enough')
  expect(heap.verify().liveBlocks).toBeGreaterThan(0)
})

test('callbacks run once each, in order, after a grace period, never inside the call', async () => {
  const { rcu } = made()
  const ran: number[] = []
  const reader = rcu.register()
  reader.lock()
  for (let index = 0; index < 10; index++) rcu.defer(() => ran.push(index))
  await sleep(30)
  expect(ran).toEqual([])
  expect(rcu.stats().deferred).toBe(10)
  reader.unlock()
  await rcu.barrier()
  expect(ran).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(rcu.stats()).toMatchObject({ deferred: 0, lostCallbacks: 0 })
})

test('a callback that throws is reported as uncaught, and the next one runs', async () => {
  const { rcu } = made()
  const caught: unknown[] = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => caught.push(error))
  let ran = false
  rcu.defer(() => {
    throw new RangeError('in a callback')
  })
  rcu.defer(() => {
    ran = true
  })
  await rcu.barrier()
  await sleep(1)
  process.removeAllListeners('uncaughtException')
  for (const listener of listeners) process.on('uncaughtException', listener)
  expect(caught).toHaveLength(1)
  expect(ran).toBe(true)
})

test('a flood of callbacks in one task is bounded, and does not stop grace periods', () => {
  const { rcu } = made()
  let ran = 0
  const before = rcu.stats().gracePeriods
  for (let index = 0; index < 100_000; index++) rcu.defer(() => ran++)
  expect(rcu.stats().deferred).toBeLessThan(20_000)
  expect(ran).toBeGreaterThan(80_000)
  expect(rcu.stats().gracePeriods).toBeGreaterThan(before)
})

test('callbacks deferred before close still run', async () => {
  const { rcu } = made()
  const ran = new Promise((resolve) => rcu.defer(() => resolve('ran')))
  rcu.close()
  expect(await ran).toBe('ran')
})

test('a retired block is freed after a grace period, and not before', async () => {
  const { heap, rcu } = made()
  const settled = async (): Promise<number> => {
    await rcu.barrier()
    return heap.verify().liveBlocks
  }
  const before = await settled()
  const reader = rcu.register()
  const blocks = Array.from({ length: 1200 }, () => heap.allocate(64))
  reader.lock()
  for (const block of blocks) rcu.retire(block)
  expect(blocks[0]!.isReleased).toBe(true)
  await sleep(30)
  expect(rcu.stats().retired).toBe(1200)
  expect(heap.verify().liveBlocks).toBeGreaterThanOrEqual(before + 1200)
  reader.unlock()
  expect(await settled()).toBeLessThanOrEqual(before + 1)
  expect(rcu.stats().retired).toBe(0)
  expect(() => rcu.retire(blocks[0]!)).toThrow(code('ERR_CLOSED'))
})

test('a block that others hold outlives its retirement', async () => {
  const { heap, rcu } = made()
  const block = heap.allocate(8).retain()
  rcu.retire(block)
  await rcu.barrier()
  expect(block.isReleased).toBe(false)
  expect(block.count).toBe(1)
  block.release()
})

test('misuse is caught', async () => {
  const { rcu } = made()
  const reader = rcu.register()
  expect(() => reader.unlock()).toThrow(code('ERR_RCU_MISUSE'))
  expect(() => reader.quiescent()).toThrow(code('ERR_RCU_MISUSE'))
  expect(() => reader.offline()).toThrow(code('ERR_RCU_MISUSE'))
  expect(() => reader.online()).toThrow(code('ERR_RCU_MISUSE'))
  reader.lock()
  expect(() => rcu.synchronizeSync()).toThrow(code('ERR_IN_READ_SECTION'))
  await expect(rcu.synchronize()).rejects.toEqual(code('ERR_IN_READ_SECTION'))
  await expect(rcu.barrier()).rejects.toEqual(code('ERR_IN_READ_SECTION'))
  reader.unlock()
  expect(() => reader.unlock()).toThrow(code('ERR_RCU_MISUSE'))
  const asked = (fn: unknown): void => void reader.read(fn as () => unknown)
  expect(() => asked(async () => {})).toThrow(code('ERR_ASYNC_CALLBACK'))
  expect(() => asked(() => Promise.resolve())).toThrow(code('ERR_ASYNC_CALLBACK'))
  expect(() => asked(undefined)).toThrow(code('ERR_INVALID_ARGUMENT'))
  rcu.synchronizeSync(1000)
})

test('misuse of qsbr is caught', () => {
  const { rcu } = made()
  const reader = rcu.register({ flavor: 'qsbr' })
  expect(() => reader.read(() => reader.quiescent())).toThrow(code('ERR_RCU_MISUSE'))
  expect(() => reader.read(() => reader.offline())).toThrow(code('ERR_RCU_MISUSE'))
  expect(() => reader.read(() => rcu.synchronizeSync())).toThrow(code('ERR_IN_READ_SECTION'))
  reader.offline()
  expect(() => reader.quiescent()).toThrow(code('ERR_RCU_MISUSE'))
  expect(() => reader.lock()).toThrow(code('ERR_RCU_MISUSE'))
})

test('use after unregister and after close is caught', async () => {
  const { rcu } = made()
  const uses = (reader: RcuReader): (() => void)[] => [
    () => reader.lock(),
    () => reader.read(() => 1),
    () => reader.quiescent(),
    () => reader.offline(),
    () => reader.online(),
  ]
  const [first, second] = [rcu.register(), rcu.register({ flavor: 'qsbr' })]
  for (const reader of [first, second]) reader.unregister()
  first.unregister()
  const later = rcu.register({ flavor: 'qsbr' })
  rcu.close()
  rcu.close()
  for (const reader of [second, later]) {
    for (const use of uses(reader)) expect(use).toThrow(code('ERR_CLOSED'))
  }
  expect(() => first.lock()).toThrow(code('ERR_CLOSED'))
  for (const use of [() => rcu.startPoll(), () => rcu.register(), () => rcu.synchronizeSync()]) {
    expect(use).toThrow(code('ERR_CLOSED'))
  }
  await expect(rcu.synchronize()).rejects.toEqual(code('ERR_CLOSED'))
})

test('arguments and handles are checked', () => {
  const { heap, rcu } = made()
  const bad = (options: unknown): void => void rcu.register(options as never)
  expect(() => bad({ flavor: 'bp' })).toThrow(code('ERR_INVALID_ARGUMENT'))
  expect(() => bad({ label: 7 })).toThrow(code('ERR_INVALID_ARGUMENT'))
  expect(() => rcu.poll(0.5)).toThrow(code('ERR_INVALID_ARGUMENT'))
  expect(() => rcu.defer(7 as never)).toThrow(code('ERR_INVALID_ARGUMENT'))
  expect(() => rcu.synchronizeSync(-1)).toThrow(code('ERR_INVALID_ARGUMENT'))
  expect(() => Rcu.open(heap.handle as never)).toThrow(code('ERR_BAD_HANDLE'))
  expect(() => Rcu.open({} as never)).toThrow(code('ERR_BAD_HANDLE'))
})

test('a thousand readers fit, and their entries are used again', () => {
  const { heap, rcu } = made()
  const before = heap.verify().liveBlocks
  for (let round = 0; round < 3; round++) {
    const readers = Array.from({ length: 1000 }, (_, index) =>
      rcu.register({ flavor: index % 2 === 0 ? 'section' : 'qsbr' }),
    )
    for (const [index, reader] of readers.entries()) if (index % 2 === 1) reader.offline()
    rcu.synchronizeSync(1000)
    for (const reader of readers) reader.unregister()
  }
  const after = heap.verify().liveBlocks
  expect(after - before).toBeLessThan(100)
})
