/** Bounds, random executions, schedules, and memory that is restored. */

import { describe, expect, it } from 'vitest'
import {
  ExplorationFailed,
  NotExhausted,
  Words,
  expectExhausted,
  explore,
} from '../../src/explore.ts'
import type { Scenario } from '../../src/explore.ts'
import { assert, expectPass, failureOf } from './expectations.ts'

interface Shared {
  words: Words
}

const fresh = (): Shared => ({ words: new Words(32) })

/** Fails only if `late` makes all its steps between two of `early`'s. */
function deep(length: number): Scenario<Shared> {
  return {
    shared: fresh,
    threads: {
      early({ words }) {
        for (let index = 0; index < length; index++) words.add(0, 1)
        const before = words.load(1)
        const after = words.load(1)
        assert(after - before < length, 'all of late fell between two steps')
      },
      late({ words }) {
        for (let index = 0; index < length; index++) words.add(1, 1)
      },
    },
  }
}

describe('a search', () => {
  it('that was cut short does not read as a pass', () => {
    const result = explore({ ...deep(4), preemptions: 0, executions: 1 })
    expect(result.exhausted).toBe(false)
    expect(() => expectExhausted(result)).toThrow(NotExhausted)
  })

  it('says when more preemptions would add nothing', () => {
    const scenario: Scenario<Shared> = {
      shared: fresh,
      threads: { a: ({ words }) => words.store(0, 1), b: ({ words }) => words.store(0, 2) },
    }
    const result = expectPass({ ...scenario, preemptions: 9 })
    expect(result).toMatchObject({ complete: true, exhausted: true })
    expect(expectPass({ ...deep(3), preemptions: 0 }).complete).toBe(false)
  })

  it('by random priorities finds what the bound leaves out, the same with the same seed', () => {
    const scenario = { ...deep(6), preemptions: 0, random: 2_000, depth: 2 }
    const first = failureOf({ ...scenario, seed: 5 })
    const second = failureOf({ ...scenario, seed: 5 })
    expect(second.executions).toBe(first.executions)
    expect(first.schedule).toBe(second.schedule)
    expect(first.schedule.split(' ').length).toBeLessThanOrEqual(2)
  })

  it('stops in time', () => {
    const adder = ({ words }: Shared): void => {
      for (let index = 0; index < 100; index++) words.add(0, 1)
    }
    const threads = { a: adder, b: adder, c: adder }
    const result = explore({ shared: fresh, threads, preemptions: 9, seconds: 0.2 })
    expect(result.exhausted).toBe(false)
    expect(result.seconds).toBeLessThan(5)
  })
})

describe('a schedule', () => {
  it('replays one execution and is no exhaustive search', () => {
    const result = explore({ ...deep(4), schedule: 'late early' })
    expect(result).toMatchObject({ executions: 1, exhausted: false })
  })

  it('with an unknown thread is refused by name', () => {
    expect(() => explore({ ...deep(4), schedule: 'nobody*3' })).toThrow(/nobody\*3.*early, late/s)
  })

  it('found is the smallest, and the message ends with the call that replays it', () => {
    try {
      explore(deep(3))
      expect.fail('found nothing')
    } catch (error) {
      const failure = error as ExplorationFailed
      expect(failure).toBeInstanceOf(ExplorationFailed)
      expect(failure.schedule).toBe('early*4 late*3')
      expect(failure.message).toMatch(/schedule: "early\*4 late\*3" \}\)$/)
      expect(failure.cause).toBeInstanceOf(RangeError)
    }
  })
})

describe('memory', () => {
  it('that is restored gives the same executions as memory that is made afresh', () => {
    const counts = (['fresh', 'restore'] as const).map((memory) => {
      let calls = 0
      const result = explore<Shared>({
        memory,
        shared() {
          calls++
          const words = new Words(32)
          words.store(0, 3)
          words.bytes[40] = 9
          return { words }
        },
        threads: {
          a({ words }) {
            assert(words.load(0) >= 3, 'restored')
            words.add(0, 1)
            words.bytes[40]! += 1
            words.store(1, 1)
          },
          b({ words }) {
            words.add(0, 1)
            if (words.load(1) === 1) assert(words.bytes[40] === 10, 'bytes are restored')
          },
        },
        after: ({ words }) => assert(words.load(0) === 5, 'both added'),
      })
      expect(calls === 1).toBe(memory === 'restore')
      return result.executions
    })
    expect(counts[0]).toBe(counts[1])
  })

  it('is written once, however often a thread is run again', () => {
    const result = expectPass<Shared>({
      shared: fresh,
      threads: {
        text({ words }) {
          words.bytes.set([1, 2, 3], 64)
          words.doubles[10] = 0.5
          words.m.fill(7, 22, 25)
          words.m.copyWithin(25, 22, 24)
          words.store(0, 1)
          words.store(0, 2)
          assert(words.doubles[10] === 0.5, 'the log remembers')
          assert(words.m.subarray(22, 26)[3] === 7, 'subarray')
        },
        reuse({ words }) {
          if (words.load(0) !== 1) return
          assert(words.bytes.slice(64, 67).join() === '1,2,3', 'bytes')
          words.add(0, 0)
        },
      },
      preemptions: 3,
    })
    expect(result.executions).toBeGreaterThan(3)
  })

  it('does nothing unseen: other methods and Atomics refuse the view', () => {
    const words = new Words(8)
    expect(() => words.m.indexOf(0)).toThrow(/no indexOf/)
    expect(() => Atomics.load(words.m, 0)).toThrow(TypeError)
    expect(words.m.length).toBe(8)
    expect(words.load(0)).toBe(0)
  })

  it('has an end: a word outside is an error', () => {
    const failure = failureOf<Shared>({
      shared: fresh,
      threads: { a: ({ words }) => words.store(32, 1) },
    })
    expect(failure.reason).toContain('word 32')
  })

  it('cannot be reached by a thread that is being left', () => {
    const result = expectPass<Shared>({
      shared: fresh,
      threads: {
        stubborn({ words }) {
          for (let index = 0; index < 2; index++) {
            try {
              words.add(0, 1)
            } catch {
              words.add(1, 1)
            } finally {
              words.add(2, 1)
            }
          }
        },
        other: ({ words }) => void (words.add(0, 1), words.add(2, 1)),
      },
      preemptions: 3,
      after({ words }) {
        assert(words.load(0) === 3 && words.load(1) === 0 && words.load(2) === 3, 'swallowed')
      },
    })
    expect(result.executions).toBeGreaterThan(10)
  })
})
