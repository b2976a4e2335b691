/** Rules of reading, publishing and reclaiming, each broken. */

import type { Mutation } from './mutation.ts'

const unsafe = /freed word|nothing orders|published word|I5|I8|ERR_CORRUPT|damaged|frees block/

export const rounds: readonly Mutation[] = [
  {
    name: 'no-grace-period',
    rule: 'a round does not wait for the sections that were open',
    edits: [
      {
        file: 'reclaim/round.ts',
        find: 'if (!this.#sectionsClosed()) {',
        replace: 'this.#sectionsClosed()\n      if (m[PHASE_AT] === -1) {',
      },
    ],
    scenarios: ['publish-section'],
    cause: unsafe,
  },
  {
    name: 'section-after-root',
    rule: '`get` loads the root, then enters its section',
    edits: [
      {
        file: 'store/fields.ts',
        find: 'section.enter()\n      record = this.#cell.newest()',
        replace: 'record = this.#cell.newest()\n      section.enter()',
      },
    ],
    scenarios: ['store-get'],
    cause: unsafe,
  },
  {
    name: 'lease-not-rechecked',
    rule: 'a lease counts although the cell was not looked at again',
    edits: [
      {
        file: 'reclaim/leases.ts',
        find: 'if (words.load(rootAt) === record) return record',
        replace: 'return record',
      },
    ],
    scenarios: ['publish-lease'],
    cause: unsafe,
  },
  {
    name: 'leases-before-grace',
    rule: 'leases are scanned before the sections have closed',
    edits: [
      {
        file: 'reclaim/round.ts',
        find: '    if (m[PHASE_AT] === PHASE_WAITING) {\n',
        replace: '    this.#leased.scan()\n    if (m[PHASE_AT] === PHASE_WAITING) {\n',
      },
      {
        file: 'reclaim/round.ts',
        find: '    this.#leased.scan()\n    this.#arrivals.arrive()',
        replace: '    this.#arrivals.arrive()',
      },
    ],
    scenarios: ['lease-in-section'],
    cause: unsafe,
  },
  {
    name: 'tops-after-sections',
    rule: 'the tops are loaded after the section words',
    edits: [
      {
        file: 'reclaim/round.ts',
        find: '    words.store(BEGUN_AT, ',
        replace:
          '    for (let cell = 0; cell < this.#memory.layout.cells; cell++) {\n' +
          '      m[positionOf(this.#memory.layout, cell) + CELL_TOP] = ' +
          'namedRoot(this.#memory, cell)\n    }\n    words.store(BEGUN_AT, ',
      },
    ],
    scenarios: ['sliced-round-reader', 'publish-section'],
    cause: unsafe,
  },
  {
    name: 'base-not-protected',
    rule: 'a writer gives its base up before the swap',
    edits: [
      {
        file: 'store/writer.ts',
        find: 'this.#expect(base, options.ifVersion)\n',
        replace: 'this.#expect(base, options.ifVersion)\n      leases.release(base, LEASE_SOFT)\n',
      },
    ],
    scenarios: ['store-two-writers'],
    cause: unsafe,
  },
  {
    name: 'current-without-lease',
    rule: '`current` compares with a record that it does not lease',
    edits: [
      {
        file: 'store/reader.ts',
        find: '    this.#value = value\n',
        replace: '    this.#value = value\n    this.#attachment.thread.leases.forget(next.lease)\n',
      },
    ],
    scenarios: ['store-current'],
    cause: /version \d after \d|nothing orders|freed word/,
  },
  {
    name: 'job-keeps-nothing',
    rule: 'after many reads of a version `get` reads on without a section, and without a lease',
    edits: [
      {
        file: 'store/fields.ts',
        find: '    basis.source.isKept = true\n',
        replace: '    basis.source.isKept = true\n    leases.letGo(basis.lease)\n',
      },
    ],
    scenarios: ['store-get-kept'],
    cause: /nothing orders|freed word|version \d after \d/,
  },
  {
    name: 'replaced-not-counted',
    rule: 'a shared node that departs counts its kept children, not the replaced one',
    edits: [
      {
        file: 'reclaim/round.ts',
        find: 'if (isReference(word)) this.#counts.increment(nodeOf(word))\n    }',
        replace:
          'if (isReference(word) && nodeOf(word) !== m[dropsAt + drops]) ' +
          'this.#counts.increment(nodeOf(word))\n    }',
      },
    ],
    scenarios: ['delta-deep'],
    cause: unsafe,
  },
  {
    name: 'entry-per-node',
    rule: 'a node replaced under two parents has one entry',
    edits: [
      {
        file: 'versions/delta.ts',
        find: '    this.out.push(node, dropped.length)\n',
        replace:
          '    if (this.out.includes(node)) return\n    this.out.push(node, dropped.length)\n',
      },
    ],
    scenarios: ['delta-duplicate'],
    cause: unsafe,
  },
  {
    name: 'moved-not-counted',
    rule: 'references to moved nodes are not noted',
    edits: [{ file: 'versions/delta.ts', find: '    this.inc.push(node)\n', replace: '' }],
    scenarios: ['delta-move'],
    cause: unsafe,
  },
  {
    name: 'moves-of-drafts-not-counted',
    rule: 'a draft notes no reference for what the recipe moved',
    edits: [
      {
        file: 'values/draft-claims.ts',
        find: 'if (from === NOWHERE || claimed.has(from)) include(word)',
        replace: 'if (from === NOWHERE || claimed.has(from)) continue',
      },
    ],
    scenarios: ['store-moves'],
    cause: unsafe,
  },
  {
    name: 'root-not-dropped',
    rule: 'a root that is replaced whole is not released',
    edits: [
      {
        file: 'reclaim/round.ts',
        find: 'if (m[successor + RECORD_DROP_ROOT] !== 0)',
        replace: 'if (m[successor + RECORD_DROP_ROOT] === 2)',
      },
    ],
    scenarios: ['delta-root'],
    cause: /nobody frees|leaked|I5|damaged/,
  },
  {
    name: 'arrivals-newest-first',
    rule: 'records arrive newest first',
    edits: [
      {
        file: 'reclaim/arrivals.ts',
        find:
          '    for (;;) {\n      this.#arriveRecord(cellAt, record)\n' +
          '      if (record === newest) break\n' +
          '      record = m[record + RECORD_NEXT] as number\n    }\n',
        replace:
          '    for (record = newest; record !== stop;) {\n' +
          '      this.#arriveRecord(cellAt, record)\n' +
          '      record = m[record + RECORD_PREVIOUS] as number\n    }\n' +
          '    this.#journal.set(cellAt + CELL_ARRIVED, newest)\n',
      },
    ],
    scenarios: ['crash-journal'],
    cause: /wrong count|damaged|has count/,
  },
  {
    name: 'arrivals-before-leases',
    rule: 'records arrive before the leases are scanned',
    edits: [
      {
        file: 'reclaim/round.ts',
        find: '    this.#leased.scan()\n    this.#arrivals.arrive()',
        replace: '    this.#arrivals.arrive()\n    this.#leased.scan()',
      },
    ],
    scenarios: ['adopt-source'],
    cause: unsafe,
  },
  {
    name: 'published-unwritten',
    rule: 'the root of a record is written after the swap',
    edits: [
      {
        file: 'versions/root.ts',
        find: '  m[record + RECORD_ROOT] = fields.root\n',
        replace: '',
      },
      {
        file: 'versions/root.ts',
        find: '    thread.allocator.end()\n    ring(this.#memory)',
        replace:
          '    m[record + RECORD_ROOT] = root\n    thread.allocator.end()\n    ring(this.#memory)',
      },
      {
        file: 'versions/root.ts',
        find: '  writeWide(m, record + RECORD_RETIRED, 0)\n',
        replace: '  writeWide(m, record + RECORD_RETIRED, 0)\n  m[record + RECORD_ROOT] = root\n',
      },
    ],
    scenarios: ['publish-section'],
    cause: unsafe,
  },
  {
    name: 'request-not-set',
    rule: 'a publisher that finds the lock taken does not say so',
    edits: [
      {
        file: 'reclaim/reclaimer.ts',
        find: 'words.store(REQUEST_AT, 1)',
        replace: 'words.load(REQUEST_AT)',
      },
    ],
    scenarios: ['nothing-stranded'],
    cause: /nobody will come back/,
  },
]
