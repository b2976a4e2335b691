/** Rules of `rootswap/rcu`, each broken. */

import type { Mutation } from './mutation.ts'

const unsafe =
  /freed word|nothing orders|published word|I5|I8|ERR_CORRUPT|damaged|frees block|torn|gone/
const wrong = /not linearizable|order|in the list/

export const rcu: readonly Mutation[] = [
  {
    name: 'rcu-no-grace-period',
    rule: 'a grace period is over without a look at the readers',
    edits: [
      {
        file: 'rcu/grace.ts',
        find: 'if (!this.#look(patient)) return false',
        replace: 'this.#look(patient)',
      },
    ],
    scenarios: ['rcu-section'],
    cause: unsafe,
  },
  {
    name: 'rcu-word-after-load',
    rule: 'a section makes its word active only when it ends, after its loads',
    edits: [
      {
        file: 'rcu/reader.ts',
        find: 'this.#words.store(this.entry, this.#word) // [reader-enter]',
        replace: '// [reader-enter]',
      },
    ],
    scenarios: ['rcu-section'],
    cause: unsafe,
  },
  {
    name: 'rcu-inner-unlock',
    rule: 'the end of an inner section ends the outer one',
    edits: [
      {
        file: 'rcu/reader.ts',
        find: 'if (--this.#depth > 0) return',
        replace: 'if (--this.#depth > 9) return',
      },
    ],
    scenarios: ['rcu-nested'],
    cause: unsafe,
  },
  {
    name: 'rcu-shares-too-early',
    rule: 'who waits is content with a grace period that began before',
    edits: [
      {
        file: 'rcu/grace.ts',
        find: 'return (this.#words.load(this.#gpAt) + 1) | 0',
        replace: 'return this.#words.load(this.#gpAt)',
      },
      {
        file: 'rcu/grace.ts',
        find: 'if (words.load(this.#doneAt) !== gp) return mine',
        replace: 'if (words.load(this.#doneAt) !== gp) return gp',
      },
    ],
    scenarios: ['rcu-section', 'rcu-two-writers'],
    cause: unsafe,
  },
  {
    name: 'rcu-cookie-without-wrap',
    rule: 'a cookie is compared by size',
    edits: [
      {
        file: 'rcu/grace.ts',
        find: 'return ((this.#words.load(this.#doneAt) - cookie) | 0) >= 0',
        replace: 'return this.#words.load(this.#doneAt) >= cookie',
      },
    ],
    scenarios: ['rcu-wrap', 'rcu-poll'],
    cause: unsafe,
  },
  {
    name: 'rcu-sleep-told-late',
    rule: 'who sleeps looks at the readers before it says that it sleeps',
    edits: [
      {
        file: 'rcu/grace.ts',
        find: 'words.store(at, 1) // [sleep-tell] Pairs with [sleep-wake].',
        replace: '',
      },
      {
        file: 'rcu/grace.ts',
        find: 'words.wait(at, 1, timeoutMs)',
        replace: 'words.store(at, 1)\n    words.wait(at, 1, timeoutMs)',
      },
    ],
    scenarios: ['rcu-sleep'],
    cause: /wait|block|asleep|deadlock/,
  },
  {
    name: 'rcu-retire-at-once',
    rule: 'retired blocks are released without a grace period',
    edits: [
      {
        file: 'rcu/retired.ts',
        find: 'const over = oldest !== 0 && this.#grace.isOver(cookie)',
        replace: 'const over = oldest !== 0',
      },
    ],
    scenarios: ['rcu-retire', 'rcu-pointer'],
    cause: unsafe,
  },
  {
    name: 'rcu-pointer-not-owned',
    rule: 'a pointer names a block that it does not count',
    edits: [
      {
        file: 'rcu/pointer.ts',
        find: 'const mine = this.#own(block, word)',
        replace: 'const mine = word === -1',
      },
    ],
    scenarios: ['rcu-pointer'],
    cause: unsafe,
  },
  {
    name: 'rcu-pointer-retires-named',
    rule: 'a pointer gives up the block that it names',
    edits: [
      {
        file: 'rcu/pointer.ts',
        find: 'if (reference === 0 || reference === word) continue',
        replace: 'if (reference === 0) continue',
      },
    ],
    scenarios: ['rcu-pointer'],
    cause: unsafe,
  },
  {
    name: 'rcu-pointer-retires-others',
    rule: 'a pointer gives up a block that a living thread may store without the lock',
    edits: [
      {
        file: 'rcu/pointer.ts',
        find: 'if (tag !== 0 && tag !== slot.tag && !isGone(memory, tag)) continue',
        replace: '',
      },
    ],
    scenarios: ['rcu-pointer-two'],
    cause: unsafe,
  },
  {
    name: 'rcu-node-reused',
    rule: 'a node of a map is used again without a grace period',
    edits: [
      {
        file: 'rcu/map-change.ts',
        find: 'if (node === 0 || !this.#grace.isOver(holds.get(node + COOKIE))) return',
        replace: 'if (node === 0) return',
      },
    ],
    scenarios: ['rcu-map', 'rcu-map-reuse'],
    cause: /nothing orders|not linearizable/,
  },
  {
    name: 'rcu-bucket-lost',
    rule: 'a new bucket does not lead on to the nodes that it takes over',
    edits: [
      {
        file: 'rcu/map-buckets.ts',
        find: 'm[dummy + NEXT] = map.next(before)',
        replace: 'm[dummy + NEXT] = 0',
      },
    ],
    scenarios: ['rcu-map-resize'],
    cause: wrong,
  },
  {
    name: 'rcu-queue-newer-first',
    rule: 'who takes minds no number that was given after it began to look',
    edits: [
      {
        file: 'rcu/queue.ts',
        find: 'if (((each - next) | 0) >= 0 || (found',
        replace: 'if ((found',
      },
    ],
    scenarios: ['rcu-queue-order'],
    cause: wrong,
  },
  {
    name: 'rcu-queue-without-wrap',
    rule: 'numbers of entries are compared by size',
    edits: [
      {
        file: 'rcu/queue.ts',
        find: '((each - number) | 0) > 0)) continue',
        replace: 'each > number)) continue',
      },
    ],
    scenarios: ['rcu-queue'],
    cause: wrong,
  },
  {
    name: 'rcu-link-not-told',
    rule: 'the reaper is not told which reference publishes a segment',
    edits: [
      {
        file: 'rcu/queue.ts',
        find: 'words.store(slot.at + SLOT_LINK, linkAt)',
        replace: '',
      },
    ],
    scenarios: ['rcu-crash-queue'],
    cause: unsafe,
  },
  {
    name: 'rcu-sweep-tag-journalled',
    rule: 'the transaction that clears a dead reader’s entry gives it back, too',
    edits: [
      {
        file: 'rcu/readers.ts',
        find: 'journal.publish(entry + READER_WORD, 0)',
        replace:
          'journal.publish(entry + READER_WORD, 0)\n      journal.publish(entry + READER_TAG, 0)',
      },
      {
        file: 'rcu/readers.ts',
        find: 'words.store(entry + READER_TAG, 0) // [reader-release], behind',
        replace: '// behind',
      },
    ],
    scenarios: ['rcu-crash-sweep'],
    cause: unsafe,
  },
  {
    name: 'rcu-sweep-counts-twice',
    rule: 'a dead member’s lost callbacks are counted before its entry says that they were',
    edits: [
      {
        file: 'rcu/readers.ts',
        find: 'journal.publish(entry + READER_FLAVOR, 0)',
        replace: '',
      },
      {
        file: 'rcu/readers.ts',
        find: 'words.store(entry + READER_TAG, 0) // [reader-release], behind',
        replace: `words.store(entry + READER_FLAVOR, 0)
      words.store(entry + READER_TAG, 0) // behind`,
      },
    ],
    scenarios: ['rcu-crash-sweep'],
    cause: /told to be lost/,
  },
]
