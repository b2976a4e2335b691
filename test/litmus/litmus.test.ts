/**
 * Litmus tests: the orderings that the protocol stands on, on real workers, 100,000 rounds each,
 * with the shipped words, sections and root cells. The forbidden outcome must not occur and the
 * interesting ones must; a broken variant of each shows that the test can fail. Where x86 keeps an
 * order that the language does not promise, the variant's count is printed and not expected.
 */
import { describe, expect, test } from 'vitest'
import { SEEN_NEW, SEEN_OLD, SEEN_REUSED, TORN } from '../workers/litmus-published.ts'
import { type Counted, INTERESTING, litmus, type LitmusRun, verified } from './run.ts'

const MINUTES = 60_000
const of = (counted: Counted, name: string): number => counted.of.get(name) ?? 0

describe('store buffering between a slot and the root', () => {
  const broken = ['old root, section not seen']
  const shipped = ['old root, section seen', 'new root, section not seen']
  const run = (variant: string): Promise<Counted> =>
    litmus({
      test: 'store-buffering',
      variant,
      interesting: variant === 'shipped' ? shipped : broken,
      threads: 2,
      outcome: ([root, section]) =>
        `${root === 0 ? 'old' : 'new'} root, section ${section === 1 ? 'seen' : 'not seen'}`,
    })

  test(
    'a reader sees the new root, or its section is seen by who swapped it',
    async () => {
      const counted = await run('shipped')
      expect(of(counted, 'old root, section not seen')).toBe(0)
      expect(of(counted, 'old root, section seen')).toBeGreaterThanOrEqual(INTERESTING)
      expect(of(counted, 'new root, section not seen')).toBeGreaterThanOrEqual(INTERESTING)
    },
    2 * MINUTES,
  )

  test(
    'with a plain store into the slot neither may hold: this processor shows it',
    async () => {
      expect(of(await run('plain-store'), 'old root, section not seen')).toBeGreaterThan(0)
    },
    2 * MINUTES,
  )
})

describe('message passing through the root', () => {
  const run = (variant: string): Promise<Counted> =>
    litmus({
      test: 'message-passing',
      variant,
      interesting: variant === 'late-words' ? ['torn'] : ['old', 'new'],
      threads: 2,
      publishes: true,
      outcome: ([seen]) => (seen === TORN ? 'torn' : seen === SEEN_NEW ? 'new' : 'old'),
    })

  test(
    'whoever loads the root atomically sees every plain word stored before the swap',
    async () => {
      const counted = await run('shipped')
      expect(of(counted, 'torn')).toBe(0)
      expect(of(counted, 'old')).toBeGreaterThanOrEqual(INTERESTING)
      expect(of(counted, 'new')).toBeGreaterThanOrEqual(INTERESTING)
      verified(counted.memory)
    },
    2 * MINUTES,
  )

  test(
    'words stored after the swap are seen half-written',
    async () => expect(of(await run('late-words'), 'torn')).toBeGreaterThan(0),
    2 * MINUTES,
  )

  test(
    'a plain store instead of the swap is not promised to do; x86 never shows it',
    async () => {
      const torn = of(await run('plain-swap'), 'torn')
      console.log(`litmus message-passing [plain-swap]: hardware showed it ${torn} times`)
      expect(torn).toBeGreaterThanOrEqual(0)
    },
    2 * MINUTES,
  )
})

describe('coherence of the polled root word', () => {
  const run = (variant: string): Promise<Counted> =>
    litmus({
      test: 'coherence',
      variant,
      interesting: [variant === 'shipped' ? 'moved on' : 'went back'],
      threads: 2,
      outcome: ([seen]) => ['old throughout', 'moved on', 'new throughout', 'went back'][seen ?? 0],
    })

  test(
    'plain polls mixed with atomic loads never go back',
    async () => {
      const counted = await run('shipped')
      expect(of(counted, 'went back')).toBe(0)
      expect(of(counted, 'moved on')).toBeGreaterThanOrEqual(INTERESTING)
    },
    2 * MINUTES,
  )

  test(
    'two copies of the root, one polled after the other, do go back',
    async () => expect(of(await run('two-copies'), 'went back')).toBeGreaterThan(0),
    2 * MINUTES,
  )
})

describe('independent reads of independent writes, on two slots', () => {
  const run = (variant: string): Promise<Counted> =>
    litmus({
      test: 'independent-reads',
      variant,
      interesting: ['one store before the other'],
      threads: 4,
      outcome: ([, , one, other]) => {
        if (one === 2 && other === 2) return 'seen in different orders'
        if (one === 2 || other === 2) return 'one store before the other'
        return one === 0 && other === 0 ? 'neither' : 'both, or a reader saw none'
      },
    })

  test(
    'no two readers see the stores of two sections in different orders',
    async () => {
      const counted = await run('shipped')
      expect(of(counted, 'seen in different orders')).toBe(0)
      expect(of(counted, 'one store before the other')).toBeGreaterThanOrEqual(INTERESTING)
    },
    4 * MINUTES,
  )

  test(
    'a reader that loads in the wrong order seems to: the test can fail',
    async () => expect(of(await run('same-order'), 'seen in different orders')).toBeGreaterThan(0),
    4 * MINUTES,
  )

  test(
    'plain loads and stores are not promised to agree; x86 never shows it',
    async () => {
      const different = of(await run('plain'), 'seen in different orders')
      console.log(`litmus independent-reads [plain]: hardware showed it ${different} times`)
      expect(different).toBeGreaterThanOrEqual(0)
    },
    4 * MINUTES,
  )
})

describe('message passing through reclaiming and allocating again', () => {
  const outcome: LitmusRun['outcome'] = ([seen]) => {
    if (seen === TORN) return 'torn'
    if (seen === SEEN_REUSED) return 're-used block'
    return seen === SEEN_NEW ? 'new block' : seen === SEEN_OLD ? 'seen before' : undefined
  }
  const run = (variant: string): Promise<Counted> =>
    litmus({
      test: 'reallocating',
      variant,
      threads: 3,
      publishes: true,
      megabytes: 16,
      interesting: variant === 'shipped' ? ['re-used block'] : ['torn'],
      outcome,
    })

  test(
    'a section never meets the next contents of a block, however fast it is used again',
    async () => {
      const counted = await run('shipped')
      expect(of(counted, 'torn')).toBe(0)
      expect(of(counted, 're-used block')).toBeGreaterThanOrEqual(INTERESTING)
      verified(counted.memory)
    },
    4 * MINUTES,
  )

  test(
    'a reader outside a section does meet them',
    async () => expect(of(await run('no-section'), 'torn')).toBeGreaterThan(0),
    4 * MINUTES,
  )
})
