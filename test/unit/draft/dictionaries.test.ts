import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import * as fc from 'fast-check'
import { enableMapSet, produce as immerProduce } from 'immer'
import { expect, test } from 'vitest'
import { currentOf, originalOf } from '../../../src/values/draft.ts'
import type { Key } from '../../../src/values/immutable.ts'
import { produce, testCodec } from './heap.ts'
import { checkDelta, recount } from './oracle.ts'

enableMapSet()

type AnyMap = Map<Key, unknown>
type AnySet = Set<Key>
type Node = AnyMap | AnySet | unknown[] | Record<string, unknown>

const keys: Key[] = ['a', 'b', 'a longer key', 1, 2.5, 3n, NaN, null, undefined, true, '1', 0]
const codec = testCodec(8)
const totals = { steps: 0, immer: 0, changed: 0, freed: 0, included: 0, shared: 0 }

/** In order, with every difference that there is. */
function text(value: unknown): string {
  return inspect(value, { depth: Infinity, maxArrayLength: Infinity, sorted: false })
}

function childrenOf(node: Node): unknown[] {
  if (node instanceof Set) return []
  return node instanceof Map ? [...node.values()] : Object.values(node)
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null
}

function reaches(from: unknown, target: unknown): boolean {
  return from === target || (isNode(from) && childrenOf(from).some((each) => reaches(each, target)))
}

/** One operation, chosen by numbers. */
function step(root: Node, numbers: readonly number[]): void {
  let at = 0
  const below = (limit: number): number => numbers[at++ % numbers.length]! % limit
  const walk = (): Node => {
    let node = root
    for (let depth = below(4); depth > 0; depth--) {
      const inner = childrenOf(node).filter(isNode)
      if (inner.length === 0) return node
      node = inner[below(inner.length)]!
    }
    return node
  }
  const target = walk()
  const key = keys[below(keys.length)]
  const value = (): unknown => {
    const part = walk()
    const inner = reaches(part, target) ? 'no part' : part
    const made = [inner, new Map([['x', inner]]), new Set(['x', 1]), [inner], 'text', 7, 2.5]
    return made[below(made.length)]
  }
  if (target instanceof Map) stepOnMap(target, key, below(9), value)
  else if (target instanceof Set) stepOnSet(target, key, below(6))
  else if (Array.isArray(target)) stepOnList(target, below(2), value)
  else target[['m', 's', 'list', 'extra'][below(4)]!] = value()
}

function stepOnMap(map: AnyMap, key: Key, choice: number, value: () => unknown): void {
  if (choice < 3) map.set(key, value())
  else if (choice === 3) map.delete(key)
  else if (choice === 4 && map.has(key)) {
    const kept = map.get(key)
    map.delete(key)
    map.set(key, kept)
  } else if (choice === 5) {
    const kept = [...map]
    map.clear()
    for (const [each, inner] of kept.slice(1)) map.set(each, inner)
  } else if (choice === 6) {
    for (const [each, inner] of map) if (typeof inner === 'number') map.set(each, inner + 1)
  } else if (choice === 7) map.forEach((inner, each) => inner === 'text' && map.delete(each))
  else map.set(key, map.get(key))
}

function stepOnList(list: unknown[], choice: number, value: () => unknown): void {
  if (choice === 0) list.push(value())
  else list.shift()
}

function stepOnSet(set: AnySet, key: Key, choice: number): void {
  if (choice < 2) set.add(key)
  else if (choice === 2) set.delete(key)
  else if (choice === 3) {
    set.delete(key)
    set.add(key)
  } else if (choice === 4) set.clear()
  else for (const each of set) if (each === key) set.delete(each)
}

const recipes = fc.array(fc.array(fc.nat(1000), { minLength: 12, maxLength: 12 }), {
  minLength: 1,
  maxLength: 10,
})

function base(size: number): Node {
  const many = Array.from({ length: size }, (_, i): [Key, unknown] => [`k${i}`, i % 9 ? i : [i]])
  return {
    m: new Map<Key, unknown>([['a', new Map([['deep', [1]]])], [1, { x: 'text' }], ...many]),
    s: new Set<Key>(['a', 1, NaN, ...many.map(([key]) => key)]),
    list: [new Map([['x', 1]]), [2.5]],
  }
}

function checkChain(size: number, steps: readonly number[][][]): void {
  codec.allocator.rewind(0)
  let value: Node = base(size)
  let word: number | undefined
  for (const recipe of steps) {
    const run = (root: Node): void => {
      for (const numbers of recipe) step(root, numbers)
    }
    const outcome = produce(codec, value, run, word)
    const expected = structuredClone(value)
    run(expected)
    // What is reachable twice becomes two values.
    expect(text(outcome.value)).toBe(text(untangled(expected)))
    const theirs = immerText(value, run)
    if (theirs !== undefined) {
      expect(text(outcome.value)).toBe(theirs)
      totals.immer++
    }
    totals.freed += checkDelta(codec.memory, outcome)
    totals.steps++
    if (outcome.after !== outcome.before) totals.changed++
    totals.included += outcome.delta.inc.length
    totals.shared += recount(codec.memory, outcome.after)
    word = outcome.after
    value = outcome.value as Node
  }
}

/** Undefined where immer leaves a draft in a new Map or Set, which then is revoked. */
function immerText(value: Node, run: (root: Node) => void): string | undefined {
  const result: unknown = immerProduce(value, run)
  try {
    return text(untangled(result))
  } catch (error) {
    expect(String(error)).toMatch(/revoked/)
    return undefined
  }
}

function untangled(value: unknown): unknown {
  if (!isNode(value)) return value
  if (value instanceof Set) return new Set(value)
  if (value instanceof Map) return new Map([...value].map(([key, each]) => [key, untangled(each)]))
  if (Array.isArray(value)) return value.map(untangled)
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, untangled(each)]))
}

test('random recipes on Maps and Sets give what they give on real ones, and exact deltas', () => {
  const seed = Number(process.env['SEED'] ?? 1)
  fc.assert(
    fc.property(
      fc.constantFrom(0, 0, 3, 100),
      fc.array(recipes, { minLength: 1, maxLength: 4 }),
      checkChain,
    ),
    { numRuns: Number(process.env['RUNS'] ?? 300), seed },
  )
  console.log(JSON.stringify(totals))
  expect(totals.changed).toBeGreaterThan(500)
  expect(totals.immer).toBeGreaterThan(300)
  expect(totals.freed).toBeGreaterThan(1000)
  expect(totals.included).toBeGreaterThan(200)
})

test('the draft has the whole interface', () => {
  codec.allocator.rewind(0)
  const value = { m: new Map<Key, unknown>([['a', { n: 1 }]]), s: new Set<Key>(['x', 'y']) }
  let kept: AnyMap | undefined
  const outcome = produce(codec, value, (draft) => {
    const { m, s } = draft
    kept = m
    expect(m).toBeInstanceOf(Map)
    expect(s).toBeInstanceOf(Set)
    expect([m.size, s.size]).toEqual([1, 2])
    expect(m.get('a')).toBe(m.get('a'))
    expect(m.set('b', 2)).toBe(m)
    expect(s.add('z')).toBe(s)
    expect([m.delete('none'), s.delete('x')]).toEqual([false, true])
    expect(inspect(m)).toBe("Map(2) { 'a' => { n: 1 }, 'b' => 2 }")
    expect(Object.prototype.toString.call(m)).toBe('[object Map]')
    assert.deepStrictEqual(
      currentOf(m),
      new Map<Key, unknown>([
        ['a', { n: 1 }],
        ['b', 2],
      ]),
    )
    assert.deepStrictEqual(originalOf(draft), value)
    expect(() => m.set({} as never, 1)).toThrow(/as a key of a Map.*"m"/)
    expect(() => s.add(Symbol('s') as never)).toThrow(/in a Set/)
    for (const key of ['c', 'd']) for (const [each] of m) if (each === 'b') m.set(key, key)
    ;(m.get('a') as { n: number }).n++
  })
  const expected = {
    m: [
      ['a', { n: 2 }],
      ['b', 2],
      ['c', 'c'],
      ['d', 'd'],
    ],
    s: ['y', 'z'],
  }
  const found = outcome.value as typeof value
  expect({ m: [...found.m], s: [...found.s] }).toEqual(expected)
  checkDelta(codec.memory, outcome)
  expect(() => kept!.get('a')).toThrow(TypeError)
})

test('what changes nothing makes no version', () => {
  codec.allocator.rewind(0)
  const value = { m: new Map<Key, unknown>([['a', 1]]), s: new Set<Key>([NaN]) }
  const outcome = produce(codec, value, ({ m, s }) => {
    m.set('a', 1).set('b', 2).delete('b')
    s.add(NaN).delete('none')
    m.forEach(() => 0)
  })
  expect(outcome.after).toBe(outcome.before)
})
