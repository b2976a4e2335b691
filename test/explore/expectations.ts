import { expect } from 'vitest'
import { ExplorationFailed, expectExhausted, explore } from '../../src/explore.ts'
import type { ExplorationResult, FailureKind, Scenario } from '../../src/explore.ts'

/** The failure that exploring finds; its schedule, replayed, must find the same. */
export function failureOf<S>(scenario: Scenario<S>): ExplorationFailed {
  const found = caught(scenario)
  const again = caught({ ...scenario, schedule: found.schedule })
  expect({ kind: again.kind, reason: again.reason }).toEqual({
    kind: found.kind,
    reason: found.reason,
  })
  return found
}

function caught<S>(scenario: Scenario<S>): ExplorationFailed {
  try {
    explore(scenario)
  } catch (error) {
    if (error instanceof ExplorationFailed) return error
    throw error
  }
  return expect.fail('the exploration found nothing')
}

export function expectFailure<S>(scenario: Scenario<S>, kind: FailureKind): ExplorationFailed {
  const failure = failureOf(scenario)
  console.log(`${kind} in execution ${failure.executions}: "${failure.schedule}"`)
  expect(failure.kind, failure.message).toBe(kind)
  return failure
}

/** The scenario is explored to its bound and holds. */
export function expectPass<S>(scenario: Scenario<S>): ExplorationResult {
  const result = explore(scenario)
  expectExhausted(result)
  console.log(`${result.executions} executions, ${result.pruned} cut short, ${result.steps} steps`)
  return result
}

/** An assertion inside of a scenario. */
export function assert(holds: boolean, message: string): void {
  if (!holds) throw new RangeError(message)
}
