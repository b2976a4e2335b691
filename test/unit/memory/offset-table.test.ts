import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { OffsetTable } from '../../../src/memory/offset-table.ts'

const anyKey = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.integer({ min: 1, max: 60 }).map((block) => 8 * block),
)
const anyStep = fc.record({
  deletes: fc.boolean(),
  key: anyKey,
  value: fc.integer().filter((value) => value !== 0),
})

test('does what a Map of the same numbers does', () => {
  let deleted = 0
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 100, maxLength: 400 }), (steps) => {
      const table = new OffsetTable()
      const model = new Map<number, number>()
      for (const { deletes, key, value } of steps) {
        if (deletes) {
          table.delete(key)
          deleted += Number(model.delete(key))
        } else {
          table.set(key, value)
          model.set(key, value)
        }
      }
      expect(table.size).toBe(model.size)
      for (const { key } of steps) expect(table.get(key)).toBe(model.get(key) ?? 0)
    }),
    { numRuns: 300 },
  )
  console.log(`${deleted} keys deleted`)
  expect(deleted).toBeGreaterThan(1000)
})

test('grows to a hundred thousand keys, and shrinks as they go, in any order', () => {
  const keys = Array.from({ length: 100_000 }, (_, index) => 8 + 12 * index)
  const table = new OffsetTable()
  for (const key of keys) table.set(key, key + 1)
  // 7 and 100,000 have no common factor: each key once.
  for (let turn = 0; turn < keys.length; turn++) {
    const key = keys[(turn * 7) % keys.length]!
    expect(table.get(key)).toBe(key + 1)
    table.delete(key)
    if (turn % 20_000 > 0) continue
    expect(keys.filter((key) => table.get(key) !== 0)).toHaveLength(table.size)
  }
  expect(table.size).toBe(0)
  expect(keys.some((key) => table.get(key) !== 0)).toBe(false)
})
