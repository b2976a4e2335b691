/** Makes a test of each scenario: its claim, its counts, and that it was not vacuous. */

import { expect, test } from 'vitest'
import { type ModelScenario, reportOf, runModel } from './model-run.ts'

/** Explored to their bound in the time that they have; the others say how far they came. */
export interface Expectations {
  /** Scenarios that may stop before their bound is exhausted: they make no claim of it. */
  readonly bounded?: readonly string[]
}

/** Minutes instead of seconds, and no scenario that stops before its bound. */
const thorough = process.env['ROOTSWAP_EXHAUST'] === '1'
const SECONDS_MAX = 1_200

export function testScenarios(
  scenarios: readonly ModelScenario[],
  { bounded = [] }: Expectations = {},
): void {
  for (const scenario of scenarios) {
    test(`${scenario.claim} (${scenario.name})`, { timeout: thorough ? 1e7 : 150_000 }, () => {
      const limits = thorough ? { seconds: SECONDS_MAX, ...scenario.thorough } : {}
      const outcome = runModel(scenario, limits)
      console.log(reportOf(outcome))
      if (thorough || !bounded.includes(scenario.name)) expect(outcome.result.exhausted).toBe(true)
      expect(scenario.meets.filter((what) => outcome.seen.of(what) === 0)).toEqual([])
      expect(outcome.result.executions).toBeGreaterThan(20)
    })
  }
}
