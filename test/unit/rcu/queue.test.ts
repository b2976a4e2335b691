/** `RcuQueue` in one thread: order, kinds of entries, blocks, memory. */
import { afterEach, expect, test } from 'vitest'
import type { RcBlock } from '../../../src/cow.ts'
import { Heap } from '../../../src/index.ts'
import { Rcu, RcuQueue } from '../../../src/rcu.ts'

const open: { close(): void }[] = []

function made(): { heap: Heap; rcu: Rcu; queue: RcuQueue } {
  const heap = Heap.create({ maxBytes: 8 * 2 ** 20, maxThreads: 8 })
  const rcu = Rcu.create(heap)
  const queue = RcuQueue.create(heap)
  open.push(queue, rcu, heap)
  return { heap, rcu, queue }
}

afterEach(() => {
  for (const each of open.splice(0)) each.close()
})

const code = (code: string): object => expect.objectContaining({ code })

test('what goes in comes out in that order, integers and strings of any length', () => {
  const { queue, heap } = made()
  expect(queue.dequeue()).toBe(undefined)
  expect(queue.splice()).toEqual([])
  const values: (number | string)[] = [
    '',
    'ä',
    'x'.repeat(5_000),
    '漢\ud800',
    'y'.repeat(60_000),
    'z'.repeat(900_000),
  ]
  for (let index = -500; index < 500; index++) values.push(index, `entry ${index}`)
  for (const value of values) queue.enqueue(value)
  heap.verify()
  for (const value of values.slice(0, 700)) expect(queue.dequeue()).toBe(value)
  expect(queue.splice()).toEqual(values.slice(700))
  expect(queue.dequeue()).toBe(undefined)
  queue.enqueue(2 ** 31 - 1)
  queue.enqueue(-(2 ** 31))
  expect(queue.splice()).toEqual([2 ** 31 - 1, -(2 ** 31)])
})

test('blocks are counted by the queue, and held by who takes them', async () => {
  const { queue, heap, rcu } = made()
  const blocks = Array.from({ length: 200 }, (_, index) => {
    const block = heap.allocate(4)
    block.bytes[0] = index
    return block
  })
  for (const block of blocks) queue.enqueue(block)
  expect(blocks[0]!.count).toBe(2)
  for (const block of blocks) block.release()
  const first = queue.dequeue() as RcBlock
  expect(first.bytes[0]).toBe(0)
  expect(first.count).toBe(1)
  first.release()
  const rest = queue.splice() as RcBlock[]
  expect(rest.map(({ bytes }) => bytes[0])).toEqual(rest.map((_, index) => (index + 1) & 255))
  for (const block of rest) block.release()
  await rcu.barrier()
  expect(heap.verify().liveBlocks).toBe(5) // the domain, its readers; queue, lane, segment
})

test('memory stays bounded; a queue that nobody has open takes what is in it along', async () => {
  const { queue, heap, rcu } = made()
  const block = heap.allocate(4)
  for (let round = 0; round < 300; round++) {
    for (let index = 0; index < 100; index++) queue.enqueue(`${round}, ${index}`)
    expect(queue.splice()).toHaveLength(100)
  }
  await rcu.barrier()
  expect(heap.verify().liveBlocks).toBe(6)
  for (let index = 0; index < 100; index++) queue.enqueue(block)
  expect(block.count).toBe(101)
  const again = RcuQueue.open(structuredClone(queue.handle))
  queue.close()
  queue.close()
  again.enqueue('from another lane')
  expect(again.splice()).toHaveLength(101)
  again.enqueue(block)
  again.close()
  await rcu.barrier()
  expect(() => RcuQueue.open(again.handle)).toThrow(code('ERR_CLOSED'))
  expect(() => queue.enqueue(1)).toThrow(code('ERR_CLOSED'))
  expect(() => queue.dequeue()).toThrow(code('ERR_CLOSED'))
  heap.verify()
})

test('what is no entry is refused', () => {
  const { queue } = made()
  for (const value of [1.5, null, undefined, {}, true, -0, 2 ** 31]) {
    expect(() => queue.enqueue(value as never)).toThrow(code('ERR_UNSUPPORTED_VALUE'))
  }
  expect(queue.dequeue()).toBe(undefined)
})
