/**
 * A version that `get` keeps for a job: it is in nobody's way, and it ends with the job, whatever
 * happens in between.
 */
import { setImmediate as nextTask } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { createStore, Heap, type Store } from '../../../src/index.ts'
import { SLOT_LEASE_COUNT, SLOT_LEASES, WAITERS_AT } from '../../../src/memory/layout.ts'
import { memoryOfHandle } from '../../../src/store/handle.ts'
import { descend } from '../../support/descend.ts'
import { holder } from '../../support/holder.ts'
import { inside } from '../store/inside.ts'

const open: { close(): void }[] = []
afterEach(() => {
  for (const each of open.splice(0)) each.close()
})

/** Gets after which a version is kept, and some more. */
const MANY = 40

/** A third of the megabyte in which it stands. */
const large = (name: string) =>
  Array.from({ length: 100 }, (_, index) => `${name}${index} `.repeat(300))

function largeStore(): Store<{ n: number; large: string[] }> {
  const store = createStore(
    { n: 1, large: large('first') },
    // Whoever waits for a version may lose its processor while it looks for it.
    { maxBytes: 2 ** 20, maxThreads: 3, maxStores: 1, maxWaitMs: 10_000 },
  )
  open.push(store)
  return store
}

const WRITES = 6
function writeLarge(store: Store<{ n: number; large: string[] }>): void {
  for (let turn = 0; turn < WRITES; turn++) store.set(['large'], large(`next${turn}`))
}

/** Lease words of the store's first thread, this one, that are not 0. */
function leaseWords(store: { readonly handle: object }): number {
  const { m, layout } = memoryOfHandle(store.handle, 'store')
  const first = layout.slotsAt + SLOT_LEASES
  return m.subarray(first, first + SLOT_LEASE_COUNT).filter((word) => word !== 0).length
}

/** Versions that stay, when all is reclaimed that can be, after a job that read parts of one and,
 *  `reads` times, a field of it; the value of the parts is in use until then. */
async function zombiesAfter(reads: number): Promise<number> {
  const heap = Heap.create({ maxBytes: 4 * 2 ** 20 })
  open.push(heap)
  const parts = Array.from({ length: 400 }, (_, n) => [`k${n}`, [n, n, n]] as const)
  const store = heap.createStore({ n: 0, parts: Object.fromEntries(parts) })
  const held = store.current.parts
  let sum = 0
  const touch = (from: number, to: number): void => {
    for (let n = from; n < to; n++) sum += held[`k${n}`]![0]!
  }
  touch(0, 70)
  for (let time = 0; time < reads; time++) store.get('n')
  store.set(['n'], 1)
  if (reads > 0) store.get('n')
  touch(70, 220)
  await nextTask()
  for (let n = 2; n < 42; n++) {
    store.set(['n'], n)
    void store.current
    await nextTask()
  }
  // Not by a call that may block: that would end a job.
  expect(inside(store).thread.reclaimer.attempt(1_000)).toBe('idle')
  const { zombies } = heap.verify()
  touch(220, 300)
  expect(sum).toBe((299 * 300) / 2)
  return zombies
}

describe('a version that many gets keep', () => {
  test('gives way to writes of its own thread in the same job', () => {
    for (const reads of [0, MANY]) {
      const store = largeStore()
      for (let time = 0; time < reads; time++) store.get('n')
      writeLarge(store)
      expect(store.get('n')).toBe(1)
      store.verify()
    }
  })

  test('gives way to writes of others while its thread waits in the library', async () => {
    const store = largeStore()
    const waiter = await holder(store)
    // For the version after those of the large writes, and longer than these wait for memory.
    const version = store.version + WRITES + 1
    await waiter.ask({ do: 'get-wait', path: ['n'], times: MANY, version, ms: 60_000 })
    const told = waiter.answer()
    const { m } = memoryOfHandle(store.handle, 'store')
    await expect.poll(() => m[WAITERS_AT]).toBe(1)
    writeLarge(store)
    store.set(['n'], 2)
    expect((await told).value).toBe('it came')
    await waiter.worker.terminate()
  })

  test('ends with its job, also where a value keeps it and another version was read', async () => {
    const [without, withGets] = [await zombiesAfter(0), await zombiesAfter(MANY)]
    console.log(`zombies: ${without} without gets, ${withGets} with them`)
    expect(withGets).toBe(without)
  })

  test('ends with its job where the stack overflowed on the way', async () => {
    let [overflows, kept] = [0, 0]
    for (let trial = 0; trial < 300; trial++) {
      const heap = Heap.create({ maxBytes: 2 ** 18, maxStores: 2, maxThreads: 2 })
      const store = heap.createStore({ n: 0 })
      const call = (): void => void store.get('n')
      for (let time = 0; time < 15; time++) call()
      const pad = Array.from({ length: trial % 10 }, () => 0)
      try {
        descend({ call, room: Math.floor(trial / 10) }, ...pad)
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError)
        overflows++
      }
      kept += leaseWords(store)
      await nextTask()
      expect(leaseWords(store)).toBe(0)
      for (let time = 0; time < MANY; time++) call()
      expect(leaseWords(store)).toBe(1)
      await nextTask()
      expect(leaseWords(store)).toBe(0)
      heap.close()
    }
    console.log(`${overflows} overflows, ${kept} of the versions kept`)
    expect(overflows).toBeGreaterThan(20)
  })
})
