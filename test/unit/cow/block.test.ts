/** Counted blocks: `heap.allocate`, and what every holder may do. */
import { inspect } from 'node:util'
import { Worker } from 'node:worker_threads'
import { afterEach, expect, test } from 'vitest'
import { RcBlock } from '../../../src/cow.ts'
import { createStore, Heap } from '../../../src/index.ts'
import { LOCK_AT } from '../../../src/memory/layout.ts'
import { HOLDERS_MAX } from '../../../src/reclaim/holds.ts'
import { attach } from '../../../src/store/attachment.ts'
import { memoryOfHandle } from '../../../src/store/handle.ts'
import { thrown } from '../store/inside.ts'

const heaps: Heap[] = []
const program = new URL('../../../dist/test/workers/block-holder.js', import.meta.url)

function newHeap(): Heap {
  const heap = Heap.create({ maxBytes: 8 * 2 ** 20, maxThreads: 8 })
  heaps.push(heap)
  return heap
}

const inside = (heap: Heap) => attach(memoryOfHandle(heap.handle, 'heap'), '')

afterEach(() => {
  for (const heap of heaps.splice(0)) heap.close()
})

test('a block is zeros, counts its holders, and is freed by the last release', () => {
  const heap = newHeap()
  const before = heap.verify()
  const block = heap.allocate(1000)
  expect(block).toMatchObject({ byteLength: 1000, count: 1, isReleased: false })
  expect([...block.bytes]).toEqual(Array(1000).fill(0))
  block.bytes.fill(7)
  const other = RcBlock.open(structuredClone(block.handle))
  expect(other.retain()).toBe(other)
  expect([block.count, other.count]).toEqual([3, 3])
  expect(other.bytes[999]).toBe(7)
  expect(heap.verify().liveBlocks).toBe(before.liveBlocks + 1)
  block.release()
  block.release()
  expect(other.count).toBe(2)
  other.release()
  expect(other.count).toBe(1)
  other.release()
  expect(heap.verify().liveBlocks).toBe(before.liveBlocks)
})

test('blocks of every size come and go, and what is freed is used again', () => {
  const heap = newHeap()
  const empty = heap.verify().liveBytes
  for (const bytes of [0, 1, 7, 8, 100, 4096, 65_536, 3_000_000]) {
    for (let turn = 0; turn < 5; turn++) {
      const block = heap.allocate(bytes)
      expect(block.bytes.length).toBe(bytes)
      expect(block.bytes.every((byte) => byte === 0)).toBe(true)
      block.bytes.fill(0xee)
      block.release()
    }
    expect(heap.verify().liveBytes).toBe(empty)
  }
})

test('after its release an object throws, and a handle that nobody holds is found out', () => {
  const heap = newHeap()
  const block = heap.allocate(16)
  const { handle } = block
  block.release()
  for (const use of [() => block.bytes, () => block.count, () => block.handle]) {
    expect(thrown(use)).toMatchObject({ code: 'ERR_CLOSED' })
  }
  expect(thrown(() => block.retain())).toMatchObject({ code: 'ERR_CLOSED' })
  expect(thrown(() => RcBlock.open(handle))).toMatchObject({ code: 'ERR_CLOSED' })
  let next = heap.allocate(16)
  for (let turn = 0; next.handle.block !== handle.block && turn < 10_000; turn++) {
    next = heap.allocate(16) // until the place is used again
  }
  expect(next.handle.block).toBe(handle.block)
  expect(next.handle.serial).not.toBe(handle.serial)
  expect(thrown(() => RcBlock.open(handle))).toMatchObject({ code: 'ERR_CLOSED' })
})

test('handles that are none, are of another kind or name no block are refused', () => {
  const heap = newHeap()
  const block = heap.allocate(64)
  const { handle } = block
  const bad: unknown[] = [null, 7, {}, block, heap.handle, { ...handle, buffer: 1 }]
  for (const given of [...bad, { ...handle, block: 'a' }, { ...handle, serial: 0.5 }]) {
    expect(thrown(() => RcBlock.open(given as never))).toMatchObject({ code: 'ERR_BAD_HANDLE' })
  }
  for (const offset of [-1, 0, 8, handle.block + 1, handle.block + 4, 2 ** 30]) {
    const given = { ...handle, block: offset }
    expect(thrown(() => RcBlock.open(given))).toMatchObject({ code: 'ERR_CLOSED' })
  }
  expect(block.count).toBe(1)
})

test('wrong lengths, and heaps that are full, are errors that leave nothing', () => {
  const heap = newHeap()
  const { liveBytes } = heap.verify()
  for (const bytes of [NaN, 1.5, '8', undefined]) {
    expect(() => heap.allocate(bytes as number)).toThrow(TypeError)
  }
  for (const bytes of [-1, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
    expect(() => heap.allocate(bytes)).toThrow(RangeError)
  }
  expect(thrown(() => heap.allocate(2 ** 24))).toMatchObject({ code: 'ERR_HEAP_FULL' })
  const held: RcBlock[] = []
  const full = thrown(() => {
    for (;;) held.push(heap.allocate(50_000))
  })
  expect(full).toMatchObject({ code: 'ERR_HEAP_FULL' })
  expect(held.length).toBeGreaterThan(50)
  for (const block of held) block.release()
  expect(heap.verify().liveBytes).toBe(liveBytes)
})

test('a count that is full is a RangeError, never a wrap', () => {
  const heap = newHeap()
  const block = heap.allocate(8)
  const { m } = inside(heap).memory
  m[block.handle.block + 1] = HOLDERS_MAX
  expect(thrown(() => block.retain())).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  expect(block.count).toBe(HOLDERS_MAX)
  m[block.handle.block + 1] = 1
  heap.verify()
})

test('while the lock is not to be had nothing changes, and a release is done later', async () => {
  const heap = Heap.create({ maxBytes: 8 * 2 ** 20, maxThreads: 8, maxWaitMs: 5 })
  heaps.push(heap)
  const kept = heap.allocate(8)
  const gone = heap.allocate(8)
  const { words } = inside(heap).memory
  expect(words.compareExchange(LOCK_AT, 0, 3 << 17)).toBe(0)
  const stalled = { code: 'ERR_RECLAIM_STALLED' }
  expect(thrown(() => kept.retain())).toMatchObject(stalled)
  expect(thrown(() => kept.count)).toMatchObject(stalled)
  expect(thrown(() => RcBlock.open(gone.handle))).toMatchObject(stalled)
  expect(thrown(() => heap.allocate(8))).toMatchObject(stalled)
  gone.release()
  expect(gone.isReleased).toBe(true)
  expect(inside(heap).thread.holds.late).toBe(1)
  words.store(LOCK_AT, 0)
  for (let turn = 0; turn < 500 && inside(heap).thread.holds.late > 0; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  expect(inside(heap).thread.holds.late).toBe(0)
  expect(kept.count).toBe(1)
  heap.verify()
})

test('an allocation inside a value that is being copied in is refused', () => {
  const heap = newHeap()
  const value = {
    get field() {
      return thrown(() => heap.allocate(8)).code
    },
  }
  const store = heap.createStore(value)
  expect(store.get('field')).toBe('ERR_IN_UPDATE')
  store.update(() => heap.allocate(8).release())
  heap.verify()
  store.close()
})

test('a heap that is closed stays until its blocks are released', () => {
  const heap = newHeap()
  const block = heap.allocate(8)
  heap.close()
  expect(thrown(() => heap.allocate(8))).toMatchObject({ code: 'ERR_CLOSED' })
  block.bytes[0] = 1
  const again = Heap.open(heap.handle)
  heaps.push(again)
  expect(again.threads()).toHaveLength(1)
  expect(block.count).toBe(1)
  expect(inspect(block)).toBe('RcBlock { byteLength: 8, holds: 1 }')
  block[Symbol.dispose]()
  expect(inspect(block)).toBe('RcBlock { byteLength: 8, released }')
})

test('what a thread holds, and what it dropped, is released when it ends', async () => {
  const store = createStore({}, { maxBytes: 8 * 2 ** 20 })
  const { heap } = store
  heaps.push(heap)
  const block = heap.allocate(64)
  const before = heap.verify().liveBlocks
  for (const ending of ['exit', 'terminate'] as const) {
    const worker = new Worker(program, { workerData: { handle: block.handle, ending } })
    const ended = new Promise((resolve) => worker.once('exit', resolve))
    const count = await new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    expect(count).toBe(4)
    if (ending === 'terminate') await worker.terminate()
    await ended
    for (let turn = 0; turn < 500 && heap.threads().length > 1; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    expect(block.count).toBe(1)
    expect(heap.verify().liveBlocks).toBe(before)
  }
  store.close()
})
