/**
 * What a store gives behaves as the private value: each operation runs on both, at each size, and
 * what comes out is compared, with the order of keys at every depth; errors are results too.
 */
import assert from 'node:assert/strict'
import { Console } from 'node:console'
import { Writable } from 'node:stream'
import { format, inspect, isDeepStrictEqual, types } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import { afterAll, describe, expect, test } from 'vitest'
import { createStore } from '../../../src/index.ts'

// oxlint-disable-next-line typescript/no-explicit-any
type Any = any

/** The largest takes half a minute, and says the same on each version of Node. */
const LARGEST = process.env['ROOTSWAP_WITHOUT_SLOW_TESTS'] === '1' ? [] : [100_000]
const SIZES = [0, 1, 7, 8, 9, 31, 32, 33, 64, 65, 1000, ...LARGEST]
/** Operations whose cost grows with the square are left out beyond. */
const SMALL = 2000

const store = createStore<unknown>(null, { maxBytes: 256 * 2 ** 20 })
afterAll(() => store.close())

function element(index: number): unknown {
  if (index > SMALL && index % 50 > 5) return index / 3
  if (index % 5 === 0)
    return { id: index, name: `element ${index}`, inner: { deep: [index, null] } }
  if (index % 5 === 1) return [index, `text ${index}`, [undefined, -0]]
  return [index / 3, `a text of some length ${index}`, true][index % 3]
}

const shapes: Record<string, (size: number) => object> = {
  'an object': (size) =>
    Object.fromEntries(
      Array.from({ length: size }, (_, n) => [`key ${(n * 7) % size}`, element(n)]),
    ),
  'an object with keys like numbers': (size) =>
    Object.fromEntries(
      Array.from({ length: size }, (_, n) => [n % 3 ? n * 2 : `k${n}`, element(n)]),
    ),
  'an array': (size) => Array.from({ length: size }, (_, n) => element(n)),
  'an array of numbers': (size) => Array.from({ length: size }, (_, n) => n * 1.5),
}

function frozen<T>(value: T): T {
  const stack: unknown[] = [value]
  while (stack.length > 0) {
    const each = stack.pop()
    if (typeof each !== 'object' || each === null) continue
    for (const inner of Object.values(Object.freeze(each))) stack.push(inner)
  }
  return value
}

function posted(value: unknown): unknown {
  const { port1, port2 } = new MessageChannel()
  port1.postMessage(value)
  const { message } = receiveMessageOnPort(port2) as { message: unknown }
  port1.close()
  return message
}

/** Not `console.dir`: it asks no object how to show itself, and so shows getters. */
function printed(value: unknown): string {
  const chunks: string[] = []
  const write = (chunk: Buffer, _: string, done: () => void): void => {
    chunks.push(chunk.toString())
    done()
  }
  const console = new Console(new Writable({ write }))
  console.log(value)
  console.log('%o %O %j %s', value, value, value, value)
  console.table(Array.isArray(value) ? value.slice(0, 5) : Object.entries(value as object).slice(5))
  expect(chunks.length).toBeGreaterThan(2)
  return chunks.join('')
}

function forIn(value: object): string[] {
  const found: string[] = []
  for (const key in value) found.push(key)
  return found
}

const first = (value: object): string => Object.keys(value)[0] ?? 'none'
const last = (value: object): string => Object.keys(value).at(-1) ?? 'none'

/** On objects and arrays. */
const general: Record<string, (value: Any) => unknown> = {
  'Object.keys': Object.keys,
  'Object.values': Object.values,
  'Object.entries': Object.entries,
  'Object.getOwnPropertyNames': Object.getOwnPropertyNames,
  // Large objects that are decoded lazily have two hidden symbols, which nothing enumerates.
  'Reflect.ownKeys': (value) => Reflect.ownKeys(value).filter((key) => typeof key === 'string'),
  'enumerable symbols': (value) =>
    Object.getOwnPropertySymbols(value).filter((key) =>
      Object.prototype.propertyIsEnumerable.call(value, key),
    ),
  'Object.getPrototypeOf': Object.getPrototypeOf,
  'Object.isFrozen': Object.isFrozen,
  'Object.isSealed': Object.isSealed,
  'Object.isExtensible': Object.isExtensible,
  'Object.assign': (value) => Object.assign(Array.isArray(value) ? [] : {}, value),
  'Object.hasOwn': (value) => [
    Object.hasOwn(value, first(value)),
    Object.hasOwn(value, 'toString'),
  ],
  'Object.fromEntries': (value) => Object.fromEntries(Object.entries(value)),
  'Object.groupBy': (value) =>
    (Object as Any).groupBy?.(Object.values(value), (each: unknown) => typeof each),
  'Object.prototype.toString': (value) => Object.prototype.toString.call(value),
  propertyIsEnumerable: (value: Any) =>
    Object.prototype.propertyIsEnumerable.call(value, first(value)),
  'enumerable, configurable': (value) =>
    Object.keys(value).map((key) => {
      const { enumerable, configurable } = Object.getOwnPropertyDescriptor(value, key)!
      return [enumerable, configurable]
    }),
  'spread into an object': (value) => ({ ...value }),
  'spread and overridden': (value) => ({ ...value, [first(value)]: 'mine', more: 1 }),
  in: (value) => [first(value) in value, 'nothing' in value, 'toString' in value],
  'for … in': forIn,
  'destructuring of keys': (value) => {
    const { [first(value)]: one, [last(value)]: another, nothing = 'default', ...rest } = value
    return [one, another, nothing, rest]
  },
  'JSON.stringify': (value) => JSON.stringify(value),
  'JSON.stringify, indented': (value) => JSON.stringify(value, null, 2),
  'JSON.stringify with a replacer': (value) =>
    JSON.stringify(value, (key, each: unknown) => (key === 'id' ? undefined : each)),
  structuredClone: (value) => structuredClone(value),
  postMessage: posted,
  'v8.serialize': (value) => deserialize(serialize(value)) as unknown,
  typeof: (value) => typeof value,
  'a template': (value) => (Array.isArray(value) ? `${value.slice(0, 3)}` : `${value}`),
  'types.isProxy': types.isProxy,
  'a strict assignment': (value) => (value[first(value)] = 1),
  'a strict new property': (value) => (value.brandNew = 1),
  'a strict delete': (value) => delete value[first(value)],
  'Object.defineProperty': (value) => Object.defineProperty(value, 'brandNew', { value: 1 }),
  'Object.setPrototypeOf': (value) => Object.setPrototypeOf(value, null),
  'Reflect.set': (value) => Reflect.set(value, first(value), 1),
  'Reflect.deleteProperty': (value) => Reflect.deleteProperty(value, last(value)),
  'Object.freeze again': (value) => Object.freeze(value) === value,
  inspect: (value) => inspect(value),
  'inspect, all': (value) =>
    inspect(value, { depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity }),
  'inspect, compact': (value) =>
    inspect(value, { compact: 1, sorted: true, colors: true, depth: 9 }),
  'util.format': (value) => format('%o|%O|%j', value, value, value),
  console: printed,
  'the constructor': (value) => value.constructor === (Array.isArray(value) ? Array : Object),
  'Object.create': (value) => Object.create(value)[first(value)],
}

/** On arrays: every method that does not write, and those that do, which throw on frozen ones. */
const lists: Record<string, (value: Any) => unknown> = {
  length: (list) => list.length,
  'Array.isArray': Array.isArray,
  // oxlint-disable-next-line unicorn/no-instanceof-builtins
  'instanceof Array': (list) => list instanceof Array,
  'for … of': (list) => {
    const found: unknown[] = []
    for (const each of list) found.push(each)
    return found
  },
  spread: (list) => [...list, 1],
  'a call with it': (list) => Math.max(...list.slice(0, 100).map(Number)),
  destructuring: (list) => {
    const [one, , three = 'default', ...rest] = list
    return [one, three, rest]
  },
  'Array.from': (list) => Array.from(list, (each) => [each]),
  at: (list) => [list.at(0), list.at(-1), list.at(7), list.at(1e9), list[-1]],
  concat: (list) => [([] as unknown[]).concat(list, 1, list), list.concat([2])],
  entries: (list) => [...list.entries()],
  keys: (list) => [...list.keys()],
  values: (list) => [...list.values()],
  every: (list) => list.every((each: unknown) => each !== 'never'),
  some: (list) => list.some((each: unknown) => each === 'never'),
  filter: (list) => list.filter((each: unknown) => typeof each === 'object'),
  find: (list) => list.find((each: Any) => each?.id === 5),
  findIndex: (list) => list.findIndex((each: Any) => each?.id === 5),
  findLast: (list) => list.findLast((each: Any) => each?.id > 2),
  findLastIndex: (list) => list.findLastIndex((each: Any) => each?.id > 2),
  flat: (list) => list.flat(Infinity),
  flatMap: (list) => list.flatMap((each: unknown) => [each, each]),
  forEach: (list) => {
    const found: unknown[] = []
    list.forEach((each: unknown, index: number, whole: unknown) => {
      found.push(each, index, whole === list)
    })
    return found
  },
  includes: (list) => [list.includes(list[3]), list.includes(0.5), list.includes(undefined)],
  indexOf: (list) => [list.indexOf(list.at(-1)), list.indexOf('never')],
  lastIndexOf: (list) => [list.lastIndexOf(list[0]), list.lastIndexOf('never')],
  join: (list) => list.join('-'),
  map: (list) => list.map((each: unknown, index: number) => [index, each]),
  reduce: (list) => list.reduce((sum: string, each: unknown) => `${sum.slice(-9)}${each}`, ''),
  'reduce of none': (list) => list.reduce((one: unknown) => one),
  reduceRight: (list) =>
    list.reduceRight((sum: string, each: unknown) => `${each}`.slice(-9) + sum, ''),
  slice: (list) => [list.slice(), list.slice(2, -2), list.slice(-1)],
  toLocaleString: (list: Any) => list.slice(0, 20).toLocaleString(),
  toReversed: (list) => list.toReversed(),
  toSorted: (list) => list.toSorted(),
  toSpliced: (list) => list.toSpliced(1, 2, 'new'),
  with: (list) => list.with(0, 'new'),
  toString: (list: Any) => list.toString(),
  'Array.prototype.slice.call': (list) => Array.prototype.slice.call(list, 1),
  apply: (list) => String.raw.apply(null, [{ raw: ['a', 'b'] }, ...list.slice(0, 1)]),
  'concat spreads it': (list) => [0].concat(list).length,
  push: (list) => list.push(1),
  pop: (list) => list.pop(),
  shift: (list) => list.shift(),
  unshift: (list) => list.unshift(1),
  splice: (list) => list.splice(0, 1),
  sort: (list) => list.sort(),
  reverse: (list) => list.reverse(),
  fill: (list) => list.fill(0),
  copyWithin: (list) => list.copyWithin(0, 1),
  'length =': (list) => (list.length = 0),
}

/** All that a result can differ in; the parts of both sides are compared as results themselves. */
function outcome(run: () => unknown): unknown {
  try {
    return run()
  } catch (error) {
    // The message tells a getter from a read-only property.
    return { threw: (error as Error).name }
  }
}

/** Equal, with keys in the same order at every depth. */
function expectSame(found: unknown, wanted: unknown, what: string): void {
  assert.deepStrictEqual(found, wanted, what)
  if (typeof wanted !== 'object' || wanted === null) return
  const stack: [unknown, unknown][] = [[found, wanted]]
  for (let pair = stack.pop(); pair !== undefined; pair = stack.pop()) {
    const [ours, theirs] = pair as [object, object]
    const keys = Object.keys(theirs)
    assert.deepStrictEqual(Object.keys(ours), keys, `${what}: the order`)
    for (const key of keys) {
      const inner = (theirs as Any)[key] as unknown
      if (typeof inner === 'object' && inner !== null) stack.push([(ours as Any)[key], inner])
    }
  }
}

/** How a value comes to be in the store: made so, or grown and edited into it. */
const ways: Record<string, (model: object) => unknown> = {
  created: (model) => {
    store.replace(null)
    store.replace(model)
    return store.current
  },
  'read late, of an older version': (model) => {
    store.replace({ model, other: 0 })
    const kept = store.current as { model: object }
    store.set(['other'] as never, 1 as never)
    void store.current
    store.replace(null)
    void store.current
    return kept.model
  },
  'edited into being': (model) => {
    store.replace(Array.isArray(model) ? [] : {})
    store.update((draft: Any) => {
      if (Array.isArray(model)) for (const each of model) draft.push(each)
      else for (const [key, each] of Object.entries(model)) draft[key] = each
    })
    return store.current
  },
}

describe.each(Object.keys(shapes))('%s', (shape) => {
  test.each(SIZES)(
    'of %i behaves as the private value',
    (size) => {
      const model = frozen(shapes[shape]!(size))
      const all = Array.isArray(model) ? { ...general, ...lists } : general
      let count = 0
      for (const [way, put] of Object.entries(ways)) {
        for (const [name, operation] of Object.entries(all)) {
          if (size > SMALL && !['created'].includes(way) && count % 7 !== 0) continue
          // Anew for each operation, which therefore meets a value that nobody has looked into.
          const value = size > SMALL && name !== 'Object.keys' ? store.current : put(model)
          const found = outcome(() => operation(value))
          const wanted = outcome(() => operation(model))
          expectSame(found, wanted, `${name}, ${way}`)
          count++
        }
        const value = put(model)
        assert.ok(isDeepStrictEqual(value, model) && isDeepStrictEqual(model, value), way)
        if (size <= SMALL) expect(value).toEqual(model)
        if (size <= SMALL) expect(model).toStrictEqual(value)
      }
      expect(count).toBeGreaterThan(Object.keys(all).length / 2)
      store.verify()
    },
    120_000,
  )
})
