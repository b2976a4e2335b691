import * as fc from 'fast-check'
import { produce as immerProduce } from 'immer'
import { expect, test } from 'vitest'
import { produce, testCodec } from './heap.ts'
import { checkDelta, recount } from './oracle.ts'
import { documents, perform, recipes } from './recipes.ts'

/** Everything that two values can differ in, key order included. */
function text(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (inner === undefined) return 'undefined'
    return Object.is(inner, -0) ? '-0' : inner
  })
}

/** Shows the first difference only. */
function same(found: string, expected: string): void {
  if (found === expected) return
  let at = 0
  while (found[at] === expected[at]) at++
  const from = Math.max(0, at - 60)
  expect(found.slice(from, at + 100)).toBe(expected.slice(from, at + 100))
}

const codec = testCodec(8)
const totals = { steps: 0, changed: 0, freed: 0, moved: 0, shared: 0, immer: 0 }

/** Runs the recipes one after the other, so that versions come to share nodes within themselves. */
function checkChain(base: unknown, steps: readonly number[][][]): void {
  codec.allocator.rewind(0)
  let value = base
  let word: number | undefined
  for (const recipe of steps) {
    const outcome = produce(codec, value, (draft) => perform(draft, recipe), word)
    const expected = structuredClone(value)
    perform(expected, recipe)
    same(text(outcome.value), text(expected))
    if (!text(value).includes('__proto__')) {
      totals.immer++
      const theirs = immerProduce(structuredClone(value), (draft) => perform(draft, recipe))
      // To immer 0 and -0 are the same.
      same(text(outcome.value).replaceAll('"-0"', '0'), text(theirs).replaceAll('"-0"', '0'))
    }
    totals.freed += checkDelta(codec.memory, outcome)
    totals.steps++
    if (outcome.after !== outcome.before) totals.changed++
    totals.moved += outcome.delta.inc.length
    totals.shared += recount(codec.memory, outcome.after)
    word = outcome.after
    ;({ value } = outcome)
  }
}

test('random recipes give what they give on a plain value, and exact deltas', () => {
  fc.assert(fc.property(documents, fc.array(recipes, { minLength: 1, maxLength: 4 }), checkChain), {
    numRuns: Number(process.env['RUNS'] ?? 600),
    seed: Number(process.env['SEED'] ?? 1),
  })
  console.log(JSON.stringify(totals))
  expect(totals.changed).toBeGreaterThan(1000)
  expect(totals.freed).toBeGreaterThan(1000)
  expect(totals.moved).toBeGreaterThan(200)
  expect(totals.shared).toBeGreaterThan(400)
  expect(totals.immer).toBeGreaterThan(400)
})

test('so they do on arrays and objects that are lists and dictionaries', () => {
  const many = Array.from({ length: 1100 }, (_, index) => index)
  fc.assert(
    fc.property(documents, fc.array(recipes, { minLength: 1, maxLength: 3 }), (part, steps) => {
      const list = many.map((index) => (index % 100 === 5 ? structuredClone(part) : index % 7))
      const object = Object.fromEntries(
        many.map((index) => [
          `key ${(index * 7) % 1100}`,
          index % 90 === 3 ? structuredClone(part) : 'a value',
        ]),
      )
      checkChain({ a: list, b: object, c: part }, steps)
    }),
    { numRuns: Number(process.env['RUNS'] ?? 600) / 30, seed: Number(process.env['SEED'] ?? 1) },
  )
})

test('the oracle objects to a delta that lacks or adds anything', () => {
  codec.allocator.rewind(0)
  const base = { a: { x: ['some text'] }, b: { y: 2.5 }, c: [['more text'], [1]] }
  const outcome = produce(codec, base, (draft) => {
    draft.a.x.push('x')
    draft.c.unshift(draft.a.x)
    Object.assign(draft.b, { z: draft.c[1] })
    draft.c.pop()
  })
  const { delta } = outcome
  expect(checkDelta(codec.memory, outcome)).toBeGreaterThan(2)
  expect(delta.inc.length).toBeGreaterThan(0)
  const { out, inc } = delta
  let objections = 0
  const broken = (out: readonly number[], inc: readonly number[]): void => {
    const changed = { out, inc, dropRoot: false, isEmpty: false } as unknown as typeof delta
    expect(() => checkDelta(codec.memory, { ...outcome, delta: changed })).toThrow(/node/)
    objections++
  }
  broken(out, inc.slice(1))
  broken(out, [...inc, inc[0] as number])
  for (let at = 0; at < out.length;) {
    const end = at + 2 + (out[at + 1] as number)
    broken(out.toSpliced(at, end - at), inc)
    if (end > at + 2) broken(out.toSpliced(at, end - at, out[at] as number, 0), inc)
    at = end
  }
  expect(objections).toBeGreaterThan(5)
})
