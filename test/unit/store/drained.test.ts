/** `drained`: what it waits for, in any thread, and what it does not; how long a program lives. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test } from 'vitest'
import { createStore, Heap, type Store } from '../../../src/index.ts'
import { inside, settled, thrown } from './inside.ts'

const entry = new URL('../../../dist/src/index.js', import.meta.url).href
const MEGABYTES = { maxBytes: 4 * 2 ** 20 }
const open: { close(): void }[] = []
const workers: Worker[] = []

function create<T>(value: T): Store<T> {
  const store = createStore(value, MEGABYTES)
  open.push(store)
  return store
}

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()))
  for (const each of open.splice(0)) each.close()
})

/** A thread that has the store open and holds a snapshot; it releases it when it is told to. */
async function holder(store: Store<unknown>): Promise<Worker> {
  const script = `
    const { parentPort, workerData } = require('node:worker_threads')
    import('${entry}').then(({ openStore }) => {
      const store = openStore(workerData)
      const snapshot = store.snapshot()
      const value = snapshot.value
      parentPort.on('message', (ms) => setTimeout(() => snapshot.release(), ms))
      parentPort.postMessage(snapshot.version)
    })`
  const worker = new Worker(script, { eval: true, workerData: store.handle })
  workers.push(worker)
  await once(worker, 'message')
  return worker
}

async function milliseconds(wait: Promise<unknown>): Promise<number> {
  const begin = performance.now()
  await wait
  return performance.now() - begin
}

/** Whether it is still not settled after a while. */
async function waits(promise: Promise<unknown>): Promise<boolean> {
  return (await Promise.race([promise, sleep(60, 'waits')])) === 'waits'
}

describe('drained', () => {
  test('resolves soon where nobody holds an older version, whoever has read it', async () => {
    const store = create({ n: 0, list: [1, 2, 3] })
    const kept = store.current
    store.read((value) => value.list.length)
    store.snapshot().release()
    const newest = store.set(['n'], 1).version
    const snapshot = store.snapshot()
    expect(await milliseconds(store.drained(newest))).toBeLessThan(500)
    await store.drained(1)
    expect(snapshot.version).toBe(2)
    expect(kept.list).toEqual([1, 2, 3])
    snapshot.release()
  })

  test('waits for a snapshot of this thread, departed or not, and stats() count it', async () => {
    const store = create({ n: 0 })
    const snapshot = store.snapshot()
    const again = store.snapshot()
    expect(store.stats()).toMatchObject({ snapshots: 2, oldestSnapshotVersion: 1 })
    const { version } = store.set(['n'], 1)
    const wait = store.drained(version)
    expect(await waits(wait)).toBe(true)
    expect(settled(store).zombies).toBe(1)
    expect(store.stats()).toMatchObject({ snapshots: 2, oldestSnapshotVersion: 1 })
    snapshot.release()
    expect(store.stats()).toMatchObject({ snapshots: 1, oldestSnapshotVersion: 1 })
    expect(await waits(wait)).toBe(true)
    again.release()
    await wait
    expect(store.stats()).toMatchObject({ snapshots: 0, oldestSnapshotVersion: 0 })
    expect(settled(store).zombies).toBe(0)
  })

  test('a snapshot held for 300 ms in another thread delays it 300 ms', async () => {
    const store = create<unknown>({ n: 0 })
    const worker = await holder(store)
    const { version } = store.replace({ n: 1 })
    const wait = store.drained(version)
    const begin = performance.now()
    worker.postMessage(300)
    await wait
    const took = performance.now() - begin
    console.log(`drained after ${Math.round(took)} ms`)
    expect(took).toBeGreaterThan(280)
    expect(took).toBeLessThan(3000)
  })

  test('one that is killed with its worker does not', async () => {
    const store = create<unknown>({ n: 0 })
    const worker = await holder(store)
    const { version } = store.replace({ n: 1 })
    const wait = store.drained(version)
    expect(await waits(wait)).toBe(true)
    await worker.terminate()
    await wait
    expect(store.stats().snapshots).toBe(0)
    settled(store)
  })

  test('waits for a version that is not published yet', async () => {
    const store = create({ n: 0 })
    const snapshot = store.snapshot()
    const wait = store.drained(3)
    store.set(['n'], 1)
    snapshot.release()
    expect(await waits(wait)).toBe(true)
    store.set(['n'], 2)
    await wait
  })

  test('neither caches, nor subscriptions with patches, nor newer snapshots delay it', async () => {
    const store = create<Record<string, unknown>>({ n: 0 })
    const end = store.subscribe(() => {}, { patches: true })
    const kept = store.current
    const { version } = store.set(['n'], 1)
    const snapshot = store.snapshot()
    store.set(['n'], 2)
    await store.drained(version)
    expect(kept).toEqual({ n: 0 })
    snapshot.release()
    end()
  })

  test('a snapshot of the newest version of another store in the heap does not delay', async () => {
    const heap = Heap.create(MEGABYTES)
    const [one, two] = [heap.createStore({ n: 0 }), heap.createStore({ n: 0 })]
    const snapshot = two.snapshot()
    const { version } = one.set(['n'], 1)
    await one.drained(version)
    snapshot.release()
    heap.close()
  })

  test('rejects when it is aborted, when the store is closed, and inside read', async () => {
    const store = create({ n: 0 })
    store.snapshot()
    store.set(['n'], 1)
    const reason = new Error('enough')
    await expect(store.drained(2, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const controller = new AbortController()
    const aborted = store.drained(2, { signal: controller.signal })
    setTimeout(() => controller.abort(reason), 20)
    await expect(aborted).rejects.toBe(reason)
    const inRead = store.read(() => ({ wait: store.drained(2) }))
    await expect(inRead.wait).rejects.toMatchObject({ code: 'ERR_IN_READ_SECTION' })
    await expect(store.drained('2' as never)).rejects.toBeInstanceOf(TypeError)
    const closed = store.drained(2)
    await sleep(20)
    store.close()
    await expect(closed).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  test('never resolves early while versions are published and snapshots taken', async () => {
    const store = create({ n: 0 })
    const worker = await holder(store as Store<unknown>)
    const held = new Map<object, number>()
    let [drains, snapshots] = [0, 0]
    const until = performance.now() + 400
    const publish = async (): Promise<void> => {
      while (performance.now() < until) {
        const snapshot = store.snapshot()
        held.set(snapshot, snapshot.version)
        snapshots++
        store.set(['n'], store.version)
        await sleep(1 + (snapshots % 7))
        held.delete(snapshot)
        snapshot.release()
      }
    }
    worker.postMessage(0)
    const drain = async (): Promise<void> => {
      while (performance.now() < until) {
        const { version } = store
        await store.drained(version)
        for (const older of held.values()) expect(older).toBeGreaterThanOrEqual(version)
        drains++
      }
    }
    await Promise.all([publish(), publish(), publish(), drain()])
    expect(drains).toBeGreaterThan(3)
    console.log(`${drains} drains over ${snapshots} snapshots`)
  })
})

test('ifVersion that is stale is refused by every write, with both versions', () => {
  const store = create<unknown>({ n: 0, list: [1] })
  store.set(['n'] as never, 1 as never)
  const options = { ifVersion: 1 }
  const writes = [
    () => store.set([], 2, options),
    () => store.delete(['n'], options),
    () => store.replace(3, options),
    () => store.update(() => 4, options),
    () => store.applyPatches([{ op: 'replace', path: '/n', value: 5 }], options),
  ]
  for (const write of writes) {
    expect(thrown(write)).toMatchObject({ code: 'ERR_CONFLICT', expectedVersion: 1, version: 2 })
  }
  expect(store.current).toEqual({ n: 1, list: [1] })
  expect(store.set([], 9, { ifVersion: 2 }).version).toBe(3)
  expect(inside(store).recipes.filter(Boolean).length).toBe(0)
})

describe('process lifetime', () => {
  const run = (body: string): string => {
    const script = `
      import { createStore } from '${entry}'
      const store = createStore({ n: 0 }, { maxBytes: ${2 ** 20} })
      process.on('exit', () => console.log('exit'))
      ${body}`
    const args = ['--input-type=module', '--eval', script]
    return execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 })
  }

  test('a program that only subscribes and selects ends by itself', () => {
    expect(
      run(`store.subscribe(() => console.log('heard'), { patches: true })
        store.subscribe((value) => value.n, () => console.log('heard'))
        console.log(store.select((value) => value.n)())
        store.changes({ patches: true })[Symbol.asyncIterator]()`),
    ).toBe('0\nexit\n')
  })

  test('one that awaits a drain or a change stays alive until it has come', () => {
    expect(
      run(`const snapshot = store.snapshot()
        const { version } = store.set(['n'], 1)
        setTimeout(() => snapshot.release(), 50).unref()
        await store.drained(version)
        console.log('drained')
        setTimeout(() => store.set(['n'], 2), 50).unref()
        for await (const { patches } of store.changes({ patches: true })) {
          console.log(JSON.stringify(patches))
          break
        }`),
    ).toBe('drained\n[{"op":"replace","path":["n"],"value":2}]\nexit\n')
  })
})
