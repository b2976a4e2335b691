import assert from 'node:assert/strict'
import { once } from 'node:events'
import { inspect } from 'node:util'
import { Worker } from 'node:worker_threads'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createStore } from '../../../src/index.ts'
import type { Key } from '../../../src/values/immutable.ts'

const megabytes = { maxBytes: 64 * 2 ** 20 }
const echoFile = new URL('../../../dist/test/workers/values-echo.js', import.meta.url)

/** Keys of every type; some look alike. */
const oddKeys: Key[] = [
  'a',
  '',
  '1',
  1,
  1n,
  -1n,
  2n ** 80n,
  -(2n ** 80n),
  1.5,
  2 ** 40,
  -(2 ** 40),
  NaN,
  0,
  true,
  'true',
  false,
  null,
  'null',
  undefined,
  'x'.repeat(500),
  'ü€',
  Infinity,
]
const key = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...oddKeys) },
  { weight: 1, arbitrary: fc.oneof(fc.string(), fc.double(), fc.integer(), fc.bigInt()) },
)

/** Every way of reading a Map, compared with a real one. */
function expectMap(view: ReadonlyMap<Key, unknown>, model: ReadonlyMap<Key, unknown>): void {
  assert.deepStrictEqual(new Map(view), model)
  expect([...view.keys()]).toEqual([...model.keys()])
  expect([...view.values()]).toEqual([...model.values()])
  expect(view.size).toBe(model.size)
  const each: unknown[] = []
  view.forEach(function (this: unknown, value, key, map) {
    expect(this).toBe(model)
    expect(map).toBe(view)
    each.push([key, value])
  }, model)
  expect(each).toEqual([...model])
  for (const [key, value] of model) {
    expect(view.has(key)).toBe(true)
    expect(view.get(key)).toEqual(value)
    expect(view.get(key)).toBe(view.get(key))
  }
}

describe('a Map in a store', () => {
  it('has every key that a Map may have, in order, whatever is set and deleted', () => {
    const change = fc.record({ key, value: fc.anything({ maxDepth: 1 }), gone: fc.boolean() })
    let seen = 0
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60, size: 'max' }), (changes) => {
        const model = new Map<Key, unknown>()
        using store = createStore({ map: model as Map<Key, unknown> }, megabytes)
        for (const { key, value: any, gone } of changes) {
          const value = JSON.parse(JSON.stringify([any]))[0] as unknown
          if (gone && model.delete(key)) store.delete(['map', key])
          else store.set(['map', key], value)
          if (store.has('map', key)) model.set(key, value)
          expect(store.get('map', key)).toEqual(model.get(key))
          expect(store.has('map', key)).toBe(model.has(key))
        }
        expectMap(store.current.map, model)
        expect(store.replace({ map: model }).changed).toBe(false)
        seen += model.size
        store.verify()
      }),
      { numRuns: 60 },
    )
    console.log(`${seen} entries`)
    expect(seen).toBeGreaterThan(100)
  })

  it.each([0, 1, 3, 64, 65, 5000])('of %i entries reads like a Map', (size) => {
    const model = new Map<Key, unknown>()
    for (let i = 0; i < size; i++) model.set(i % 3 === 0 ? `key ${i}` : i, { i, list: [i] })
    using store = createStore(model, megabytes)
    expectMap(store.current, model)
    expect(store.current.get('no such key')).toBeUndefined()
    expect(store.current.get({} as never)).toBeUndefined()
    expect(store.current).toBe(store.current)
    expect(Object.isFrozen(store.current)).toBe(true)
    expect(store.current).not.toBeInstanceOf(Map)
    store.verify()
  })

  it('nests, and is stored again from a view', () => {
    const inner = new Map([['x', new Map([[1, new Set(['s'])]])]])
    using store = createStore({ inner, list: [inner], copy: null as unknown }, megabytes)
    const { current } = store
    expect([...(current.inner.get('x')!.get(1) as Set<string>)]).toEqual(['s'])
    expect(store.get('inner', 'x', 1)).toBe(current.inner.get('x')!.get(1))
    const before = store.heap.stats().liveBytes
    expect(store.replace({ ...current } as never).changed).toBe(false)
    expect(store.heap.stats().liveBytes).toBe(before)
    store.set(['copy'], current.inner)
    expect([...(store.current.copy as Map<string, unknown>).keys()]).toEqual(['x'])
    store.verify()
  })

  it('is shown by util.inspect as a Map is, a large one in part', () => {
    const map = new Map<Key, unknown>([
      [1, { a: 1 }],
      ['b', new Set([2n])],
    ])
    using store = createStore({ map, set: new Set(['x']) }, megabytes)
    expect(inspect(store.current)).toBe(inspect({ map, set: new Set(['x']) }))
    using large = createStore(new Set(Array.from({ length: 5000 }, (_, i) => i)), megabytes)
    expect(inspect(large.current)).toMatch(/^Set\(5000\) \{[^]*\.\.\. 4900 more items\n\}$/)
    expect(structuredClone(store.current.map)).toEqual({})
  })
})

describe('a Set in a store', () => {
  it('has every member that a Set may have, in order', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.boolean()), { maxLength: 40 }), (changes) => {
        const model = new Set<Key>()
        using store = createStore({ set: model as Set<Key> }, megabytes)
        for (const [member, gone] of changes) {
          if (gone && model.delete(member)) store.delete(['set', member])
          else store.set(['set', member] as never, member as never)
          if (store.has('set', member)) model.add(member)
          expect(store.has('set', member)).toBe(model.has(member))
        }
        const { set } = store.current
        assert.deepStrictEqual(new Set(set), model)
        expect(set.size).toBe(model.size)
        expect([...set.entries()]).toEqual([...model.entries()])
        expect([...set.values()]).toEqual([...set.keys()])
        for (const member of model) expect(set.has(member)).toBe(true)
        expect(store.replace({ set: model }).changed).toBe(false)
        store.verify()
      }),
      { numRuns: 60 },
    )
  })

  it('takes the member itself as the value of a path', () => {
    using store = createStore({ set: new Set(['a']) }, megabytes)
    expect(store.set(['set', 'a'] as never, 'a' as never).changed).toBe(false)
    expect(() => store.set(['set', 'b'] as never, 'c' as never)).toThrow(/member itself/)
  })
})

describe('views of one version', () => {
  it('read as on the first day, in parts that were never touched, across 3,000 publishes', () => {
    const entries = Array.from({ length: 300 }, (_, i): [Key, unknown] => [
      `k${i}`,
      { i, deep: [[i]] },
    ])
    using store = createStore({ map: new Map(entries), n: 0 }, megabytes)
    const kept: { view: ReadonlyMap<Key, unknown>; model: Map<Key, unknown> }[] = []
    const model = new Map<Key, unknown>(entries)
    for (let version = 0; version < 3000; version++) {
      const name = `k${(version * 7) % 300}`
      if (version % 500 === 0) kept.push({ view: store.current.map, model: new Map(model) })
      if (version % 5 === 0) {
        store.delete(['map', name])
        model.delete(name)
      }
      store.set(['map', name], { i: version, deep: [[version]] })
      model.set(name, { i: version, deep: [[version]] })
    }
    for (const { view, model } of kept) expectMap(view, model)
    expectMap(store.current.map, model)
    store.verify()
  })

  it('iterators go on in the version in which they began', () => {
    const model = new Map(Array.from({ length: 200 }, (_, i) => [i, [i]] as const))
    using store = createStore(model, megabytes)
    const iterator = store.current.entries()
    const found = [iterator.next().value, iterator.next().value]
    store.replace(new Map())
    expect(store.current.size).toBe(0)
    expect([...found, ...iterator]).toEqual([...model])
  })

  it('stay the same object while unchanged, and so do unchanged values', () => {
    const map = new Map(Array.from({ length: 500 }, (_, i) => [`k${i}`, { i, deep: [i] }]))
    using store = createStore({ map, other: 1 }, megabytes)
    const view = store.current.map
    const values = [...view.values()]
    store.set(['other'], 2)
    expect(store.current.map).toBe(view)
    store.set(['map', 'k7', 'i'], -1)
    store.delete(['map', 'k9'])
    const next = store.current.map
    expect(next).not.toBe(view)
    let same = 0
    for (const [key, value] of next) if (value === values[map.get(key)!.i]) same++
    expect(same).toBe(498)
    expect(next.get('k7')!.deep).toBe(values[7]!.deep)
    expect(view.get('k9')).toBe(values[9])
    expect(view.get('k7')).toBe(values[7])
  })

  it('leave no trace: what was kept is given back', () => {
    using store = createStore({ map: new Map([['a', { n: 0 }]]) }, megabytes)
    for (let n = 1; n < 200; n++) store.set(['map', 'a', 'n'], n)
    expect(store.current.map.get('a')).toEqual({ n: 199 })
    expect(store.heap.stats().liveBytes).toBeLessThan(10_000)
    store.verify()
  })
})

describe('replacing and refusing', () => {
  it('keeps equal entries, takes another order for another value', () => {
    const entries = Array.from({ length: 100 }, (_, i) => [i, { i }] as [number, { i: number }])
    using store = createStore(new Map(entries), megabytes)
    const before = new Set(store.current.values())
    entries[50] = [50, { i: -1 }]
    entries.splice(70, 1)
    entries.push([1000, { i: 1000 }])
    store.replace(new Map(entries))
    assert.deepStrictEqual(new Map(store.current), new Map(entries))
    expect([...store.current.values()].filter((value) => before.has(value))).toHaveLength(98)
    expect(store.replace(new Map(entries.toReversed())).changed).toBe(true)
    expect([...store.current.keys()]).toEqual(entries.map(([key]) => key).toReversed())
    store.verify()
  })

  it('objects are no keys, and what is wrong inside is named with its path', () => {
    using store = createStore<{ a: unknown }>({ a: 1 }, megabytes)
    const refused = (value: unknown, path: unknown[]): void => {
      const error = { code: 'ERR_UNSUPPORTED_VALUE', path }
      for (const write of [() => store.set(['a'], value), () => store.replace({ a: value })]) {
        expect(write).toThrow(expect.objectContaining(error) as Error)
      }
    }
    refused(new Map([[{}, 1]]), ['a'])
    refused(new Set([Symbol('x')]), ['a'])
    refused(new Map([[5n, [/x/]]]), ['a', 5n, 0])
    refused(new (class Own extends Map {})(), ['a'])
    const cycle = new Map<string, unknown>()
    cycle.set('me', [cycle])
    expect(() => store.set(['a'], cycle)).toThrow(/cycle|deeper/)
    expect(() => store.set(['a', 'b'] as never, 1 as never)).toThrow(/nothing at/)
  })

  it('goes through another thread and back', async () => {
    const model = new Map<Key, unknown>(oddKeys.map((key) => [key, new Set([key])]))
    using store = createStore({ there: model as unknown, back: undefined as unknown }, megabytes)
    const worker = new Worker(echoFile, { workerData: store.handle })
    worker.postMessage('go')
    await once(worker, 'message')
    await worker.terminate()
    const back = store.current.back as Map<Key, Set<Key>>
    assert.deepStrictEqual(new Map([...back].map(([key, set]) => [key, new Set(set)])), model)
  })
})
