/** Two copies of the package in one thread: two slots, two sets of readers, one thread that must
 *  not wait for itself. */

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, expect, test } from 'vitest'
import { Heap } from '../../../src/index.ts'
import { Domain } from '../../../src/rcu/domain.ts'
import type * as rcus from '../../../src/rcu.ts'
import { Rcu } from '../../../src/rcu.ts'
import { reapSlot } from '../../../src/reclaim/reaper.ts'
import { HeapThread } from '../../../src/reclaim/thread.ts'
import { attach } from '../../../src/store/attachment.ts'
import { memoryOfHandle } from '../../../src/store/handle.ts'
import { copiedPackage } from '../../support/copied.ts'
import { draftingOf } from '../../support/model-rcu.ts'

const copied = copiedPackage()
const copy = (await import(/* @vite-ignore */ copied.entry('rcu'))) as typeof rcus

const open: { close(): void }[] = []
afterEach(() => {
  for (const each of open.splice(0).reverse()) each.close()
})
afterAll(() => copied.remove())

const code = (code: string): object => expect.objectContaining({ code })
const own = code('ERR_IN_READ_SECTION')

function opened<T extends { close(): void }>(what: T): T {
  open.push(what)
  return what
}

function made(): { heap: Heap; ours: Rcu } {
  const heap = opened(Heap.create({ maxBytes: 4 * 2 ** 20, maxThreads: 8 }))
  return { heap, ours: opened(Rcu.create(heap)) }
}

/** Another thread's part in the domain. */
function member(heap: Heap, threadId: number): { thread: HeapThread; domain: Domain } {
  const { memory } = attach(memoryOfHandle(heap.handle, 'heap'), '')
  const identity = { threadId, creatorId: -1, watched: true, label: `t${threadId}` }
  const thread = new HeapThread(memory, identity)
  return { thread, domain: Domain.join(thread, draftingOf(thread)) }
}

test('a blocking wait for a section of the other copy is refused, with and without a limit', () => {
  const { heap, ours } = made()
  const theirs = opened(copy.Rcu.open(ours.handle))
  expect(copy.Rcu).not.toBe(Rcu)
  expect(heap.threads().map(({ threadId }) => threadId)).toHaveLength(2)
  expect(new Set(heap.threads().map(({ threadId }) => threadId)).size).toBe(1)
  for (const [reading, waiting] of [
    [ours, theirs],
    [theirs, ours],
  ] as const) {
    const reader = reading.register()
    reader.lock()
    for (const limit of [undefined, 1000, 0]) {
      expect(() => waiting.synchronizeSync(limit)).toThrow(own)
      expect(() => reading.synchronizeSync(limit)).toThrow(own)
    }
    reader.unlock()
    waiting.synchronizeSync()
    reader.unregister()
  }
})

test('so is one for a qsbr reader of the other copy that is online; one’s own go on', () => {
  const { ours } = made()
  const theirs = opened(copy.Rcu.open(ours.handle))
  const reader = theirs.register({ flavor: 'qsbr' })
  const mine = ours.register({ flavor: 'qsbr' })
  expect(() => ours.synchronizeSync()).toThrow(own)
  expect(mine.read(() => 7)).toBe(7) // it is online again
  reader.offline()
  ours.synchronizeSync()
  reader.online()
  expect(() => ours.synchronizeSync(0)).toThrow(own)
  reader.unregister()
  ours.synchronizeSync()
})

test('synchronize waits for the other copy’s section', async () => {
  const { ours } = made()
  const theirs = opened(copy.Rcu.open(ours.handle))
  const reader = theirs.register()
  reader.lock()
  let over = false
  const waiting = ours.synchronize().then(() => (over = true))
  await sleep(30)
  expect(over).toBe(false)
  reader.unlock()
  await waiting
})

test('another thread’s section is waited for up to the limit', () => {
  const { heap, ours } = made()
  opened(copy.Rcu.open(ours.handle))
  const { thread, domain } = member(heap, 900_001)
  const reader = domain.register('section', 'elsewhere')
  reader.lock()
  expect(() => ours.synchronizeSync(20)).toThrow(code('ERR_TIMEOUT'))
  reader.unlock()
  domain.leave()
  thread.leave(50)
})

test('a dead thread’s section is not taken for that of the copy that has its slot now', () => {
  const { heap, ours } = made()
  const { thread, domain } = member(heap, 900_002)
  domain.register('section', 'dead').lock()
  const slot = thread.slot.index
  const { reclaimer } = attach(memoryOfHandle(heap.handle, 'heap'), '').thread
  expect(reapSlot(reclaimer, slot, 900_002, 50)).toBe(true)
  opened(copy.Rcu.open(ours.handle))
  expect(heap.threads().map((each) => each.slot)).toContain(slot)
  ours.synchronizeSync()
})
