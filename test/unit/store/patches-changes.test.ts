/** Changes with patches: what subscribers and iterators are told, and what that costs. */
import { setTimeout as sleep } from 'node:timers/promises'
import { applyPatches as immerApply, enablePatches, type Patch as ImmerPatch } from 'immer'
import { afterEach, describe, expect, test } from 'vitest'
import { type Change, createStore, type Store } from '../../../src/index.ts'
import { settled } from './inside.ts'

enablePatches()

const open: { close(): void }[] = []
function create<T>(value: T, maxBytes = 8 * 2 ** 20): Store<T> {
  const store = createStore(value, { maxBytes })
  open.push(store)
  return store
}
afterEach(() => {
  for (const store of open.splice(0)) store.close()
})

/** Equal, with the keys in the same order. */
function expectSame(found: unknown, wanted: unknown): void {
  expect(found).toEqual(wanted)
  expect(JSON.stringify(found)).toBe(JSON.stringify(wanted))
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

describe('changes with patches', () => {
  test('tell from what the subscriber saw last to the newest version', async () => {
    const store = create<Record<string, unknown>>({ a: 0, list: [] })
    const heard: Change<unknown>[] = []
    const end = store.subscribe((change) => heard.push(change), { patches: true })
    let mirror: unknown = structuredClone(store.current)
    for (let round = 0; round < 20; round++) {
      for (let n = 0; n < 30; n++) {
        store.update((draft) => {
          draft['a'] = round * 100 + n
          ;(draft['list'] as unknown[]).push({ text: `element ${round} ${n}` })
          if (n % 10 === 9) (draft['list'] as unknown[]).splice(0, 7)
        })
      }
      await expect.poll(() => heard.at(-1)?.version, { interval: 1 }).toBe(store.version)
      for (const { patches } of heard.splice(0)) {
        mirror = immerApply(mirror as object, patches as ImmerPatch[])
      }
      expectSame(mirror, store.current)
    }
    end()
    expect(settled(store).zombies).toBe(0)
  })

  test('cost the version seen last until the subscription ends', async () => {
    const store = create<Record<string, unknown>>({ big: numbers(50_000) })
    const end = store.subscribe(() => {}, { patches: true })
    store.set(['big'], 0)
    const held = settled(store).zombies
    end()
    expect([held, settled(store).zombies]).toEqual([1, 0])
  })

  test('of a selector tell from the call before, at first nothing', async () => {
    const store = create({ a: 0, b: 0 })
    const heard: unknown[] = []
    store.subscribe(
      (value) => value.a,
      (selected, previous, { version, previousVersion, patches }) =>
        heard.push([selected, previous, previousVersion, version, patches]),
      { patches: true, immediate: true },
    )
    await expect.poll(() => heard.length, { interval: 1 }).toBe(1)
    store.set(['b'], 1)
    await sleep(20)
    store.set(['a'], 1)
    await expect.poll(() => heard.length, { interval: 1 }).toBe(2)
    expect(heard).toEqual([
      [0, undefined, 1, 1, []],
      [
        1,
        0,
        1,
        3,
        [
          { op: 'replace', path: ['a'], value: 1 },
          { op: 'replace', path: ['b'], value: 1 },
        ],
      ],
    ])
  })

  test('of an iterator tell of each step, and closing the store rejects it', async () => {
    const store = create({ n: 0 })
    const iterator = store.changes({ patches: true })[Symbol.asyncIterator]()
    store.set(['n'], 1)
    store.set(['n'], 2)
    const first = await iterator.next()
    expect(first.value).toMatchObject({
      previousVersion: 1,
      version: 3,
      patches: [{ op: 'replace', path: ['n'], value: 2 }],
    })
    const later = iterator.next()
    store.set(['n'], 3)
    expect((await later).value).toMatchObject({ previousVersion: 3, version: 4 })
    await iterator.return!()
    const other = create({ n: 0 })
    const rejected = other.changes({ patches: true })[Symbol.asyncIterator]().next()
    other.close()
    await expect(rejected).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  test('an iterator that nobody holds any more does not keep its version', async () => {
    const store = create<Record<string, unknown>>({ n: 0 })
    void store.changes({ patches: true })[Symbol.asyncIterator]()
    store.set(['n'], 1)
    const collect = globalThis.gc!
    await expect
      .poll(() => {
        collect()
        return settled(store).zombies
      })
      .toBe(0)
  })
})
