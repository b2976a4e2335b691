/** Patches of Maps, Sets and boxes: immer's form, and values that need no shared memory. */
import * as fc from 'fast-check'
import {
  applyPatches as immerApply,
  enableMapSet,
  enablePatches,
  type Patch as ImmerPatch,
} from 'immer'
import { afterAll, describe, expect, test } from 'vitest'
import { createStore, type Patch } from '../../../src/index.ts'
import { seedOf, settled } from './inside.ts'

enablePatches()
enableMapSet()

const store = createStore<unknown>(null, { maxBytes: 16 * 2 ** 20 })
afterAll(() => store.close())

function between(before: unknown, after: unknown): readonly Patch[] {
  store.replace(before)
  return store.replace(after, { patches: true }).patches!
}

function byImmer(value: unknown, patches: readonly Patch[]): unknown {
  const within = patches.map((patch) => Object.assign({}, patch, { path: ['v', ...patch.path] }))
  return immerApply({ v: value }, within as ImmerPatch[]).v
}

/** All that is in a value, in order. */
function listed(value: unknown): unknown {
  if (value instanceof Map) return ['map', [...value].map(([key, child]) => [key, listed(child)])]
  if (value instanceof Set) return ['set', [...value]]
  if (Array.isArray(value)) return value.map(listed)
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value).map(([key, child]) => [key, listed(child)])
}

const key = fc.oneof(fc.constantFrom('a', 'b', '1', 1, 2, 'a long key of more'), fc.integer())
const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    fc.constantFrom(1, 'text', 2n ** 70n, null),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 6 }).map((entries) => new Map(entries)),
    fc.array(key, { maxLength: 6 }).map((members) => new Set(members)),
    fc.record({ x: tie('value'), y: tie('value') }, { noNullPrototype: true }),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
})).value

describe('patches with Maps and Sets', () => {
  test('name keys of Maps and members of Sets', () => {
    const before = {
      map: new Map<unknown, unknown>([
        [1, 'one'],
        ['1', { deep: [0] }],
      ]),
      set: new Set([1, 2]),
    }
    const after = {
      map: new Map<unknown, unknown>([
        [1, 'uno'],
        ['1', { deep: [5] }],
        [null, 0],
      ]),
      set: new Set([2, 3]),
    }
    expect(between(before, after)).toEqual([
      { op: 'replace', path: ['map', 1], value: 'uno' },
      { op: 'add', path: ['map', null], value: 0 },
      { op: 'replace', path: ['map', '1', 'deep', 0], value: 5 },
      { op: 'remove', path: ['set', 0], value: 1 },
      { op: 'add', path: ['set', 2], value: 3 },
    ])
  })

  test('lead from the old value to the new one in order, by immer', () => {
    const property = fc.property(value, value, fc.array(key), (one, two, keys) => {
      const before = { one, map: new Map(keys.map((name) => [name, one])) }
      const after = { one, map: new Map([...keys.slice(1), 'z'].map((name) => [name, two])) }
      for (const [from, to] of [
        [one, two],
        [before, after],
        [after, before],
      ]) {
        expect(listed(byImmer(from, between(from, to)))).toEqual(listed(to))
      }
    })
    fc.assert(property, { numRuns: 150, seed: seedOf('patches of maps') })
    settled(store)
  })

  test('have real Maps and Sets as values, which outlive their version', () => {
    const entries = Array.from({ length: 300 }, (_, n) => [n, { text: `the text number ${n}` }])
    const after = { deep: [new Map(entries as [number, unknown][]), new Set(['a member of it'])] }
    const [patch] = between({ deep: null }, after)
    for (let round = 0; round < 100; round++)
      store.replace({ round, text: `round ${round} of all` })
    settled(store)
    const [map, set] = patch!.value as [Map<number, unknown>, Set<unknown>]
    expect(Object.getPrototypeOf(map)).toBe(Map.prototype)
    expect(Object.isFrozen(patch!.value)).toBe(true)
    expect(Object.isFrozen(map.get(7))).toBe(true)
    expect(listed([map, set])).toEqual(listed(after.deep))
  })

  test('boxes that say the same are not told of', () => {
    const boxes = () => ({ big: 2n ** 80n, date: new Date(5), bytes: new Uint8Array([1, 2]) })
    store.replace(boxes())
    expect(store.update(boxes, { patches: true }).patches).toEqual([])
    expect(store.update(() => ({ ...boxes(), big: -1n }), { patches: true }).patches).toEqual([
      { op: 'replace', path: ['big'], value: -1n },
    ])
  })
})
