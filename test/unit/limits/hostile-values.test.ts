/** Values whose own code runs, or lies, while they are written: an error, or not seen. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { createStore, type Store } from '../../../src/index.ts'
import { restoreStore, saveSnapshot } from '../../../src/persist.ts'
import { CELL_FLOOR, CELL_OLDEST } from '../../../src/memory/layout.ts'
import { readWide, RECORD_NUMBER, RECORD_PREVIOUS, writeWide } from '../../../src/memory/record.ts'
import { inside, settled, thrown } from '../store/inside.ts'

// oxlint-disable-next-line typescript/no-explicit-any
type Anything = any
type Document = Record<string, Anything>

const folder = mkdtempSync(join(tmpdir(), 'rootswap-hostile-'))
afterAll(() => rmSync(folder, { recursive: true }))

const small = { maxBytes: 2 ** 22 }

/** The heap is whole, also after everything that was replaced has been reclaimed. */
function expectWhole(store: Store<Document>): void {
  for (let turn = 0; turn < 100; turn++) store.set(['turn'], turn)
  settled(store)
  store.replace({})
  for (let turn = 0; turn < 100; turn++) store.set(['turn'], turn)
  settled(store)
  store.close()
}

const document = () => ({
  b: { v: 2, deep: { u: 'text of some length' } },
  list: [{ x: 'abcdefg' }, { y: 'hijklmn' }],
  big: Array.from({ length: 1500 }, (_, index) => ({ index, text: `text ${index}` })),
  map: new Map([
    ['k', { v: 'some text' }],
    ['l', { v: 'other text' }],
  ]),
})

/** An object that acts when the encoder reads it, not when the plan looks. */
function later(act: () => void, from = 1) {
  let reads = 0
  return {
    get g() {
      if (reads++ >= from) act()
      return 1
    },
  }
}

const recipes: Record<string, (draft: Anything) => void> = {
  'deletes what was modified': (d) => {
    d.b.v = 3
    d.z = later(() => (delete d.b.deep, delete d.list))
    d.list[0].x = 'abc'
  },
  'modifies what was only read, at two places': (d) => {
    const { b } = d
    void b.v
    d.b2 = b
    d.z = later(() => (b.v = 77), 0)
  },
  'truncates a list': (d) => {
    d.list[0] = later(() => (d.list.length = 0))
    d.list[1].y = 'zzz'
  },
  'splices a large list': (d) => {
    d.big[0] = later(() => d.big.splice(3, 2))
    d.big[5].text = 'another text'
  },
  'truncates a large list': (d) => {
    d.big[0] = later(() => (d.big.length = 10))
    d.big[500].text = 'another text'
  },
  'clears a Map': (d) => {
    d.map.get('k').v = 'changed text'
    d.map.set(
      'n',
      later(() => d.map.clear()),
    )
  },
}

test.each(Object.entries(recipes))('an accessor that %s while the draft is built', (_, recipe) => {
  const store = createStore<Document>(document(), small)
  expect(thrown(() => store.update(recipe))).toMatchObject({ name: 'TypeError' })
  expect(store.version).toBe(1)
  const { map, ...rest } = store.current
  const { map: mapBefore, ...before } = document()
  expect([rest, [...map]]).toEqual([before, [...mapBefore]])
  expectWhole(store)
})

test.each([1.5, -5, Number.NaN, 0.5, '2'])('an array whose length is %s', (length) => {
  const store = createStore<Document>({ a: 1 }, small)
  const get = (target: object, key: string | symbol): unknown =>
    key === 'length' ? length : Reflect.get(target, key)
  const value = new Proxy(['x', 'y', 'z'], { get })
  expect(thrown(() => store.set(['p'], value)).code).toBe('ERR_UNSUPPORTED_VALUE')
  expect(thrown(() => store.set(['p'], [[value]])).code).toBe('ERR_UNSUPPORTED_VALUE')
  expectWhole(store)
})

test('a Map and a Set are what they hold, whatever their iterators say', () => {
  const store = createStore<Document>({ map: new Map([['a', { v: 'old text' }]]) }, small)
  const map = new Map<string, unknown>([['a', { v: 'new text' }]])
  const set = new Set(['member of the set'])
  Object.assign(map, {
    *[Symbol.iterator]() {
      yield ['a', { v: 'old text' }]
      yield ['a', { v: 'a third text' }]
    },
  })
  Object.assign(set, {
    *[Symbol.iterator]() {
      yield 'x'
      yield 'x'
    },
  })
  store.replace({ map, set })
  store.update((d) => {
    d.copy = map
    map.set('draft', d.map.get('a'))
  })
  expect([...store.current.map]).toEqual([['a', { v: 'new text' }]])
  expect([...store.current.set]).toEqual(['member of the set'])
  expect([...store.current.copy.keys()]).toEqual(['a', 'draft'])
  expectWhole(store)
})

test('a comparison of sort() that changes the length is refused', () => {
  const list = Array.from({ length: 2000 }, (_, index) => ({ index: 2000 - index, s: `t${index}` }))
  const store = createStore<Document>({ list }, small)
  const recipe = (d: Anything): void => {
    d.list.sort((a: { index: number }, b: { index: number }) => {
      if (d.list.length === 2000) d.list.pop()
      return a.index - b.index
    })
  }
  expect(thrown(() => store.update(recipe)).code).toBe('ERR_INVALID_ARGUMENT')
  expectWhole(store)
})

test('an array that is longer than the heap is ERR_HEAP_FULL, also a sparse one', () => {
  const store = createStore<Document>({ arr: [], list: document().big }, small)
  const sparse: number[] = []
  sparse[2 ** 31] = 1
  const path = ['arr', 'length']
  const writes: (() => unknown)[] = [
    () => store.update((d) => void (d.arr[2 ** 31] = 1)),
    () => store.update((d) => void (d.arr.length = 2 ** 32 - 1)),
    () => store.applyPatches([{ op: 'replace', path, value: 2 ** 32 - 1 }]),
    () => store.replace({ arr: sparse, list: [] }),
    () => store.replace({ arr: [], list: sparse }),
    () => store.set(['arr'], sparse),
  ]
  for (const write of writes) expect(thrown(write).code).toBe('ERR_HEAP_FULL')
  expect(store.version).toBe(1)
  expectWhole(store)
})

/** As if so many more versions had been published. */
function skipVersions(store: Store<Document>, count: number): void {
  const { m, words, layout } = inside(store).memory
  const at = layout.cellsAt
  for (let record = words.load(at); ; record = m[record + RECORD_PREVIOUS] as number) {
    writeWide(m, record + RECORD_NUMBER, readWide(m, record + RECORD_NUMBER) + count)
    if (record === m[at + CELL_OLDEST]) break
  }
  words.store(at + CELL_FLOOR, (words.load(at + CELL_FLOOR) + count) | 0)
}

test('history goes on past 2^31 versions', () => {
  const store = createStore<Document>({ x: 0 }, { ...small, history: 5 })
  for (let x = 0; x < 20; x++) store.set(['x'], x)
  store.stats()
  skipVersions(store, 2 ** 31 - 15)
  for (let x = 0; x < 40; x++) {
    store.set(['x'], 100 + x)
    settled(store)
    if (x < 10) continue
    const found = [1, 2, 3, 4, 5].map((back) => {
      const snapshot = store.snapshot(store.version - back)
      const value = snapshot.get('x')
      snapshot.release()
      return value
    })
    expect(found).toEqual([1, 2, 3, 4, 5].map((back) => 100 + x - back))
  }
  store.close()
})

test('a save since a version that is 2^30 versions old leaves nothing out', async () => {
  const store = createStore<Document>({ a: { v: 1 }, b: 'a text of some length' }, small)
  const [one, two] = [join(folder, 'one'), join(folder, 'two')]
  await saveSnapshot(store, one)
  store.set(['a', 'v'], 2)
  settled(store)
  skipVersions(store, 2 ** 30 + 10)
  store.set(['a', 'v'], 3)
  await saveSnapshot(store, two, { since: 1 })
  const again = await restoreStore<Document>([one, two], small)
  expect(again.current).toEqual(store.current)
  again.close()
  store.close()
})

test('a save goes back into a heap of its size, whichever shapes come first', async () => {
  const tight = { maxBytes: 2 ** 19, maxThreads: 4, maxStores: 4 }
  const store = createStore<Document>({ wide: [], small: [] }, tight)
  const wide = Array.from({ length: 70 }, (_, index) => [`k${index}`, index] as const)
  store.set(['wide'], [Object.fromEntries(wide)])
  for (let index = 0; index < 150; index++) store.set(['small', index], { [`s${index}`]: 1 })
  const file = join(folder, 'tight')
  await saveSnapshot(store, file)
  const again = await restoreStore<Document>(file, tight)
  expect(again.current).toEqual(store.current)
  again.verify()
  again.close()
  store.close()
})
