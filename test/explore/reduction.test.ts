/**
 * The explorer leaves out orders that it holds to be equivalent. Here random little programs are
 * run with and without that: both must reach the same ends within the same number of preemptions.
 */

import { describe, expect, it } from 'vitest'
import { withMachine } from '../../src/explore/active.ts'
import { Machine } from '../../src/explore/machine.ts'
import { RandomNumbers } from '../../src/explore/random.ts'
import type { Scenario, ThreadFunction } from '../../src/explore/scenario.ts'
import { DepthFirst } from '../../src/explore/search.ts'
import { Words } from '../../src/explore/words.ts'

interface Shared {
  words: Words
}

interface Instruction {
  kind: (typeof kinds)[number] | 'plainRead' | 'plainWrite' | 'rest' | 'wait' | 'notify'
  at: number
  value: number
}

type Program = Instruction[][]
type Also = 'rest' | 'wait' | undefined

const kinds = ['load', 'store', 'add', 'compareExchange', 'load'] as const

function programOf(numbers: RandomNumbers, plain: boolean, also: Also): Program {
  const threads = 2 + numbers.below(2)
  return Array.from({ length: threads }, () =>
    Array.from({ length: 2 + numbers.below(3) }, () => {
      const at = numbers.below(3)
      const value = numbers.below(3)
      if (plain && at === 0) {
        return {
          kind: numbers.below(2) ? ('plainRead' as const) : ('plainWrite' as const),
          at,
          value,
        }
      }
      if (also !== undefined && numbers.below(4) === 0) return { kind: also, at, value }
      if (also === 'wait' && numbers.below(3) === 0) return { kind: 'notify', at, value }
      return { kind: kinds[numbers.below(kinds.length)]!, at, value }
    }),
  )
}

function step(words: Words, { kind, at, value }: Instruction, last: number): number {
  switch (kind) {
    case 'load':
      return words.load(at)
    case 'store':
      words.store(at, value + last * 3)
      return last
    case 'add':
      return words.add(at, 1 + value)
    case 'compareExchange':
      return words.compareExchange(at, value, 7)
    case 'plainRead':
      return words.m[at]!
    case 'plainWrite':
      words.m[at] = value
      return last
    case 'wait':
      return ['ok', 'not-equal', 'timed-out'].indexOf(words.wait(at, 0, value > 0 ? 5 : Infinity))
    case 'notify':
      return words.notify(at)
    case 'rest':
      words.pause()
      return last
  }
}

interface Ends {
  ends: Set<string>
  seen: Set<string>
  executions: number
}

interface Trial {
  program: Program
  reduces: boolean
  preemptions: number
  crashes: number
  observed: boolean
}

function endsOf({ program, reduces, preemptions, crashes, observed }: Trial): Ends {
  const results: number[][] = []
  const seen = new Set<string>()
  const threads: Record<string, ThreadFunction<Shared>> = {}
  for (const [index, instructions] of program.entries()) {
    threads[`t${index}`] = ({ words }) => {
      const mine: number[] = []
      results[index] = mine
      let last = 0
      for (const instruction of instructions) {
        last = step(words, instruction, last)
        mine.push(last)
      }
    }
  }
  const scenario: Scenario<Shared> = {
    shared: () => {
      results.length = 0
      return { words: new Words(4) }
    },
    threads,
    crashes,
  }
  const always = ({ words }: Shared): void => {
    seen.add(`${words.peek(1)},${words.peek(2)}`)
  }
  Object.assign(scenario, observed ? { always } : {})
  const machine = new Machine(scenario as Scenario<unknown>)
  for (const thread of machine.threads) thread.control = {} as never
  const ends = new Set<string>()
  const executions = withMachine(machine, () => search())
  return { ends, seen, executions }

  function search(): number {
    let strategy = new DepthFirst(preemptions, reduces)
    for (let count = 1; ; count++) {
      const outcome = machine.run(strategy)
      if (outcome === 'failed') ends.add(machine.failure!.kind)
      if (outcome === 'ended') {
        const words = machine.memories.list[0]!.region.m.join(',')
        ends.add(crashes > 0 ? words : `${words} ${JSON.stringify(results)}`)
      }
      if (strategy.advance()) continue
      if (!reduces || !machine.scheduler.conflicts.adopt(preemptions)) return count
      strategy = new DepthFirst(preemptions, true)
    }
  }
}

const claims: { name: string; crashes?: number; plain?: true; observed?: true; also?: Also }[] = [
  { name: 'atomic programs' },
  { name: 'programs with an invariant', observed: true },
  { name: 'programs with plain accesses', plain: true },
  { name: 'programs with rests', also: 'rest' },
  { name: 'programs with waiting', also: 'wait' },
  { name: 'programs with a crash', crashes: 1 },
  {
    name: 'programs with a crash, rests and an invariant',
    crashes: 1,
    also: 'rest',
    observed: true,
  },
]

describe('what the explorer leaves out', () => {
  const trials = 60
  for (const { name, crashes = 0, plain = false, observed = false, also } of claims) {
    it(`changes no end and no visible state: ${name}`, () => {
      const numbers = new RandomNumbers(20_240_601)
      let all = 0
      let reduced = 0
      for (let count = 0; count < trials; count++) {
        const program = programOf(numbers, plain, also)
        for (const preemptions of [0, 1, 2]) {
          const trial = { program, preemptions, crashes, observed }
          const whole = endsOf({ ...trial, reduces: false })
          const part = endsOf({ ...trial, reduces: true })
          expect([...part.ends].sort(), JSON.stringify(program)).toEqual([...whole.ends].sort())
          expect([...part.seen].sort()).toEqual([...whole.seen].sort())
          all += whole.executions
          reduced += part.executions
        }
      }
      console.log(`${name}: ${all} executions without, ${reduced} with the reduction`)
      expect(reduced).toBeLessThan(all)
    })
  }
})
