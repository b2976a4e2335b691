import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { replaceWith } from '../../../src/values/compare.ts'
import { find, findPath } from '../../../src/values/lookup.ts'
import { makeMemory, makeThread } from './heap.ts'
import { Oracle } from './oracle.ts'
import { plainDecode } from './plain-decode.ts'

function start(value: unknown, megabytes = 16): Oracle {
  const ctx = makeThread(makeMemory(megabytes))
  const oracle = new Oracle(ctx)
  oracle.publishFirst(ctx.encoder.encode(value))
  return oracle
}

function replace(oracle: Oracle, next: unknown, held = false): void {
  const { ctx } = oracle
  const delta = oracle.delta()
  const word = replaceWith(ctx, oracle.root, next, delta)
  if (word === oracle.root) {
    expect(delta.isEmpty).toBe(true)
    expect(ctx.allocator.mark()).toBe(0)
  } else {
    oracle.publish(word, delta, held)
  }
  const copy = plainDecode(ctx, oracle.root)
  expect(copy).toStrictEqual(next)
  expect(JSON.stringify(copy)).toBe(JSON.stringify(next))
}

/** A few keys and values, so that much of it repeats. */
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.constantFrom(
      0,
      -1,
      0.5,
      1e300,
      -0,
      null,
      true,
      undefined,
      '',
      'ab',
      'longer',
      'wïde €',
      NaN,
    ),
    fc.array(tie('value'), { maxLength: 5 }),
    fc
      .uniqueArray(fc.constantFrom('a', 'b', 'c', '7', '0', '__proto__', 'long key'), {
        maxLength: 5,
      })
      .chain((keys) =>
        fc.tuple(...keys.map(() => tie('value'))).map((values) => {
          const object: Record<string, unknown> = {}
          for (const [index, key] of keys.entries()) {
            Object.defineProperty(object, key, {
              value: values[index],
              enumerable: true,
              writable: true,
              configurable: true,
            })
          }
          return object
        }),
      ),
  ),
}))

describe('replacing a value', () => {
  it('leaves exact counts behind, whatever it is replaced with and whoever holds the old', () => {
    let freed = 0
    let shared = 0
    fc.assert(
      fc.property(
        fc.array(fc.tuple(json.value, fc.boolean()), { minLength: 2, maxLength: 6 }),
        (steps) => {
          const oracle = start(steps[0]?.[0], 1)
          for (const [next, held] of steps) replace(oracle, next, held)
          freed += oracle.freed
          shared += oracle.shared
        },
      ),
      { numRuns: 600 },
    )
    console.log(`replace: ${freed} nodes freed, ${shared} counts above 1`)
    expect(freed).toBeGreaterThan(1000)
    expect(shared).toBeGreaterThan(100)
  })

  it('by an equal one makes nothing', () => {
    const value = { a: [1, { b: 'text', c: 0.5 }], d: Array.from({ length: 3000 }, (_, i) => [i]) }
    const oracle = start(value)
    const { root } = oracle
    replace(oracle, structuredClone(value))
    expect(oracle.root).toBe(root)
  })

  it('keeps the nodes of equal parts', () => {
    const oracle = start({ a: { x: [1] }, b: { y: [2] } })
    const { ctx } = oracle
    const kept = find(ctx, oracle.root, 'a')
    replace(oracle, { a: { x: [1] }, b: { y: [3] }, c: 1 })
    expect(find(ctx, oracle.root, 'a')).toBe(kept)
  })

  it('treats another key order as another value, and keeps the children', () => {
    const oracle = start({ a: { x: [1] }, b: { y: [2] } })
    const { ctx, root } = oracle
    const kept = findPath(ctx, root, ['b', 'y'])
    replace(oracle, { b: { y: [2] }, a: { x: [1] } })
    expect(oracle.root).not.toBe(root)
    expect(findPath(ctx, oracle.root, ['b', 'y'])).toBe(kept)
  })

  it('leaves exact counts where objects and arrays become large, change and shrink', () => {
    const object = (size: number, salt: number): Record<string, unknown> =>
      Object.fromEntries(
        Array.from({ length: size }, (_, i) => [`k${i}`, i % 50 === salt ? { salt, i } : [i % 9]]),
      )
    const list = (size: number, salt: number): unknown[] =>
      Array.from({ length: size }, (_, i) => (i % 400 === salt ? { salt } : [i % 11]))
    const oracle = start({ object: object(1000, 0), list: list(1000, 0) })
    const sizes = [1024, 1025, 1030, 1500, 1499, 5000, 1400, 100, 3, 0, 1025]
    for (const [salt, size] of sizes.entries()) {
      replace(oracle, { object: object(size, salt), list: list(size, salt) }, salt % 2 === 0)
      replace(oracle, { object: object(size, salt + 1), list: list(size, salt + 1) })
    }
    const reversed = Object.fromEntries(Object.entries(object(2000, 1)).reverse())
    replace(oracle, { object: object(2000, 1), list: [] })
    replace(oracle, { object: reversed, list: [] }, true)
    console.log(`large: ${oracle.freed} nodes freed, ${oracle.shared} counts above 1`)
  })

  it('says where an unsupported value stands', () => {
    const oracle = start({ a: [{ b: 1 }, 2], large: Object.fromEntries(manyEntries()) })
    const at = (next: unknown): unknown => {
      try {
        replaceWith(oracle.ctx, oracle.root, next, oracle.delta())
      } catch (error) {
        return error
      }
      return undefined
    }
    const bad = new RegExp('x')
    const expected = { code: 'ERR_UNSUPPORTED_VALUE' }
    expect(at(bad)).toMatchObject({ ...expected, path: [] })
    expect(at({ a: [{ b: bad }] })).toMatchObject({ ...expected, path: ['a', 0, 'b'] })
    expect(at({ a: [{ b: [{ c: bad }] }] })).toMatchObject({ path: ['a', 0, 'b', 0, 'c'] })
    const large = { ...Object.fromEntries(manyEntries()), key9: [bad] }
    expect(at({ a: [{ b: 1 }, 2], large })).toMatchObject({ path: ['large', 'key9', 0] })
  })
})

function manyEntries(): [string, unknown][] {
  return Array.from({ length: 2000 }, (_, index) => [`key${index}`, index])
}
