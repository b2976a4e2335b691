/** A thread may stop for good between any two of its accesses. */

import { describe, expect, it } from 'vitest'
import { Words } from '../../src/explore.ts'
import type { Ending, Scenario, ThreadOptions } from '../../src/explore.ts'
import { assert, expectFailure, expectPass } from './expectations.ts'

interface Shared {
  words: Words
}

const fresh = (): Shared => ({ words: new Words(32) })

describe('a transaction of two words', () => {
  // Words 0 and 1 always sum to 0 for who holds the lock; journal: 4 armed, 5 and 6 new values.
  const LOCK = 2
  const replay = (words: Words): void => {
    if (words.load(4) === 0) return
    words.m[0] = words.m[5]!
    words.m[1] = words.m[6]!
    words.store(4, 0)
  }
  const transfer =
    (journal: boolean) =>
    ({ words }: Shared): void => {
      if (words.compareExchange(LOCK, 0, 1) !== 0) return
      if (journal) {
        words.m[5] = words.m[0]! + 1
        words.m[6] = words.m[1]! - 1
        words.store(4, 1)
        replay(words)
      } else {
        words.m[0]! += 1
        words.m[1]! -= 1
      }
      words.store(LOCK, 0)
    }
  const reaper = (of: string): ThreadOptions<Shared> => ({
    after: `${of} crashed`,
    run({ words }) {
      if (words.compareExchange(LOCK, 1, 2) !== 1 && words.load(LOCK) !== 2) return
      replay(words)
      words.store(LOCK, 0)
    },
  })
  const after = ({ words }: Shared, { crashed }: Ending): void => {
    assert(crashed.length <= 2, 'two crashes at most')
    assert(words.peek(0) + words.peek(1) === 0, `sum ${words.peek(0) + words.peek(1)}`)
    assert(words.peek(LOCK) === 0, 'the lock is left')
  }
  const scenario = (journal: boolean): Scenario<Shared> => ({
    shared: fresh,
    threads: {
      writer: transfer(journal),
      reaper: reaper('writer'),
      second: reaper('reaper'),
    },
    after,
    crashes: 2,
    // Words whose plain stores are steps: a crash between any two of them.
    steps: (offset) => offset < 2 || offset >= 4,
    nameOf: (offset) => ['left', 'right', 'lock', '', 'armed', 'newLeft', 'newRight'][offset] ?? '',
  })

  it('without a journal is torn by a crash', () => {
    const failure = expectFailure(scenario(false), 'assertion')
    expect(failure.schedule).toContain('!writer')
    expect(failure.trace).toContain('crashes')
  })

  it('with a journal survives a crash at every step, in repair too', () => {
    const result = expectPass({ ...scenario(true), preemptions: 2 })
    expect(result.crashes).toBeGreaterThan(40)
  })
})

describe('crashes', () => {
  it('are asked for, and what the dead did is ordered before the answer', () => {
    const answers = new Set<string>()
    expectPass<Shared>({
      shared: fresh,
      threads: {
        writer({ words }) {
          words.m[0] = 1
          words.store(1, 1)
          words.store(2, 1)
        },
        watcher: {
          crash: false,
          run({ words }, { crashed }) {
            if (crashed('writer')) answers.add(`${words.m[0]} ${words.load(1)} ${words.load(2)}`)
            else answers.add('alive')
          },
        },
      },
      crashes: 1,
    })
    expect([...answers].sort()).toEqual(['0 0 0', '1 0 0', '1 1 0', '1 1 1', 'alive'])
  })

  it('do not happen to threads that are told not to', () => {
    const result = expectPass<Shared>({
      shared: fresh,
      threads: { only: { crash: false, run: ({ words }) => words.store(0, 1) } },
      crashes: 1,
    })
    expect(result.crashes).toBe(0)
  })

  it('of a lock holder leave the others waiting: a deadlock', () => {
    const user = ({ words }: Shared): void => {
      while (words.compareExchange(0, 0, 1) !== 0) words.wait(0, 1, Infinity)
      words.store(0, 0)
      words.notify(0)
    }
    expectPass({ shared: fresh, threads: { a: user, b: user } })
    expectFailure({ shared: fresh, threads: { a: user, b: user }, crashes: 1 }, 'deadlock')
  })
})
