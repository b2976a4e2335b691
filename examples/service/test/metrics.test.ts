import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { Gauge, Registry, register } from 'prom-client'
import { createStore, Heap } from 'rootswap'
import { watchConfig } from 'rootswap/config'
import { collectMetrics, type Metrics } from 'rootswap/metrics'
import { afterEach, describe, expect, test } from 'vitest'

const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0).reverse()) end()
})

function storeOf<T>(value: T, name: string) {
  const store = createStore(value, { name, maxBytes: 2 ** 22, label: 'main' })
  ends.push(() => store.close())
  return store
}

function collected(stores: Parameters<typeof collectMetrics>[0]['stores']): {
  metrics: Metrics
  registry: Registry
  /** Of a line of the exposition: its name, then its labels in their order. */
  value(line: string): Promise<number | undefined>
} {
  const registry = new Registry()
  const metrics = collectMetrics({ stores, registry })
  ends.push(() => metrics.close())
  const value = async (line: string): Promise<number | undefined> => {
    const text = await registry.metrics()
    const found = text.split('\n').find((one) => one.startsWith(`${line} `))
    return found === undefined ? undefined : Number(found.slice(line.length))
  }
  return { metrics, registry, value }
}

describe('metrics of a store', () => {
  test('are those of its heap, read when they are asked for', async () => {
    const store = storeOf({ count: 0, list: [1, 2, 3] }, 'a')
    const { value } = collected({ a: store })
    for (let count = 1; count <= 100; count++) store.set(['count'], count)
    const stats = store.stats()
    expect(await value('rootswap_publishes_total{heap="a"}')).toBe(101)
    expect(await value('rootswap_version{store="a"}')).toBe(101)
    expect(await value('rootswap_conflicts_total{heap="a"}')).toBe(0)
    expect(await value('rootswap_grace_periods_total{heap="a"}')).toBeGreaterThan(3)
    expect(await value('rootswap_capacity_bytes{heap="a"}')).toBe(stats.capacityBytes)
    expect(await value('rootswap_live_bytes{heap="a"}')).toBeGreaterThan(0)
    expect(await value('rootswap_threads{heap="a"}')).toBe(1)
    store.set(['count'], 0)
    expect(await value('rootswap_publishes_total{heap="a"}')).toBe(102)
  })

  test('count snapshots, and say how old the oldest is', async () => {
    const store = storeOf({ count: 0 }, 'a')
    const { value } = collected({ a: store })
    expect(await value('rootswap_oldest_snapshot_age_seconds{heap="a"}')).toBe(0)
    const first = store.snapshot()
    await sleep(40)
    store.set(['count'], 1)
    const second = store.snapshot()
    expect(await value('rootswap_snapshots{heap="a"}')).toBe(2)
    const age = await value('rootswap_oldest_snapshot_age_seconds{heap="a"}')
    expect(age).toBeGreaterThan(0.02)
    expect(age).toBeLessThan(20)
    for (const one of [first, second]) one.release()
    expect(await value('rootswap_snapshots{heap="a"}')).toBe(0)
    expect(await value('rootswap_oldest_snapshot_age_seconds{heap="a"}')).toBe(0)
  })

  test('say what a held snapshot keeps in limbo or beside the newest version', async () => {
    const store = storeOf({ text: 'x'.repeat(100_000) }, 'a')
    const { value } = collected({ a: store })
    const held = store.snapshot()
    for (let count = 0; count < 20; count++) store.set(['text'], String(count).repeat(50_000))
    const kept = await value('rootswap_thread_held_bytes{heap="a",thread="0",label="main"}')
    expect(kept).toBeGreaterThan(99_000)
    held.release()
  })

  test('have the version of each thread, and forget a thread that ended', async () => {
    const store = storeOf({ count: 0 }, 'shared')
    const { value } = collected({ shared: store })
    const worker = new Worker(new URL('./reader.js', import.meta.url), { workerData: store.handle })
    const [{ threadId }] = (await once(worker, 'message')) as [{ threadId: number }]
    const line = `rootswap_thread_version{store="shared",thread="${threadId}",label="reader"}`
    expect(await value(line)).toBe(1)
    store.set(['count'], 1)
    expect(store.current.count).toBe(1)
    expect(await value('rootswap_thread_version{store="shared",thread="0",label="main"}')).toBe(2)
    expect(await value(line)).toBe(1)
    worker.postMessage('look')
    await once(worker, 'message')
    expect(await value(line)).toBe(2)
    expect(await value('rootswap_threads{heap="shared"}')).toBe(2)
    await worker.terminate()
    expect(await value(line)).toBeUndefined()
    expect(await value('rootswap_threads{heap="shared"}')).toBe(1)
  })

  test('of several stores share what is of their heap', async () => {
    const heap = Heap.create({ maxBytes: 2 ** 22 })
    const [a, b] = [heap.createStore({ n: 1 }, { name: 'a' }), heap.createStore([1], { name: 'b' })]
    const c = storeOf({ n: 1 }, 'c')
    const { value } = collected({ a, b, c })
    a.set(['n'], 2)
    expect(await value('rootswap_publishes_total{heap="a+b"}')).toBe(3)
    expect(await value('rootswap_publishes_total{heap="c"}')).toBe(1)
    expect(await value('rootswap_version{store="a"}')).toBe(2)
    expect(await value('rootswap_version{store="b"}')).toBe(1)
    for (const one of [a, b, heap]) one.close()
    expect(await value('rootswap_version{store="a"}')).toBeUndefined()
    expect(await value('rootswap_version{store="c"}')).toBe(1)
  })

  test('stay when another store of the heap, the first one, is closed', async () => {
    const heap = Heap.create({ maxBytes: 2 ** 22, label: 'main' })
    const [a, b] = [heap.createStore({ n: 1 }, { name: 'a' }), heap.createStore([1], { name: 'b' })]
    ends.push(() => [b, heap].forEach((one) => one.close()))
    const { value } = collected({ a, b })
    a.close()
    b.set([0], 2)
    expect(b.current).toEqual([2])
    expect(await value('rootswap_version{store="a"}')).toBeUndefined()
    expect(await value('rootswap_version{store="b"}')).toBe(2)
    expect(await value('rootswap_publishes_total{heap="a+b"}')).toBe(3)
    expect(await value('rootswap_thread_version{store="b",thread="0",label="main"}')).toBe(2)
  })

  test('have no version of a thread where several stores of the heap have one name', async () => {
    const heap = Heap.create({ maxBytes: 2 ** 22, label: 'main' })
    const [x, y, named] = [
      heap.createStore({ n: 0 }),
      heap.createStore({ n: 0 }),
      heap.createStore({ n: 0 }, { name: 'named' }),
    ]
    const alone = createStore({ n: 0 }, { maxBytes: 2 ** 22, label: 'main' })
    ends.push(() => [x, y, named, heap, alone].forEach((one) => one.close()))
    const { value } = collected({ x, y, named, alone })
    for (let n = 1; n < 6; n++) y.set(['n'], n)
    expect([x.current.n, y.current.n, named.current.n, alone.current.n]).toEqual([0, 5, 0, 0])
    const of = (store: string) => `{store="${store}",thread="0",label="main"}`
    expect(await value('rootswap_version{store="x"}')).toBe(1)
    expect(await value('rootswap_version{store="y"}')).toBe(6)
    for (const name of ['x', 'y']) {
      expect(await value(`rootswap_thread_version${of(name)}`)).toBeUndefined()
    }
    expect(await value(`rootswap_thread_version${of('named')}`)).toBe(1)
    expect(await value(`rootswap_thread_version${of('alone')}`)).toBe(1)
    const branch = alone.fork()
    branch.set(['n'], 1)
    expect(branch.current.n).toBe(1)
    expect(await value(`rootswap_thread_version${of('alone')}`)).toBeUndefined()
    branch.close()
    expect(await value(`rootswap_thread_version${of('alone')}`)).toBe(1)
  })
})

describe('the histogram of grace periods', () => {
  test('has one observation for each round that this thread finished', async () => {
    const store = storeOf({ count: 0 }, 'a')
    const other = storeOf({ count: 0 }, 'b')
    const { value } = collected({ a: store })
    const rounds: { round: number; freedBlocks?: number }[] = []
    const hear = (message: unknown): void => void rounds.push(message as never)
    subscribe('rootswap:reclaim', hear)
    for (let count = 1; count <= 200; count++) {
      store.set(['count'], count)
      other.set(['count'], count)
    }
    unsubscribe('rootswap:reclaim', hear)
    const finished = await value('rootswap_grace_periods_total{heap="a"}')
    expect(finished).toBeGreaterThan(10)
    // The scrape itself reclaims; it is heard of as well.
    expect(await value('rootswap_grace_period_seconds_count{heap="a"}')).toBe(finished)
    expect(await value('rootswap_reclaim_seconds_count{heap="a"}')).toBe(finished)
    expect(await value('rootswap_grace_period_seconds_count{heap="b"}')).toBeUndefined()
    expect(rounds.length).toBeGreaterThan(20)
  })

  test('ends with close, and so do the metrics', async () => {
    const store = storeOf({ count: 0 }, 'a')
    const { metrics, registry } = collected({ a: store })
    expect(await registry.metrics()).toContain('rootswap_version')
    expect(metrics.names).toContain('rootswap_grace_period_seconds')
    metrics.close()
    metrics.close()
    expect((await registry.metrics()).trim()).toBe('')
    collectMetrics({ stores: { a: store }, registry }).close()
  })
})

describe('metrics of a watched configuration', () => {
  test('count what became of its files; no secret is anywhere', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rootswap-service-'))
    const file = join(folder, 'app.json')
    const write = (text: string): void => writeFileSync(file, text)
    write('{ "count": 1, "db": { "password": "hunter2" } }')
    const config = await watchConfig<{ count: number; db: { password: string } }>({
      files: [file],
      secrets: ['db.password'],
      check: ({ count, db }) => count > 0 || `count is ${count} beside ${db.password}`,
      store: { maxBytes: 2 ** 22 },
      name: 'config',
      debounceMs: 60_000,
      pollMs: 0,
    })
    ends.push(() => {
      config.close()
      rmSync(folder, { recursive: true })
    })
    const { value, registry } = collected({ config })
    const reloads = (outcome: string) =>
      value(`rootswap_reloads_total{store="config",outcome="${outcome}"}`)
    expect(await reloads('accepted')).toBe(0)
    write('{ "count": 2, "db": { "password": "hunter3" } }')
    await config.reload()
    await config.reload()
    write('{ "count": 0, "db": { "password": "hunter4" } }')
    await config.reload()
    config.rollback(1)
    rmSync(file)
    await config.reload()
    const outcomes = ['accepted', 'unchanged', 'rejected', 'rolled-back', 'unavailable']
    expect(await Promise.all(outcomes.map(reloads))).toEqual([1, 1, 1, 1, 1])
    expect(await value('rootswap_version{store="config"}')).toBe(3)
    expect(await registry.metrics()).not.toContain('hunter')
  })
})

describe('arguments', () => {
  test('the default registry is prom-client’s own, and the prefix may be another', async () => {
    const store = storeOf({ count: 0 }, 'a')
    const metrics = collectMetrics({ stores: { a: store }, prefix: 'shop_' })
    ends.push(() => metrics.close())
    expect(await register.metrics()).toContain('shop_version{store="a"} 1')
  })

  test('stores must be stores; a registry takes them once', async () => {
    const store = storeOf({ count: 0 }, 'a')
    expect(() => collectMetrics(undefined as never)).toThrow(TypeError)
    expect(() => collectMetrics({ stores: { a: store.handle as never } })).toThrow(TypeError)
    const { registry, value } = collected({ a: store })
    expect(() => collectMetrics({ stores: { a: store }, registry })).toThrow(/already/)
    expect(await value('rootswap_version{store="a"}')).toBe(1)
    const taken = new Registry()
    const name = 'rootswap_reclaim_seconds'
    const own = new Gauge({ name, help: 'of somebody else', registers: [taken] })
    expect(() => collectMetrics({ stores: { a: store }, registry: taken })).toThrow(/already/)
    expect(taken.getMetricsAsArray()).toEqual([own])
  })
})
