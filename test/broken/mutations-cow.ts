/** Rules of counted blocks, strings and address spaces, each broken. */

import type { Mutation } from './mutation.ts'

const counts = /damaged|wrong count|leaked|I5|I8|has count|frees block|freed word|foreign|two lists/
const torn = /half of a write|nothing orders|is read|wxyz|abcd|I5|I8|damaged|freed word/

export const cow: readonly Mutation[] = [
  {
    name: 'hold-outside-transaction',
    rule: 'a hold is noted after the transaction that counts it',
    edits: [
      {
        file: 'reclaim/holds.ts',
        find: '    journal.set(at, uses === 0 ? 0 : block)\n    journal.set(at + 1, uses)\n',
        replace:
          '    journal.commit()\n    this.#m[at] = uses === 0 ? 0 : block\n' +
          '    this.#m[at + 1] = uses\n',
      },
    ],
    scenarios: ['crash-holds-stores', 'holds'],
    cause: counts,
  },
  {
    name: 'holds-not-reaped',
    rule: 'the reaper does not release what the dead thread held',
    edits: [
      {
        file: 'reclaim/reaper.ts',
        find: '    this.#releaseHolds()\n    this.#freeCaches()',
        replace: '    this.#freeCaches()',
      },
    ],
    scenarios: ['crash-holds'],
    cause: /damaged|leaked|I5|I8|has count|hold/,
  },
  {
    name: 'draft-not-published',
    rule: 'the transaction that holds a new block does not say that its draft is published',
    edits: [
      {
        file: 'reclaim/holds.ts',
        find: 'this.#reclaimer.journal.set(slotAt + SLOT_PUBLISHED,',
        replace: 'if (slotAt < 0) this.#reclaimer.journal.set(slotAt + SLOT_PUBLISHED,',
      },
    ],
    scenarios: ['crash-holds-stores', 'crash-string'],
    cause: counts,
  },
  {
    name: 'serial-not-checked',
    rule: 'a handle is opened though its block died',
    edits: [
      {
        file: 'memory/counted.ts',
        find: ' && m[block + COUNTED_SERIAL] === serial',
        replace: ' && serial !== 0',
      },
    ],
    scenarios: ['holds'],
    cause: /I5|I8|damaged|has count|freed word|frees block|not the block|two lists/,
  },
  {
    name: 'release-not-counted',
    rule: 'a release takes the hold away and leaves the count',
    edits: [
      {
        file: 'reclaim/holds.ts',
        find: '    this.#enter(block, -1)\n    this.#counts.drop(block, 1)\n',
        replace: '    this.#enter(block, -1)\n',
      },
    ],
    scenarios: ['string-release', 'holds'],
    cause: counts,
  },
  {
    name: 'alone-checked-before',
    rule: 'a string is written in place after the lock is given, as C++ did',
    edits: [
      {
        file: 'cow/text.ts',
        find: '  const alone = holds.count(buffer) === 1\n',
        replace:
          '  const alone = holds.count(buffer) === 1\n' +
          '  if (alone && edit.remove === edit.insert.length) {\n' +
          '    holds.commit()\n' +
          '    writeUnits(thread, firstUnit(thread, anchor) + edit.at, edit.insert)\n' +
          '    return true\n' +
          '  }\n',
      },
    ],
    scenarios: ['string-reader', 'crash-string'],
    cause: torn,
  },
  {
    name: 'shared-written-in-place',
    rule: 'a string is written in place where two share it',
    edits: [
      {
        file: 'cow/text.ts',
        find: 'holds.count(buffer) === 1',
        replace: 'holds.count(buffer) <= 2',
      },
    ],
    scenarios: ['string-two-writers'],
    cause: /is read|nothing orders/,
  },
  {
    name: 'edit-not-journaled',
    rule: 'what is visible of a string changes by plain stores, a word at a time',
    edits: [
      {
        file: 'cow/text.ts',
        find: '  setUnits(thread, first + edit.at, changed.slice(0, odd))\n',
        replace: '  writeUnits(thread, first + edit.at, changed.slice(0, odd))\n',
      },
    ],
    scenarios: ['crash-string-twice'],
    cause: /half of a write/,
  },
  {
    name: 'fork-keeps-write-bits',
    rule: 'a fork leaves the bits that say that the roots are the parent’s own',
    edits: [
      {
        file: 'cow/kernel.ts',
        find: "    if (tie !== 'vfork') holds.set(record.ownRootsAt, 0)\n    else {",
        replace: "    if (tie === 'vfork') {",
      },
    ],
    scenarios: ['space-family'],
    cause: /is read|nothing orders|reads/,
  },
  {
    name: 'bits-below-kept',
    rule: 'a table that is a space’s own again keeps its old bits',
    edits: [
      {
        file: 'cow/tree.ts',
        find: '      holds.set(node + MASK, 0)\n      holds.set(node + MASK + 1, 0)\n',
        replace: '      holds.get(node + MASK)\n',
      },
    ],
    scenarios: ['space-family'],
    cause: /is read|nothing orders|reads/,
  },
  {
    name: 'entries-not-counted',
    rule: 'a copied table references pages that it does not count',
    edits: [
      {
        file: 'cow/tree.ts',
        find: 'if (word !== 0 && entry !== except) holds.share(nodeOf(word))',
        replace: 'if (word === 1 && entry !== except) holds.share(nodeOf(word))',
      },
    ],
    scenarios: ['space-faults'],
    cause: counts,
  },
  {
    name: 'turn-not-taken',
    rule: 'two threads write one space',
    edits: [
      {
        file: 'cow/record.ts',
        find: '      if (found === 0) return\n',
        replace: '      if (found === 0 || found > 0) return\n',
      },
    ],
    scenarios: ['space-conflict'],
    cause: /nothing orders|torn|damaged|I5|I8/,
  },
  {
    name: 'tie-left-later',
    rule: 'an exec or exit lets go of the tie to its parent in a transaction of its own',
    edits: [
      {
        file: 'cow/kernel.ts',
        find: '    leaveParent(own)\n  }\n',
        replace: '  }\n',
      },
      {
        file: 'cow/kernel.ts',
        find: '      holds.commit()\n    })\n',
        replace:
          '      holds.commit()\n      holds.expect()\n      leaveParent(own)\n' +
          '      holds.commit()\n    })\n',
      },
      {
        file: 'cow/kernel.ts',
        find: '    this.#untie(own)\n    holds.commit()\n',
        replace:
          '    this.#untie(own)\n    holds.commit()\n    holds.expect()\n' +
          '    leaveParent(own)\n    holds.commit()\n',
      },
    ],
    scenarios: ['crash-vfork-exec', 'crash-vfork-exit'],
    cause: /the child has gone on/,
  },
  {
    name: 'parent-told-early',
    rule: 'a parent is told of an exec or exit by the word, before the transaction happens',
    edits: [
      {
        file: 'cow/tie.ts',
        find: '  holds.point(record.referenceAt(TELLS), 0)\n',
        replace:
          '  holds.point(record.referenceAt(TELLS), 0)\n' +
          '  memory.words.store(countedData(memory.m, tie), 1)\n',
      },
    ],
    scenarios: ['crash-vfork-exit'],
    cause: /the child still runs/,
  },
]
