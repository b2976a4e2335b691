/** How a scenario over the shipped heap is written down and run: by tests and by broken builds. */

import { ExplorationFailed, explore } from '../../src/explore.ts'
import type { ExplorationResult, Scenario } from '../../src/explore.ts'
import {
  BELL_AT,
  CELL_WORDS,
  FREEZE_AT,
  LOCK_AT,
  SLOT_LEASES,
  SLOT_SECTION,
  SLOT_STATE,
  SLOT_TICKET,
  SLOT_WORDS,
} from '../../src/memory/layout.ts'
import { type Model, settled } from './model-heap.ts'
import { liveBlocks, watchHeap } from './model-shadow.ts'

/** Counts what the executions of a scenario met: what shows that it was not vacuous. */
export class Seen {
  readonly #counts = new Map<string, number>()

  add(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1)
  }

  of(what: string): number {
    return this.#counts.get(what) ?? 0
  }

  toString(): string {
    return [...this.#counts].map(([what, count]) => `${what} ${count}`).join(', ')
  }
}

/** Scenarios by name, for those that build on others. */
export function named(scenarios: readonly ModelScenario[], name: string): ModelScenario {
  const found = scenarios.find((scenario) => scenario.name === name)
  if (found === undefined) throw new RangeError(`there is no scenario ${name}`)
  return found
}

export interface ModelScenario {
  /** Short and unique: what tables and `--only` name. */
  readonly name: string
  /** What holds in every execution; the test's title. */
  readonly claim: string
  /** What `Seen` must have met. */
  readonly meets: readonly string[]
  make(seen: Seen): Scenario<Model>
  /** Other limits for `ROOTSWAP_EXHAUST=1`, which explores to the bound, whatever that takes. */
  readonly thorough?: Partial<Scenario<Model>>
}

export interface ModelOutcome {
  readonly name: string
  readonly result: ExplorationResult
  readonly seen: Seen
}

/** What every scenario over a heap has, unless it says otherwise. */
export const common = {
  memory: 'restore',
  watch: watchHeap,
  live: liveBlocks,
  after: (model: Model) => void settled(model),
  stepsMax: 20_000,
  nameOf,
} satisfies Partial<Scenario<Model>>

/** Names the words that threads meet on a heap with 2 cells. */
export function nameOf(offset: number): string {
  if (offset === LOCK_AT) return 'lock'
  if (offset === FREEZE_AT) return 'freeze'
  if (offset === BELL_AT) return 'bell'
  const inCells = offset - 128
  if (inCells >= 0 && inCells < 2 * CELL_WORDS) {
    return `cell${Math.floor(inCells / CELL_WORDS)}+${inCells % CELL_WORDS}`
  }
  const inSlots = inCells - 2 * CELL_WORDS
  if (inSlots < 0 || inSlots >= 8 * SLOT_WORDS) return `word ${offset}`
  const slot = Math.floor(inSlots / SLOT_WORDS)
  const word = inSlots % SLOT_WORDS
  const names: Record<number, string> = {
    [SLOT_SECTION]: 'section',
    [SLOT_STATE]: 'state',
    [SLOT_TICKET]: 'ticket',
    [SLOT_LEASES]: 'lease',
  }
  return `slot${slot}.${names[word] ?? word}`
}

export function runModel(
  scenario: ModelScenario,
  limits: Partial<Scenario<Model>> = {},
): ModelOutcome {
  const seen = new Seen()
  return atOneMoment(() => {
    const result = explore<Model>({ ...scenario.make(seen), ...limits })
    return { name: scenario.name, result, seen }
  })
}

/** Moments that threads write down for people (how long a snapshot is held) would differ from run
 *  to run: during an exploration it is always the same millisecond. */
function atOneMoment<R>(act: () => R): R {
  const { now } = Date
  const moment = now()
  Date.now = () => moment
  try {
    return act()
  } finally {
    Date.now = now
  }
}

/** One line: how much was explored, and what was met. Never reads as a pass of a bound that was
 *  not reached. */
export function reportOf({ name, result, seen }: ModelOutcome): string {
  const { executions, preemptions, exhausted, complete, random, crashes, seconds } = result
  const bound =
    preemptions < 0 && exhausted
      ? 'no exhaustive search'
      : exhausted
        ? `exhausted to ${preemptions} preemptions${complete ? ' (more add nothing)' : ''}`
        : `NOT exhausted, ${preemptions < 0 ? 'none' : preemptions} of its preemptions covered`
  return (
    `${name}: ${executions} executions, ${random} of them random, ${bound}, ${crashes} crashes, ` +
    `${seconds.toFixed(1)} s; ${String(seen)}`
  )
}

export { ExplorationFailed }
