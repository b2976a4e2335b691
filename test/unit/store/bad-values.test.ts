/** Values that cannot be stored, and values that look as if they could not. */
import { afterEach, describe, expect, test } from 'vitest'
import { createStore, RootswapError, type Store } from '../../../src/index.ts'
import { settled, thrown } from './inside.ts'

const open: Store<unknown>[] = []

function create(value: unknown, maxBytes = 4 * 2 ** 20): Store<unknown> {
  const store = createStore(value, { maxBytes })
  open.push(store)
  return store
}

afterEach(() => {
  for (const store of open.splice(0)) store.close()
})

class Point {
  x = 1
}

const unsupported: [string, () => unknown][] = [
  ['a function', () => () => 1],
  ['a symbol', () => Symbol('s')],
  ['an instance of a class', () => new Point()],
  ['a RegExp', () => /x/],
  ['an Error', () => new RangeError('x')],
  ['a Promise', () => Promise.resolve()],
  ['a WeakMap', () => new WeakMap()],
  ['a DataView', () => new DataView(new ArrayBuffer(8))],
  ['a SharedArrayBuffer', () => new SharedArrayBuffer(8)],
  ['a subclass of Array', () => new (class List extends Array {})()],
  ['a boxed number', () => Object(1)],
  ['a Proxy of a class instance', () => new Proxy(new Point(), {})],
]

/** Every way to write a value into `{ deep: [0, {}] }` at a path of two or three segments. */
const ways: [string, (string | number)[], (store: Store<unknown>, value: unknown) => unknown][] = [
  ['set', ['deep', 1, 'new'], (store, value) => put(store, ['deep', 1, 'new'], value)],
  ['set of a whole', ['deep', 2, 'a'], (store, value) => put(store, ['deep', 2], { a: value })],
  ['replace', ['deep', 1], (store, value) => store.replace({ deep: [0, value] })],
  ['update', ['deep', 1, 'x'], (store, value) => edit(store, (draft) => (draft.deep[1].x = value))],
  ['a pushed one', ['deep', 2], (store, value) => edit(store, (draft) => draft.deep.push(value))],
  ['a returned one', ['a', 0], (store, value) => store.update(() => ({ a: [value] }))],
]

function put(store: Store<unknown>, path: readonly unknown[], value: unknown): unknown {
  return store.set(path as never, value as never)
}

// oxlint-disable-next-line typescript/no-explicit-any
function edit(store: Store<unknown>, recipe: (draft: any) => unknown): unknown {
  return store.update((draft) => void recipe(draft))
}

function expectRefused(call: () => unknown, path: readonly (string | number)[]): void {
  const error = thrown(call)
  expect(error).toBeInstanceOf(RootswapError)
  expect(error.code).toBe('ERR_UNSUPPORTED_VALUE')
  expect(error.path).toEqual(path)
  for (const segment of path) expect(error.message).toContain(JSON.stringify(segment))
}

describe('what cannot be stored is ERR_UNSUPPORTED_VALUE with its path', () => {
  test.each(unsupported)('%s, whichever way it is written', (_, make) => {
    const store = create({ deep: [0, {}] })
    const before = settled(store)
    for (const [, path, write] of ways) expectRefused(() => write(store, make()), path)
    expectRefused(() => create({ a: [1, { b: make() }] }), ['a', 1, 'b'])
    expectRefused(() => create(make()), [])
    expect(store.version).toBe(1)
    expect(settled(store)).toMatchObject({ liveBlocks: before.liveBlocks, draftBytes: 0 })
    expect(edit(store, (draft) => draft.deep.push('a smaller write works'))).toMatchObject({
      changed: true,
    })
  })

  test('a cycle, of length 1 to 50, whichever way it is written', () => {
    const store = create({ deep: [0, {}] })
    for (let length = 1; length <= 50; length++) {
      const ring: Record<string, unknown>[] = Array.from({ length }, () => ({ text: 'x' }))
      for (const [index, part] of ring.entries()) part['next'] = ring[(index + 1) % length]
      for (const [, path, write] of ways) {
        const error = thrown(() => write(store, ring[0]))
        expect(error.code).toBe('ERR_UNSUPPORTED_VALUE')
        expect(error.message).toMatch(/cycle/)
        expect(error.path!.slice(0, path.length)).toEqual(path)
      }
    }
    const array: unknown[] = []
    array.push([[array]])
    expect(thrown(() => create(array)).code).toBe('ERR_UNSUPPORTED_VALUE')
    expect(store.version).toBe(1)
    settled(store)
  })

  test('a draft put into itself', () => {
    const store = create({ deep: [0, {}] })
    const error = thrown(() => edit(store, (draft) => (draft.deep[1].up = draft.deep)))
    expect(error.code).toBe('ERR_UNSUPPORTED_VALUE')
    expect(store.version).toBe(1)
    settled(store)
  })

  test('an object reachable twice is no cycle: it becomes two values', () => {
    const twice = { n: 1 }
    const store = create({ a: twice, b: [twice, twice] })
    edit(store, (draft) => (draft.a.n = 2))
    expect(store.current).toEqual({ a: { n: 2 }, b: [{ n: 1 }, { n: 1 }] })
    settled(store)
  })

  test('a getter that throws passes its error on, and nothing is published', () => {
    const mine = new RangeError('mine')
    const value = {
      get x(): number {
        throw mine
      },
    }
    const store = create({ deep: [0, {}] })
    for (const [, , write] of ways) expect(thrown(() => write(store, value))).toBe(mine)
    expect(store.version).toBe(1)
    expect(settled(store).draftBytes).toBe(0)
  })
})

describe('keys that look dangerous are keys like any other', () => {
  const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf']

  test('they are stored, read, set, deleted and kept in order; no prototype is touched', () => {
    const text = `{"a":{${names.map((name) => `"${name}":{"polluted":1}`).join(',')}},"b":0}`
    const store = create(JSON.parse(text))
    const get = store.get.bind(store) as (...path: unknown[]) => unknown
    expect(JSON.stringify(store.current)).toBe(text)
    for (const name of names) {
      expect(get('a', name, 'polluted')).toBe(1)
      put(store, ['a', name, 'polluted'], 2)
      expect(get('a', name)).toEqual({ polluted: 2 })
      store.delete(['a', name])
      expect(get('a', name)).toBe(undefined)
      put(store, ['a', name], 'again')
      expect(get('a', name)).toBe('again')
    }
    const { a } = store.current as { a: object }
    expect(Object.keys(a)).toEqual(names)
    expect(Object.getPrototypeOf(a)).toBe(Object.prototype)
    expect(({} as Record<string, unknown>)['polluted']).toBe(undefined)
    settled(store)
  })

  test('in drafts too, in small objects and in large ones', () => {
    const many = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`key ${i}`, i]))
    const store = create({ small: {}, many })
    for (const place of ['small', 'many']) {
      for (const name of names) {
        const value = { [`in ${name}`]: [1] }
        edit(store, (draft) => (draft[place][name] = value))
        expect(Object.hasOwn(store.get(place as never) as object, name)).toBe(true)
        expect(store.get(place as never, name as never)).toEqual(value)
        edit(store, (draft) => delete draft[place][name])
        expect(store.has(place, name)).toBe(false)
      }
    }
    expect(Object.getPrototypeOf({})).toBe(Object.prototype)
    settled(store)
  })
})

describe('large and deep', () => {
  const MEGABYTES = 10 * 2 ** 20

  test('a string of 10 MB is stored, read, replaced and given back', () => {
    const long = 'long text '.repeat(MEGABYTES / 10)
    const wide = 'breit\u{20ac}'.repeat(MEGABYTES / 12)
    const store = create({ text: long, small: 1 }, 2 ** 28)
    expect(store.get('text' as never)).toBe(long)
    put(store, ['text'], wide)
    expect((store.current as { text: string }).text === wide).toBe(true)
    put(store, ['text'], 'short')
    const report = settled(store)
    expect(report.liveBytes).toBeLessThan(2 ** 17)
    put(store, ['small'], 2)
  })

  test('a key of 10 MB is a key like any other', () => {
    const key = 'k'.repeat(MEGABYTES)
    const store = create({ [key]: 1, b: 2 }, 2 ** 28)
    expect(store.get(key as never)).toBe(1)
    expect(Object.keys(store.current as object)[0] === key).toBe(true)
    put(store, [key], 3)
    expect(store.has(key)).toBe(true)
    expect(store.has(`${key}k`)).toBe(false)
    put(store, ['b'], { [`x${key}`]: 4 })
    expect(Object.keys(store.get('b' as never) as object)[0]!.length).toBe(MEGABYTES + 1)
    store.delete([key])
    expect(store.has(key)).toBe(false)
    settled(store)
  })

  const nested = (depth: number, wrap: (inner: unknown) => unknown): unknown => {
    let value: unknown = 'the innermost'
    for (let level = 0; level < depth; level++) value = wrap(value)
    return value
  }
  const wraps: [string, string | number, (inner: unknown) => unknown][] = [
    ['objects', 'in', (inner) => ({ in: inner })],
    ['arrays', 0, (inner) => [inner]],
    ['objects with more', 'in', (inner) => ({ before: 'text before it', in: inner, after: [1] })],
  ]

  test.each(wraps)('%s nested 10,000 deep work', (_, key, wrap) => {
    const store = create(nested(10_000, wrap), 2 ** 26)
    const path = Array.from({ length: 10_000 }, () => key)
    const get = store.get.bind(store) as (...path: unknown[]) => unknown
    expect(get(...path)).toBe('the innermost')
    put(store, path, 'another')
    expect(get(...path)).toBe('another')
    edit(store, (draft) => {
      let place = draft
      for (const step of path.slice(1)) place = place[step]
      place[key] = 'a third'
    })
    let value = store.current
    for (const step of path) value = (value as Record<string | number, unknown>)[step]
    expect(value).toBe('a third')
    expect(store.replace(nested(10_000, wrap)).changed).toBe(true)
    expect(settled(store)).toMatchObject({ versions: 1, zombies: 0 })
  })

  test.each(wraps)(
    '%s nested 1,000,000 deep are a typed error, and nothing is left',
    (kind, _, wrap) => {
      const store = create({ small: 1 }, 2 ** 28)
      const deep = nested(1_000_000, wrap)
      const others = [
        () => put(store, ['deep'], deep),
        () => edit(store, (draft) => (draft.deep = deep)),
        () => create(deep, 2 ** 28),
      ]
      for (const write of [() => store.replace(deep), ...(kind === 'objects' ? others : [])]) {
        const error = thrown(write)
        expect(['ERR_INVALID_ARGUMENT', 'ERR_UNSUPPORTED_VALUE']).toContain(error.code)
        expect(error.message).toMatch(/deep/)
        expect(error.message.length).toBeLessThan(2000)
      }
      expect(store.version).toBe(1)
      expect(settled(store).draftBytes).toBe(0)
      put(store, ['small'], 2)
    },
  )
})

test('a property whose key is a symbol is left out, by whatever way it comes', () => {
  const value = { [Symbol('hidden')]: 1, deep: { [Symbol.for('other')]: () => 1, n: 2 } }
  const store = create(value)
  expect(structuredClone(store.current)).toEqual({ deep: { n: 2 } })
  store.replace({ [Symbol('new')]: 1, deep: { n: 3 } })
  store.update((draft) => {
    ;(draft as { deep: object }).deep = { [Symbol('new')]: 1, n: 4 }
  })
  expect(store.current).toEqual({ deep: { n: 4 } })
  expect(Object.getOwnPropertySymbols(store.current)).toEqual([])
})
