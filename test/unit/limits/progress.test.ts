/** Forward progress, shown by counting steps: nothing here depends on how fast the machine is. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { createStore, Heap, type Snapshot } from '../../../src/index.ts'
import { FREED_AT, SLOT_SECTION } from '../../../src/memory/layout.ts'
import { DEFAULT_TUNING } from '../../../src/reclaim/reclaimer.ts'
import { Rcu } from '../../../src/rcu.ts'
import { RootCell } from '../../../src/versions/root.ts'
import { holder, type Holder } from '../../support/holder.ts'
import { inside, settled } from '../store/inside.ts'

const open: { close(): void }[] = []
const holders: Holder[] = []
afterEach(async () => {
  await Promise.all(holders.splice(0).map(({ worker }) => worker.terminate()))
  for (const each of open.splice(0).reverse()) each.close()
})

function create<T>(value: T, maxBytes = 2 ** 23) {
  const store = createStore(value, { maxBytes })
  open.push(store)
  return store
}

describe('a million nodes that are dropped at once', () => {
  const NODES = 1_000_000
  /** Blocks that one slice may free: one for each step of its budget, and the records of a few
   *  versions. */
  const SLICE = DEFAULT_TUNING.slice + 16
  const big = () => ({
    big: Array.from({ length: NODES }, (_, index) => `a string of its own, number ${index}`),
    n: 0,
  })

  test('are freed in slices, and no write pays for more than two of them', () => {
    const store = create<{ big?: string[]; n: number }>(big(), 2 ** 28)
    const { thread, memory } = inside(store)
    const freed = (): number => memory.m[FREED_AT] as number
    const begin = freed()
    store.delete(['big'])
    void store.current // it kept the version
    const perWrite: number[] = []
    for (let n = 1; freed() - begin < NODES / 2; n++) {
      const before = freed()
      store.set(['n'], n)
      perWrite.push(freed() - before)
    }
    const perSlice: number[] = []
    for (let end = 'more'; end === 'more';) {
      const before = freed()
      end = thread.reclaimer.attempt(1)
      perSlice.push(freed() - before)
    }
    console.log(
      `${perWrite.length} writes freed at most ${Math.max(...perWrite)} blocks each, ` +
        `${perSlice.length} slices at most ${Math.max(...perSlice)}`,
    )
    expect(freed() - begin).toBeGreaterThanOrEqual(NODES)
    expect(Math.max(...perWrite)).toBeLessThanOrEqual(2 * SLICE)
    expect(Math.max(...perSlice)).toBeLessThanOrEqual(SLICE)
    expect(perSlice.length).toBeGreaterThan(NODES / 2 / SLICE)
    settled(store)
  })
})

test('a snapshot is taken by six loads of the root at most, though each finds another', () => {
  const store = create({ n: 0 })
  const { thread, memory } = inside(store)
  const cell = new RootCell(memory, store.handle.store)
  const { words } = memory
  const load = words.load.bind(words)
  let [loads, publishes, isWriting, races] = [0, 0, false, true]
  // The port of this thread: before each load of the root there is a newer version.
  words.load = (at) => {
    if (at === cell.rootAt && !isWriting) {
      loads++
      // In the section this thread cannot play the writer; the first five loads found it late.
      if (races && (memory.m[thread.slot.at + SLOT_SECTION] as number) % 2 === 0) {
        isWriting = true
        store.set(['n'], ++publishes)
        isWriting = false
      }
    }
    return load(at)
  }
  const counted = (): number => {
    loads = 0
    const record = thread.leases.take(cell.rootAt, 0)
    const found = loads
    thread.leases.release(record, 0)
    return found
  }
  const racing = Array.from({ length: 200 }, counted)
  races = false
  const quiet = Array.from({ length: 200 }, counted)
  words.load = load
  console.log(`loads of the root: at most ${Math.max(...racing)}, ${Math.max(...quiet)} in quiet`)
  expect(publishes).toBeGreaterThanOrEqual(200)
  expect(Math.max(...racing)).toBe(6)
  expect(Math.max(...quiet)).toBeLessThanOrEqual(3)
  expect(settled(store).zombies).toBe(0)
})

test('chains of overlapping snapshots hold up no grace period', () => {
  const store = create({ n: 0, body: 'x'.repeat(2000) })
  const held: Snapshot<{ n: number; body: string }>[] = []
  let before = store.stats().gracePeriods
  for (let n = 1; n <= 4000; n++) {
    store.replace({ n, body: `${n}`.padEnd(2000) })
    held.push(store.snapshot())
    if (held.length > 4) held.shift()!.release() // never none
    if (n % 400 !== 0) continue
    const { gracePeriods, limboBytes } = store.stats()
    expect(gracePeriods).toBeGreaterThan(before)
    expect(limboBytes).toBeLessThan(200_000)
    before = gracePeriods
  }
  for (const snapshot of held) snapshot.release()
  expect(settled(store)).toMatchObject({ zombies: 0, versions: 1 })
})

test('readers that spin, inside read and outside, hold up no grace period', async () => {
  const store = create({ n: 0 })
  for (const how of ['read-spin', 'spin'] as const) {
    const thread = await holder(store, how)
    holders.push(thread)
    await thread.ask({ do: how, ms: 60_000 })
  }
  const before = store.stats().gracePeriods
  for (let n = 1; n <= 5000; n++) store.set(['n'], n)
  expect(store.stats().gracePeriods - before).toBeGreaterThan(100)
  expect(store.stats().limboBytes).toBeLessThan(100_000)
})

test('a flood of defer and of writes: callbacks run, and grace periods of both go on', async () => {
  const heap = Heap.create({ maxBytes: 2 ** 25, maxThreads: 8 })
  const store = heap.createStore({ n: 0 })
  const rcu = Rcu.create(heap)
  open.push(heap, store, rcu)
  const before = heap.stats().gracePeriods
  let ran = 0
  const seen: number[] = []
  for (let turn = 0; turn < 50; turn++) {
    for (let each = 0; each < 1000; each++) rcu.defer(() => void ran++)
    for (let n = 0; n < 100; n++) store.set(['n'], turn * 100 + n)
    await sleep(0)
    seen.push(ran)
  }
  const meanwhile = heap.stats().gracePeriods - before
  await rcu.barrier()
  console.log(`${seen.at(-1)} of 50,000 callbacks ran during the flood, ${meanwhile} rounds`)
  expect(ran).toBe(50_000)
  expect(meanwhile).toBeGreaterThan(50)
  heap.verify()
})
