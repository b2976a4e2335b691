/** What the contract says of stats() and of the diagnostics channels. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { createStore, Heap } from '../../../src/index.ts'

const OPTIONS = { maxBytes: 2 ** 20 }

test('a heap has one store of a name, and any number without', () => {
  const heap = Heap.create(OPTIONS)
  heap.createStore({ n: 1 }, { name: 'settings' })
  const again = (): unknown => heap.createStore({ n: 2 }, { name: 'settings' })
  expect(again).toThrow(/has a store named 'settings' already/)
  expect(again).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  expect(heap.openStore('settings').current).toEqual({ n: 1 })
  heap.createStore(1)
  heap.createStore(2)
  expect(heap.stores()).toEqual(['settings', '', ''])
  heap.close()
})

describe('stats', () => {
  test('counts snapshots, several of one version too, and knows the oldest', () => {
    const store = createStore({ n: 1 }, OPTIONS)
    const held = [store.snapshot(), store.snapshot()]
    store.set(['n'], 2)
    held.push(store.snapshot())
    expect(store.stats()).toMatchObject({ snapshots: 3, oldestSnapshotVersion: 1 })
    expect(store.heap.threads()[0]?.snapshots).toBe(3)
    held[0]?.release()
    expect(store.stats()).toMatchObject({ snapshots: 2, oldestSnapshotVersion: 1 })
    held[1]?.release()
    expect(store.stats()).toMatchObject({ snapshots: 1, oldestSnapshotVersion: 2 })
    held[2]?.release()
    expect(store.stats()).toMatchObject({ snapshots: 0, oldestSnapshotVersion: 0 })
    store.close()
  })

  test("of a store: the oldest version is of its own snapshots, not of another store's", () => {
    const heap = Heap.create(OPTIONS)
    const [first, second] = [heap.createStore(1), heap.createStore(1)]
    for (let n = 2; n <= 5; n++) second.replace(n)
    const [low, high] = [first.snapshot(), second.snapshot()]
    expect(first.stats()).toMatchObject({ version: 1, snapshots: 2, oldestSnapshotVersion: 1 })
    expect(second.stats()).toMatchObject({ version: 5, snapshots: 2, oldestSnapshotVersion: 5 })
    expect(heap.stats()).toMatchObject({ snapshots: 2, oldestSnapshotVersion: 1 })
    low.release()
    high.release()
    heap.close()
  })

  test('the parts add up to the capacity, all of them plain numbers', () => {
    const store = createStore({ list: Array.from({ length: 1000 }, (_, n) => ({ n })) }, OPTIONS)
    for (let n = 0; n < 100; n++) store.set(['list', n, 'n'], n + 0.5)
    const stats = store.stats()
    const { capacityBytes, liveBytes, limboBytes, freeBytes, cachedBytes, headerBytes } = stats
    expect(liveBytes + limboBytes + freeBytes + cachedBytes + headerBytes).toBe(capacityBytes)
    expect(capacityBytes).toBe(2 ** 20)
    const names =
      'version publishes conflicts gracePeriods threads snapshots oldestSnapshotVersion ' +
      'capacityBytes liveBytes limboBytes freeBytes cachedBytes blocks sharedBlocks'
    for (const name of names.split(' ')) {
      expect(stats[name as keyof typeof stats], name).toBeGreaterThanOrEqual(0)
    }
    store.close()
  })
})

describe('diagnostics channels', () => {
  test('rootswap:publish says which store of which heap has which version', () => {
    const heard: unknown[] = []
    const hear = (message: unknown): void => void heard.push(message)
    const store = createStore({ n: 1 }, { ...OPTIONS, name: 'told' })
    const heap = store.handle.identity.join(':')
    subscribe('rootswap:publish', hear)
    store.set(['n'], 2)
    store.set(['n'], 2)
    unsubscribe('rootswap:publish', hear)
    store.set(['n'], 3)
    const threadId = expect.any(Number) as number
    expect(heard).toEqual([{ heap, store: store.handle.store, name: 'told', version: 2, threadId }])
    store.close()
  })

  test('rootswap:thread-reaped names the thread whose slot came back', async () => {
    const heard: unknown[] = []
    const hear = (message: unknown): void => void heard.push(message)
    const store = createStore({ n: 1 }, OPTIONS)
    const source = `
      const { parentPort, workerData } = require('node:worker_threads')
      globalThis.held = require('rootswap').openStore(workerData).snapshot()
      parentPort.postMessage('held')
      setInterval(() => {}, 1000)`
    const worker = new Worker(source, { eval: true, workerData: store.handle })
    await once(worker, 'message')
    const { threadId } = worker
    expect(store.stats()).toMatchObject({ threads: 2, snapshots: 1 })
    const reaped = new Promise<void>((resolve) => {
      subscribe('rootswap:thread-reaped', hear)
      subscribe('rootswap:thread-reaped', () => resolve())
    })
    await worker.terminate()
    await reaped
    unsubscribe('rootswap:thread-reaped', hear)
    const heap = store.handle.identity.join(':')
    expect(heard).toEqual([{ heap, threadId, slot: 1 }])
    expect(store.stats()).toMatchObject({ threads: 1, snapshots: 0 })
    store.close()
  })
})
