/** Selectors of subscriptions with patches that throw, or end what they are called for. */

import { afterEach, beforeEach, expect, test } from 'vitest'
import { createStore, Heap, type Store } from '../../src/index.ts'
import { LEASE_SOFT } from '../../src/memory/layout.ts'
import { scanLeases } from '../../src/reclaim/leases.ts'
import { inside, settled } from '../unit/store/inside.ts'

type Document = { n: number; list: number[] }
const initial = (): Document => ({ n: 0, list: [1, 2, 3] })

/** What the subscriptions report: the runner's own listeners would fail the test. */
const reported: unknown[] = []
let listeners: NodeJS.UncaughtExceptionListener[] = []
beforeEach(() => {
  listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => reported.push(error))
})
afterEach(() => {
  process.removeAllListeners('uncaughtException')
  for (const listener of listeners) process.on('uncaughtException', listener)
  reported.length = 0
})

/** Versions that this thread keeps as caches. */
function cached(store: Store<Document>): number {
  const { memory, thread } = inside(store)
  let count = 0
  scanLeases(memory.words, thread.slot.at, thread.allocator.chunkWords, (lease) => {
    if ((lease & LEASE_SOFT) !== 0) count++
  })
  return count
}

test('a selector that throws at each of many versions keeps none of them', async () => {
  const store = createStore(initial(), { maxBytes: 4 * 2 ** 20 })
  let fails = false
  const selector = ({ n }: { readonly n: number }): number => {
    if (fails) throw new TypeError(`no selection of ${n}`)
    return n
  }
  const end = store.subscribe(selector, () => {}, { patches: true })
  const before = cached(store)
  fails = true
  for (let n = 1; n <= 40; n++) {
    store.set(['n'], n)
    await expect.poll(() => reported.length, { interval: 1 }).toBe(n)
  }
  // The subscription still stands at the first version; `current` may be one more.
  expect(cached(store)).toBeLessThanOrEqual(before + 1)
  end()
  expect(settled(store)).toMatchObject({ zombies: 0, versions: 1 })
  store.close()
})

test('a selector that closes its store ends the subscription: it hears nothing more', async () => {
  const heap = Heap.create({ maxBytes: 4 * 2 ** 20 })
  const [store, other] = [heap.createStore(initial()), heap.createStore(initial())]
  const calls: unknown[] = []
  let closes = false
  let closed = false
  const selector = ({ n }: { readonly n: number }): number => {
    if (closes) {
      store.close()
      closed = true
    }
    return n
  }
  store.subscribe(selector, (...heard: unknown[]) => calls.push(heard), { patches: true })
  closes = true
  store.set(['n'], 5)
  await expect.poll(() => closed, { interval: 1 }).toBe(true)
  await new Promise((resolve) => setTimeout(resolve, 10))
  expect([calls, reported]).toEqual([[], []])
  expect(settled(other)).toMatchObject({ zombies: 0, versions: 2 })
  heap.close()
})

test('a selector that ends its own subscription lets both versions go', async () => {
  const store = createStore(initial(), { maxBytes: 4 * 2 ** 20 })
  const calls: unknown[] = []
  let end = (): void => {}
  let ended = false
  const selector = ({ n }: { readonly n: number }): number => {
    if (n > 0) {
      end()
      ended = true
    }
    return n
  }
  end = store.subscribe(selector, (...heard: unknown[]) => calls.push(heard), { patches: true })
  store.set(['n'], 5)
  await expect.poll(() => ended, { interval: 1 }).toBe(true)
  await new Promise((resolve) => setTimeout(resolve, 10))
  expect([calls, reported]).toEqual([[], []])
  expect(settled(store)).toMatchObject({ zombies: 0, versions: 1 })
  expect(cached(store)).toBe(1)
  store.close()
})
