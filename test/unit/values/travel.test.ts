/**
 * Every type of value, at every size at which its layout changes, through a real worker and back:
 * there compared with what a message carried, here with the value that was sent.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createStore } from '../../../src/index.ts'
import { settled } from '../store/inside.ts'
import { copied, difference } from '../../workers/identical.ts'
import type { EchoRequest } from '../../workers/values-echo.ts'

/** The largest takes a minute, and says the same on each version of Node. */
const LARGEST = process.env['ROOTSWAP_WITHOUT_SLOW_TESTS'] === '1' ? [] : [100_000]
const SIZES = [0, 1, 7, 8, 9, 31, 32, 33, 64, 65, 1000, ...LARGEST]
const program = new URL('../../../dist/test/workers/values-echo.js', import.meta.url)
const store = createStore(
  { there: undefined as unknown, back: undefined as unknown },
  { maxBytes: 512 * 2 ** 20 },
)
let worker: Worker
beforeAll(() => {
  worker = new Worker(program, { workerData: store.handle })
})
afterAll(async () => {
  await worker.terminate()
  store.close()
})

// prettier-ignore
const scalars: unknown[] = [
  0, -0, 1, -1, NaN, Infinity, -Infinity, 0.1, -1e-310, 2 ** 28, -(2 ** 29), 2 ** 31, 2 ** 53,
  1e308, 5e-324, true, false, null, undefined, '', 'a', 'ab', 'abc', 'abcd', 'é', '€uro',
  '\ud800', '\udc00 lone', '😀', '\0', 'x'.repeat(999),
  0n, 1n, -1n, 2n ** 31n, -(2n ** 63n), 2n ** 64n, -(3n ** 500n),
]
const scalar = (index: number): unknown => scalars[index % scalars.length]
const numbers = (size: number): number[] => Array.from({ length: size }, (_, index) => index)

/** Values of each type within the others. */
function element(index: number): unknown {
  const kinds = [
    () => scalar(index / 9),
    () => ({ z: index, a: [scalar(index)], 10: 'ten', 9: 'nine', ['k'.repeat(index % 40)]: null }),
    () => [index, [scalar(index + 1), {}], new Map()],
    () =>
      new Map<unknown, unknown>([
        [index, { b: 1, a: 2 }],
        [scalar(index), [index]],
      ]),
    () => new Set([scalar(index + 2), index, `${index}`]),
    () => new Date(index * 1e9),
    () => Float32Array.from(numbers(index % 9)),
    () => Uint8Array.from(numbers(index % 70)).buffer,
    () => -(BigInt(index) ** 9n),
  ]
  return kinds[index % kinds.length]!()
}
/** Larger ones have mostly scalars, so that this takes seconds. */
const inside = (index: number): unknown =>
  index > 2000 && index % 40 > 2 ? scalar(index) : element(index)

/** Many keys of every type, in an order that is none of theirs. */
function key(index: number): unknown {
  const odd = (index * 7919) % 1_000_003
  return [odd, `key ${odd}`, BigInt(odd) - 50n, odd + 0.5, `${odd}`][index % 5]
}
const oddKeys = [NaN, null, undefined, true, false, '', 0, 2 ** 40, -1]
const strange = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'length',
  '',
  '-0',
  '1.5',
]

function objectOf(entries: (readonly [string, unknown])[]): object {
  const object = {}
  for (const [name, value] of entries) {
    const how = { value, writable: true, enumerable: true, configurable: true }
    Object.defineProperty(object, name, how)
  }
  return object
}

const kinds: Record<string, (size: number) => unknown> = {
  'an object': (size) => objectOf(numbers(size).map((n) => [`key ${(n * 7) % 1e6}`, inside(n)])),
  'an object with strange and numeric keys': (size) =>
    objectOf(numbers(size).map((n) => [strange[n] ?? `${n % 3 ? 'k' : ''}${size - n}`, inside(n)])),
  'an array': (size) => numbers(size).map(inside),
  'an array of numbers': (size) => numbers(size).map((n) => n - size / 2),
  'an array of equal objects': (size) => numbers(size).map(() => ({ a: 1, b: ['same'] })),
  'a Map': (size) => new Map(numbers(size).map((n) => [oddKeys[n] ?? key(n), inside(n)])),
  'a Set': (size) => new Set(numbers(size).map((n) => oddKeys[n] ?? key(n))),
  'a text': (size) => 'abc'.repeat(size).slice(0, size),
  'a text of two-byte units': (size) => 'a€\ud83d'.repeat(size).slice(0, size),
  'a bigint': (size) => -(2n ** BigInt(size)) + 1n,
  'an ArrayBuffer': (size) => Uint8Array.from(numbers(size), (n) => n * 7).buffer,
  'a Uint8Array': (size) => Uint8Array.from(numbers(size)),
  'a Float64Array': (size) => Float64Array.from(numbers(size), (n) => n / 7),
  'a BigInt64Array': (size) => BigInt64Array.from(numbers(size), (n) => -BigInt(n)),
  'nested objects': (size) => {
    let value: unknown = 'the innermost'
    for (let n = 0; n < Math.min(size, 1000); n++) {
      value = [{ b: value, a: n }, [n, value], new Map([[n, value]])][n % 3]
    }
    return value
  },
}

async function ask(request: EchoRequest): Promise<unknown> {
  worker.postMessage(request)
  const [problem] = (await once(worker, 'message')) as [unknown]
  return problem
}

describe.each(Object.keys(kinds))('%s', (kind) => {
  test.each(SIZES)('of %i comes back the same, in order', async (size) => {
    const value = kinds[kind]!(size)
    store.set(['there'], value)
    expect(await ask({ wanted: value })).toBeUndefined()
    expect(difference(store.current.back, value)).toBeUndefined()
    assert.deepStrictEqual(copied(store.current.back), value)
    // Once more, in an object that other fields surround, and made from a copy over there.
    const around = { before: [1], value, after: new Map([['x', value]]) }
    if (size > 1000) return
    store.set(['there'], around)
    expect(await ask({ wanted: around, copy: true })).toBeUndefined()
    expect(difference(store.current.back, around)).toBeUndefined()
  })
})

test('each of the scalars alone, and as key and member', async () => {
  for (const value of scalars) {
    store.set(['there'], value)
    expect(await ask({ wanted: value, copy: true })).toBeUndefined()
    expect(store.current.back).toBe(value)
    const keyed = { map: new Map([[value, value]]), set: new Set([value]) }
    store.set(['there'], keyed)
    expect(await ask({ wanted: keyed, copy: true })).toBeUndefined()
    expect(difference(store.current.back, keyed)).toBeUndefined()
  }
})

test('the comparison sees what differs', () => {
  const differing: [unknown, unknown][] = [
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
    [[{ a: 1, b: 2 }], [{ b: 2, a: 1 }]],
    [
      new Map([
        [1, 1],
        [2, 2],
      ]),
      new Map([
        [2, 2],
        [1, 1],
      ]),
    ],
    [new Set([1, 2]), new Set([2, 1])],
    [0, -0],
    [[0], [-0]],
    [[undefined], [,]], // oxlint-disable-line no-sparse-arrays
    [{ a: undefined }, {}],
    [new Date(1), new Date(2)],
    [Uint8Array.from([1]), Uint8Array.from([2])],
    [Uint8Array.from([1]), Int8Array.from([1])],
    [new ArrayBuffer(1), new ArrayBuffer(2)],
    [1, 1n],
    [new Map([['a', [1]]]), new Map([['a', [2]]])],
    [Object.create({ a: 1 }), {}],
    [new Proxy({}, {}), {}],
    [[], {}],
    ['a', 'b'],
  ]
  const seen = differing.map(([one, other]) => difference(one, other))
  expect(seen.filter((problem) => problem === undefined)).toEqual([])
  const backwards = differing.map(([one, other]) => difference(other, one))
  expect(backwards.filter((problem) => problem === undefined)).toEqual([])
})

test('nothing is left of them', async () => {
  // Its values, and those that were dropped here, hold versions until they are collected.
  await worker.terminate()
  store.replace({ there: null, back: null })
  const left = (): number => {
    globalThis.gc!()
    settled(store)
    return store.heap.stats().liveBytes
  }
  // Keys of objects, which are never given up, and little else.
  await expect.poll(left).toBeLessThan(2 ** 20)
  console.log(`travel: ${store.version} versions, ${left()} bytes are left`)
})
