/** Writing a store: update, set, delete, replace; what is published, what stays, what it costs. */
import { isDeepStrictEqual } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { createStore, Heap, openStore, RootswapError, type Store } from '../../../src/index.ts'
import { services, settled, thrown } from './inside.ts'

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

describe('update', () => {
  test('edits of a draft are published as one version', () => {
    const store = create({ a: 1, list: [1, 2, 3], gone: 'soon' } as Record<string, unknown>)
    const commit = store.update((draft) => {
      draft['a'] = 2
      ;(draft['list'] as number[]).push(4)
      delete draft['gone']
      draft['new'] = { deep: ['er'] }
    })
    expect(commit).toEqual({ version: 2, changed: true })
    expect(JSON.stringify(store.current)).toBe('{"a":2,"list":[1,2,3,4],"new":{"deep":["er"]}}')
    settled(store)
  })

  test('a returned value replaces the whole', () => {
    const store = create<unknown>({ a: 1 })
    expect(store.update(() => [1, 2])).toEqual({ version: 2, changed: true })
    expect(store.current).toEqual([1, 2])
    expect(store.update(() => 7)).toEqual({ version: 3, changed: true })
    expect(store.current).toBe(7)
    expect(store.update((draft) => (draft as number) + 1)).toMatchObject({ changed: true })
    expect(store.current).toBe(8)
    expect(settled(store).versions).toBe(1)
  })

  test('a draft changed and another value returned is refused', () => {
    const store = create<Record<string, number>>({ a: 1 })
    const error = thrown(() =>
      store.update((draft) => {
        draft['a'] = 2
        return { b: 1 }
      }),
    )
    expect(error).toBeInstanceOf(TypeError)
    expect(error.code).toBe('ERR_INVALID_ARGUMENT')
    expect(store.current).toEqual({ a: 1 })
    expect(store.version).toBe(1)
    store.verify()
  })

  test('reads, writes of equal scalars and a returned draft publish nothing', () => {
    const store = create({ a: 1, deep: { text: 'long enough to be a node', list: [1.5] } })
    const idle = [
      () => {},
      (draft: { a: number }) => void (draft.a = 1),
      (draft: { deep: { text: string } }) => void (draft.deep.text = 'long enough to be a node'),
      (draft: { deep: { list: number[] } }) => void (draft.deep.list[0] = 1.5),
      (draft: never) => draft,
    ] as ((draft: never) => never)[]
    for (const recipe of idle) {
      expect(store.update(recipe as never)).toEqual({ version: 1, changed: false })
    }
    expect(store.version).toBe(1)
    expect(store.stats().publishes).toBe(1)
    store.verify()
  })

  test('a draft is of no use after its recipe', () => {
    const store = create({ deep: { n: 1 } })
    let kept: { n: number } | undefined
    store.update((draft) => void (kept = draft.deep))
    expect(() => kept!.n).toThrow(TypeError)
    expect(() => void (kept!.n = 2)).toThrow(TypeError)
    expect(store.get('deep', 'n')).toBe(1)
  })
})

describe('set, delete and replace', () => {
  test('set changes one place, makes one, and appends to an array', () => {
    const store = create({ a: { b: [1, 2] }, c: 0 } as Record<string, unknown>)
    const set = store.set.bind(store) as unknown as (
      path: unknown[],
      value: unknown,
    ) => { version: number }
    set(['a', 'b', 0], 'one')
    set(['a', 'b', 2], { three: 3 })
    set(['a', 'new'], null)
    set(['b'], undefined)
    expect(store.current).toStrictEqual({
      a: { b: ['one', 2, { three: 3 }], new: null },
      c: 0,
      b: undefined,
    })
    expect(store.version).toBe(5)
    expect(set([], 'whole').version).toBe(6)
    expect(store.current).toBe('whole')
    expect(settled(store).versions).toBe(1)
  })

  test('delete removes a property, and an element with the others moving up', () => {
    const store = create({ a: 1, list: ['x', { y: 1 }, 'z'], c: 3 } as Record<string, unknown>)
    expect(store.delete(['list', 1])).toEqual({ version: 2, changed: true })
    expect(store.delete(['a'])).toEqual({ version: 3, changed: true })
    expect(JSON.stringify(store.current)).toBe('{"list":["x","z"],"c":3}')
    settled(store)
  })

  test('a missing parent or place is ERR_NO_SUCH_PATH naming the first missing segment', () => {
    const store = create({ a: { list: [1] }, text: 'x' } as Record<string, unknown>)
    const set = (path: unknown[]) => thrown(() => store.set(path as never, 1 as never))
    const remove = (path: unknown[]) => thrown(() => store.delete(path as never))
    const cases: [unknown[], unknown][] = [
      [['z', 'y'], 'z'],
      [['a', 'z', 'y'], 'z'],
      [['a', 'list', 2], 2],
      [['a', 'list', -1], -1],
      [['a', 'list', 'length'], 'length'],
      [['text', 0], 0],
    ]
    for (const [path, missing] of cases) {
      for (const error of [set(path), remove(path)]) {
        expect(error).toBeInstanceOf(RootswapError)
        expect(error.code).toBe('ERR_NO_SUCH_PATH')
        expect(error['missing']).toBe(missing)
      }
    }
    expect(remove(['a', 'list', 1]).code).toBe('ERR_NO_SUCH_PATH')
    expect(remove(['nobody']).code).toBe('ERR_NO_SUCH_PATH')
    for (const path of ['a', [null], [{}], [Symbol('x')]]) {
      expect(set(path as never).code).toBe('ERR_INVALID_ARGUMENT')
    }
    expect(store.version).toBe(1)
    store.verify()
  })

  test('replace keeps deep-equal subtrees shared, in memory and in identity', () => {
    const store = create(services(300))
    const before = store.current
    const blocks = store.verify().liveBlocks
    const next = services(300)
    next.byName['service-5']!.limits.burst = -5
    const commit = store.replace(next)
    expect(commit).toEqual({ version: 2, changed: true })
    expect(isDeepStrictEqual(structuredClone({ ...store.current }), next)).toBe(true)
    expect(store.current.byName['service-6']).toBe(before.byName['service-6'])
    expect(store.current.list).toBe(before.list)
    expect(store.current.byName['service-5']!.tags).toBe(before.byName['service-5']!.tags)
    expect(settled(store).liveBlocks).toBe(blocks)
    expect(store.replace(services(300))).toMatchObject({ version: 3, changed: true })
    expect(store.replace(services(300))).toEqual({ version: 3, changed: false })
    expect(settled(store).liveBlocks).toBe(blocks)
  })

  test('replace adds short strings of two-byte characters, as elements and as properties', () => {
    for (const text of ['\ud800', 'кл', 'é€', '日本語', 'xé', '']) {
      const store = create<unknown>({ list: [], object: {} })
      const next = { list: [text, text], object: { key: text, [text]: [text] } }
      store.replace(next)
      expect(JSON.stringify(store.current)).toBe(JSON.stringify(next))
      settled(store)
      store.close()
    }
  })

  test('replace by another order of keys is a change, as JSON.stringify sees it', () => {
    const store = create<Record<string, number>>({ a: 1, b: 2 })
    expect(store.replace({ b: 2, a: 1 }).changed).toBe(true)
    expect(JSON.stringify(store.current)).toBe('{"b":2,"a":1}')
  })
})

describe('ifVersion', () => {
  test('the write happens at that version', () => {
    const store = create({ n: 0 })
    expect(store.set(['n'], 1, { ifVersion: 1 }).version).toBe(2)
    expect(store.update((draft) => void draft.n++, { ifVersion: 2 }).version).toBe(3)
    expect(store.replace({ n: 9 }, { ifVersion: 3 }).version).toBe(4)
    expect(store.delete(['n'], { ifVersion: 4 }).version).toBe(5)
  })

  test('a moved store is ERR_CONFLICT with both versions, and nothing changes', () => {
    const store = create({ n: 0 })
    store.set(['n'], 1)
    const recipes: number[] = []
    const writes = [
      () => store.set(['n'], 5, { ifVersion: 1 }),
      () => store.update(() => void recipes.push(1), { ifVersion: 1 }),
      () => store.replace({ n: 5 }, { ifVersion: 3 }),
      () => store.delete(['n'], { ifVersion: 0 }),
    ]
    for (const [index, write] of writes.entries()) {
      const error = thrown(write)
      expect(error).toBeInstanceOf(RootswapError)
      expect(error.code).toBe('ERR_CONFLICT')
      expect(error['version']).toBe(2)
      expect(error['expectedVersion']).toBe([1, 1, 3, 0][index])
    }
    expect(recipes).toEqual([])
    expect(store.current).toEqual({ n: 1 })
    store.verify()
  })
})

describe('two stores in one heap', () => {
  test('they have versions, names and values of their own, and one memory', () => {
    const heap = Heap.create(MEGABYTES)
    open.push(heap)
    const one = heap.createStore({ who: 'one' }, { name: 'writing.test one' })
    const two = heap.createStore([0], { name: 'writing.test two' })
    open.push(one, two)
    expect(heap.stores()).toEqual(['writing.test one', 'writing.test two'])
    for (let n = 1; n <= 100; n++) two.set([0], n)
    expect([one.version, two.version]).toEqual([1, 101])
    const found = heap.openStore<{ who: string }>('writing.test one')
    open.push(found)
    found.set(['who'], 'another')
    expect(one.current).toEqual({ who: 'another' })
    expect(two.current).toEqual([100])
    expect(one.heap).toBe(heap)
    expect(heap.stats().publishes).toBe(103)
    expect(thrown(() => heap.openStore('writing.test none')).code).toBe('ERR_BAD_HANDLE')
    void one.current
    expect(settled(two)).toMatchObject({ versions: 2, zombies: 0 })
  })

  test('the value of one may be put into the other, and is a copy there', () => {
    const heap = Heap.create(MEGABYTES)
    open.push(heap)
    const one = heap.createStore(services(20))
    const two = heap.createStore<Record<string, unknown>>({})
    open.push(one, two)
    two.set(['copy'], one.current)
    two.update((draft) => void (draft['again'] = one.current.list))
    one.set(['title'], 'changed')
    expect(isDeepStrictEqual(structuredClone(two.get('copy')), services(20))).toBe(true)
    expect(isDeepStrictEqual(structuredClone(two.get('again')), services(20).list)).toBe(true)
    settled(two)
  })
})

describe('closing', () => {
  test('close is idempotent, and every use afterwards is ERR_CLOSED', () => {
    const store = create({ n: 1 })
    const kept = store.current
    store.close()
    store.close()
    store[Symbol.dispose]()
    const uses: Record<string, () => unknown> = {
      current: () => store.current,
      version: () => store.version,
      get: () => store.get('n'),
      has: () => store.has('n'),
      read: () => store.read((value) => value),
      snapshot: () => store.snapshot(),
      update: () => store.update(() => {}),
      set: () => store.set(['n'], 2),
      delete: () => store.delete(['n']),
      replace: () => store.replace({ n: 2 }),
      subscribe: () => store.subscribe(() => {}),
      stats: () => store.stats(),
      verify: () => store.verify(),
      synchronizeSync: () => store.synchronizeSync(),
      waitForVersionSync: () => store.waitForVersionSync(9, 0),
    }
    for (const [name, use] of Object.entries(uses)) {
      expect([name, thrown(use).code]).toEqual([name, 'ERR_CLOSED'])
    }
    expect(kept).toEqual({ n: 1 })
  })

  test('asynchronous uses after close reject with ERR_CLOSED', async () => {
    const store = create({ n: 1 })
    store.close()
    await expect(store.synchronize()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await expect(store.waitForVersion(9)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  test('a closed heap refuses, and its stores go on until they are closed', () => {
    const heap = Heap.create(MEGABYTES)
    const store = heap.createStore({ n: 1 })
    open.push(store)
    heap.close()
    heap.close()
    for (const use of [() => heap.stats(), () => heap.threads(), () => heap.createStore(1)]) {
      expect(thrown(use).code).toBe('ERR_CLOSED')
    }
    expect(store.set(['n'], 2).version).toBe(2)
    const again = openStore(store.handle)
    open.push(again)
    again.verify()
  })

  test('a closed store ends its snapshots; what was read of a value stays', () => {
    const store = create(services(50))
    const snapshot = store.snapshot()
    const { current } = store
    const read = JSON.stringify(current.byName['service-1'])
    store.close()
    expect(read).toBe(JSON.stringify(services(50).byName['service-1']))
    expect(JSON.stringify(current.byName['service-1'])).toBe(read)
    expect(current.title).toBe('a document of services')
    expect(thrown(() => current.byName['service-2']!.limits.burst).code).toBe('ERR_STALE_SNAPSHOT')
    for (const use of [
      () => snapshot.get('title'),
      () => snapshot.has('x'),
      () => snapshot.value,
    ]) {
      expect(thrown(use).code).toBe('ERR_CLOSED')
    }
  })

  test('a snapshot released after close takes nothing from the next owner of the slot', () => {
    const store = create({ n: 1, text: 'of the first version' })
    const snapshot = store.snapshot()
    store.close()
    const next = openStore(store.handle)
    open.push(next)
    const held = next.snapshot()
    snapshot.release()
    for (let n = 0; n < 100; n++) next.update((draft) => void (draft.text = `of version ${n}`))
    expect(settled(next).zombies).toBe(1)
    expect(held.get('text')).toBe('of the first version')
    held.release()
    expect(settled(next).zombies).toBe(0)
  })
})
