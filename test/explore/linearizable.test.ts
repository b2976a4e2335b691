/** The checker of recordings, by itself and on what the explorer records. */

import { describe, expect, it } from 'vitest'
import { Words, checkLinearizable, expectLinearizable } from '../../src/explore.ts'
import type { Control, Operation, Scenario, Specification } from '../../src/explore.ts'
import { RandomNumbers } from '../../src/explore/random.ts'
import { expectFailure, expectPass } from './expectations.ts'

const register: Specification<number> = {
  initial: () => 0,
  apply(state, { name, argument, result, end }) {
    if (name === 'write') return argument as number
    return end === Infinity || result === state ? state : undefined
  },
}

const counter: Specification<number> = {
  initial: () => 0,
  apply: (state, { result, end }) => (end === Infinity || result === state ? state + 1 : undefined),
}

type Line = [thread: string, name: string, value: number, start: number, end: number]

function history(...lines: Line[]): Operation[] {
  return lines.map(([thread, name, value, start, end]) => ({
    thread,
    name,
    argument: name === 'write' ? value : undefined,
    result: name === 'write' ? undefined : value,
    start,
    end,
  }))
}

describe('a recording', () => {
  it('of overlapping operations may be explained by either order', () => {
    const recording = history(
      ['a', 'write', 1, 0, 10],
      ['b', 'read', 0, 2, 3],
      ['b', 'read', 1, 4, 5],
    )
    expect(checkLinearizable(recording, register).linearizable).toBe(true)
  })

  it('in which a read goes back in time is refused, and says where', () => {
    const recording = history(
      ['a', 'write', 1, 0, 10],
      ['b', 'read', 1, 2, 3],
      ['b', 'read', 0, 4, 5],
    )
    const result = checkLinearizable(recording, register)
    expect(result.linearizable).toBe(false)
    expect(() => expectLinearizable(recording, register)).toThrow(/not linearizable.*read/s)
  })

  it('in which a read is older than a write that had returned is refused', () => {
    const recording = history(['a', 'write', 1, 0, 1], ['b', 'read', 0, 2, 3])
    expect(checkLinearizable(recording, register).linearizable).toBe(false)
  })

  it('with a pending operation is explained with or without its effect', () => {
    for (const seen of [0, 1]) {
      const recording = history(['a', 'write', 1, 0, Infinity], ['b', 'read', seen, 2, 3])
      expect(checkLinearizable(recording, register).linearizable).toBe(true)
    }
    const back = history(
      ['a', 'write', 1, 0, Infinity],
      ['b', 'read', 1, 2, 3],
      ['b', 'read', 0, 4, 5],
    )
    expect(checkLinearizable(back, register).linearizable).toBe(false)
  })

  it('of many keys is checked key by key', () => {
    const numbers = new RandomNumbers(7)
    const lines: Operation[] = []
    for (let key = 0; key < 200; key++) {
      let value = 0
      for (let index = 0; index < 20; index++) {
        const start = index * 10 + numbers.below(9)
        const common = { thread: 't', start, end: index * 10 + 9 }
        if (numbers.below(2)) lines.push({ ...common, name: 'read', argument: key, result: value })
        else lines.push({ ...common, name: 'write', argument: key, result: ++value })
      }
    }
    const result = checkLinearizable<number>(lines, {
      initial: () => 0,
      apply: (state, { name, result: seen }) => {
        if (name === 'write') return seen as number
        return seen === state ? state : undefined
      },
      part: ({ argument }) => String(argument),
    })
    expect(result).toMatchObject({ linearizable: true })
    expect(result.order).toHaveLength(4_000)
  })

  it('gets the same verdict as every order tried in turn', () => {
    const numbers = new RandomNumbers(11)
    const verdicts = [0, 0]
    for (let trial = 0; trial < 400; trial++) {
      const recording = Array.from({ length: 5 }, (_, index): Operation => {
        const start = numbers.below(12)
        const end = start + numbers.below(8)
        const pending = numbers.below(8) === 0
        return {
          thread: `t${index}`,
          name: 'next',
          argument: undefined,
          result: numbers.below(5),
          start,
          end: pending ? Infinity : end,
        }
      })
      const expected = everyOrder(recording, [], 0)
      verdicts[Number(expected)]! += 1
      expect(checkLinearizable(recording, counter).linearizable).toBe(expected)
    }
    console.log(`not linearizable ${verdicts[0]}, linearizable ${verdicts[1]}`)
    expect(Math.min(...verdicts)).toBeGreaterThan(5)
  })
})

/** The definition, word by word, for the counter. */
function everyOrder(left: readonly Operation[], taken: Operation[], state: number): boolean {
  if (left.every(({ end }) => end === Infinity)) return true
  return left.some((operation) => {
    const others = left.filter((other) => other !== operation)
    if (others.some((other) => other.end < operation.start)) return false
    const next = counter.apply(state, operation)
    return next !== undefined && everyOrder(others, [...taken, operation], next)
  })
}

describe('an explored counter', () => {
  interface Shared {
    words: Words
  }
  const scenario = (next: (words: Words) => number): Scenario<Shared> => {
    const thread = ({ words }: Shared, { operation }: Control): void => {
      operation('next', undefined, () => next(words))
      operation('next', undefined, () => next(words))
    }
    return {
      shared: () => ({ words: new Words(4) }),
      threads: { a: thread, b: thread },
      after: (_, { history }) => expectLinearizable(history, counter),
    }
  }

  it('that loads and stores is not linearizable', () => {
    const failure = expectFailure(
      scenario((words) => {
        const value = words.load(0)
        words.store(0, value + 1)
        return value
      }),
      'assertion',
    )
    expect(failure.reason).toContain('not linearizable')
  })

  it('that adds is, with a crash at any step, too', () => {
    expectPass({ ...scenario((words) => words.add(0, 1)), preemptions: 3, crashes: 1 })
  })
})
