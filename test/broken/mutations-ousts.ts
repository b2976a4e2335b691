/** Rules of giving up what threads were handed, each broken. */

import type { Mutation } from './mutation.ts'

const unsafe = /freed word|nothing orders|has a part of|damaged|I5|I8|frees block|claims|kind/

export const ousts: readonly Mutation[] = [
  {
    name: 'ousted-not-noticed',
    rule: 'a thread reads through a lease that was ousted',
    edits: [
      {
        file: 'reclaim/leases.ts',
        find: '        held.isGone = true\n        this.#remove(held)\n        return false\n',
        replace: '',
      },
    ],
    scenarios: ['oust-decode'],
    cause: unsafe,
  },
  {
    name: 'read-not-pinned',
    rule: 'a lease becomes idle before what it protects was read',
    edits: [
      {
        file: 'store/sources.ts',
        find: '    this.#pinned.push(lease)\n',
        replace: '    this.#leases.unpin(lease)\n',
      },
    ],
    scenarios: ['oust-decode'],
    cause: unsafe,
  },
  {
    name: 'ousted-by-store',
    rule: 'a lease is ousted by a load and a store, not by a swap',
    edits: [
      {
        file: 'reclaim/oust.ts',
        find: 'const found = memory.words.compareExchange(at, lease, ousted)',
        replace: 'const found = memory.words.load(at)\n    memory.words.store(at, ousted)',
      },
    ],
    scenarios: ['oust-decode', 'oust-refresh'],
    cause: unsafe,
  },
  {
    name: 'ousted-place-freed',
    rule: 'the record of a version that was given up is freed while `current` compares with it',
    edits: [
      {
        file: 'reclaim/round.ts',
        find: 'const isPlace = this.#leased.isPlace(zombie)',
        replace: 'const isPlace = this.#leased.isPlace(-1)',
      },
    ],
    scenarios: ['oust-place'],
    cause: /version \d after \d/,
  },
  {
    name: 'held-ousted',
    rule: 'versions are ousted whatever holds them',
    edits: [
      {
        file: 'reclaim/oust.ts',
        find: 'if ((lease & LEASE_IDLE) === 0) found.isHeld = true',
        replace: 'if ((lease & LEASE_IDLE) === LEASE_SOFT) found.isHeld = true',
      },
    ],
    scenarios: ['oust-snapshot'],
    cause: /freed word|nothing orders|was given up/,
  },
]
