/** Reading a store: by handle and by name, `current`, `get`, `has`, `read`, snapshots. */
import { isDeepStrictEqual, inspect } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { createStore, Heap, openStore, RootswapError, type Store } from '../../../src/index.ts'
import { inside, type Services, services, settled, thrown } from './inside.ts'

const MEGABYTES = { maxBytes: 8 * 2 ** 20 }
const open: { close(): void }[] = []

function create<T>(value: T, options: object = {}): Store<T> {
  const store = createStore(value, { ...MEGABYTES, ...options })
  open.push(store)
  return store
}

afterEach(() => {
  for (const each of open.splice(0)) each.close()
})

describe('creating and opening', () => {
  test('the initial value is version 1, copied in, equal, frozen, and not the argument', () => {
    const value = { a: { b: [1, 'two', null, true, 2.5] }, c: '' }
    const store = create(value)
    expect(store.version).toBe(1)
    expect(store.current).toEqual(value)
    expect(store.current).not.toBe(value)
    value.a.b.push(6)
    expect(store.current.a.b).toEqual([1, 'two', null, true, 2.5])
    expect(Object.isFrozen(value)).toBe(false)
    for (const part of [store.current, store.current.a, store.current.a.b]) {
      expect(Object.isFrozen(part)).toBe(true)
    }
    store.verify()
  })

  test('a store opened by its handle is the same store, and the handle may be cloned', () => {
    const store = create({ n: 1 })
    for (const [turn, handle] of [store.handle, structuredClone(store.handle)].entries()) {
      const other = openStore(handle)
      open.push(other)
      expect(other.current).toEqual({ n: 1 + turn })
      other.update((draft) => void draft.n++)
      expect(store.current).toEqual(other.current)
      expect(store.version).toBe(other.version)
    }
    expect(store.current).toEqual({ n: 3 })
  })

  test('a store opened by its name is the same store', () => {
    const name = 'reading.test by name'
    const store = create({ n: 1 }, { name, share: true })
    expect(store.name).toBe(name)
    const other = openStore<{ n: number }>(name)
    open.push(other)
    expect(other.name).toBe(name)
    other.set(['n'], 2)
    expect(store.get('n')).toBe(2)
    expect(store.heap.stores()).toEqual([name])
  })

  test('a name that nobody gave is ERR_BAD_HANDLE and says so', () => {
    const error = thrown(() => openStore('reading.test nobody'))
    expect(error.code).toBe('ERR_BAD_HANDLE')
    expect(error.message).toContain('reading.test nobody')
  })

  test('any JSON value may be the root', () => {
    for (const value of [
      0,
      -0,
      1.5,
      '',
      'text',
      null,
      true,
      undefined,
      [],
      {},
      [[]],
      'x'.repeat(5000),
    ]) {
      const store = create(value as unknown)
      expect(store.current).toStrictEqual(value)
      expect(Object.is(store.get(), store.current)).toBe(true)
      store.verify()
    }
  })

  test('wrong options are TypeError and RangeError with a code', () => {
    const wrong = [
      { maxBytes: '1' },
      { maxBytes: 1 },
      { maxThreads: 0 },
      { maxStores: 0.5 },
      { name: 1 },
    ]
    for (const options of wrong) {
      const error = thrown(() => createStore({}, options as object))
      expect(error.code).toBe('ERR_INVALID_ARGUMENT')
      expect(['TypeError', 'RangeError']).toContain(error.name)
    }
  })
})

describe('current', () => {
  test('it is the same object until the version changes', () => {
    const store = create(services(50))
    const first = store.current
    expect(store.current).toBe(first)
    store.set(['title'], 'another')
    expect(store.current).not.toBe(first)
    expect(store.current).toBe(store.current)
  })

  test('a write that changes nothing keeps it the same object', () => {
    const store = create(services(50))
    const first = store.current
    store.set(['title'], first.title)
    store.update(() => {})
    store.replace(services(50))
    expect(store.current).toBe(first)
    expect(store.version).toBe(1)
  })

  test('unchanged subtrees are === from version to version, along the path they are not', () => {
    const store = create(services(200))
    const before = store.current
    const [kept, changed] = [before.byName['service-3'], before.byName['service-9']]
    store.update((draft) => void (draft.byName['service-9']!.limits.burst = -1))
    const after = store.current
    expect(after.byName).not.toBe(before.byName)
    expect(after.byName['service-9']).not.toBe(changed)
    expect(after.byName['service-9']!.limits).not.toBe(changed!.limits)
    expect(after.byName['service-9']!.limits.owner).toBe(changed!.limits.owner)
    expect(after.byName['service-9']!.tags).toBe(changed!.tags)
    expect(after.byName['service-3']).toBe(kept)
    expect(after.list).toBe(before.list)
    expect(changed!.limits.burst).toBe(16)
  })

  test('own writes are seen at once, by every kind of read', () => {
    const store = create({ n: 0, deep: { list: [0] } })
    for (let n = 1; n <= 200; n++) {
      const { version } = store.update((draft) => {
        draft.n = n
        draft.deep.list[0] = n
      })
      expect(version).toBe(n + 1)
      expect(store.version).toBe(version)
      expect(store.get('n')).toBe(n)
      expect(store.current.deep.list[0]).toBe(n)
      expect(store.read((value, seen) => [value.n, seen])).toEqual([n, version])
    }
  })

  test('it behaves as the private value with JSON, spread, keys, clones and comparison', () => {
    const value = services(60)
    const { current } = create(value)
    expect(JSON.stringify(current)).toBe(JSON.stringify(value))
    expect(structuredClone({ ...current })).toEqual(value)
    expect(Object.keys(current.byName)).toEqual(Object.keys(value.byName))
    expect(Array.isArray(current.list)).toBe(true)
    expect(isDeepStrictEqual({ ...current.byName }, value.byName)).toBe(true)
    expect(() => void ((current as Services).title = 'x')).toThrow(TypeError)
    expect(() => void (current.list as unknown[]).push(1)).toThrow(TypeError)
  })
})

describe('get, has and read', () => {
  const value = {
    a: { b: [10, { c: 'see' }], empty: {}, nothing: null, undefined: undefined },
    s: 'text',
  }

  test('they find what is there', () => {
    const store = create(value)
    expect(store.get('a', 'b', 0)).toBe(10)
    expect(store.get('a', 'b', 1, 'c')).toBe('see')
    expect(store.get('s')).toBe('text')
    expect(store.get('a', 'nothing')).toBe(null)
    expect(store.get('a', 'empty')).toEqual({})
    expect(store.get('a')).toBe(store.current.a)
    expect(store.get()).toBe(store.current)
    for (const path of [[], ['a'], ['a', 'b', 1, 'c'], ['a', 'nothing'], ['a', 'undefined']]) {
      expect(store.has(...path)).toBe(true)
    }
  })

  test('a missing path is undefined and is not there, before and after current was read', () => {
    const store = create(value)
    const get = store.get.bind(store) as (...path: unknown[]) => unknown
    const has = store.has.bind(store) as (...path: unknown[]) => boolean
    const missing = [
      ['z'], ['a', 'z'], ['a', 'z', 'deeper'], ['a', 'b', 2], ['a', 'b', -1], ['a', 'b', 0.5],
      ['a', 'b', 'length'], ['s', 0], ['s', 'length'], ['a', 'nothing', 'x'], ['toString'],
      ['constructor'], ['__proto__'], ['a', 'empty', 'hasOwnProperty'], ['a', true], ['a', null],
    ] // prettier-ignore
    for (let pass = 0; pass < 2; pass++) {
      for (const path of missing) {
        expect(get(...path)).toBe(undefined)
        expect(has(...path)).toBe(false)
      }
      void store.current
    }
  })

  test('read gives value and version, and passes on what is returned or thrown', () => {
    const store = create({ n: 1 })
    store.set(['n'], 2)
    expect(store.read((seen, version) => ({ n: seen.n, version }))).toEqual({ n: 2, version: 2 })
    const mine = new RangeError('mine')
    expect(() =>
      store.read(() => {
        throw mine
      }),
    ).toThrow(mine)
    expect(store.read((seen) => store.read((inner) => inner === seen))).toBe(true)
    store.synchronizeSync(100)
    store.set(['n'], 3)
  })
})

describe('snapshots', () => {
  test('one stays as it is across 2,000 publishes, and pins its version until released', () => {
    const store = create(services(100))
    const plain = structuredClone({ ...store.current })
    const fresh = store.verify().liveBlocks
    const snapshot = store.snapshot()
    for (let n = 0; n < 2000; n++) {
      store.update((draft) => {
        draft.byName[`service-${n % 100}`]!.limits.burst = n
        draft.list[n % 100]!.name = `renamed ${n} times or so`
      })
    }
    expect(snapshot.version).toBe(1)
    expect(snapshot.get('byName', 'service-7', 'limits', 'burst')).toBe(14)
    expect(snapshot.has('byName', 'service-100')).toBe(false)
    expect(isDeepStrictEqual(structuredClone(snapshot.value), plain)).toBe(true)
    expect(store.stats()).toMatchObject({ snapshots: 1, oldestSnapshotVersion: 1 })
    const held = settled(store)
    expect(held.zombies).toBe(1)
    snapshot.release()
    const after = settled(store)
    expect(after.zombies).toBe(0)
    expect(after.versions).toBe(1)
    expect(after.liveBlocks).toBeLessThan(held.liveBlocks)
    expect(after.liveBlocks).toBe(fresh)
    expect(store.stats()).toMatchObject({ snapshots: 0, oldestSnapshotVersion: 0 })
  })

  test('release is idempotent, and what is used afterwards is ERR_STALE_SNAPSHOT', () => {
    const store = create({ n: 1 })
    const [first, second] = [store.snapshot(), store.snapshot()]
    const { value } = first
    first.release()
    first.release()
    expect(first.isReleased).toBe(true)
    for (const use of [() => first.value, () => first.get('n'), () => first.has('n')]) {
      const error = thrown(use)
      expect(error).toBeInstanceOf(RootswapError)
      expect(error.code).toBe('ERR_STALE_SNAPSHOT')
      expect(error['version']).toBe(1)
    }
    store.set(['n'], 2)
    expect(second.value).toEqual({ n: 1 })
    expect(value).toEqual({ n: 1 })
    second[Symbol.dispose]()
    expect(settled(store).zombies).toBe(0)
  })

  test('a hundred snapshots of a hundred versions each keep their own', () => {
    const store = create({ n: 0, list: [0] as number[] })
    const held = Array.from({ length: 100 }, (_, n) => {
      store.update((draft) => {
        draft.n = n
        draft.list = [n, n * 2 + 0.5]
      })
      return store.snapshot()
    })
    for (const [n, snapshot] of held.entries()) {
      expect(snapshot.value).toEqual({ n, list: [n, n * 2 + 0.5] })
      expect(snapshot.version).toBe(n + 2)
    }
    expect(store.stats().snapshots).toBe(100)
    store.verify()
    for (let n = 0; n < 100; n += 2) held[n]!.release()
    settled(store)
    for (let n = 1; n < 100; n += 2) expect(held[n]!.get('list', 0)).toBe(n)
    for (const snapshot of held) snapshot.release()
    expect(settled(store)).toMatchObject({ zombies: 0, versions: 1 })
  })
})

test('util.inspect shows stores, snapshots and heaps on one readable line', () => {
  const store = create({ n: 1 }, { name: 'inspected' })
  const snapshot = store.snapshot()
  expect(inspect(store)).toBe("Store { name: 'inspected', version: 1 }")
  expect(inspect(snapshot)).toBe('Snapshot { version: 1 }')
  snapshot.release()
  expect(inspect(snapshot)).toBe('Snapshot { version: 1, released }')
  const heap = Heap.create(MEGABYTES)
  const shown = inspect(heap)
  expect(shown).toMatch(/^Heap \{/)
  expect(shown.length).toBeLessThan(100)
  heap.close()
  expect(inspect(heap)).toMatch(/closed/)
  store.close()
  expect(inspect(store)).toBe("Store { name: 'inspected', closed }")
  expect(inspect(create(services(3)).current)).toBe(inspect(services(3)))
})

test('what thread holds is given back: after close nothing of it is left in the heap', () => {
  const store = create({ n: 1 })
  const { memory } = inside(store)
  const slots = store.heap.threads().length
  store.close()
  const again = openStore(store.handle)
  open.push(again)
  expect(inside(again).memory.words.buffer).toBe(memory.words.buffer)
  expect(again.heap.threads()).toHaveLength(slots)
  expect(again.current).toEqual({ n: 1 })
  expect(settled(again)).toMatchObject({ zombies: 0, versions: 1, draftBytes: 0 })
})
