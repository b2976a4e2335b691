import { describe, expect, it } from 'vitest'
import { runInNewContext } from 'node:vm'
import { findPath, MISSING } from '../../../src/values/lookup.ts'
import { makeMemory, makeThread } from './heap.ts'
import { plainDecode } from './plain-decode.ts'

function roundTrip(value: unknown, megabytes = 16): unknown {
  const ctx = makeThread(makeMemory(megabytes))
  return plainDecode(ctx, ctx.encoder.encode(value))
}

describe('encoding keeps', () => {
  const scalars = [
    undefined,
    null,
    true,
    false,
    0,
    -0,
    1,
    -1,
    2 ** 30 - 1,
    2 ** 30,
    -(2 ** 30),
    -(2 ** 30) - 1,
    2 ** 31,
    2 ** 53,
    0.1,
    Number.NaN,
    Infinity,
    -Infinity,
    Number.MIN_VALUE,
    '',
    'a',
    'ab',
    'abc',
    'abcd',
    '\u00ff\u00ff\u00ff',
    '\u0000',
    '\u0100',
    '€',
    '\ud800',
    '\udfff\ud800x',
    'x'.repeat(999),
    'ÿ'.repeat(5000),
    '🦊'.repeat(3000),
    'x'.repeat(20_000),
    '\ud83e'.repeat(20_001),
    'ab\u0141d',
  ]

  it.each(scalars.map((value) => [value]))('the scalar %j exactly', (value) => {
    expect(roundTrip(value)).toBe(value)
    expect(roundTrip([value, { value }])).toStrictEqual([value, { value }])
  })

  it('a string of 10 MB, and an object with a key of 10 MB', () => {
    const long = 'long string '.repeat(1e6)
    const wide = '€'.repeat(1e6)
    const value = { [long]: 1, [wide]: long }
    const copy = roundTrip(value, 128) as Record<string, unknown>
    expect(copy[long]).toBe(1)
    expect(copy[wide] === long).toBe(true)
  })

  it('key order, integer-like keys, __proto__ and empty keys', () => {
    const value = JSON.parse('{"b":1,"2":2,"":{},"__proto__":{"x":1},"10":3,"constructor":[]}')
    const copy = roundTrip(value) as object
    expect(Object.keys(copy)).toStrictEqual(Object.keys(value as object))
    expect(JSON.stringify(copy)).toBe(JSON.stringify(value))
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype)
  })

  it('holes as undefined, and undefined properties as properties', () => {
    // oxlint-disable-next-line no-sparse-arrays
    const copy = roundTrip({ a: [1, , 3], b: undefined })
    expect(copy).toStrictEqual({ a: [1, undefined, 3], b: undefined })
  })

  it('objects without prototype and of another realm, and what accessors say', () => {
    const foreign: unknown = runInNewContext('({ a: [1, { b: 2 }] })')
    expect(roundTrip(foreign)).toStrictEqual({ a: [1, { b: 2 }] })
    expect(roundTrip(Object.assign(Object.create(null), { a: 1 }))).toStrictEqual({ a: 1 })
    const hidden = Object.defineProperty(
      {
        get a() {
          return 'read'
        },
      },
      'b',
      { value: 1 },
    )
    expect(roundTrip(Object.assign(hidden, { [Symbol('s')]: 1 }))).toStrictEqual({ a: 'read' })
  })

  it('large arrays and large objects', () => {
    for (const size of [1023, 1024, 1025, 4096, 4097, 70_000]) {
      const array = Array.from({ length: size }, (_, index) =>
        index % 7 === 0 ? { index } : index,
      )
      expect(roundTrip(array)).toStrictEqual(array)
      const object = Object.fromEntries(array.map((value, index) => [`key ${index * 7}`, value]))
      const copy = roundTrip({ object }) as { object: object }
      expect(copy.object).toStrictEqual(object)
      expect(Object.keys(copy.object)).toStrictEqual(Object.keys(object))
    }
  })

  it('a large object with integer-like keys in their order, and long keys', () => {
    const object: Record<string, unknown> = {}
    for (let index = 3000; index > 0; index--) object[index % 3 === 0 ? `k${index}` : index] = index
    object['long '.repeat(100)] = 1
    object['€'.repeat(100)] = { deep: [1] }
    const copy = roundTrip(object) as object
    expect(copy).toStrictEqual(object)
    expect(Object.keys(copy)).toStrictEqual(Object.keys(object))
  })

  it('values nested 10,000 deep', () => {
    let value: unknown = 'bottom'
    for (let level = 0; level < 10_000; level++) value = level % 2 === 0 ? [value] : { value }
    const ctx = makeThread(makeMemory())
    const word = ctx.encoder.encode(value)
    const path = Array.from({ length: 10_000 }, (_, level) => (level % 2 === 0 ? 'value' : 0))
    expect(plainDecode(ctx, findPath(ctx, word, path))).toBe('bottom')
    expect(findPath(ctx, word, [...path, 'no'])).toBe(MISSING)
  })
})

describe('encoding refuses', () => {
  it('what is nested a million deep, with the beginning of the path', () => {
    let value: unknown = 0
    for (let level = 0; level < 1_000_000; level++) value = { a: value }
    const ctx = makeThread(makeMemory(64))
    expect(() => ctx.encoder.encode(value)).toThrow(RangeError)
    expect(() => ctx.encoder.encode(value)).toThrow(/deeper than/)
  })

  class Custom {
    field = 1
  }
  it.each([
    [() => 1, 'function'],
    [Symbol('s'), 'symbol'],
    [new Custom(), 'Custom'],
    [/x/, 'RegExp'],
    [new Error('x'), 'Error'],
    [new (class extends Array {})(), 'class'],
    [Object.create(Object.create(null)), 'class'],
  ])('%s, and says where it stands', (value, found) => {
    const ctx = makeThread(makeMemory())
    const at = (root: unknown): unknown => {
      try {
        ctx.encoder.encode(root)
      } catch (error) {
        return error
      }
      return undefined
    }
    const expected = { code: 'ERR_UNSUPPORTED_VALUE', found: expect.stringContaining(found) }
    expect(at(value)).toMatchObject({ ...expected, path: [] })
    expect(at({ a: [0, { 'b c': value }] })).toMatchObject({ ...expected, path: ['a', 1, 'b c'] })
    expect(at({ a: [1, [{}], value] })).toMatchObject({ ...expected, path: ['a', 2] })
    const wide = Object.fromEntries(
      Array.from({ length: 2000 }, (_, index) => [`k${index}`, [index]]),
    )
    expect(at([{ ...wide, k1500: [value] }])).toMatchObject({ ...expected, path: [0, 'k1500', 0] })
    expect(plainDecode(ctx, ctx.encoder.encode({ after: [1] }))).toStrictEqual({ after: [1] })
  })

  it('cycles, of any length, with the path', () => {
    for (const length of [1, 2, 40, 100, 1000]) {
      const first: Record<string, unknown> = {}
      let last = first
      for (let index = 1; index < length; index++) last = last['next'] = {}
      last['next'] = first
      const ctx = makeThread(makeMemory())
      expect(() => ctx.encoder.encode({ x: [first] })).toThrow(/cycle/)
    }
  })

  it('nothing that is only reachable twice', () => {
    const shared = { a: [1] }
    expect(roundTrip([shared, shared, [shared]])).toStrictEqual([shared, shared, [shared]])
  })
})
