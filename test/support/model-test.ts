/** Makes a test of each scenario: its claim, its counts, and that it was not vacuous. */

import { expect, test } from 'vitest'
import { type ModelScenario, reportOf, runModel } from './model-run.ts'

/** Explored to their bound in the time that they have; the others say how far they came. */
export interface Expectations {
  /** Scenarios that may stop before their bound is exhausted, after seconds that they say
   *  themselves: they make no claim of it. */
  readonly bounded?: readonly string[]
}

/** Minutes instead of seconds, and no scenario that stops before its bound. */
const thorough = process.env['ROOTSWAP_EXHAUST'] === '1'
const SECONDS_MAX = 1_200

/** What has to reach its bound gets far more than the seconds that it takes: a machine may be many
 *  times slower. Only a search that would not end meets this limit; those that may stop before
 *  their bound have limits of their own. */
const PATIENCE_SECONDS = 600
/** Longer than any of these limits: a search looks at the clock by itself. */
const TEST_MS_MAX = thorough ? 1e7 : 700_000

export function testScenarios(
  scenarios: readonly ModelScenario[],
  { bounded = [] }: Expectations = {},
): void {
  for (const scenario of scenarios) {
    const mayStop = bounded.includes(scenario.name)
    test(`${scenario.claim} (${scenario.name})`, { timeout: TEST_MS_MAX }, () => {
      const patience = mayStop ? {} : { seconds: PATIENCE_SECONDS }
      const limits = thorough ? { seconds: SECONDS_MAX, ...scenario.thorough } : patience
      const outcome = runModel(scenario, limits)
      console.log(reportOf(outcome))
      if (thorough || !mayStop) expect(outcome.result.exhausted).toBe(true)
      expect(scenario.meets.filter((what) => outcome.seen.of(what) === 0)).toEqual([])
      expect(outcome.result.executions).toBeGreaterThan(20)
    })
  }
}
