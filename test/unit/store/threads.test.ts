/** `heap.threads()`: who has the heap open, what each holds, and since when. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { createStore, type Store } from '../../../src/index.ts'
import { holder, type Holder } from '../../support/holder.ts'

const open: { close(): void }[] = []
const holders: Holder[] = []

function create<T>(value: T): Store<T> {
  const store = createStore(value, { maxBytes: 16 * 2 ** 20, name: 'reported', label: 'main' })
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

const report = <T>(store: Store<T>, label: string) =>
  store.heap.threads().find((thread) => thread.label === label)!

test('says how long a read goes on, in whatever thread', async () => {
  const store = create({ n: 0 })
  const other = await hold(store, 'the reader')
  expect(report(store, 'the reader')).toMatchObject({ readAgeMs: 0, watched: true, snapshots: 0 })
  await other.ask({ do: 'read-park' })
  await sleep(60)
  expect(report(store, 'the reader').readAgeMs).toBeGreaterThanOrEqual(50)
  const answer = other.answer()
  other.wake()
  await answer
  expect(report(store, 'the reader').readAgeMs).toBe(0)
})

test('counts snapshots, their age, and the bytes that only they keep', async () => {
  const store = create({ blob: new Uint8Array(100_000), n: 0 })
  const other = await hold(store, 'the holder')
  await other.ask({ do: 'snapshot' })
  await other.ask({ do: 'snapshot' })
  await sleep(30)
  const before = report(store, 'the holder')
  expect(before).toMatchObject({ snapshots: 2, heldBytes: 0 })
  expect(before.oldestSnapshotAgeMs).toBeGreaterThanOrEqual(20)
  expect(before.stores).toEqual([{ store: 'reported', version: 1, oldestVersion: 1 }])
  store.set(['blob'], new Uint8Array(50_000))
  void store.current
  const held = report(store, 'the holder')
  expect(held.heldBytes).toBeGreaterThanOrEqual(100_000)
  expect(held.heldBytes).toBeLessThan(120_000)
  expect(held.stores).toEqual([{ store: 'reported', version: 1, oldestVersion: 1 }])
  expect(report(store, 'main')).toMatchObject({ snapshots: 0, heldBytes: 0 })
  await other.ask({ do: 'release' })
  await other.ask({ do: 'current' })
  const after = report(store, 'the holder')
  expect(after).toMatchObject({ snapshots: 0, oldestSnapshotAgeMs: 0, heldBytes: 0 })
  expect(after.stores).toEqual([{ store: 'reported', version: 2, oldestVersion: 2 }])
})
