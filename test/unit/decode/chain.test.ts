import assert from 'node:assert/strict'

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { Chain, type ChainOptions } from './chain.ts'
import { applyEdit, document, edit, follow, isContainer, path } from './edits.ts'
import { SmallHeap } from './small-heap.ts'

const SMALL = { flat: 5, fanout: 3 }
const RUNS = Number(process.env['DECODE_RUNS'] ?? 400)

const step = fc.record({
  edits: fc.array(edit, { minLength: 1, maxLength: 2 }),
  keep: fc.boolean(),
  touches: fc.array(fc.tuple(fc.nat(), path), { maxLength: 3 }),
})

const scenario = fc.record({
  first: document,
  steps: fc.array(step, { minLength: 1, maxLength: 12 }),
  lightWeightMax: fc.integer({ min: -1, max: 5 }),
  leftoverValuesMax: fc.constantFrom(0, 3, 20, 1_000_000),
})

interface Counts {
  publishes: number
  kept: number
  holds: number
  poisoned: number
  reused: number
  same: number
}

describe('What was handed out stays as it was', () => {
  test('whatever is published, with the memory of older versions overwritten and reused', () => {
    const counts = { publishes: 0, kept: 0, holds: 0, poisoned: 0, reused: 0, same: 0 }
    fc.assert(
      fc.property(scenario, (given) => {
        runScenario(given, counts)
      }),
      { numRuns: RUNS },
    )
    console.log(counts)
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(RUNS / 50)
  })
})

describe('The poisoned memory is looked at, so that a decoder is caught when', () => {
  test.each(['nothing is linked', 'holds are ignored', 'strings outlive their era'] as const)(
    '%s',
    (broken) => {
      const counts = { publishes: 0, kept: 0, holds: 0, poisoned: 0, reused: 0, same: 0 }
      const result = fc.check(
        fc.property(scenario, (given) => {
          runScenario({ ...given, broken }, counts)
        }),
        { numRuns: 5000, endOnFailure: true },
      )
      console.log(`${broken}: caught after ${result.numRuns} documents`)
      expect(result.failed).toBe(true)
    },
  )
})

type Scenario = ChainOptions & (typeof scenario extends fc.Arbitrary<infer T> ? T : never)

function runScenario(given: Scenario, counts: Counts): void {
  const heap = new SmallHeap(SMALL, 1 << 17)
  const chain = new Chain(heap, given.first, given)
  chain.keep()
  for (const { edits, keep, touches } of given.steps) {
    let { model } = chain
    for (const each of edits) model = applyEdit(model, each)
    const before = chain.kept.at(-1)
    chain.publish(model)
    counts.publishes++
    if (keep) {
      const after = chain.keep()
      if (before?.version === chain.version - 1 && given.broken === undefined) {
        const twice = repeated([before.model, after.model])
        const models: [unknown, unknown] = [before.model, after.model]
        counts.same += assertSame([before.value, after.value], models, twice)
      }
    }
    for (const [which, at] of touches) {
      const kept = chain.kept[which % chain.kept.length]
      assert.deepStrictEqual(
        isContainer(follow(kept?.value, at)),
        isContainer(follow(kept?.model, at)),
      )
    }
  }
  chain.checkKept()
  counts.kept += chain.kept.length
  counts.holds += chain.held.length
  counts.poisoned += heap.poisoned
  counts.reused += heap.reused
}

/** Where both versions have the same node in the same place, they have the same object. Objects
 *  are opened in a few places only, so that most of the values stay undecoded. */
function assertSame(
  values: [unknown, unknown],
  models: [unknown, unknown],
  twice: ReadonlySet<unknown>,
): number {
  const [before, after] = models
  if (!isContainer(before) || !isContainer(after)) return 0
  if (Array.isArray(before) !== Array.isArray(after)) return 0
  let same = 0
  for (const key of Object.keys(after).slice(0, 3)) {
    if (!Object.hasOwn(before, key)) continue
    const [was, is] = models.map((each) => (each as Record<string, unknown>)[key])
    if (!isContainer(was) || !isContainer(is)) continue
    if (twice.has(was) || twice.has(is)) continue
    const [old, now] = values.map((each) => (each as Record<string, unknown>)[key])
    if (was === is) {
      assert.ok(old === now, `${key} has not changed and is another object`)
      same++
    } else if (!isRenumbered(before, after)) {
      same += assertSame([old, now], [was, is], twice)
    }
  }
  return same
}

/** The test heap numbers all entries of a table anew when a key before them comes or goes; then
 *  only entries whose value did not change are found again. */
function isRenumbered(before: object, after: object): boolean {
  const [old, now] = [Object.keys(before), Object.keys(after)]
  return (
    Math.min(old.length, now.length) > SMALL.flat &&
    now.some((key, i) => i < old.length && key !== old[i])
  )
}

/** Objects in several places of a document: which of the places a moved one came from is open. */
function repeated(models: readonly unknown[]): ReadonlySet<unknown> {
  const twice = new Set<unknown>()
  for (const model of models) {
    const seen = new Set<unknown>()
    const stack = [model]
    for (let each = stack.pop(); stack.length > 0 || each !== undefined; each = stack.pop()) {
      if (!isContainer(each)) continue
      if (seen.has(each)) twice.add(each)
      else stack.push(...Object.values(each))
      seen.add(each)
    }
  }
  return twice
}
