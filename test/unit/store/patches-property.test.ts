/** Patches between any two values: against immer and an implementation of RFC 6902. */
import {
  array,
  assert,
  constantFrom,
  dictionary,
  double,
  infiniteStream,
  letrec,
  nat,
  oneof,
  property,
  string,
  tuple,
} from 'fast-check'
import jsonPatch from 'fast-json-patch'
import { applyPatches as immerApply, enablePatches, type Patch as ImmerPatch } from 'immer'
import { afterAll, describe, expect, test } from 'vitest'
import { createStore, type JsonPatch, type Patch, toJsonPatch } from '../../../src/index.ts'
import { seedOf, settled } from './inside.ts'

enablePatches()

const store = createStore<unknown>(null, { maxBytes: 32 * 2 ** 20 })
afterAll(() => store.close())

/** Equal, with the keys in the same order. */
function expectSame(found: unknown, wanted: unknown): void {
  expect(found).toEqual(wanted)
  expect(JSON.stringify(found)).toBe(JSON.stringify(wanted))
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
const record = (keys: readonly string[]) => Object.fromEntries(keys.map((key, at) => [key, at]))

const key = oneof(constantFrom('a', 'b', 'c', 'd', '1', '2', 'a/b', 'm~n', ''), string())
const safeKey = key.filter((name) => !['__proto__', 'constructor', 'prototype'].includes(name))
const scalar = oneof(
  constantFrom(0, 1, -1, true, false, null, '', 'ab', 'a text of more than three'),
  double({ noNaN: true, noDefaultInfinity: true }).map((n) => (n === 0 ? 0.5 : n)),
  string({ unit: 'binary' }),
)
const json = letrec((tie) => ({
  value: oneof(
    { depthSize: 'small', maxDepth: 4 },
    scalar,
    array(tie('value'), { maxLength: 6 }),
    dictionary(safeKey, tie('value'), { maxKeys: 6, noNullPrototype: true }),
  ),
})).value

/** A value, and what some edits make of it: near to the old one, as versions are. */
const versions = tuple(json, json, infiniteStream(nat())).map(([value, other, chance]) => ({
  before: value,
  after: edited(structuredClone(value), other, chance),
}))

function edited(value: unknown, another: unknown, chance: Iterator<number>): unknown {
  const next = (most: number): number => (chance.next().value as number) % most
  let place = value
  for (let depth = next(4); ; depth--) {
    if (typeof place !== 'object' || place === null) return another
    const other = structuredClone(another)
    const keys = Object.keys(place)
    const key = keys[next(Math.max(keys.length, 1))]
    const inner = key === undefined ? undefined : (place as Record<string, unknown>)[key]
    if (depth > 0 && typeof inner === 'object' && inner !== null) {
      place = inner
      continue
    }
    if (Array.isArray(place))
      place.splice(next(place.length + 1), next(3), ...[other].slice(next(2)))
    else if (key !== undefined && next(3) > 0) {
      const record = place as Record<string, unknown>
      delete record[key]
      if (next(2) > 0) record[key] = inner
    } else (place as Record<string, unknown>)['c'] = other
    if (next(2) === 0) return value
    place = value
    depth = 1 + next(4)
  }
}

describe('patches between any two values', () => {
  const seed = seedOf('patches')
  const options = { numRuns: 150, seed }

  test('lead from the old value to the new and back, by our applyPatches and by immer', () => {
    let count = 0
    const claim = property(versions, ({ before, after }) => {
      store.replace(before)
      const there = store.replace(after, { patches: true }).patches!
      const back = store.replace(before, { patches: true }).patches!
      count += there.length + back.length
      store.applyPatches(there)
      expectSame(store.current, after)
      store.applyPatches(back)
      expectSame(store.current, before)
      expectSame(applied(before, there), after)
      expectSame(applied(after, back), before)
    })
    assert(claim, options)
    expect(count).toBeGreaterThan(150)
    console.log(`${count} patches, seed ${seed}`)
    settled(store)
  })

  test('lead there as JSON Patch too, for our applyPatches and for fast-json-patch', () => {
    const claim = property(versions, ({ before, after }) => {
      store.replace(before)
      const patches = toJsonPatch(store.replace(after, { patches: true }).patches!)
      const sent = JSON.parse(JSON.stringify(patches)) as JsonPatch[]
      expect(sent).toEqual(patches)
      const theirs = jsonPatch.applyPatch(structuredClone(before), sent as never, true)
      expect(theirs.newDocument).toEqual(after)
      store.replace(before)
      store.applyPatches(sent)
      expectSame(store.current, after)
    })
    assert(claim, options)
    settled(store)
  })

  test('of an update and of an update made by its patches are the same', () => {
    const claim = property(versions, json, ({ before, after }, other) => {
      const from = { keep: other, part: before, list: numbers(3) }
      store.replace(from)
      const edit = (draft: typeof from): void => {
        draft.part = after as never
        draft.list.splice(1, 1)
      }
      const made = store.update(edit as (draft: unknown) => void, { patches: true })
      const value = store.current
      store.replace(from)
      const again = store.applyPatches(made.patches!, { patches: true })
      expectSame(store.current, value)
      // Of equal elements it may be another one that is removed: as many, and the same value.
      expect(again.patches!.length).toBe(made.patches!.length)
      expectSame(applied(from, again.patches!), value)
      expectSame(applied(from, made.patches!), value)
    })
    assert(claim, options)
    settled(store)
  })

  test('our applyPatches does with JSON Patches of others what fast-json-patch does', () => {
    const claim = property(versions, ({ before, after }) => {
      const others = jsonPatch.compare({ root: before } as object, { root: after } as object)
      store.replace({ root: before })
      store.applyPatches(others as JsonPatch[])
      expect(store.current).toEqual({ root: after })
    })
    assert(claim, options)
  })
})

function applied(value: unknown, patches: readonly Patch[]): unknown {
  return immerApply(
    { value },
    patches.map(({ path, ...rest }) => {
      return { ...rest, path: ['value', ...(path as string[])] }
    }) as ImmerPatch[],
  ).value
}

test('objects of every size keep their order through patches', () => {
  const names = numbers(3000).map((n) => `name ${n}`)
  const big = record(names)
  const cases: [unknown, unknown][] = [
    [big, record(names.toSpliced(10, 1))],
    [big, record([...names.toSpliced(10, 1), 'name 10'])],
    [big, record(['first', ...names])],
    [big, record([...names.slice(2000), ...names.slice(0, 2000)])],
    [big, record(names.slice(0, 900))],
    [record(names.slice(0, 900)), big],
    [big, { ...big, 7: 'an integer-like key', 'name 2999': null }],
    [numbers(5000), numbers(5000).toSpliced(100, 50).toSpliced(4000, 0, -1, -2)],
    [numbers(1000), numbers(1100)],
    [numbers(1100), numbers(1000)],
  ]
  for (const [before, after] of cases) {
    store.replace(before)
    const { patches } = store.replace(after, { patches: true })
    store.replace(before)
    store.applyPatches(patches!)
    expectSame(store.current, after)
    settled(store)
  }
})
