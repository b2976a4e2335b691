/** The explorer finds the classic faults of concurrent code, and passes the corrected versions. */

import { describe, expect, it } from 'vitest'
import { Words } from '../../src/explore.ts'
import type { Control, Scenario } from '../../src/explore.ts'
import { assert, expectFailure, expectPass } from './expectations.ts'

interface Shared {
  words: Words
}

const fresh = (): Shared => ({ words: new Words(32) })

describe('a lock-free free list', () => {
  // Word 0: the head; blocks of two words at 2, 4, 6; the first word of a block is its link.
  const offsets = (word: number): number => word & 0xff
  const pop = (words: Words, tagged: boolean): number => {
    for (;;) {
      // Lost only when another thread has changed the head.
      const head = words.load(0)
      if (offsets(head) === 0) return 0
      const next = words.load(offsets(head))
      const tag = tagged ? (head & ~0xff) + 0x100 : 0
      if (words.compareExchange(0, head, tag | offsets(next)) === head) return offsets(head)
    }
  }
  const push = (words: Words, block: number, tagged: boolean): void => {
    for (;;) {
      const head = words.load(0)
      words.store(block, offsets(head))
      const tag = tagged ? (head & ~0xff) + 0x100 : 0
      if (words.compareExchange(0, head, tag | block) === head) return
    }
  }
  const scenario = (tagged: boolean): Scenario<Shared> => ({
    shared() {
      const words = new Words(32)
      words.poke(0, 2)
      words.poke(2, 4)
      words.poke(4, 6)
      return { words }
    },
    threads: {
      slow({ words }) {
        const block = pop(words, tagged)
        if (block) words.shadow.allocated(block, 2, 1)
      },
      busy({ words }) {
        const first = pop(words, tagged)
        if (first) words.shadow.allocated(first, 2, 1)
        const second = pop(words, tagged)
        if (second) words.shadow.allocated(second, 2, 1)
        if (first) {
          words.shadow.freed(first)
          push(words, first, tagged)
        }
        const third = pop(words, tagged)
        if (third) words.shadow.allocated(third, 2, 1)
        const fourth = pop(words, tagged)
        if (fourth) words.shadow.allocated(fourth, 2, 1)
      },
    },
    nameOf: (offset) => (offset === 0 ? 'head' : `block[${offset}]`),
  })

  it('without a tag suffers from ABA: one block is handed out twice', () => {
    const failure = expectFailure(scenario(false), 'double-free')
    expect(failure.trace).toContain('compareExchange head')
    expect(failure.schedule.length).toBeLessThan(40)
  })

  it('with a tag holds', () => {
    expectPass({ ...scenario(true), preemptions: 3 })
  })
})

describe('a seqlock', () => {
  const writer = ({ words }: Shared): void => {
    words.add(0, 1)
    words.store(1, 7)
    words.store(2, 7)
    words.add(0, 1)
  }
  const reader =
    (checks: boolean) =>
    ({ words }: Shared, { rest }: Control): void => {
      for (;;) {
        const before = words.load(0)
        const left = words.load(1)
        const right = words.load(2)
        if (!checks || (before % 2 === 0 && words.load(0) === before)) {
          assert(left === right, `torn: ${left} and ${right}`)
          return
        }
        rest()
      }
    }

  it('whose reader does not look at the sequence again is torn', () => {
    const failure = expectFailure(
      { shared: fresh, threads: { writer, reader: reader(false) } },
      'assertion',
    )
    expect(failure.reason).toContain('torn')
  })

  it('whose reader does is not', () => {
    const readers = { first: reader(true), second: reader(true) }
    expectPass({ shared: fresh, threads: { writer, ...readers } })
  })

  it('over plain words is a race', () => {
    expectFailure(
      {
        shared: fresh,
        threads: {
          writer({ words }) {
            words.add(0, 1)
            words.m[1] = 7
            words.add(0, 1)
          },
          reader({ words }) {
            if (words.load(0) % 2 === 0) void words.m[1]
          },
        },
      },
      'race',
    )
  })
})

describe('waiting', () => {
  it('with a wake-up that is lost is a deadlock', () => {
    const failure = expectFailure(
      {
        shared: fresh,
        threads: {
          waiter({ words }) {
            // The value that `wait` compares is not the one that was looked at.
            if (words.load(0) === 0) words.wait(1, 0, Infinity)
          },
          waker({ words }) {
            words.store(0, 1)
            words.notify(1)
          },
        },
      },
      'deadlock',
    )
    expect(failure.reason).toContain('waiter waits')
  })

  it('on the word that was looked at, in a loop, holds with spurious wake-ups', () => {
    const waiter = ({ words }: Shared): void => {
      while (words.load(0) === 0) words.wait(0, 0, Infinity)
    }
    const result = expectPass({
      shared: fresh,
      threads: {
        waiter,
        second: waiter,
        waker({ words }) {
          words.store(0, 1)
          words.notify(0)
        },
      },
      spurious: 1,
      preemptions: 3,
    })
    expect(result.executions).toBeGreaterThan(20)
  })

  it('without a loop is found out by a spurious wake-up', () => {
    expectFailure(
      {
        shared: fresh,
        threads: {
          waiter({ words }) {
            if (words.load(0) === 0) words.wait(0, 0, Infinity)
            assert(words.load(0) === 1, 'woken too early')
          },
          waker({ words }) {
            words.store(0, 1)
            words.notify(0)
          },
        },
        spurious: 1,
      },
      'assertion',
    )
  })

  it('with a time-out sees it fire while the waker is under way', () => {
    expectFailure(
      {
        shared: fresh,
        threads: {
          waiter({ words }) {
            assert(words.wait(0, 0, 50) !== 'timed-out', 'timed out')
          },
          waker({ words }) {
            words.store(0, 1)
            words.notify(0)
          },
        },
      },
      'assertion',
    )
  })

  it('for two locks in opposite order is a deadlock', () => {
    const lock = (words: Words, at: number): void => {
      while (words.compareExchange(at, 0, 1) !== 0) words.wait(at, 1, Infinity)
    }
    const unlock = (words: Words, at: number): void => {
      words.store(at, 0)
      words.notify(at)
    }
    const user = (first: number, second: number) => {
      return ({ words }: Shared): void => {
        lock(words, first)
        lock(words, second)
        unlock(words, second)
        unlock(words, first)
      }
    }
    expectFailure({ shared: fresh, threads: { up: user(0, 1), down: user(1, 0) } }, 'deadlock')
    expectPass({ shared: fresh, threads: { up: user(0, 1), too: user(0, 1) }, preemptions: 3 })
  })
})

describe('publication', () => {
  const reader = ({ words }: Shared): void => {
    if (words.load(0) === 1) assert(words.m[8] === 5, 'not written yet')
  }

  it('by a plain store of the root is a race', () => {
    expectFailure(
      {
        shared: fresh,
        threads: {
          writer({ words }) {
            words.m[8] = 5
            words.m[0] = 1
          },
          reader,
        },
      },
      'race',
    )
  })

  it('before the value is written is a race', () => {
    const failure = expectFailure(
      {
        shared: fresh,
        threads: {
          writer({ words }) {
            words.store(0, 1)
            words.m[8] = 5
          },
          reader,
        },
        nameOf: (offset) => ['root'][offset] ?? `node[${offset - 8}]`,
      },
      'race',
    )
    expect(failure.reason).toContain('node[0]')
  })

  it('by an atomic store after the value holds', () => {
    expectPass({
      shared: fresh,
      threads: {
        writer({ words }) {
          words.m[8] = 5
          words.store(0, 1)
        },
        reader,
      },
    })
  })

  it('followed by a write to what was published is reported', () => {
    const failure = expectFailure(
      {
        shared: fresh,
        threads: {
          writer({ words }) {
            words.m[8] = 5
            words.shadow.published(8, 1)
            words.store(0, 1)
            words.m[8] = 6
          },
        },
      },
      'assertion',
    )
    expect(failure.reason).toContain('published')
  })

  it('polled plainly is a race that can be permitted by name', () => {
    const scenario: Scenario<Shared> = {
      shared: fresh,
      threads: {
        writer({ words }) {
          words.store(0, 1)
        },
        poller({ words }) {
          assert(words.m[0] === 0, 'polled the new value')
        },
      },
    }
    expectFailure(scenario, 'race')
    const permittedRace = (offset: number): string | false => offset === 0 && 'version poll'
    const failure = expectFailure({ ...scenario, permittedRace }, 'assertion')
    expect(failure.reason).toContain('polled the new value')
  })
})
