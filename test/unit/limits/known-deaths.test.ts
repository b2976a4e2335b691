/** Deaths that somebody noticed: whoever meets what the dead left reaps them, told or not. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { threadId, Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { createStore, openStore, type StoreHandle } from '../../../src/index.ts'
import { LOCK_AT, REQUEST_AT, SLOT_HOLD_CHAIN } from '../../../src/memory/layout.ts'
import { slotOfTag } from '../../../src/memory/tag.ts'
import { slotAt, threadOfSlot } from '../../../src/reclaim/slots.ts'
import type { KnownDeathData } from '../../workers/known-death.ts'
import { inside, thrown } from '../store/inside.ts'
import { testThread } from '../../support/heap.ts'

const program = new URL('../../../dist/test/workers/known-death.js', import.meta.url)
type Handle = StoreHandle<{ n: number }>

function start(role: KnownDeathData['role'], handle?: Handle) {
  const stands = new SharedArrayBuffer(8)
  const data: KnownDeathData = { role, stands, ...(handle === undefined ? {} : { handle }) }
  const worker = new Worker(program, { workerData: data })
  const standing = async (): Promise<void> => {
    const end = Atomics.waitAsync(new Int32Array(stands), 0, 0, 60_000)
    expect(end.async ? await end.value : end.value).not.toBe('timed-out')
  }
  const next = async (): Promise<unknown> => {
    const [answer] = (await once(worker, 'message')) as [unknown]
    return answer
  }
  return { worker, standing, next }
}

test.each(['reader', 'locker'] as const)(
  'a %s dies, noticed by a thread that has no heap open: who is in its way reaps it',
  async (role) => {
    const creator = start('creator')
    const handle = (await creator.next()) as Handle
    const dead = start(role, handle)
    await dead.standing()
    await dead.worker.terminate()
    creator.worker.postMessage('act')
    expect(await creator.next()).toEqual([1, 40])
    await creator.worker.terminate()
  },
)

test('a death is noticed by a thread that gets no lock, and then dies, too', async () => {
  const store = createStore({ n: 0 }, { maxBytes: 2 ** 20 })
  const parent = start('parent', store.handle)
  await parent.next()
  await parent.standing()
  expect(store.heap.threads()).toHaveLength(3)
  const { lock } = inside(store).thread.reclaimer
  while (!lock.tryTake()) await sleep(1)
  parent.worker.postMessage('end your child')
  expect(await parent.next()).toBe('ended')
  await parent.worker.terminate()
  lock.give()
  await expect.poll(() => store.heap.threads().length).toBe(1)
  await store.synchronize()
  store.close()
})

test('all slots are held by the dead, nobody has the heap open: newcomers get them', async () => {
  const store = createStore({ n: 0 }, { maxBytes: 2 ** 20, maxThreads: 2 })
  const { handle } = store
  const first = start('idle', handle)
  await first.next()
  store.close()
  const second = start('idle', handle)
  await second.next()
  expect(thrown(() => openStore(handle)).code).toBe('ERR_TOO_MANY_THREADS')
  await first.worker.terminate()
  await second.worker.terminate()
  const again = openStore(handle)
  expect(again.heap.threads()).toHaveLength(1)
  const third = start('idle', handle)
  await third.next()
  again.verify()
  await third.worker.terminate()
  again.close()
})

test('a heap that cannot be reaped is reported, and the others are', async () => {
  const [damaged, whole] = [1, 2].map((n) => createStore({ n }, { maxBytes: 2 ** 20 }))
  const [first, second] = [start('idle', damaged!.handle), start('idle', whole!.handle)]
  await Promise.all([first.next(), second.next()])
  const { memory, thread } = inside(damaged!)
  const holdsAt = slotAt(memory.layout, 1) + SLOT_HOLD_CHAIN
  const before = memory.m[holdsAt] as number
  memory.m[holdsAt] = 100
  memory.m.set([2000, 1], 103)
  const known = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  const uncaught: unknown[] = []
  process.on('uncaughtException', (error) => uncaught.push(error))
  await first.worker.terminate()
  await second.worker.terminate()
  expect(thread.reclaimer.lock.isHeld).toBe(false)
  expect(whole!.heap.threads()).toHaveLength(1)
  memory.m[holdsAt] = before
  await expect.poll(() => uncaught.length).toBeGreaterThan(0)
  process.removeAllListeners('uncaughtException')
  for (const listener of known) process.on('uncaughtException', listener)
  expect(uncaught[0]).toMatchObject({ code: 'ERR_CORRUPT_HEAP' })
  whole!.close()
})

test.each(['thread-reaped', 'reclaim'])(
  'who hears rootswap:%s may close the heap: its slot is used no more',
  async (channel) => {
    const store = createStore({ n: 0 }, { maxBytes: 2 ** 20 })
    const { memory } = inside(store)
    const other = testThread(memory, 99_999)
    const { worker, next } = start('idle', store.handle)
    await next()
    let closed = false
    const late: number[] = []
    const { words } = memory
    const swap = words.compareExchange.bind(words)
    words.compareExchange = (at, expected, value) => {
      const owner = at === LOCK_AT ? threadOfSlot(memory, slotOfTag(value)) : threadId
      if (owner !== threadId) late.push(owner)
      return swap(at, expected, value)
    }
    const close = (): void => {
      if (!closed) store.close()
      closed = true
      words.store(REQUEST_AT, 1) // another thread publishes meanwhile
    }
    subscribe(`rootswap:${channel}`, close)
    if (channel === 'reclaim') store.set(['n'], 1) // a timer reclaims what it replaced
    await worker.terminate()
    await expect.poll(() => closed).toBe(true)
    unsubscribe(`rootswap:${channel}`, close)
    await sleep(20)
    expect([late, other.reclaimer.lock.owner()]).toEqual([[], 0])
    expect(other.reclaimer.attempt(64)).toBe('idle')
  },
)

test('who cannot be reaped now is tried again by one timer, however often it is met', async () => {
  const store = createStore({ n: 0 }, { maxBytes: 2 ** 20, maxWaitMs: 1 })
  const { reclaimer } = testThread(inside(store).memory, 99_999)
  const { worker, next } = start('idle', store.handle)
  await next()
  expect(reclaimer.lock.tryTake()).toBe(true)
  await worker.terminate()
  const timers = (): number =>
    process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  for (let turn = 0; turn < 40; turn++) inside(store).reapDead()
  expect(timers()).toBe(before)
  expect(store.heap.threads()).toHaveLength(3)
  reclaimer.lock.give()
  await expect.poll(() => store.heap.threads().length).toBe(2)
  store.close()
})
