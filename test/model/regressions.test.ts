/** Schedules that once failed, each replayed: what the explorer found stays found. */

import { expect, test } from 'vitest'
import { runModel } from '../support/model-run.ts'
import { scenarios } from '../support/model-scenarios.ts'

const found = [
  {
    what: 'a late reaper took the lock from the next owner of the slot, by a tag read too early',
    name: 'late-notice',
    schedule: 'first*133 second*9',
  },
  {
    what: 'a thread that died while it left, its slot free, kept the lock for good',
    name: 'crash-leave',
    schedule: 'leaver*187 !leaver',
  },
  {
    what: 'a thread short of memory read the count of freed blocks while the owner wrote it',
    name: 'heap-full',
    schedule: 'reader*79 writer*27',
  },
  {
    what: 'a ticket that arrived late hid a newer one, and the reaper freed a published version',
    name: 'crash-two-cells',
    schedule: 'worker*28 !worker',
  },
]

test.each(found)('$what ($name)', ({ name, schedule }) => {
  const scenario = scenarios.find((candidate) => candidate.name === name)!
  const { result } = runModel(scenario, { schedule })
  console.log(`${name}: "${schedule}", ${result.steps} steps`)
  expect(result.executions).toBe(1)
})
