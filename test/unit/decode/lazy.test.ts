import assert from 'node:assert/strict'
import { inspect } from 'node:util'

import { produce } from 'immer'
import { describe, expect, test } from 'vitest'

import { Decoder, type RootCell, type Source } from '../../../src/values/view.ts'
import { makeMemory, makeThread } from '../values/heap.ts'
import { objectOf } from './edits.ts'

const codec = makeThread(makeMemory(64))
const source: Source = { era: 1, check() {} }

function decoded(model: unknown): unknown {
  const decoder = new Decoder(codec)
  return decoder.valueOf(decoder.root(codec.encoder.encode(model), source))
}

function records(count: number): Record<string, unknown>[] {
  return Array.from({ length: count }, (_, i) => ({
    id: i,
    name: `record ${i}`,
    tags: ['x', i / 2],
  }))
}

const strangeKeys = objectOf([
  ['__proto__', { own: true }],
  ['constructor', { own: 1 }],
  ['__defineGetter__', [1, 2]],
  ['toString', 'text'],
  ['', null],
])

const models: Record<string, unknown> = {
  'a heavy object': { list: records(300), small: { x: 1 }, n: 1, s: 'some text', u: undefined },
  'a heavy array': records(400),
  'a list': records(3000),
  'arrays in arrays': [
    [[records(300)], records(300)],
    [records(200), records(500), [[]]],
  ],
  'an object with strange keys': { strangeKeys, filler: records(300), 7: 'seven', 3: [] },
  'a small object with strange keys': strangeKeys,
  'a large object': objectOf(records(1500).map((each, i) => [`key ${i}`, each] as const)),
  'a large object with strange keys': objectOf([
    ...records(1500).map((each, i) => [`key ${i}`, i % 3 === 0 ? i : each] as const),
    ...(Object.entries(strangeKeys as object) as [string, unknown][]),
    ['17', 'integer-like'],
  ]),
  'a text': 'äöü – €',
  'not much': {},
}

describe.each(Object.entries(models))('%s is as the private value', (named, model) => {
  test('for deepStrictEqual, both ways round, and for toEqual and toStrictEqual', () => {
    assert.deepStrictEqual(decoded(model), model)
    assert.deepStrictEqual(model, decoded(model))
    expect(decoded(model)).toEqual(model)
    // It takes an own key `constructor` for the constructor, of clones too.
    if (!named.includes('strange')) expect(decoded(model)).toStrictEqual(model)
    expect(model).toEqual(decoded(model))
  })

  test('for JSON.stringify, structuredClone, inspect', () => {
    assert.equal(JSON.stringify(decoded(model)), JSON.stringify(model))
    assert.deepStrictEqual(structuredClone(decoded(model)), model)
    assert.equal(inspect(decoded(model)), inspect(model))
    const all = { depth: Infinity, maxArrayLength: 5, breakLength: 200 }
    assert.equal(inspect(decoded(model), all), inspect(model, all))
  })

  test('for all that lists keys', () => {
    if (typeof model !== 'object' || model === null) return
    const value = decoded(model) as object
    assert.deepStrictEqual(Object.keys(value), Object.keys(model))
    assert.deepStrictEqual(Object.getOwnPropertyNames(value), Object.getOwnPropertyNames(model))
    assert.deepStrictEqual({ ...value }, { ...model })
    assert.deepStrictEqual(Object.entries(value), Object.entries(model))
    // It takes an own key `__proto__` for the prototype, of which there are then two.
    if (!named.includes('strange')) {
      assert.deepStrictEqual(Object.assign({}, value), Object.assign({}, model))
    }
    const walked: string[] = []
    for (const key in value) walked.push(key)
    assert.deepStrictEqual(walked, Object.keys(model))
    assert.equal(Array.isArray(value), Array.isArray(model))
    assert.equal(Object.getPrototypeOf(value), Object.getPrototypeOf(model))
  })

  test('but frozen, all the way down', () => {
    const stack = [decoded(model)]
    for (let each = stack.pop(); stack.length > 0; each = stack.pop()) {
      assert.ok(Object.isFrozen(each))
      if (typeof each === 'object' && each !== null) stack.push(...Object.values(each))
    }
  })

  test('when it is decoded whole', () => {
    const whole = new Decoder(codec).decodeWhole(codec.encoder.encode(model), source)
    assert.deepStrictEqual(whole, model)
    assert.equal(JSON.stringify(whole), JSON.stringify(model))
  })
})

test('Lazy objects can be inherited from, proxied, drafted by immer, and copied', () => {
  const value = decoded(models['a heavy object']) as { small: { x: number }; list: unknown[] }
  expect((Object.create(value) as typeof value).small).toBe(value.small)
  expect(new Proxy(value, {}).small).toBe(value.small)
  const copy = Object.create(null, Object.getOwnPropertyDescriptors(value)) as typeof value
  expect(copy.small).toBe(value.small)
  const next = produce(value, (draft) => {
    draft.small.x = 2
  })
  expect(next.small.x).toBe(2)
  expect(next.list).toBe(value.list)
})

test('Nobody who walks all keys, hidden ones too, and freezes what is there does damage', () => {
  const value = decoded(models['a heavy object']) as object
  const stack: unknown[] = [value]
  for (const key of Reflect.ownKeys(value)) {
    if (typeof key === 'symbol') stack.push((value as Record<symbol, unknown>)[key])
  }
  for (let each = stack.pop(); each !== undefined; each = stack.pop()) Object.freeze(each)
  assert.deepStrictEqual(value, models['a heavy object'])
})

test('Values nested 10,000 deep are decoded, advanced and decoded whole', () => {
  const nest = (leaf: unknown): unknown => {
    let model = leaf
    for (let i = 0; i < 10_000; i++) model = i % 3 === 0 ? { a: model, b: i } : [model, i]
    return model
  }
  const depthOf = (value: unknown): [number, unknown] => {
    let here = value
    let depth = 0
    for (; typeof here === 'object' && here !== null; depth++) {
      here = Array.isArray(here) ? here[0] : (here as { a: unknown }).a
    }
    return [depth, here]
  }
  const decoder = new Decoder(codec)
  const first = codec.encoder.encode(nest('leaf one'))
  const second = codec.encoder.encode(nest('leaf two'))
  const root: RootCell = decoder.root(first, source)
  const old = decoder.valueOf(root)
  const advanced = decoder.advance(root, second, { era: 2, check() {} })
  expect(depthOf(decoder.valueOf(advanced.root))).toEqual([10_000, 'leaf two'])
  expect(depthOf(old)).toEqual([10_000, 'leaf one'])
  expect(depthOf(decoder.decodeWhole(first, source))).toEqual([10_000, 'leaf one'])
})
