/** Snapshots as leases: what they hold, how many, and what becomes of those that are dropped. */
import diagnostics from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { createStore, type Snapshot, type Store } from '../../../src/index.ts'
import { holder, type Holder } from '../../support/holder.ts'
import { settled } from '../store/inside.ts'

const open: { close(): void }[] = []
const holders: Holder[] = []

function create<T>(value: T, maxBytes: number, debug = false): Store<T> {
  const store = createStore(value, { maxBytes, debug, label: 'main' })
  open.push(store)
  return store
}

async function hold(store: { readonly handle: object }, label: string): Promise<Holder> {
  const made = await holder(store, label)
  holders.push(made)
  return made
}

afterEach(async () => {
  await Promise.all(holders.splice(0).map(({ worker }) => worker.terminate()))
  for (const each of open.splice(0)) each.close()
})

test('10,000 snapshots of 10,000 versions in one thread, released in any order', () => {
  const store = create({ n: 0 }, 64 * 2 ** 20)
  const snapshots: Snapshot<{ n: number }>[] = []
  for (let n = 1; n <= 10_000; n++) {
    store.set(['n'], n)
    snapshots.push(store.snapshot())
  }
  expect(store.stats()).toMatchObject({ snapshots: 10_000, oldestSnapshotVersion: 2 })
  snapshots.forEach((snapshot, index) => expect(snapshot.get('n')).toBe(index + 1))
  for (let index = 0; index < 10_000; index += 2) snapshots[index]!.release()
  expect(settled(store).zombies).toBe(4999)
  for (const snapshot of snapshots) snapshot.release()
  expect(settled(store)).toMatchObject({ zombies: 0, versions: 1 })
})

test('readers that compute or are parked cost their versions alone', async () => {
  const body = (version: number) => `${version} `.repeat(400).slice(0, 2000)
  const store = create({ body: body(0), n: 0 }, 64 * 2 ** 20)
  const [computing, parked] = [await hold(store, 'computing'), await hold(store, 'parked')]
  await computing.ask({ do: 'read-spin', ms: 4000 })
  store.set(['n'], 1)
  await parked.ask({ do: 'read-park' })
  for (let n = 2; n <= 20_001; n++) {
    store.update((draft) => {
      draft.body = body(n)
      draft.n = n
    })
  }
  expect(store.version).toBe(20_002)
  const answers = [computing.answer(), parked.answer()]
  parked.wake()
  for (const { code, value } of await Promise.all(answers)) {
    expect([code, value]).toEqual([undefined, expect.any(Number)])
  }
})

test('drained waits for a snapshot that is held, not for one that was killed', async () => {
  const store = create({ n: 0 }, 4 * 2 ** 20)
  const other = await hold(store, 'a request')
  await other.ask({ do: 'snapshot' })
  const { version } = store.set(['n'], 1)
  const begin = performance.now()
  const released = sleep(300).then(async () => await other.ask({ do: 'release' }))
  await store.drained(version)
  expect(performance.now() - begin).toBeGreaterThanOrEqual(290)
  await released
  await other.ask({ do: 'snapshot' })
  const drained = store.drained(store.set(['n'], 2).version)
  await other.worker.terminate()
  await drained
})

test('a dropped snapshot is released when it is collected, and reported once', async () => {
  const store = create({ n: 0 }, 4 * 2 ** 20, true)
  const reports: { version: number; stack?: string }[] = []
  const listener = (message: unknown): void => void reports.push(message as { version: number })
  diagnostics.subscribe('rootswap:leak', listener)
  const dropIt = (): void => void store.snapshot().value
  dropIt()
  store.snapshot().release()
  store.set(['n'], 1)
  for (let turn = 0; turn < 100 && reports.length === 0; turn++) {
    await sleep(5)
    globalThis.gc?.()
  }
  diagnostics.unsubscribe('rootswap:leak', listener)
  expect(reports).toMatchObject([{ version: 1, label: 'main' }])
  expect(reports[0]!.stack).toContain('dropIt')
  expect(store.stats().snapshots).toBe(0)
  expect(settled(store).zombies).toBe(0)
})
