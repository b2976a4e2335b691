/** What an attack on rootswap/rcu found: each test failed once. */

import { afterEach, expect, test } from 'vitest'
import { Heap } from '../../../src/index.ts'
import { CELLS_AT } from '../../../src/memory/layout.ts'
import { Domain } from '../../../src/rcu/domain.ts'
import { type BorrowedBlock, Rcu, RcuHashMap, RcuPointer, RcuQueue } from '../../../src/rcu.ts'
import { testMemory, testThread } from '../../support/heap.ts'
import { draftingOf } from '../../support/model-rcu.ts'

const open: { close(): void }[] = []

function opened<T extends { close(): void }>(what: T): T {
  open.push(what)
  return what
}

afterEach(() => {
  for (const each of open.splice(0).reverse()) each.close()
})

const made = (): Heap => opened(Heap.create({ maxBytes: 4 * 2 ** 20, maxThreads: 8 }))

/** Two threads' halves of the domain of one heap. */
function domains(): [first: Domain, again: () => Domain, other: Domain] {
  const memory = testMemory()
  const join = (id: number): (() => Domain) => {
    const thread = testThread(memory, id)
    return () => Domain.join(thread, draftingOf(thread))
  }
  const first = join(1)
  return [first(), first, join(2)()]
}

test('a callback may close the Rcu that it was deferred by', async () => {
  const heap = made()
  const { buffer } = heap.handle
  const cells = new Int32Array(buffer)[CELLS_AT]
  const rcu = Rcu.create(heap)
  const ran: number[] = []
  rcu.defer(() => ran.push(1))
  await new Promise<void>((done) => {
    rcu.defer(() => {
      rcu.close()
      done()
    })
  })
  await new Promise((done) => setTimeout(done, 20))
  expect(ran).toEqual([1])
  // It counted a callback in the heap's header, and gave the heap's own use of its slot back.
  expect(new Int32Array(buffer)[CELLS_AT]).toBe(cells)
  expect(heap.threads()).toHaveLength(1)
  heap.createStore({ n: 1 })
  heap.verify()
})

test('who waits for callbacks does not wait for those of the next owner of the entry', () => {
  const [first, again, other] = domains()
  for (let count = 0; count < 3; count++) first.noteDeferred()
  const before = other.deferrals().filter(({ deferred }) => deferred > 0)
  expect(before).toHaveLength(1)
  for (const { entry, tag, deferred } of before) {
    expect(other.hasRun(entry, tag, deferred)).toBe(false)
    for (let count = 0; count < 3; count++) first.noteRan()
    first.leave()
    const next = again() // the same thread, and the same entry
    expect(next.deferrals().map((each) => each.entry)).toContain(entry)
    expect(other.hasRun(entry, tag, deferred)).toBe(true)
    next.leave()
  }
  other.leave()
})

test('a reader that registers for each section does not hold up a grace period for ever', () => {
  const [first, , other] = domains()
  let reader = first.register('section', '')
  reader.lock()
  const { entry } = reader
  const cookie = other.grace.next()
  for (let look = 0; look < 3; look++) other.grace.advance(cookie, false)
  expect(other.grace.isOver(cookie)).toBe(false)
  reader.unlock()
  first.unregister(reader)
  reader = first.register('section', '')
  expect(reader.entry).toBe(entry)
  reader.lock() // began after the grace period did
  for (let look = 0; look < 3; look++) other.grace.advance(cookie, false)
  expect(other.grace.isOver(cookie)).toBe(true)
  reader.unlock()
  first.leave()
  other.leave()
})

test('a pointer that a thread has open twice names no block that it does not own', async () => {
  const heap = made()
  const rcu = opened(Rcu.create(heap))
  const pointer = opened(RcuPointer.create(heap))
  const same = opened(RcuPointer.open(pointer.handle))
  const [a, b, c] = [1, 2, 3].map((value) => {
    const block = heap.allocate(8)
    block.bytes.fill(value)
    return block
  }) as [ReturnType<Heap['allocate']>, ReturnType<Heap['allocate']>, ReturnType<Heap['allocate']>]
  pointer.store(a)
  pointer.store(b)
  same.store(c) // retires a, which the other object stored without the lock
  pointer.store(a)
  for (const block of [a, b, c]) block.release()
  await rcu.barrier()
  await rcu.barrier()
  const other = heap.allocate(8)
  other.bytes.fill(9)
  const found = same.hold()
  expect(found?.bytes[0]).toBe(1)
  found?.release()
  same.close()
  pointer.store(undefined)
  other.release()
  heap.verify()
})

test('an accessor that puts a block into a queue while its value is copied in is counted', () => {
  const heap = made()
  const store = heap.createStore<{ y: number }>({ y: 0 })
  const queue = opened(RcuQueue.create(heap))
  const map = opened(RcuHashMap.create(heap))
  queue.enqueue(1)
  map.add(1, 1)
  const block = heap.allocate(8)
  store.update(() => ({
    get y() {
      queue.enqueue(block)
      map.add(2, block)
      return 2
    },
  }))
  const before = block.count
  expect(queue.dequeue()).toBe(1)
  const found = queue.dequeue()
  expect(found).toMatchObject({ byteLength: 8 })
  expect(block.count).toBe(before)
  heap.verify()
  block.release()
  if (typeof found === 'object') found.release()
  heap.verify()
})

test('a borrowed block that is gone is not taken for a node that has its number', async () => {
  const heap = made()
  const rcu = opened(Rcu.create(heap))
  const pointer = opened(RcuPointer.create(heap))
  const queue = opened(RcuQueue.create(heap))
  const store = heap.createStore<unknown[]>([])
  const reader = rcu.register()
  const borrowed = Array.from({ length: 40 }, () => {
    const block = heap.allocate(8)
    pointer.store(block)
    block.release()
    return reader.read(() => pointer.load() as BorrowedBlock)
  })
  pointer.store(undefined)
  await rcu.barrier()
  await rcu.barrier()
  // Of an array word 2 is a birth: a small number, as serial numbers are.
  for (let turn = 0; turn < 12; turn++) {
    store.update(() => Array.from({ length: 60 }, (_, index) => [`a${turn}${index}`, turn]))
    expect(borrowed.filter((block) => block.isAlive)).toEqual([])
  }
  const code = expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' })
  for (const block of borrowed) expect(() => queue.enqueue(block)).toThrow(code)
  heap.verify()
})
