/** A heap without room: at every allocation of every kind of write, and really. */
import { afterEach, describe, expect, test } from 'vitest'
import { createStore, type Heap, RootswapError, type Store } from '../../../src/index.ts'
import { inside, type Services, services, settled, thrown } from './inside.ts'

const open: { close(): void }[] = []

function create<T>(value: T, maxBytes: number): Store<T> {
  const store = createStore(value, { maxBytes, maxThreads: 4, maxStores: 4, maxWaitMs: 5 })
  open.push(store)
  return store
}

afterEach(() => {
  for (const each of open.splice(0)) each.close()
})

interface Document extends Services {
  many: Record<string, { n: number }>
  long: (number | string)[]
  counter: number
}

function documentOf(): Document {
  const many: Document['many'] = {}
  for (let index = 0; index < 400; index++) many[`property ${index}`] = { n: index }
  const long = Array.from({ length: 400 }, (_, index) => `element number ${index}`)
  return { ...services(20), many, long, counter: 0 }
}

const writes: Record<string, (store: Store<Document>) => unknown> = {
  'a property': (store) => store.set(['title'], 'a title that needs a node of its own'),
  'a deep property': (store) =>
    store.update((draft) => {
      draft.byName['service-3']!.limits.owner.team = 'another team, with a long name'
    }),
  'much at once': (store) =>
    store.update((draft) => {
      for (let index = 0; index < 20; index++) {
        draft.byName[`service-${index}`]!.name = `renamed ${index} to something longer`
        draft.list[index]!.tags.push(`tag ${index} of the second sort`)
      }
    }),
  'a large object': (store) =>
    store.update((draft) => {
      for (let index = 0; index < 400; index += 40) delete draft.many[`property ${index}`]
      for (let index = 0; index < 40; index++) draft.many[`new property ${index}`] = { n: 0.5 }
    }),
  'a large array': (store) =>
    store.update((draft) => {
      draft.long.splice(5, 1)
      draft.long.push('one more element', 1.5, 'and another element')
    }),
  'objects of new shapes': (store) =>
    store.update((draft) => {
      Object.assign(draft.byName['service-1']!.limits, { never: 1, seen: 2, keys: 'three of them' })
    }),
  'a moved part': (store) =>
    store.update((draft) => {
      draft.list.unshift(draft.byName['service-5']!)
      delete draft.byName['service-5']
    }),
  'delete in an array': (store) => store.delete(['list', 2]),
  'delete in a large array': (store) => store.delete(['long', 7]),
  'delete in a large object': (store) => store.delete(['many', 'property 9']),
  'a value compared': (store) => {
    const next = documentOf()
    next.byName['service-7']!.limits.burst = -1
    next.list.push(...services(3).list)
    next.long[200] = 'a different element'
    return store.replace(next)
  },
  'a value returned': (store) => store.update(() => documentOf() as never),
  'another root': (store) => store.replace({ ...services(5), many: {}, long: [], counter: 0 }),
  'a second store': (store) => {
    const second = store.heap.createStore(services(5), { name: 'second' })
    second.close()
  },
}

/** Makes the k-th allocation from now on fail; returns what ends that. */
function failing<T>(store: Store<T>, k: number): () => boolean {
  const { allocator } = inside(store).thread
  const patched = allocator as unknown as { allocate?: (size: number) => number }
  let left = k
  let failed = false
  patched.allocate = (size) => {
    if (--left === 0) {
      failed = true
      throw allocator.supply.full(size)
    }
    return Object.getPrototypeOf(allocator).allocate.call(allocator, size) as number
  }
  return () => {
    delete patched.allocate
    return failed
  }
}

describe('the k-th allocation fails, for all k: nothing published, nothing leaked', () => {
  test.each(Object.keys(writes))('%s', (name) => {
    const store = create(documentOf(), 4 * 2 ** 20)
    const write = writes[name]!
    const plain = JSON.stringify(store.current)
    let k = 1
    for (; ; k++) {
      const { version } = store
      const before = store.current
      const end = failing(store, k)
      let error: unknown
      try {
        write(store)
      } catch (caught) {
        error = caught
      }
      if (!end()) break
      expect(error).toBeInstanceOf(RootswapError)
      expect((error as RootswapError).code).toBe('ERR_HEAP_FULL')
      expect(store.version).toBe(version)
      expect(store.current).toBe(before)
      // A smaller write works, and what it publishes is all that differs.
      if (k % 8 === 1) store.set(['counter'], k)
      if (k < 20 || k % 8 === 0) expect(store.verify().draftBytes).toBe(0)
    }
    expect(k).toBeGreaterThan(name.startsWith('delete') || name === 'a property' ? 2 : 4)
    if (name !== 'a second store' && name !== 'a value returned')
      expect(JSON.stringify(store.current)).not.toBe(plain)
    const report = settled(store)
    expect(report).toMatchObject({ zombies: 0, draftBytes: 0 })
    console.log(`${name}: ${k - 1} allocations failed, one after the other`)
  })

  test('the first version of a store', () => {
    const store = create({ counter: 0 }, 4 * 2 ** 20)
    const before = settled(store)
    for (let k = 1; ; k++) {
      const end = failing(store, k)
      const make = () => store.heap.createStore(services(3), { name: 'another' })
      let made: Store<unknown> | undefined
      try {
        made = make() as Store<unknown>
      } catch (error) {
        expect((error as RootswapError).code).toBe('ERR_HEAP_FULL')
      }
      if (!end()) {
        made!.close()
        break
      }
      expect(store.heap.stores()).toEqual([''])
      const report = settled(store)
      expect(report.draftBytes).toBe(0)
      // Shapes that a draft published stay: they are bounded, and shared by whoever comes next.
      expect(report.liveBlocks - before.liveBlocks).toBeLessThan(10)
    }
    expect(store.heap.stores()).toEqual(['', 'another'])
  })
})

/** Appends strings until there is no room. The thread keeps the version that it last read as
 *  `current`, so it reads the newest each time. */
function fill(store: Store<{ list: string[]; counter: number }>, length: number): number {
  for (let count = 0; ; count++) {
    void store.current
    try {
      store.update((draft) => void draft.list.push(`${count}`.padEnd(length, '.')))
    } catch (error) {
      expect(['ERR_HEAP_FULL', 'ERR_RECLAIM_STALLED']).toContain((error as RootswapError).code)
      return count
    }
  }
}

describe('a small heap that is really full', () => {
  test.each([2 ** 18, 2 ** 19, 2 ** 20])('of %i bytes: refuses, stays whole, goes on', (bytes) => {
    const store = create({ list: [] as string[], counter: 0 }, bytes)
    const first = fill(store, 20_000)
    const second = fill(store, 2000)
    const held = JSON.stringify(store.current)
    const { version } = store
    const error = thrown(() => store.set(['list', 0], 'x'.repeat(bytes)))
    expect(error.code).toBe('ERR_HEAP_FULL')
    expect(error['requestedBytes']).toBeGreaterThan(bytes / 2)
    expect(error['holders']).toMatchObject([{ slot: 0 }])
    expect(thrown(() => store.replace({ list: ['x'.repeat(bytes)], counter: 1 })).code).toMatch(
      /FULL/,
    )
    expect(store.version).toBe(version)
    expect(JSON.stringify(store.current)).toBe(held)
    expect(settled(store).draftBytes).toBe(0)
    // A smaller write works, as often as one likes.
    for (let count = 1; count <= 200; count++) store.set(['counter'], count + 0.5)
    store.update((draft) => void draft.list.splice(0, draft.list.length / 2))
    const third = fill(store, 2000)
    expect(third).toBeGreaterThan(0)
    expect(store.replace({ list: [], counter: 0 }).changed).toBe(true)
    expect(settled(store)).toMatchObject({ versions: 1, zombies: 0 })
    const again = fill(store, 2000)
    expect(again).toBeGreaterThan(second)
    console.log(`${bytes} bytes: filled with ${first} + ${second}, ${third}, ${again} strings`)
    settled(store)
  })

  test('snapshots hold it full until they are released', () => {
    const store = create({ list: [] as string[], counter: 0 }, 2 ** 19)
    const held = []
    let refused = 0
    for (let count = 0; count < 200 && refused === 0; count++) {
      held.push(store.snapshot())
      try {
        store.set(['list', 0], `${count}`.padEnd(10_000, '-'))
      } catch (error) {
        expect((error as RootswapError).code).toMatch(/ERR_HEAP_FULL|ERR_RECLAIM_STALLED/)
        refused++
      }
    }
    expect(refused).toBe(1)
    for (const [index, snapshot] of held.entries()) {
      if (index > 1) expect(snapshot.get('list', 0)).toBe(`${index - 1}`.padEnd(10_000, '-'))
      snapshot.release()
    }
    store.set(['list', 0], 'x'.repeat(10_000))
    const report = settled(store)
    expect(report).toMatchObject({ versions: 1, zombies: 0 })
  })

  test('a store that does not fit leaves the heap of the others as it was', () => {
    const store = create({ list: ['kept'], counter: 0 }, 2 ** 19)
    const { heap }: { heap: Heap } = store
    const before = settled(store)
    for (let turn = 0; turn < 20; turn++) {
      const error = thrown(() => heap.createStore(Array.from({ length: 1e5 }, (_, i) => i + 0.5)))
      expect(error.code).toBe('ERR_HEAP_FULL')
    }
    expect(heap.stores()).toHaveLength(1)
    expect(settled(store).liveBlocks).toBe(before.liveBlocks)
    const small = heap.createStore([1])
    expect(small.current).toEqual([1])
    small.close()
    expect(thrown(() => createStore('x'.repeat(2 ** 20), { maxBytes: 2 ** 19 })).code).toMatch(
      /FULL/,
    )
  })
})
