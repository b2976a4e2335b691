/** Rules of branches and of naming a version late, each broken. */

import type { Mutation } from './mutation.ts'

const unsafe =
  /freed word|nothing orders|published|I5|I8|ERR_CORRUPT|damaged|frees block|reads|changed|count 0/

export const branchRules: readonly Mutation[] = [
  {
    name: 'fork-not-included',
    rule: 'a branch does not note that it references its root anew',
    edits: [
      {
        file: 'versions/root.ts',
        find: 'if (isReference(root)) delta.included(nodeOf(root))',
        replace: 'if (root === -1) delta.included(nodeOf(root))',
      },
    ],
    scenarios: ['fork-sliced-round'],
    cause: unsafe,
  },
  {
    name: 'stake-after-name',
    rule: 'a branch is named before the thread that forks it has a stake in it',
    edits: [
      {
        file: 'versions/root.ts',
        find: '    leases.keep(stakeIn(cell.index), stakeAt) // before',
        replace: '    // before',
      },
      {
        file: 'versions/root.ts',
        find: 'origin === undefined ? CELL_NAMED : CELL_BRANCH)\n',
        replace:
          'origin === undefined ? CELL_NAMED : CELL_BRANCH)\n' +
          '  if (origin !== undefined) leases.keep(stakeIn(cell.index), stakeAt)\n',
      },
    ],
    scenarios: ['fork-publish-reclaim'],
    cause: unsafe,
  },
  {
    name: 'cell-not-announced',
    rule: 'a branch is named in a cell that rounds do not look at',
    edits: [
      {
        file: 'versions/root.ts',
        find: 'raise(words, CLAIMED_CELLS_AT, index + 1)',
        replace: 'raise(words, CLAIMED_CELLS_AT, 1)',
      },
    ],
    scenarios: ['fork-publish-reclaim'],
    cause: unsafe,
  },
  {
    name: 'stake-after-check',
    rule: 'who opens a branch looks at its state, then takes a stake',
    edits: [
      {
        file: 'versions/branch.ts',
        find: '  leases.keep(stakeIn(cell.index), leases.reserve())\n',
        replace: '',
      },
      {
        file: 'versions/branch.ts',
        find: 'cell.generation === generation) return true\n',
        replace:
          'cell.generation === generation) {\n' +
          '      leases.keep(stakeIn(cell.index), leases.reserve())\n' +
          '      return true\n    }\n',
      },
    ],
    scenarios: ['close-open'],
    cause: unsafe,
  },
  {
    name: 'stakes-not-scanned-again',
    rule: 'a branch ends that nobody held a moment ago',
    edits: [
      {
        file: 'reclaim/branches.ts',
        find: 'const held = this.#held() // [stake-scan]',
        replace: 'const held = new Set<number>() // [stake-scan]',
      },
    ],
    scenarios: ['close-open'],
    cause: unsafe,
  },
  {
    name: 'generation-ignored',
    rule: 'an old handle opens whatever branch is in the cell now',
    edits: [
      {
        file: 'versions/branch.ts',
        find: 'state === CELL_BRANCH && cell.generation === generation',
        replace: 'state === CELL_BRANCH',
      },
    ],
    scenarios: ['close-open'],
    cause: unsafe,
  },
  {
    name: 'cell-without-grace',
    rule: 'a branch ends after the section words were loaded, and its cell is used again at once',
    edits: [
      { file: 'reclaim/round.ts', find: '    this.#branches.end(orphans)\n', replace: '' },
      {
        file: 'reclaim/round.ts',
        find: '    words.store(BEGUN_AT, ',
        replace:
          '    this.#branches.end(orphans)\n' +
          '    for (const cell of orphans) {\n' +
          '      m[positionOf(this.#memory.layout, cell) + CELL_TOP] = ' +
          'namedRoot(this.#memory, cell)\n    }\n    words.store(BEGUN_AT, ',
      },
    ],
    scenarios: ['recycle-statistics'],
    cause: unsafe,
  },
  {
    name: 'closing-left',
    rule: 'after a death a branch stays between open and ended',
    edits: [{ file: 'reclaim/round.ts', find: '    this.#branches.settle()\n', replace: '' }],
    scenarios: ['close-open+closer-crash'],
    cause: /stopped while it decided|versions/,
  },
  {
    name: 'adopt-source-unprotected',
    rule: 'the branch that is adopted may go before the swap',
    edits: [
      {
        file: 'store/branches.ts',
        find: '    const word = branch.rootOf(record)\n',
        replace: '    const word = branch.rootOf(record)\n    leases.release(record, 0)\n',
      },
    ],
    scenarios: ['adopt-moving-branch'],
    cause: unsafe,
  },
  {
    name: 'rollback-source-unprotected',
    rule: 'the version that comes back may go before the swap',
    edits: [
      {
        file: 'store/branches.ts',
        find: '    const word = cell.rootOf(record)\n',
        replace: '    const word = cell.rootOf(record)\n    leases.release(record, 0)\n',
      },
    ],
    scenarios: ['rollback-reclaim'],
    cause: unsafe,
  },
  {
    name: 'history-one-too-many',
    rule: 'history lets one version more depart than it says',
    edits: [
      {
        file: 'reclaim/history.ts',
        find: 'words.load(at + CELL_FLOOR)) | 0) >= 0',
        replace: 'words.load(at + CELL_FLOOR)) | 0) > 0',
      },
    ],
    scenarios: ['history-late'],
    cause: /freed word|nothing orders|versions are kept|I5|I8|ERR_CORRUPT|chain ends/,
  },
  {
    name: 'kept-unnamed-late',
    rule: 'a kept version is un-named after the sections were scanned',
    edits: [
      { file: 'reclaim/round.ts', find: '      raiseFloor(this.#memory, at, top)\n', replace: '' },
      {
        file: 'reclaim/round.ts',
        find: '    words.store(BEGUN_AT, ',
        replace:
          '    for (let cell = 0; cell < this.#memory.layout.cells; cell++) {\n' +
          '      const top = namedRoot(this.#memory, cell)\n' +
          '      const at = positionOf(this.#memory.layout, cell)\n' +
          '      if (top !== 0) raiseFloor(this.#memory, at, top)\n    }\n' +
          '    words.store(BEGUN_AT, ',
      },
    ],
    scenarios: ['history-given-up'],
    cause: unsafe,
  },
  {
    name: 'kept-found-outside-section',
    rule: 'history is walked before the section is entered',
    edits: [
      {
        file: 'reclaim/leases.ts',
        find: '    this.#section.enter()\n    const record = find()\n',
        replace: '    const record = find()\n    this.#section.enter()\n',
      },
    ],
    scenarios: ['history-late', 'history-given-up'],
    cause: unsafe,
  },
  {
    name: 'late-name-without-lock',
    rule: 'a version that a snapshot holds is looked for without the lock',
    edits: [
      {
        file: 'versions/kept.ts',
        find: 'if (!reclaimer.takeLock(waitMs)) {',
        replace: 'if (waitMs < 0) {',
      },
      { file: 'versions/kept.ts', find: '  reclaimer.lock.give()\n', replace: '' },
    ],
    scenarios: ['snapshot-late'],
    cause: unsafe,
  },
  {
    name: 'departing-named',
    rule: 'a version is named late while it departs',
    edits: [
      {
        file: 'versions/kept.ts',
        find: 'if (departing && m[record + RECORD_STATE] !== 1) return 0',
        replace: 'if (departing && words.m.length === 0) return 0',
      },
    ],
    scenarios: ['departing-late'],
    cause: unsafe,
  },
]
