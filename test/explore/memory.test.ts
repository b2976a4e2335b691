/** The shadow heap, livelocks, progress, and code that depends on more than the words. */

import { describe, expect, it } from 'vitest'
import { Words } from '../../src/explore.ts'
import type { Control, Scenario } from '../../src/explore.ts'
import { assert, expectFailure, expectPass } from './expectations.ts'

interface Shared {
  words: Words
}

const fresh = (): Shared => ({ words: new Words(32) })

describe('memory that is used again', () => {
  // Word 0: the root; word 1: the reader's section; blocks of two words at 8 and 10.
  const scenario = (waits: boolean): Scenario<Shared> => ({
    shared() {
      const words = new Words(32)
      words.shadow.allocated(8, 2)
      words.poke(0, 8)
      words.poke(8, 1)
      return { words }
    },
    threads: {
      reader({ words }) {
        words.store(1, 1)
        const root = words.load(0)
        assert(words.m[root] === (root === 8 ? 1 : 2), 'neither version')
        words.store(1, 2)
      },
      writer({ words }, { rest }: Control) {
        words.shadow.allocated(10, 2)
        words.m[10] = 2
        words.store(0, 10)
        const section = words.load(1)
        if (waits && section % 2 === 1) {
          // Ends when the reader has left its section.
          while (words.load(1) === section) rest()
        }
        words.shadow.freed(8)
      },
    },
    live: ({ words }) => [words.peek(0)],
    nameOf: (offset) => ['root', 'section'][offset] ?? `word ${offset}`,
  })

  it('without a grace period is a use after free', () => {
    expectFailure(scenario(false), 'use-after-free')
  })

  it('with one holds', () => {
    expectPass({ ...scenario(true), preemptions: 4 })
  })

  it('that nobody frees is a leak', () => {
    const failure = expectFailure({ ...scenario(true), live: () => [] }, 'leak')
    expect(failure.reason).toContain('block 10')
  })

  it('that is freed by two threads is a double free', () => {
    const release = ({ words }: Shared): void => {
      if (words.load(2) === 0) {
        words.store(2, 1)
        words.shadow.freed(8)
      }
    }
    const shared = (): Shared => {
      const words = new Words(32)
      words.shadow.allocated(8, 2)
      return { words }
    }
    expectFailure({ shared, threads: { one: release, two: release } }, 'double-free')
  })

  it('can be followed from its words alone', () => {
    // A block is handed out when its header becomes 1 and free when it becomes 0.
    const take = ({ words }: Shared): void => {
      if (words.load(8) === 0) words.store(8, 1)
    }
    expectFailure(
      {
        shared: fresh,
        threads: { one: take, two: take },
        watch({ words }, { offset, after, atomic }) {
          if (offset === 8 && atomic && after === 1) words.shadow.allocated(8, 4, 1)
        },
      },
      'double-free',
    )
  })
})

describe('threads that do not come to an end', () => {
  it('by giving way to each other forever are a livelock', () => {
    const polite = (own: number, other: number) => {
      return ({ words }: Shared, { rest }: Control): void => {
        for (;;) {
          words.store(own, 1)
          if (words.load(other) === 0) break
          words.store(own, 0)
          rest()
        }
        words.store(own, 0)
      }
    }
    const scenario = { shared: fresh, threads: { a: polite(0, 1), b: polite(1, 0) } }
    // Each round of it needs two preemptions; an execution without a livelock has 16 steps.
    expectFailure({ ...scenario, preemptions: 6, stepsMax: 24 }, 'livelock')
  })

  it('by waking each other forever are a livelock', () => {
    const busy = ({ words }: Shared, { rest }: Control): void => {
      while (words.load(1) === 0) {
        words.add(0, 1)
        rest()
      }
    }
    expectFailure({ shared: fresh, threads: { a: busy, b: busy }, stepsMax: 300 }, 'livelock')
  })

  it('by reading what nobody will write are a livelock', () => {
    expectFailure(
      {
        shared: fresh,
        threads: {
          spinner({ words }) {
            while (words.load(0) === 0);
          },
        },
        stepsMax: 200,
      },
      'livelock',
    )
  })

  it('alone do not keep a promise of progress if they need another', () => {
    const scenario: Scenario<Shared> = {
      shared: fresh,
      threads: {
        holder({ words }) {
          words.store(0, 1)
          words.store(0, 0)
        },
        user({ words }, { rest }) {
          while (words.load(0) === 1) rest()
        },
      },
    }
    expectPass(scenario)
    const failure = expectFailure({ ...scenario, progress: 20 }, 'livelock')
    expect(failure.schedule).toContain('+user')
    expect(failure.reason).toContain('alone')
  })

  it('that never wait keep the promise', () => {
    const adder = ({ words }: Shared): void => {
      for (;;) {
        const value = words.load(0)
        if (words.compareExchange(0, value, value + 1) === value) return
      }
    }
    const result = expectPass({
      shared: fresh,
      threads: { a: adder, b: adder, c: adder },
      progress: 4,
      after: undefined as never,
    })
    expect(result.executions).toBeGreaterThan(50)
  })
})

describe('code that depends on more than the words', () => {
  it('in a replay is nondeterminism', () => {
    let calls = 0
    const failure = expectFailureOnce({
      shared: fresh,
      threads: {
        a({ words }) {
          words.store(calls++ % 3, 1)
          words.store(4, 1)
        },
        b({ words }) {
          words.store(0, 2)
          words.store(1, 2)
          words.load(4)
        },
      },
    })
    expect(failure).toBe('nondeterminism')
  })

  it('in its verdict is nondeterminism', () => {
    let calls = 0
    const failure = expectFailureOnce({
      shared: fresh,
      threads: {
        a({ words }) {
          words.store(0, 1)
          assert(++calls !== 1, 'only the first time')
        },
      },
    })
    expect(failure).toBe('nondeterminism')
  })
})

function expectFailureOnce(scenario: Scenario<Shared>): string {
  try {
    expectPass(scenario)
  } catch (error) {
    return (error as { kind: string }).kind
  }
  return 'none'
}
