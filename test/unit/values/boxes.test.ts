import assert from 'node:assert/strict'
import { once } from 'node:events'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createStore } from '../../../src/index.ts'

const megabytes = { maxBytes: 64 * 2 ** 20 }
const echoFile = new URL('../../../dist/test/workers/values-echo.js', import.meta.url)
const floats = [0, -0, NaN, 1.5, Infinity, -1e-310, 2 ** 31]

/** One of each, made anew at each call. */
const samples: Record<string, () => unknown> = {
  'a small bigint': () => 12n,
  'a negative bigint': () => -(2n ** 63n),
  'bigint zero': () => 0n,
  'a large bigint': () => -(3n ** 5000n),
  'a date': () => new Date(1234567890123),
  'an ArrayBuffer': () => Uint8Array.from([1, 2, 3, 4, 5]).buffer,
  'an empty ArrayBuffer': () => new ArrayBuffer(0),
  Int8Array: () => Int8Array.from([-1, 2, 3]),
  Uint8Array: () => Uint8Array.from({ length: 100_001 }, (_, index) => index * 7),
  Uint8ClampedArray: () => Uint8ClampedArray.from([0, 255, 7]),
  Int16Array: () => Int16Array.from([-1, 2, 30_000]),
  Uint16Array: () => Uint16Array.from([65_535]),
  Int32Array: () => Int32Array.from([-1, 2 ** 31 - 1]),
  Uint32Array: () => Uint32Array.from([2 ** 32 - 1]),
  Float32Array: () => Float32Array.from(floats),
  Float64Array: () => Float64Array.from(floats),
  BigInt64Array: () => BigInt64Array.from([-1n, 2n ** 62n]),
  BigUint64Array: () => BigUint64Array.from([2n ** 64n - 1n]),
  'an empty typed array': () => new Float64Array(0),
  'a part of a buffer': () => new Int16Array(Int16Array.from([1, 2, 3, 4]).buffer, 2, 2),
}
const half = (globalThis as { Float16Array?: typeof Float32Array }).Float16Array
if (half !== undefined) samples['Float16Array'] = () => half.from(floats)
const names = Object.keys(samples)

function all(): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, samples[name]!()]))
}

describe('bigint, dates and binary data', () => {
  it.each(names)('%s: comes back equal, at the root and inside', (name) => {
    const make = samples[name]!
    using store = createStore<unknown>(make(), megabytes)
    assert.deepStrictEqual(store.current, plainCopy(make()))
    expect(store.current).toBe(store.current)
    store.replace({ a: [make(), { b: make() }], c: make() })
    assert.deepStrictEqual(store.current, plainCopy({ a: [make(), { b: make() }], c: make() }))
    assert.deepStrictEqual(store.get('a' as never, 1 as never, 'b' as never), plainCopy(make()))
  })

  it('are private copies, the same object until the place changes', () => {
    const bytes = Uint8Array.from([1, 2, 3])
    using store = createStore({ bytes, when: new Date(5), big: 2n ** 70n, n: 0 }, megabytes)
    bytes[0] = 99
    const { bytes: seen, when } = store.current
    expect([...seen]).toEqual([1, 2, 3])
    expect(seen.buffer).toBeInstanceOf(ArrayBuffer)
    expect(store.get('bytes')).toBe(seen)
    store.set(['n'], 1)
    expect(store.current.bytes).toBe(seen)
    expect(store.current.when).toBe(when)
    store.set(['bytes'], Uint8Array.from([4]))
    expect([...seen]).toEqual([1, 2, 3])
    expect([...store.current.bytes]).toEqual([4])
    store.verify()
  })

  it('equal ones are no change, different ones are one', () => {
    using store = createStore(all(), megabytes)
    expect(store.replace(all()).changed).toBe(false)
    for (const name of names) expect(store.set([name], samples[name]!()).changed).toBe(false)
    expect(store.set(['a date'], new Date(1)).changed).toBe(true)
    expect(store.set(['Float64Array'], Float64Array.from([0])).changed).toBe(true)
    expect(store.replace({ ...all(), Int8Array: Uint8Array.from([255, 2, 3]) }).changed).toBe(true)
    expect(store.current['Int8Array']).toBeInstanceOf(Uint8Array)
    store.verify()
  })

  it('an invalid date stays one', () => {
    using store = createStore({ when: new Date(NaN) }, megabytes)
    expect(store.current.when.getTime()).toBeNaN()
    expect(store.replace({ when: new Date(NaN) }).changed).toBe(false)
    expect(store.replace({ when: new Date(0) }).changed).toBe(true)
  })

  it('large ones are decoded when they are looked at', () => {
    const large = new Uint8Array(8 * 2 ** 20)
    using store = createStore({ large, small: 1 }, megabytes)
    const descriptor = Object.getOwnPropertyDescriptor(store.current, 'large')
    expect(descriptor?.get).toBeTypeOf('function')
    expect(store.current.large.length).toBe(large.length)
    const kept = store.current
    store.set(['large'], new Uint8Array(3))
    store.set(['large'], new Uint8Array(4))
    expect(kept.large.length).toBe(large.length)
  })

  it('any bigint and any bytes', () => {
    using store = createStore<unknown>(0, megabytes)
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }),
        fc.uint8Array({ maxLength: 40 }),
        fc.float64Array(),
        (big, bytes, doubles) => {
          store.replace({ big, bytes, doubles, list: [big, -big] })
          assert.deepStrictEqual(store.current, { big, bytes, doubles, list: [big, -big] })
        },
      ),
      { numRuns: 200 },
    )
  })

  it('those of another realm are taken for what they are', () => {
    using store = createStore<unknown>(0, megabytes)
    store.replace(runInNewContext('({ d: new Date(7), b: new Int16Array([1, 2]) })'))
    assert.deepStrictEqual(store.current, { d: new Date(7), b: Int16Array.from([1, 2]) })
  })

  it('a recipe reads them, replaces them as a whole, and moves them', () => {
    using store = createStore({ when: new Date(1), b: [1n], c: null as unknown }, megabytes)
    store.update((draft) => {
      expect(draft.when.getTime()).toBe(1)
      draft.c = draft.when
      draft.b[0]! += 2n
      draft.b.push(4n)
    })
    assert.deepStrictEqual(store.current, { when: new Date(1), b: [3n, 4n], c: new Date(1) })
    expect(store.update((draft) => void (draft.when = new Date(1))).changed).toBe(false)
    store.update((draft) => {
      draft.when.setTime(9)
      draft.when = draft.when // eslint-disable-line no-self-assign
    })
    expect(store.current.when.getTime()).toBe(9)
    store.verify()
  })
})

describe('through another thread and back', () => {
  let worker: Worker
  const store = createStore({ there: undefined as unknown, back: undefined as unknown }, megabytes)

  beforeAll(() => {
    worker = new Worker(echoFile, { workerData: store.handle })
  })
  afterAll(async () => {
    await worker.terminate()
    store.close()
  })

  async function echoed(value: unknown): Promise<unknown> {
    store.set(['there'], value as never)
    worker.postMessage('go')
    await once(worker, 'message')
    return store.current.back
  }

  it.each(names)('%s', async (name) => {
    assert.deepStrictEqual(await echoed(samples[name]!()), plainCopy(samples[name]!()))
  })

  it('all of them in one object, in order', async () => {
    const back = (await echoed(all())) as object
    assert.deepStrictEqual(back, plainCopy(all()))
    expect(Object.keys(back)).toEqual(names)
    store.verify()
  })
})

describe('what cannot be stored is refused with its path', () => {
  class Point {
    x = 1
  }
  const revocable = Proxy.revocable({}, {})
  revocable.revoke()
  const bad: [string, unknown][] = [
    ['Point', new Point()],
    ['function', () => 1],
    ['symbol', Symbol('x')],
    ['RegExp', /x/],
    ['Error', new Error('x')],
    ['DataView', new DataView(new ArrayBuffer(8))],
    ['SharedArrayBuffer', new SharedArrayBuffer(8)],
    ['Uint8Array', new Uint8Array(new SharedArrayBuffer(8))],
    ['Buffer', Buffer.from('abc')],
    ['WeakMap', new WeakMap()],
    ['Promise', Promise.resolve()],
    ['Proxy, revoked', revocable.proxy],
    ['Proxy', new Proxy(new Date(), {})],
    ['Late', new (class Late extends Date {})()],
  ]

  it.each(bad)('%s', (name, value) => {
    using store = createStore<{ a: unknown[] }>({ a: [1] }, megabytes)
    const refused = { code: 'ERR_UNSUPPORTED_VALUE', path: ['a', 1, 'b'] }
    const attempts = [
      () => store.replace({ a: [1, { b: value }] }),
      () => store.set(['a', 1], { b: value }),
      () => store.update((draft) => void draft.a.push({ b: value })),
    ]
    for (const attempt of attempts) {
      expect(attempt).toThrow(expect.objectContaining(refused) as Error)
    }
    if (name !== 'Proxy') expect(attempts[0]).toThrow(name)
    expect(store.version).toBe(1)
  })
})

/** A typed array over a part of a buffer comes back over a buffer of its own. */
function plainCopy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(plainCopy)
  if (Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plainCopy(each)]))
  }
  return ArrayBuffer.isView(value) ? (value as Uint8Array).slice() : value
}
