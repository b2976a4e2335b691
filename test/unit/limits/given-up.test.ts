/**
 * Guarantee G has a bound: what threads were handed is given up when a writer would otherwise fail,
 * oldest first, and only then. What was given up says so; it never shows another version.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { createStore, type NewStoreOptions, type Store } from '../../../src/index.ts'
import { holder, type Holder } from '../../support/holder.ts'
import { settled, thrown } from '../store/inside.ts'

/** Bytes of one version and its share of everything else. */
const VERSION = 1_250_000
const open: { close(): void }[] = []
const holders: Holder[] = []

afterEach(async () => {
  await Promise.all(holders.splice(0).map(({ worker }) => worker.terminate()))
  for (const each of open.splice(0)) each.close()
})

/** About a megabyte in parts that are decoded one by one. */
const partsOf = (version: number) =>
  Object.fromEntries(
    Array.from({ length: 16 }, (_, part) => [
      `part${part}`,
      Array.from({ length: 600 }, (_, i) => `${version}/${part}/${i} ${'x'.repeat(90)}`),
    ]),
  )
type Parts = ReturnType<typeof partsOf>

function create(maxBytes: number, history: NewStoreOptions['history'] = 0): Store<Parts> {
  const store = createStore(partsOf(1), {
    history,
    maxBytes: Math.round(maxBytes),
    maxThreads: 16,
    label: 'main',
  })
  open.push(store as never)
  return store
}

async function hold(store: Store<Parts>, label: string): Promise<Holder> {
  const made = await holder(store, label)
  holders.push(made)
  return made
}

const firstOf = (version: number, part: number) => `${version}/${part}/0 ${'x'.repeat(90)}`

describe('what other threads were handed', () => {
  test('stays while there is room, and goes oldest first when there is none', async () => {
    const store = create(4.6 * VERSION)
    const threads: Holder[] = []
    for (let version = 1; version <= 3; version++) {
      const thread = await hold(store, `holder of ${version}`)
      threads.push(thread)
      await thread.ask({ do: 'current' })
      store.replace(partsOf(version + 1))
      void store.current
    }
    for (const [index, thread] of threads.entries()) {
      const { value } = await thread.ask({ do: 'touch', path: ['part0', 0] })
      expect(value).toBe(firstOf(index + 1, 0))
    }
    expect(settled(store).zombies).toBe(3)
    // Until one of them has to go.
    let version = 4
    for (; settled(store).zombies === 3 && version < 20; version++)
      store.replace(partsOf(version + 1))
    const codes: unknown[] = []
    for (const thread of threads) {
      const answer = await thread.ask({ do: 'touch', path: ['part1', 0] })
      codes.push(answer.code ?? answer.value)
    }
    expect(codes).toEqual(['ERR_STALE_SNAPSHOT', firstOf(2, 1), firstOf(3, 1)])
    // What was read before stays, and `current` goes on to the newest.
    const [oldest] = threads as [Holder]
    expect((await oldest.ask({ do: 'touch', path: ['part0', 0] })).value).toBe(firstOf(1, 0))
    await oldest.ask({ do: 'current' })
    expect((await oldest.ask({ do: 'touch', path: ['part1', 0] })).value).toBe(firstOf(version, 1))
    expect((await oldest.ask({ do: 'get', path: ['part2', 0] })).value).toBe(firstOf(version, 2))
  })

  test('goes after history, which is kept while memory lasts', async () => {
    const store = create(6 * VERSION, 'while-memory-lasts')
    const thread = await hold(store, 'the holder')
    await thread.ask({ do: 'current' })
    for (let version = 2; version <= 30; version++) {
      store.replace(partsOf(version))
      void store.current
    }
    // Of thirty versions there is room for four: history went, the handed value did not.
    expect((await thread.ask({ do: 'touch', path: ['part1', 0] })).value).toBe(firstOf(1, 1))
    expect(thrown(() => store.snapshot(5)).code).toBe('ERR_UNKNOWN_VERSION')
    // And when all of history is gone, by snapshots that fill the heap, the handed value goes.
    const mine: unknown[] = []
    const error = thrown(() => {
      for (let version = 31; version < 60; version++) {
        store.replace(partsOf(version))
        mine.push(store.snapshot())
      }
    })
    expect(error.code).toBe('ERR_HEAP_FULL')
    const late = await thread.ask({ do: 'touch', path: ['part2', 0] })
    expect(late.code).toBe('ERR_STALE_SNAPSHOT')
    settled(store)
  })

  test('is given up in a thread that is parked, or spins, as in one that waits', async () => {
    const store = create(3.7 * VERSION)
    const parked = await hold(store, 'parked')
    const spinning = await hold(store, 'spinning')
    await parked.ask({ do: 'park' })
    store.replace(partsOf(2))
    await spinning.ask({ do: 'spin', ms: 3000 })
    for (let version = 3; version <= 40; version++) store.replace(partsOf(version))
    const answers = [parked.answer(), spinning.answer()]
    parked.wake()
    await Promise.all(answers)
    for (const thread of [parked, spinning]) {
      const answer = await thread.ask({ do: 'touch', path: ['part1', 0] })
      expect(answer.code).toBe('ERR_STALE_SNAPSHOT')
      await thread.ask({ do: 'current' })
      expect((await thread.ask({ do: 'touch', path: ['part1', 0] })).value).toBe(firstOf(40, 1))
    }
  })

  test('snapshots are never given up: then the write fails, and says who holds what', async () => {
    const store = create(5 * VERSION)
    const thread = await hold(store, 'the holder')
    await thread.ask({ do: 'current' })
    await thread.ask({ do: 'snapshot' })
    let version = 1
    const error = thrown(() => {
      const mine: unknown[] = []
      for (; version < 40; version++) {
        store.replace(partsOf(version + 1))
        mine.push(store.snapshot())
      }
    })
    expect(error.code).toBe('ERR_HEAP_FULL')
    expect(version).toBeGreaterThan(2)
    expect(store.version).toBe(version)
    expect((await thread.ask({ do: 'touch', path: ['part1', 0] })).value).toBe(firstOf(1, 1))
    expect(error['holders']).toMatchObject([
      { label: 'main', snapshots: version - 1 },
      { label: 'the holder', snapshots: 1 },
    ])
    expect(Number(error['freeBytes'])).toBeGreaterThanOrEqual(0)
    expect(error['limboBytes']).toBeTypeOf('number')
    const [, other] = error['holders'] as { heldBytes: number }[]
    expect(other!.heldBytes).toBeGreaterThan(VERSION / 2)
  })
})

describe('what this thread was handed', () => {
  test('goes in the same way, oldest first', () => {
    // A Map's view goes on reading the memory of its version.
    const mapOf = (version: number) =>
      new Map(Array.from({ length: 4000 }, (_, i) => [`key ${i}`, `${version}: ${'y'.repeat(50)}`]))
    const store = createStore({ map: mapOf(1), version: 1 }, { maxBytes: 8 * 2 ** 20 })
    open.push(store as never)
    const values = [store.current]
    for (let version = 2; version <= 60; version++) {
      store.replace({ map: mapOf(version), version })
      values.push(store.current)
    }
    const states = values.map((value, index) => {
      try {
        return value.map.get('key 7') === `${index + 1}: ${'y'.repeat(50)}` ? 'right' : 'wrong'
      } catch (error) {
        return (error as { code: string }).code
      }
    })
    const stale = states.filter((state) => state === 'ERR_STALE_SNAPSHOT').length
    console.log(`${stale} of 60 versions were given up`)
    expect(stale).toBeGreaterThan(10)
    expect(stale).toBeLessThan(59)
    expect(states).toEqual(values.map((_, i) => (i < stale ? 'ERR_STALE_SNAPSHOT' : 'right')))
    expect(store.stats().liveBytes).toBeGreaterThan(4 * 2 ** 20)
    expect(values.map(({ version }) => version)).toEqual(values.map((_, i) => i + 1))
  })
})
