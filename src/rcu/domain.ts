/**
 * The RCU domain of a heap, as one thread takes part in it: grace periods, readers, retired blocks.
 *
 * A heap has one domain, so that whatever is built in it agrees on what a reader may still see. Its
 * anchor is made by the first thread that needs it and stays as long as the heap.
 *
 * **Invariants.** The heap's header names one anchor, or none, and never another one. A thread that
 * takes part has an entry of its own, a member's, from which its lost callbacks are counted.
 *
 * **Ordering.** `[domain-name]` the header names the anchor by an atomic store of the transaction
 * that publishes it. Pairs with [domain-find]: whoever loads the name sees the anchor whole.
 *
 * **Progress.** Joining and registering take the lock only where a block has to be made.
 *
 * **Crash.** A death before the transaction leaves a draft, which the reaper frees; after it the
 * domain is there. Entries of the dead are swept by any other; see readers.ts.
 */

import { RootswapError } from '../errors.ts'
import { allocateCounted, countedData, countedReference } from '../memory/counted.ts'
import { nodeOf, referenceTo, TAG_NODE } from '../memory/kinds.ts'
import { RCU_AT } from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import type { Offset } from '../memory/words.ts'
import type { HeapThread } from '../reclaim/thread.ts'
import { GracePeriods } from './grace.ts'
import { type Flavor, ReaderCore, type Tally } from './reader.ts'
import { chunkWords, ReaderTable } from './readers.ts'
import { type Drafting, Retired } from './retired.ts'
import {
  ANCHOR_REFERENCES,
  DOMAIN_WORDS,
  GP,
  lineAt,
  LOST,
  MEMBER,
  QSBR,
  READER_DEFERRED,
  READER_RAN,
  READER_TAG,
  READER_WORDS,
  SECTION,
  TO_READERS,
} from './words.ts'

/** Entries of a chunk, where the heap's size classes have room for so many. */
const CHUNK_ENTRIES_MAX = 60

export class Domain {
  readonly thread: HeapThread
  readonly memory: Memory
  readonly anchor: Offset
  readonly table: ReaderTable
  readonly grace: GracePeriods
  readonly retired: Retired
  /** How many of this thread's readers are inside, and online. */
  readonly tally: Tally = { inside: 0, online: 0, active: 0 }
  /** This thread's readers. */
  readonly readers = new Set<ReaderCore>()
  readonly #at: Offset
  readonly #drafting: Drafting
  #member: Offset = 0
  /** Callbacks found lost while an entry was looked for. */
  #untold = 0

  private constructor(thread: HeapThread, anchor: Offset, drafting: Drafting) {
    const { memory } = thread
    this.thread = thread
    this.memory = memory
    this.anchor = anchor
    this.#at = lineAt(countedData(memory.m, anchor))
    this.#drafting = drafting
    this.table = new ReaderTable(memory, this.#at, countedReference(anchor, TO_READERS))
    this.grace = new GracePeriods(memory, this.#at, this.table)
    this.retired = new Retired(thread, this.grace, anchor, drafting)
  }

  /** Takes part in the domain of the heap. Throws `ERR_HEAP_FULL`, `ERR_RECLAIM_STALLED`. */
  static join(thread: HeapThread, drafting: Drafting): Domain {
    const { words } = thread.memory
    if (words.load(RCU_AT) === 0) make(thread, drafting)
    const anchor = nodeOf(words.load(RCU_AT)) // [domain-find] Pairs with [domain-name].
    const domain = new Domain(thread, anchor, drafting)
    domain.#member = domain.#claim(MEMBER, '')
    return domain
  }

  /** Registers a reader of this thread. Throws as `join`. */
  register(flavor: Flavor, label: string): ReaderCore {
    const entry = this.#claim(flavor === 'qsbr' ? QSBR : SECTION, label)
    const reader = new ReaderCore(
      this.memory.words,
      { entry, gpAt: this.#at + GP },
      flavor,
      this.tally,
    )
    this.readers.add(reader)
    return reader
  }

  unregister(reader: ReaderCore): void {
    if (!this.readers.delete(reader)) return
    reader.end()
    this.table.unclaim(reader.entry)
  }

  /** Stops taking part. */
  leave(): void {
    for (const reader of this.readers) this.unregister(reader)
    if (this.#member !== 0) this.table.unclaim(this.#member)
    this.#member = 0
  }

  /** A callback was deferred; it counts as lost if the thread dies before it ran. */
  noteDeferred(): void {
    const { words } = this.memory
    words.store(this.#member + READER_DEFERRED, (this.#own(READER_DEFERRED) + 1) | 0)
  }

  noteRan(): void {
    const { words } = this.memory
    words.store(this.#member + READER_RAN, (this.#own(READER_RAN) + 1) | 0)
  }

  /** Of each member: its entry, tag, and how many callbacks it has deferred. */
  deferrals(): readonly { entry: Offset; tag: number; deferred: number }[] {
    const { words } = this.memory
    const found: { entry: Offset; tag: number; deferred: number }[] = []
    this.table.each((entry) => {
      const { tag, flavor } = this.table.report(entry)
      if (flavor !== MEMBER || tag === 0) return
      found.push({ entry, tag, deferred: words.load(entry + READER_DEFERRED) })
    })
    return found
  }

  /** Has that member run so many callbacks, or ended? */
  hasRun(entry: Offset, tag: number, deferred: number): boolean {
    const { words } = this.memory
    if (((words.load(entry + READER_RAN) - deferred) | 0) >= 0) return true
    return words.load(entry + READER_TAG) !== tag || this.table.isOrphan(entry)
  }

  /** Before this thread blocks until readers move on, and none of `readers` is in the way. Throws
   *  `ERR_IN_READ_SECTION` where another reader of this very thread is: another copy of the package
   *  in it has registered that, with a slot of its own. */
  expectOthers(): void {
    if (!this.table.isHeldUpBy(this.thread.identity.threadId)) return
    throw new RootswapError(
      'ERR_IN_READ_SECTION',
      'synchronizeSync would wait for a reader of this very thread, which another copy of the ' +
        'package in it has registered; do it after its section, or while it is offline',
    )
  }

  /** Callbacks that were lost with their threads, of those that were swept. */
  get lost(): number {
    return this.memory.words.load(this.#at + LOST)
  }

  /** Gives back the entries of threads that are gone, where the lock is to be had at once; how many
   *  callbacks were lost with them, of which nobody was told. */
  sweep(): number {
    this.#sweep()
    const lost = this.#untold
    this.#untold = 0
    return lost
  }

  /** Whether entries were given back. */
  #sweep(): boolean {
    let orphans = false
    this.table.each((entry) => {
      orphans ||= this.table.isOrphan(entry)
    })
    const { reclaimer } = this.thread
    if (!orphans || !reclaimer.takeLock(0)) return false
    this.#untold += this.table.sweep(reclaimer.journal)
    reclaimer.lock.give()
    return true
  }

  #own(word: number): number {
    return this.memory.words.load(this.#member + word)
  }

  #claim(flavor: number, label: string): Offset {
    for (;;) {
      const entry = this.table.claim(this.thread.slot.tag, flavor, label)
      if (entry !== 0) return entry
      // bound: each turn but the last means that other threads took what was added
      if (!this.#sweep()) this.#addChunk()
    }
  }

  #addChunk(): void {
    const { thread, table } = this
    this.#drafting(() => {
      const chunk = makeChunk(thread, table)
      thread.holds.expect()
      const { journal } = thread.reclaimer
      journal.publish(table.linkAt(), referenceTo(chunk, TAG_NODE))
      thread.holds.publishDraft()
      thread.holds.commit()
    })
  }
}

function makeChunk(thread: HeapThread, table: ReaderTable): Offset {
  const { largest } = thread.memory.classes
  const entries = Math.min(CHUNK_ENTRIES_MAX, Math.floor((largest - 64) / READER_WORDS))
  const words = chunkWords(entries)
  const chunk = allocateCounted(thread.allocator, 1, words * 4)
  table.prepare(chunk, words)
  return chunk
}

/** Makes the heap's domain, unless another thread is first. */
function make(thread: HeapThread, drafting: Drafting): void {
  const { allocator, holds, memory } = thread
  const { m } = memory
  drafting(() => {
    const anchor = allocateCounted(allocator, ANCHOR_REFERENCES, DOMAIN_WORDS * 4)
    const data = countedData(m, anchor)
    m.fill(0, data, data + DOMAIN_WORDS)
    const firstAt = countedReference(anchor, TO_READERS)
    const chunk = makeChunk(thread, new ReaderTable(memory, lineAt(data), firstAt))
    m[firstAt] = referenceTo(chunk, TAG_NODE)
    holds.expect()
    if (holds.get(RCU_AT) !== 0) return holds.abandon() // another thread was first
    // [domain-name] Pairs with [domain-find].
    thread.reclaimer.journal.publish(RCU_AT, referenceTo(anchor, TAG_NODE))
    holds.publishDraft()
    return holds.commit()
  })
}
