/** Patches from outside, and patches that JSON cannot say. */

import { expect, test } from 'vitest'
import { createStore, type Patch, toJsonPatch } from '../../../src/index.ts'
import { settled, thrown } from '../store/inside.ts'

type Document = Record<string, unknown>

const huge = 2 ** 32 - 1
const sparse: number[] = []
sparse[2 ** 31] = 1
const half: number[] = []
half[2 ** 27] = 1
const array = { op: 'add', path: ['x'], value: [] } as const
const long = { op: 'replace', path: ['x', 'length'], value: huge } as const

const lists: Record<string, readonly unknown[]> = {
  'a sparse value': [{ op: 'add', path: ['x'], value: sparse }],
  'a length of its own array': [array, long],
  'an element of it': [array, long, { op: 'add', path: ['x', 0], value: 5 }],
  'an element less': [array, long, { op: 'remove', path: ['x', 0] }],
  'a copy of it': [
    { op: 'add', path: '/x', value: [] },
    long,
    { op: 'copy', from: '/x', path: '/y' },
    { op: 'replace', path: '/x/0', value: 5 },
  ],
  'an element before': [
    { op: 'add', path: ['x'], value: half },
    { op: 'add', path: ['x', 0], value: 1 },
  ],
}

test.each(Object.entries(lists))('%s that no heap holds is ERR_HEAP_FULL', (_, patches) => {
  const store = createStore<Document>({ a: 1 }, { maxBytes: 2 ** 22 })
  expect(thrown(() => store.applyPatches(patches as Patch[])).code).toBe('ERR_HEAP_FULL')
  expect(store.current).toEqual({ a: 1 })
  settled(store)
  store.close()
})

test('so are sparse arrays in a recipe, wherever they are put', () => {
  const store = createStore<Document>({ arr: [] }, { maxBytes: 2 ** 22 })
  const recipes: ((draft: Document) => unknown)[] = [
    (draft) => void (draft['arr'] = sparse),
    (draft) => void (draft['arr'] as unknown[]).push(sparse),
    () => ({ deep: [sparse] }),
  ]
  for (const recipe of recipes) {
    expect(thrown(() => store.update(recipe as () => void)).code).toBe('ERR_HEAP_FULL')
  }
  store.close()
})

test.each([-1, 1.5, 'x', null])('a patch that sets a length to %s is refused', (value) => {
  const store = createStore<Document>({ arr: [1] }, { maxBytes: 2 ** 22 })
  const path = ['x', 'length']
  const write = () => store.applyPatches([array, { op: 'replace', path, value }])
  expect(thrown(write).code).toBe('ERR_INVALID_ARGUMENT')
  store.close()
})

test('JSON Patch cannot say which member of a Set goes', () => {
  for (const members of [
    ['x', undefined],
    ['x', 'y'],
  ]) {
    const store = createStore({ s: new Set(members) }, { maxBytes: 2 ** 22 })
    const { patches } = store.update((draft) => void draft.s.delete('x'), { patches: true })
    expect(thrown(() => toJsonPatch(patches!))).toMatchObject({ code: 'ERR_UNSUPPORTED_VALUE' })
    const other = createStore({ s: new Set(members) }, { maxBytes: 2 ** 22 })
    const write = () => other.applyPatches([{ op: 'remove', path: '/s/0' }])
    expect(thrown(write).code).toBe('ERR_INVALID_ARGUMENT')
    expect([...other.current.s]).toEqual(members)
    for (const each of [store, other]) each.close()
  }
})

test('toJsonPatch refuses cycles with their path, and takes a part twice', () => {
  const cycle: Document = { list: [1] }
  ;(cycle['list'] as unknown[]).push({ again: cycle })
  const path = ['a', 'list', 1, 'again']
  expect(thrown(() => toJsonPatch([{ op: 'add', path: ['a'], value: cycle }]))).toMatchObject({
    code: 'ERR_UNSUPPORTED_VALUE',
    path,
  })
  const part = { n: 1 }
  expect(toJsonPatch([{ op: 'add', path: ['a'], value: [part, { part }] }])).toHaveLength(1)
})

test('patches take views of Maps and Sets as they take Maps and Sets', () => {
  const value = {
    m: new Map<string, unknown>([['a', { s: new Set([1]) }]]),
    list: [new Map([[1, 2]])],
  }
  const store = createStore<typeof value>(value, { maxBytes: 2 ** 22 })
  const { current } = store
  store.applyPatches([
    { op: 'test', path: '', value: current },
    { op: 'test', path: '/m', value: current.m },
    { op: 'test', path: '/list/0', value: new Map([[1, 2]]) },
  ])
  const other = { op: 'test', path: '/list/0', value: current.m } as const
  expect(thrown(() => store.applyPatches([other])).code).toBe('ERR_CONFLICT')
  store.applyPatches([
    { op: 'replace', path: [], value: current },
    { op: 'add', path: ['m', 'b'], value: 2 },
  ])
  expect([...store.current.m.keys()]).toEqual(['a', 'b'])
  expect([...current.m.keys()]).toEqual(['a'])
  store.verify()
  store.close()
})

test('iterators of Maps and Sets go on after a loop was left, in views and in drafts', () => {
  const real = {
    m: new Map([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ]),
    s: new Set([1, 2, 3]),
  }
  const store = createStore<typeof real>(real, { maxBytes: 2 ** 22 })
  const seen = ({ m, s }: { m: ReadonlyMap<string, number>; s: ReadonlySet<number> }) =>
    [m.keys(), m.values(), m.entries(), m[Symbol.iterator](), s.values(), s.entries()].map((it) => {
      const [first] = it as Iterable<unknown>
      for (const _ of it as Iterable<unknown>) break
      return [first, Array.from(it as Iterable<unknown>), 'return' in it]
    })
  expect(seen(store.current)).toEqual(seen(real))
  store.update((draft) => void expect(seen(draft)).toEqual(seen(real)))
  store.close()
})

test.skipIf(!('getOrInsert' in Map.prototype))(
  'getOrInsert and getOrInsertComputed of a draft',
  () => {
    const store = createStore(new Map<string, number[]>([['a', [1]]]), { maxBytes: 2 ** 22 })
    type Newer = Map<string, number[]> & {
      getOrInsert(key: string, value: number[]): number[]
      getOrInsertComputed(key: string, compute: (key: string) => number[]): number[]
    }
    store.update((draft) => {
      const map = draft as unknown as Newer
      map.getOrInsert('b', []).push(1)
      map.getOrInsert('a', []).push(2)
      map.getOrInsertComputed('c', (key) => [key.length]).push(3)
      map.getOrInsertComputed('a', () => expect.fail('computed')).push(3)
    })
    expect([...store.current]).toEqual([
      ['a', [1, 2, 3]],
      ['b', [1]],
      ['c', [1, 3]],
    ])
    store.close()
  },
)

test('a draft as a member of a Set, or as a key, is refused with its path', () => {
  const store = createStore<Document>({ x: { y: 1 } }, { maxBytes: 2 ** 22 })
  const recipes: ((draft: Document) => unknown)[] = [
    (draft) => void (draft['s'] = new Set([draft['x']])),
    (draft) => void (draft['s'] = new Map([[draft['x'], 1]])),
    (draft) => new Set([draft['x']]),
  ]
  for (const recipe of recipes) {
    expect(thrown(() => store.update(recipe as () => void)).code).toBe('ERR_UNSUPPORTED_VALUE')
  }
  const odd: unknown = Object.create({
    get constructor() {
      throw new RangeError('mine')
    },
  })
  expect(thrown(() => store.set(['q'], odd)).code).toBe('ERR_UNSUPPORTED_VALUE')
  store.close()
})
