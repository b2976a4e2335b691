/** Runs the scenarios that are named on the command line against the sources it was built with. */

import { ExplorationFailed } from '../../src/explore.ts'
import { runModel } from '../support/model-run.ts'
import { scenarios } from '../support/model-scenarios.ts'

/** Far more than any takes: a slow machine is no reason to survive. */
const SECONDS_MAX = 60

for (const name of process.argv.slice(2)) {
  const scenario = scenarios.find((candidate) => candidate.name === name)
  if (scenario === undefined) throw new RangeError(`there is no scenario ${name}`)
  const began = performance.now()
  const seconds = (): number => (performance.now() - began) / 1_000
  try {
    const { result } = runModel(scenario, { seconds: SECONDS_MAX })
    const { executions, exhausted } = result
    console.log(JSON.stringify({ scenario: name, executions, exhausted, seconds: seconds() }))
  } catch (error) {
    if (!(error instanceof ExplorationFailed)) throw error
    const { kind, reason, schedule, executions } = error
    const found = { scenario: name, kind, reason, schedule, executions, seconds: seconds() }
    console.log(JSON.stringify(found))
    break
  }
}
