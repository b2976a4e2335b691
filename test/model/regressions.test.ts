/** Schedules that once failed, each replayed: what the explorer found stays found. */

import { expect, test } from 'vitest'
import { runModel } from '../support/model-run.ts'
import { scenarios } from '../support/model-scenarios.ts'

const found = [
  {
    what: 'two reapers of one thread: the second took the tag of the next owner for the dead one',
    name: 'late-notice',
    schedule: 'first*131 second*8',
  },
]

test.each(found)('$what ($name)', ({ name, schedule }) => {
  const scenario = scenarios.find((candidate) => candidate.name === name)!
  const { result } = runModel(scenario, { schedule })
  console.log(`${name}: "${schedule}", ${result.steps} steps`)
  expect(result.executions).toBe(1)
})
