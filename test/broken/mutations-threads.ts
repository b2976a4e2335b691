/** Rules of dying, waiting and registering, each broken. */

import type { Mutation } from './mutation.ts'

const damage = /damaged|out of order|leaked|wrong count|in two lists|has count|nobody frees|I5|I8/
const stolen = /nothing orders|damaged|frees block|freed word|I5|the document|has count|published/

export const threads: readonly Mutation[] = [
  {
    name: 'journal-armed-early',
    rule: 'the journal is armed while pairs are still added',
    edits: [
      {
        file: 'reclaim/journal.ts',
        find: '    this.#count++\n  }',
        replace: '    this.#count++\n    this.#words.store(this.#armedAt, this.#count)\n  }',
      },
    ],
    scenarios: ['crash-journal'],
    cause: damage,
  },
  {
    name: 'journal-disarmed-early',
    rule: 'the journal is disarmed before its words are written',
    edits: [
      {
        file: 'reclaim/journal.ts',
        find: '    this.#apply(this.#count)\n    this.#words.store(this.#armedAt, 0)\n',
        replace: '    this.#words.store(this.#armedAt, 0)\n    this.#apply(this.#count)\n',
      },
    ],
    scenarios: ['crash-journal'],
    cause: damage,
  },
  {
    name: 'repair-disarms-first',
    rule: 'a repair disarms the journal before it has written the words',
    edits: [
      {
        file: 'reclaim/journal.ts',
        find: '    this.#apply(armed)\n    this.#words.store(this.#armedAt, 0)\n',
        replace: '    this.#words.store(this.#armedAt, 0)\n    this.#apply(armed)\n',
      },
    ],
    scenarios: ['crash-repair'],
    cause: damage,
  },
  {
    name: 'cursor-outside-journal',
    rule: 'the cursor of a departure is written after the transaction, not in it',
    edits: [
      {
        file: 'reclaim/round.ts',
        find: '      journal.set(cellAt + CELL_CURSOR, cursor + 1)\n',
        replace: '      journal.commit()\n      m[cellAt + CELL_CURSOR] = cursor + 1\n',
      },
    ],
    scenarios: ['crash-journal'],
    cause: damage,
  },
  {
    name: 'reaper-takes-live-slot',
    rule: 'a reaper that got the lock does not look whose slot it is by now',
    edits: [
      {
        file: 'reclaim/reaper.ts',
        find: 'if (memory.words.load(at + SLOT_STATE) === threadId + 1) {',
        replace: 'if (memory.words.load(at + SLOT_STATE) !== -1) {',
      },
    ],
    scenarios: ['late-notice'],
    cause: stolen,
  },
  {
    name: 'reaper-ignores-thread-ids',
    rule: 'a reaper takes the slot of a dead thread, whoever owns it',
    edits: [
      {
        file: 'reclaim/reaper.ts',
        find: 'if (memory.words.load(at + SLOT_STATE) !== threadId + 1) return true',
        replace: 'if (memory.words.load(at + SLOT_STATE) === 0) return true',
      },
      {
        file: 'reclaim/reaper.ts',
        find: 'if (memory.words.load(at + SLOT_STATE) === threadId + 1) {',
        replace: 'if (memory.words.load(at + SLOT_STATE) !== 0) {',
      },
    ],
    scenarios: ['late-notice'],
    cause: stolen,
  },
  {
    name: 'reaper-ignores-generations',
    rule: 'the tag of a slot is the same for all its owners',
    edits: [
      {
        file: 'memory/tag.ts',
        find: 'return ((generation & 0x3fff) << 17) | (slot + 1)',
        replace: 'return generation < 0 ? 0 : slot + 1',
      },
    ],
    scenarios: ['late-notice'],
    cause: stolen,
  },
  {
    name: 'generation-before-lock',
    rule: 'a reaper makes the tag of the dead before it has the lock',
    edits: [
      {
        file: 'reclaim/reaper.ts',
        find: 'slotOfTag(owner) === slot && lock.takeFrom(owner)',
        replace:
          'owner >= 0 && slotOfTag(owner) < 99 && ' +
          'lock.takeFrom(tagOf(slot, memory.m[at + SLOT_GENERATION] as number))',
      },
    ],
    scenarios: ['late-notice'],
    cause: stolen,
  },
  {
    name: 'slot-before-lock',
    rule: 'a thread that leaves frees its slot, then gives the lock',
    edits: [
      {
        file: 'reclaim/reaper.ts',
        find: '    if (slot === reclaimer.slot.index) lock.give()\n',
        replace: '',
      },
      {
        file: 'reclaim/reaper.ts',
        find: '    if (slot === reclaimer.slot.index) return true\n',
        replace: '',
      },
    ],
    scenarios: ['crash-leave'],
    cause: /the reclaim lock was not free/,
  },
  {
    name: 'tickets-ignored',
    rule: 'a reaper frees the log of a draft that was published',
    edits: [
      {
        file: 'reclaim/reaper.ts',
        find: 'if (ticket === 0 || ticket === m[this.#at + SLOT_PUBLISHED]) return',
        replace: 'if (ticket === 0) return',
      },
    ],
    scenarios: ['crash-publish'],
    cause: stolen,
  },
  {
    name: 'tickets-out-of-order',
    rule: 'the ticket that arrives last counts, though a newer one arrived in another cell',
    edits: [
      {
        file: 'reclaim/arrivals.ts',
        find: 'if (ticket !== 0 && ((ticket - journal.get(writerAt + SLOT_PUBLISHED)) | 0) > 0) {',
        replace: 'if (ticket !== 0) {',
      },
    ],
    scenarios: ['crash-two-cells'],
    cause: stolen,
  },
  {
    name: 'tickets-compared-by-order',
    rule: 'tickets are compared as numbers without a sign',
    edits: [
      {
        file: 'reclaim/reaper.ts',
        find: 'if (ticket === 0 || ticket === m[this.#at + SLOT_PUBLISHED]) return',
        replace:
          'if (ticket === 0 || ' +
          'ticket >>> 0 <= (m[this.#at + SLOT_PUBLISHED] as number) >>> 0) return',
      },
    ],
    scenarios: ['crash-wrap'],
    cause: damage,
  },
  {
    name: 'sections-compared-by-order',
    rule: 'sections are compared as numbers without a sign',
    edits: [
      {
        file: 'reclaim/round.ts',
        find: 'if (words.load(at + SLOT_SECTION) === seen) return false',
        replace: 'if (words.load(at + SLOT_SECTION) >>> 0 <= seen >>> 0) return false',
      },
    ],
    scenarios: ['counters-wrap'],
    cause: /all sections are closed, but it is waiting/,
  },
  {
    name: 'log-entry-not-settled',
    rule: 'a reaper takes the newest log entry though it is still in the cache',
    edits: [
      { file: 'reclaim/reaper.ts', find: '    this.#settleEntry()\n', replace: '' },
      {
        file: 'reclaim/reaper.ts',
        find: '  #settleEntry(): void {',
        replace: '  settleEntry(): void {',
      },
    ],
    scenarios: ['crash-abort'],
    cause: /frees block|in two lists|damaged|broken free list|freed twice/,
  },
  {
    name: 'carved-spans-left',
    rule: 'a reaper leaves the spans that the dead thread was carving',
    edits: [
      { file: 'reclaim/reaper.ts', find: '    this.#unclaimStraySpans()\n', replace: '' },
      {
        file: 'reclaim/reaper.ts',
        find: '  #unclaimStraySpans(): void {',
        replace: '  unclaimStraySpans(): void {',
      },
    ],
    scenarios: ['crash-refill'],
    cause: /bytes stay claimed/,
  },
  {
    name: 'lost-notify',
    rule: 'a publisher rings the bell and wakes nobody',
    edits: [
      {
        file: 'versions/root.ts',
        find: '  words.add(BELL_AT, 1)\n  words.notify(BELL_AT)\n',
        replace: '  words.add(BELL_AT, 1)\n',
      },
    ],
    scenarios: ['bell'],
    cause: /nobody can run/,
  },
  {
    name: 'counted-after-look',
    rule: 'a waiter looks before it is counted',
    edits: [
      {
        file: 'versions/waiters.ts',
        find: '    this.#count()\n    let done = false\n',
        replace: '    let done = false\n',
      },
      {
        file: 'versions/waiters.ts',
        find: '      done = look()\n',
        replace: '      done = look()\n      this.#count()\n',
      },
    ],
    scenarios: ['bell'],
    cause: /nobody can run/,
  },
  {
    name: 'freeze-not-checked',
    rule: 'a writer begins a draft without a look at `verify`',
    edits: [
      {
        file: 'memory/allocator.ts',
        find: 'if (freezer === 0 || slotOfTag(freezer) === this.#slot) return',
        replace: 'if (slotOfTag(freezer) < 99) return',
      },
    ],
    scenarios: ['verify-writer'],
    cause: /nothing orders|damaged/,
  },
  {
    name: 'unfreeze-not-notified',
    rule: '`verify` ends and wakes no writer that waits for it',
    edits: [
      {
        file: 'reclaim/freeze.ts',
        find: 'words.notify(FREEZE_AT)',
        replace: 'words.load(FREEZE_AT)',
      },
    ],
    scenarios: ['verify-writer'],
    cause: /nobody can run/,
  },
  {
    name: 'turn-not-notified',
    rule: 'a writer gives its turn back and wakes nobody',
    edits: [
      {
        file: 'store/writer.ts',
        find: ') words.notify(turnAt)',
        replace: ') words.load(turnAt)',
      },
    ],
    scenarios: ['store-turn'],
    cause: /nobody can run/,
  },
  {
    name: 'freed-without-lock',
    rule: 'a thread short of memory reads the count of freed blocks without the lock',
    edits: [
      {
        file: 'reclaim/reclaimer.ts',
        find: '    const before = this.#freed\n',
        replace: '    const before = words.load(FREED_AT)\n',
      },
      {
        file: 'reclaim/reclaimer.ts',
        find: 'if (this.#freed !== before) return true',
        replace: 'if (words.load(FREED_AT) !== before) return true',
      },
    ],
    scenarios: ['heap-full'],
    cause: /nothing orders/,
  },
  {
    name: 'reclaims-in-section',
    rule: 'a writer takes the reclaim lock inside a section',
    edits: [
      {
        file: 'store/writer.ts',
        find: '      section.enter()\n      return this.#cell.limboWords()',
        replace:
          '      section.enter()\n      this.#attachment.thread.reclaimer.attempt(1)\n' +
          '      return this.#cell.limboWords()',
      },
    ],
    scenarios: ['store-two-writers'],
    cause: /I9/,
  },
  {
    name: 'recipe-in-section',
    rule: "a recipe, the user's code, runs inside a section",
    edits: [
      {
        file: 'store/writer.ts',
        find: '      return prepare(root)\n',
        replace:
          '      this.#attachment.thread.section.enter()\n      const built = prepare(root)\n' +
          '      this.#attachment.thread.section.leave()\n      return built\n',
      },
    ],
    scenarios: ['store-two-writers'],
    cause: /I9/,
  },
  {
    name: 'slot-not-announced',
    rule: 'a thread registers without raising the number of slots',
    edits: [
      {
        file: 'reclaim/slots.ts',
        find: 'raise(words, SLOTS_AT, index + 1)',
        replace: 'words.load(SLOTS_AT)',
      },
    ],
    scenarios: ['registration-scan'],
    cause: /freed word|nothing orders|I5|I8|damaged|frees block/,
  },
]
