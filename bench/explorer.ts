/**
 * How many executions a second the explorer runs: three threads, 40 steps each execution.
 *
 * Prints one line per kind of memory. Not a test: a busy machine is not a fault of the code.
 */

import { Words, explore } from '../src/explore.ts'
import type { Scenario } from '../src/explore.ts'

interface Shared {
  readonly words: Words
}

const executions = 60_000

/** Two writers under sequence numbers of their own and a reader of both. */
function scenarioOf(memory: 'fresh' | 'restore', words: number): Scenario<Shared> {
  const writer = (own: number) => (shared: Shared) => {
    for (let round = 1; round <= 2; round++) {
      shared.words.add(own, 1)
      shared.words.store(own + 1, round)
      shared.words.store(own + 2, round)
      shared.words.add(own, 1)
      shared.words.add(8, 1)
      shared.words.load(own + 3)
      shared.words.store(own + 3, round)
    }
  }
  return {
    memory,
    shared: () => ({ words: new Words(words) }),
    threads: {
      first: writer(0),
      second: writer(4),
      reader({ words }) {
        for (let own = 0; own <= 4; own += 4) {
          const before = words.load(own)
          const left = words.load(own + 1)
          const right = words.load(own + 2)
          words.add(9, 1)
          const same = words.load(own) === before && before % 2 === 0
          if (same && left !== right) throw new RangeError('torn')
          words.load(8)
        }
      },
    },
    preemptions: 4,
    executions,
  }
}

for (const [memory, words] of [
  ['fresh', 64],
  ['restore', 64],
  ['restore', 65_536],
] as const) {
  explore({ ...scenarioOf(memory, words), executions: 5_000 })
  const result = explore(scenarioOf(memory, words))
  const all = result.executions + result.pruned
  console.log(
    `${memory} memory of ${words} words: ` +
      `${Math.round(result.executions / result.seconds).toLocaleString('en')} executions/s ` +
      `(${Math.round(all / result.seconds).toLocaleString('en')} with those cut short), ` +
      `${(result.steps / all).toFixed(1)} steps each, longest ${result.longest}`,
  )
}
