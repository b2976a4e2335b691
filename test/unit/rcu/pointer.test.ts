/** `RcuPointer` in one thread: what it counts, what it gives up and when, misuse. */
import { afterEach, expect, test } from 'vitest'
import { RcBlock } from '../../../src/cow.ts'
import { Heap } from '../../../src/index.ts'
import { type BorrowedBlock, Rcu, RcuPointer } from '../../../src/rcu.ts'

const open: { close(): void }[] = []

function made(): { heap: Heap; rcu: Rcu; pointer: RcuPointer } {
  const heap = Heap.create({ maxBytes: 4 * 2 ** 20, maxThreads: 8 })
  const rcu = Rcu.create(heap)
  const pointer = RcuPointer.create(heap)
  open.push(pointer, rcu, heap)
  return { heap, rcu, pointer }
}

afterEach(() => {
  for (const each of open.splice(0)) each.close()
})

const code = (code: string): object => expect.objectContaining({ code })

function block(heap: Heap, text: string): RcBlock {
  const made = heap.allocate(text.length)
  made.bytes.set(Buffer.from(text))
  return made
}

function textOf(found: RcBlock | BorrowedBlock | undefined): string {
  return found === undefined ? 'nothing' : Buffer.from(found.bytes).toString()
}

test('a pointer names nothing, then what was stored, and counts it by itself', async () => {
  const { heap, rcu, pointer } = made()
  const reader = rcu.register()
  expect(reader.read(() => pointer.load())).toBe(undefined)
  const first = block(heap, 'first')
  pointer.store(first)
  expect(first.count).toBe(2)
  expect(reader.read(() => textOf(pointer.load()))).toBe('first')
  first.release()
  expect(reader.read(() => textOf(pointer.load()))).toBe('first')
  pointer.store(undefined)
  expect(reader.read(() => pointer.load())).toBe(undefined)
  await rcu.barrier()
  expect(heap.verify().liveBlocks).toBe(3) // the domain, its readers, the pointer
})

test('what was replaced stays for the sections that saw it, and no longer', async () => {
  const { heap, rcu, pointer } = made()
  const reader = rcu.register()
  const first = block(heap, 'first')
  pointer.store(first)
  first.release()
  reader.lock()
  const seen = pointer.load()!
  for (const text of ['second', 'third', 'fourth', 'fifth']) {
    const next = block(heap, text)
    pointer.store(next)
    next.release()
  }
  expect(textOf(seen)).toBe('first')
  expect(textOf(pointer.load())).toBe('fifth')
  reader.unlock()
  await rcu.barrier()
  expect(heap.verify().liveBlocks).toBe(4)
})

test('two blocks in turn are stored without a transaction', async () => {
  const { heap, rcu, pointer } = made()
  const both = [block(heap, 'one'), block(heap, 'two')] as const
  const reader = rcu.register()
  for (let round = 0; round < 1000; round++) {
    pointer.store(both[round & 1])
    expect(reader.read(() => textOf(pointer.load()))).toBe(['one', 'two'][round & 1])
    rcu.synchronizeSync(1000)
  }
  for (const each of both) expect(each.count).toBe(2)
  await rcu.barrier()
  for (const each of both) each.release()
  expect(reader.read(() => textOf(pointer.load()))).toBe('two')
  await rcu.barrier()
  expect(heap.verify().liveBlocks).toBe(4)
})

test('exchange, compareExchange and update', async () => {
  const { heap, rcu, pointer } = made()
  const [a, b, c] = ['a', 'b', 'c'].map((text) => block(heap, text)) as [RcBlock, RcBlock, RcBlock]
  expect(pointer.exchange(a)).toBe(undefined)
  const old = pointer.exchange(b)
  expect(textOf(old)).toBe('a')
  expect(pointer.compareExchange(a, c)).toBe(false)
  expect(pointer.compareExchange(undefined, c)).toBe(false)
  expect(pointer.compareExchange(b, c)).toBe(true)
  const next = pointer.update((current) => block(heap, `${textOf(current)}, updated`))
  expect(textOf(next)).toBe('c, updated')
  expect(pointer.update(() => undefined)).toBe(undefined)
  expect(pointer.load()).toBe(undefined)
  expect(() =>
    pointer.update(() => {
      throw new RangeError('mine')
    }),
  ).toThrow('mine')
  for (const each of [a, b, c, old!, next]) each.release()
  await rcu.barrier()
  expect(heap.verify().liveBlocks).toBe(3)
})

test('outside of a section load gives a block that the caller holds', async () => {
  const { heap, rcu, pointer } = made()
  const first = block(heap, 'first')
  pointer.store(first)
  first.release()
  const held = pointer.load() as RcBlock
  expect(held).toBeInstanceOf(RcBlock)
  pointer.store(undefined)
  await rcu.barrier()
  expect(textOf(held)).toBe('first')
  held.release()
  await rcu.barrier()
  expect(heap.verify().liveBlocks).toBe(3)
})

test('a borrowed block that is gone is not stored; other heaps’ blocks are refused', async () => {
  const { heap, rcu, pointer } = made()
  const other = made()
  const reader = rcu.register()
  const first = block(heap, 'first')
  pointer.store(first)
  first.release()
  const seen = reader.read(() => pointer.load()!)
  const second = RcuPointer.create(heap)
  reader.read(() => second.store(pointer.load()))
  expect(reader.read(() => textOf(second.load()))).toBe('first')
  pointer.store(undefined)
  second.store(undefined)
  await rcu.barrier()
  expect(() => second.store(seen)).toThrow(code('ERR_INVALID_ARGUMENT'))
  const foreign = block(other.heap, 'foreign')
  expect(() => pointer.store(foreign)).toThrow(code('ERR_INVALID_ARGUMENT'))
  expect(() => pointer.store(7 as never)).toThrow(code('ERR_INVALID_ARGUMENT'))
  expect(() => pointer.store(first)).toThrow(code('ERR_CLOSED'))
  second.close()
  foreign.release()
})

test('a pointer that is closed is closed; its handle opens it while a thread has it', async () => {
  const { heap, rcu, pointer } = made()
  const first = block(heap, 'first')
  pointer.store(first)
  const again = RcuPointer.open(structuredClone(pointer.handle))
  pointer.close()
  pointer.close()
  expect(textOf(again.hold())).toBe('first')
  for (const use of [() => pointer.load(), () => pointer.store(first), () => pointer.hold()]) {
    expect(use).toThrow(code('ERR_CLOSED'))
  }
  again.close()
  expect(() => RcuPointer.open(heap.handle as never)).toThrow(code('ERR_BAD_HANDLE'))
  await rcu.barrier()
  expect(() => RcuPointer.open(again.handle)).toThrow(code('ERR_CLOSED'))
})
