/** What writes say of themselves with `patches`, and what applying patches does. */
import jsonPatch from 'fast-json-patch'
import { afterEach, describe, expect, test } from 'vitest'
import {
  createStore,
  type JsonPatch,
  type Patch,
  type Store,
  toJsonPatch,
} from '../../../src/index.ts'
import { inside, settled, thrown } from './inside.ts'

type Json = string | number | null | undefined | Json[] | { [key: string]: Json }

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

/** The patches of a write that replaces one value by another. */
function between(before: unknown, after: unknown): readonly Patch[] {
  const store = create<unknown>(before)
  return store.replace(after, { patches: true }).patches!
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
const record = (keys: readonly string[]) => Object.fromEntries(keys.map((key, at) => [key, at]))

describe('a commit with patches', () => {
  test('every write says what it did, and without the option says nothing', () => {
    const store = create<Record<string, Json>>({ a: 1, list: [1, 2], deep: { x: { y: 1 } } })
    const patches = true
    expect(store.set(['deep', 'x', 'y'], 2, { patches })).toEqual({
      version: 2,
      changed: true,
      patches: [{ op: 'replace', path: ['deep', 'x', 'y'], value: 2 }],
    })
    const deleted = store.delete(['a'], { patches })
    expect(deleted.patches).toEqual([{ op: 'remove', path: ['a'] }])
    const updated = store.update((draft) => void (draft['list'] as number[]).push(3), { patches })
    expect(updated.patches).toEqual([{ op: 'add', path: ['list', 2], value: 3 }])
    const applied = store.applyPatches([{ op: 'add', path: '/b', value: [] }], { patches })
    expect(applied.patches).toEqual([{ op: 'add', path: ['b'], value: [] }])
    const replaced = store.replace({ n: null }, { patches, ifVersion: 5 })
    expect(replaced.patches).toHaveLength(4)
    expect(store.set(['n'], undefined, { patches }).patches).toEqual([
      { op: 'replace', path: ['n'], value: undefined },
    ])
    expect(store.update(() => 'a root of text' as never, { patches }).patches).toEqual([
      { op: 'replace', path: [], value: 'a root of text' },
    ])
    const plain = store.update(() => 1 as never)
    expect(Object.hasOwn(plain, 'patches')).toBe(false)
    expect(store.set([], 1 as never, { patches })).toEqual({
      version: 9,
      changed: false,
      patches: [],
    })
    settled(store as Store<unknown>)
  })

  test('patches and their values are frozen, private, and outlive what they tell of', () => {
    const store = create<Record<string, unknown>>({ a: 1 })
    const value = { list: [{ text: 'long enough for a node', half: 0.5 }] }
    const { patches } = store.set(['b'], value, { patches: true })
    const patch = patches![0]!
    for (const part of [patches, patch, patch.path, patch.value]) {
      expect(Object.isFrozen(part)).toBe(true)
    }
    expect(Object.isFrozen((patch.value as typeof value).list[0])).toBe(true)
    expect(patch.value).not.toBe(store.current['b'])
    store.replace({})
    for (let n = 0; n < 200; n++) store.set(['c'], { list: [{ text: `number ${n} of many` }] })
    settled(store)
    store.close()
    expect(patch.value).toEqual(value)
  })

  test('a moved key is removed and added, and no other', () => {
    const op = (patches: readonly Patch[]) => patches.map(({ op, path }) => `${op} ${path.join()}`)
    expect(op(between({ a: 1, b: 2, c: 3 }, { b: 2, c: 3, a: 1 }))).toEqual(['remove a', 'add a'])
    expect(op(between({ a: 1, b: 2 }, { x: 0, a: 1, b: 2 }))).toEqual([
      'add x',
      'remove a',
      'add a',
      'remove b',
      'add b',
    ])
    expect(op(between({ b: 1 }, { 1: 0, b: 1 }))).toEqual(['add 1'])
    expect(op(between({ a: 1, b: 2, c: 3 }, { a: 1, c: 4 }))).toEqual(['remove b', 'replace c'])
  })

  test('push, pop, shift and splice are as many patches as they move elements in or out', () => {
    for (const count of [5, 3000]) {
      const list = numbers(count)
      expect(between(list, [...list, -1])).toEqual([{ op: 'add', path: [count], value: -1 }])
      expect(between(list, list.slice(0, -1))).toEqual([{ op: 'remove', path: [count - 1] }])
      expect(between(list, list.slice(1))).toEqual([{ op: 'remove', path: [0] }])
      expect(between(list, list.with(2, -1))).toEqual([{ op: 'replace', path: [2], value: -1 }])
      expect(between(list, list.toSpliced(1, 2, -1, -2, -3))).toHaveLength(3)
      expect(between(list, list.toSpliced(1, 3, -1))).toHaveLength(3)
      expect(between(list, [])).toEqual([{ op: 'replace', path: [], value: [] }])
    }
  })

  test('a change of a big object reads the blocks that changed, whichever way it was made', () => {
    const keys = numbers(20_000).map((n) => `key number ${n}`)
    const store = create<Record<string, unknown>>(record(keys), 32 * 2 ** 20)
    const { codec, memory } = inside(store)
    let reads = 0
    const { readAt } = codec.text
    codec.text.readAt = (...args: Parameters<typeof readAt>) => {
      reads++
      return readAt.apply(codec.text, args)
    }
    expect(memory.m.length).toBeGreaterThan(0)
    const set = store.set(['key number 777'], 'x', { patches: true })
    expect(set.patches).toEqual([{ op: 'replace', path: ['key number 777'], value: 'x' }])
    const gone = store.delete(['key number 12345'], { patches: true })
    expect(gone.patches).toEqual([{ op: 'remove', path: ['key number 12345'] }])
    const more = store.set(['another'], 1, { patches: true })
    expect(more.patches).toEqual([{ op: 'add', path: ['another'], value: 1 }])
    expect(reads).toBeLessThan(1000)
    console.log(`three changes of 20,000 keys: ${reads} keys read`)
  })
})

describe('applyPatches', () => {
  const document = () => ({
    list: [1, 2, 3],
    'a/b': { 'm~n': 8 },
    deep: { inner: { n: 1 } },
    other: { k: 'v' },
  })

  test('does what RFC 6902 says of add, remove, replace, move, copy and test', () => {
    const cases: [JsonPatch[], (value: Record<string, never>) => unknown][] = [
      [[{ op: 'add', path: '/list/1', value: 9 }], (v) => ({ ...v, list: [1, 9, 2, 3] })],
      [[{ op: 'add', path: '/list/-', value: 9 }], (v) => ({ ...v, list: [1, 2, 3, 9] })],
      [[{ op: 'replace', path: '/a~1b/m~0n', value: 9 }], (v) => ({ ...v, 'a/b': { 'm~n': 9 } })],
      [[{ op: 'remove', path: '/list/0' }], (v) => ({ ...v, list: [2, 3] })],
      [
        [{ op: 'move', from: '/deep/inner', path: '/other/inner' }],
        (v) => ({ ...v, deep: {}, other: { k: 'v', inner: { n: 1 } } }),
      ],
      [[{ op: 'move', from: '/list/0', path: '/list/2' }], (v) => ({ ...v, list: [2, 3, 1] })],
      [[{ op: 'move', from: '/deep', path: '' }], () => ({ inner: { n: 1 } })],
      [
        [
          { op: 'copy', from: '/deep', path: '/copied' },
          { op: 'replace', path: '/copied/inner/n', value: 2 },
          { op: 'copy', from: '/copied', path: '/again' },
          { op: 'add', path: '/again/inner/n', value: 3 },
        ],
        (v) => ({ ...v, copied: { inner: { n: 2 } }, again: { inner: { n: 3 } } }),
      ],
      [
        [
          { op: 'replace', path: '/deep/inner/n', value: 5 },
          { op: 'replace', path: '', value: { fresh: [{}] } },
          { op: 'add', path: '/fresh/0/x', value: 1 },
        ],
        () => ({ fresh: [{ x: 1 }] }),
      ],
      [
        [
          { op: 'test', path: '/deep', value: { inner: { n: 1 } } },
          { op: 'test', path: '', value: Object.fromEntries(Object.entries(document()).reverse()) },
          { op: 'remove', path: '/deep' },
        ],
        ({ deep: _, ...rest }) => rest,
      ],
    ]
    for (const [patches, expected] of cases) {
      const store = create<unknown>(document())
      const given = structuredClone(patches)
      store.applyPatches(patches)
      expectSame(store.current, expected(document() as never))
      expect(patches).toEqual(given)
      expect(jsonPatch.applyPatch(document(), given as never).newDocument).toEqual(store.current)
      settled(store)
    }
  })

  test('publishes nothing when one of the patches cannot be applied, and names it', () => {
    const store = create<unknown>(document())
    const good: JsonPatch = { op: 'add', path: '/good', value: 1 }
    const bad: [JsonPatch | Patch, string, unknown][] = [
      [{ op: 'remove', path: '/none' }, 'ERR_NO_SUCH_PATH', 'none'],
      [{ op: 'replace', path: '/deep/none/x', value: 1 }, 'ERR_NO_SUCH_PATH', 'none'],
      [{ op: 'add', path: '/none/x', value: 1 }, 'ERR_NO_SUCH_PATH', 'none'],
      [{ op: 'add', path: '/list/4', value: 1 }, 'ERR_NO_SUCH_PATH', '4'],
      [{ op: 'add', path: '/list/01', value: 1 }, 'ERR_NO_SUCH_PATH', '01'],
      [{ op: 'add', path: '/deep/inner/n/x', value: 1 }, 'ERR_NO_SUCH_PATH', 'x'],
      [{ op: 'copy', from: '/list/3', path: '/x' }, 'ERR_NO_SUCH_PATH', '3'],
      [{ op: 'test', path: '/toString', value: 1 }, 'ERR_NO_SUCH_PATH', 'toString'],
      [{ op: 'test', path: '/list', value: [1, 2] }, 'ERR_CONFLICT', undefined],
      [{ op: 'replace', path: ['deep', 'x'], value: 1 }, 'ERR_NO_SUCH_PATH', 'x'],
      [{ op: 'add', path: ['x'], value: () => 1 }, 'ERR_UNSUPPORTED_VALUE', undefined],
      [{ op: 'move', from: '/deep', path: '/deep/inner/x' }, 'ERR_INVALID_ARGUMENT', undefined],
      [{ op: 'move', from: '/deep', path: '/a~2' }, 'ERR_INVALID_ARGUMENT', undefined],
      [{ op: 'add', path: '/x' } as never, 'ERR_INVALID_ARGUMENT', undefined],
      [{ op: 'drop', path: '/x' } as never, 'ERR_INVALID_ARGUMENT', undefined],
      [{ op: 'remove', path: [] }, 'ERR_INVALID_ARGUMENT', undefined],
    ]
    for (const [patch, code, missing] of bad) {
      const error = thrown(() => store.applyPatches([good, patch]))
      expect(error).toMatchObject({ code })
      if (missing !== undefined) expect(error).toMatchObject({ missing, patch: 1 })
      expect(error instanceof TypeError).toBe(code === 'ERR_INVALID_ARGUMENT')
    }
    expect(thrown(() => store.applyPatches('no' as never)).code).toBe('ERR_INVALID_ARGUMENT')
    const stale = thrown(() => store.applyPatches([good], { ifVersion: 7 }))
    expect(stale).toMatchObject({ code: 'ERR_CONFLICT', expectedVersion: 7, version: 1 })
    expect(store.version).toBe(1)
    expectSame(store.current, document())
    settled(store)
  })

  test('takes __proto__ for a key like any other', () => {
    const store = create<unknown>({ a: {} })
    const value = JSON.parse('{"__proto__":{"x":1}}') as unknown
    store.applyPatches([
      { op: 'add', path: '/a/__proto__', value: { polluted: 1 } },
      { op: 'add', path: ['b'], value },
      { op: 'replace', path: ['b', '__proto__', 'x'], value: 2 },
    ])
    expect(JSON.stringify(store.current)).toBe(
      '{"a":{"__proto__":{"polluted":1}},"b":{"__proto__":{"x":2}}}',
    )
    expect(({} as Record<string, unknown>)['polluted']).toBe(undefined)
  })
})

describe('toJsonPatch', () => {
  test('refuses what JSON cannot say, and names where it is', () => {
    const values = [undefined, NaN, Infinity, 1n, new Date(0), new Map(), new Uint8Array(1)]
    for (const value of values) {
      const patch: Patch = { op: 'add', path: ['a', 3], value: { in: [0, value] } }
      const error = thrown(() => toJsonPatch([patch]))
      expect(error).toMatchObject({ code: 'ERR_UNSUPPORTED_VALUE', path: ['a', 3, 'in', 1] })
    }
    for (const key of [1n, true, null, undefined]) {
      const error = thrown(() => toJsonPatch([{ op: 'remove', path: [key] }]))
      expect(error.code).toBe('ERR_UNSUPPORTED_VALUE')
    }
  })

  test('escapes keys as JSON Pointers do', () => {
    const patches: Patch[] = [
      { op: 'remove', path: ['a/b', 'm~n', '~1', '', 0] },
      { op: 'replace', path: [], value: null },
    ]
    expect(toJsonPatch(patches)).toEqual([
      { op: 'remove', path: '/a~1b/m~0n/~01//0' },
      { op: 'replace', path: '', value: null },
    ])
  })
})

test('values that are equal are never told of, whatever their words', () => {
  const store = create<unknown>({ text: 'long enough to be a node', half: 0.5, list: ['abcdef'] })
  const copy = structuredClone(store.current)
  const { patches } = store.update(() => copy, { patches: true })
  expect(patches).toEqual([])
  expectSame(store.current, copy)
})
