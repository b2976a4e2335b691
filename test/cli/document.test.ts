import { describe, expect, test } from 'vitest'
import { checkHeap, countLostUpdates } from '../../src/cli/demo/checks.ts'
import { percentile } from '../../src/cli/demo/clock.ts'
import {
  follow,
  makeDocument,
  moveAmount,
  samplePaths,
  TOTAL,
} from '../../src/cli/demo/document.ts'
import { createStore } from '../../src/store/open.ts'

const data = { list: [1, [true, null]], deep: { deeper: { flag: false, 'a b': 'text' } }, none: {} }

describe("the demo's document", () => {
  test('the sample has the places of all values, once each, and of booleans', () => {
    const { leaves, flags } = samplePaths(data, 100)
    const all = [
      ['list', 0],
      ['list', 1, 0],
      ['list', 1, 1],
      ['deep', 'deeper', 'flag'],
    ]
    expect(leaves).toEqual([...all, ['deep', 'deeper', 'a b']])
    expect(flags).toEqual([
      ['list', 1, 0],
      ['deep', 'deeper', 'flag'],
    ])
    for (const path of leaves) expect(follow(data, path)).not.toBe(undefined)
  })

  test('a small sample of large data is of the size asked for, from all over', () => {
    const rows = Array.from({ length: 1000 }, (_, id) => id)
    const counts = new Map<unknown, number>()
    for (let run = 0; run < 200; run++) {
      const { leaves } = samplePaths(rows, 50)
      expect(leaves).toHaveLength(50)
      for (const [index] of leaves) {
        const tenth = Math.floor((index as number) / 100)
        counts.set(tenth, (counts.get(tenth) ?? 0) + 1)
      }
    }
    // A thousand are expected in each tenth of the rows; 150 away is five deviations.
    expect([...counts.values()].filter((count) => Math.abs(count - 1000) > 150)).toEqual([])
    expect(counts.size).toBe(10)
  })

  test('depth 100,000 is sampled without recursion', () => {
    let deep: object = { end: true }
    for (let depth = 0; depth < 100_000; depth++) deep = { deep }
    expect(samplePaths(deep, 1).leaves[0]).toHaveLength(100_001)
  })

  test('every update keeps the sum, turns its flag around, and counts itself', () => {
    const store = createStore(makeDocument(data, {}), { maxBytes: 2 ** 22 })
    for (let count = 0; count < 99; count++) {
      store.update((draft) => moveAmount(draft, 'main', ['deep', 'deeper', 'flag']))
      const { early, late } = store.current
      expect(early.balance + late.balance).toBe(TOTAL)
    }
    expect(follow(store.current.data, ['deep', 'deeper', 'flag'])).toBe(true)
    expect(countLostUpdates(store, { main: 99, config: 0, worker: 0 })).toBe(0)
    expect(countLostUpdates(store, { main: 101, config: 0, worker: 1 })).toBe(3)
    expect(checkHeap(store)).toMatchObject({ leakedBlocks: 0, damages: [] })
    store.close()
  })

  test('a version that cannot go, since somebody holds it, is counted', () => {
    const store = createStore(makeDocument(data, {}), { maxBytes: 2 ** 22 })
    const held = store.snapshot()
    store.update((draft) => moveAmount(draft, 'main'))
    expect(checkHeap(store).leakedBlocks).toBeGreaterThan(0)
    held.release()
    expect(checkHeap(store).leakedBlocks).toBe(0)
    store.close()
  })

  test('percentiles', () => {
    const samples = Array.from({ length: 1000 }, (_, index) => 999 - index)
    expect([percentile(samples, 0.5), percentile(samples, 0.99)]).toEqual([500, 990])
    expect([percentile([7], 0.99), percentile([], 0.5)]).toEqual([7, 0])
  })
})
