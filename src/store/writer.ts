/**
 * One write, from the base that it reads to the version that it publishes: protect the newest
 * version, let the caller prepare (user code runs here), build privately, swap, reclaim.
 *
 * **Progress.** Lock-free: a lost swap means that another writer published. After
 * `TURN_AFTER_LOSSES` losses a writer takes the cell's turn, and the others let it go first for at
 * most `maxWaitMs`, so that no writer starves.
 */

import { RootswapError } from '../errors.ts'
import { CELL_TURN, LEASE_SOFT, LIMBO_MAX_AT, RECLAIM_EVERY_AT } from '../memory/layout.ts'
import type { Offset } from '../memory/words.ts'
import type { Patch } from '../values/patch.ts'
import { Delta } from '../versions/delta.ts'
import type { RootCell } from '../versions/root.ts'
import type { Attachment } from './attachment.ts'
import { channels, tellPublish } from './channels.ts'
import { orGiveUp } from './shortage.ts'
import { describe } from './stalls.ts'
import { patchesBetween } from './patches.ts'

export interface WriteOptions {
  /** Publish only if this is the store's version; otherwise `ERR_CONFLICT`. */
  readonly ifVersion?: number
  /** The commit says what became of the version before. Costs what changed, and decodes it. */
  readonly patches?: boolean
}

export interface Commit {
  /** The version that was published, or the store's version when nothing changed. */
  readonly version: number
  /** False when the write would have published an equal value. */
  readonly changed: boolean
  /** Where they were asked for: from the version before to the published one; frozen. */
  readonly patches?: readonly Patch[]
}

/** A write that was prepared on a base: builds the new root and says what it replaces. */
export type Build = (delta: Delta) => number

const TURN_AFTER_LOSSES = 3
/** Slices of reclaiming that one write pays for at most. */
const SLICES_PER_WRITE = 2
/** Retired words after which a write tries to reclaim. */
const RETIRED_WORDS_MAX = 2 ** 16

export class Writer {
  readonly #attachment: Attachment
  readonly #cell: RootCell
  readonly #name: string
  readonly #delta: Delta
  #closed = false
  #unreclaimed = 0
  #retiredWords = 0

  constructor(attachment: Attachment, cell: RootCell, name = '') {
    this.#name = name
    this.#attachment = attachment
    this.#cell = cell
    this.#delta = new Delta(attachment.memory)
  }

  /** The store is closed in this thread: a write that goes on publishes nothing. */
  close(): void {
    this.#closed = true
  }

  /** `prepare` gets the base's root word and may run user code; it is called again on conflict. */
  commit(prepare: (root: number) => Build, options: WriteOptions = {}): Commit {
    this.expectWritable()
    const attachment = this.#attachment.use() // user code may close the store
    const { thread } = attachment
    try {
      if (thread.reclaimer.lock.isHeld) thread.settle() // an error left no room for it before
      return orGiveUp(attachment, () => this.#commit(prepare, options))
    } finally {
      attachment.release()
    }
  }

  #commit(prepare: (root: number) => Build, options: WriteOptions): Commit {
    this.#relieve()
    let commit: Commit | undefined
    try {
      for (let losses = 0; commit === undefined; losses++) {
        // Going on means that another writer published.
        this.#awaitTurn(losses)
        commit = this.#attempt(prepare, options)
      }
    } finally {
      this.#giveTurn()
    }
    if (commit.changed) this.#afterPublish(commit.version)
    return commit
  }

  /** One try on the newest version; undefined when another writer was first. */
  #attempt(prepare: (root: number) => Build, options: WriteOptions): Commit | undefined {
    const { leases } = this.#attachment.thread
    const base = leases.take(this.#cell.rootAt, LEASE_SOFT)
    try {
      this.#expect(base, options.ifVersion)
      return this.#publish(base, prepare, options.patches === true)
    } finally {
      leases.release(base, LEASE_SOFT)
    }
  }

  #publish(
    base: Offset,
    prepare: (root: number) => Build,
    withPatches: boolean,
  ): Commit | undefined {
    const attachment = this.#attachment
    const { thread, codec } = attachment
    const { allocator } = thread
    const root = this.#cell.rootOf(base)
    const version = this.#cell.numberOf(base)
    const build = this.#inRecipe(prepare, root)
    this.#expectOpen()
    this.#delta.clear()
    const { wins } = this.#cell
    allocator.begin()
    attachment.building = true
    let published = false
    let patches: readonly Patch[] | undefined
    try {
      codec.encoder.births = (version + 1) & 0x7fffffff
      const next = build(this.#delta)
      this.#expectOpen()
      if (next === root) return commitOf(version, false, withPatches ? [] : undefined)
      // Before the swap: the base is leased, and the new nodes are still this thread's own.
      if (withPatches) patches = patchesBetween(this.#attachment, root, next)
      published = this.#cell.publish(thread, base, next, this.#delta) !== 0
    } finally {
      attachment.building = false
      if (this.#cell.wins === wins) thread.abandonDraft()
      else if (!published) allocator.end() // an error came after the swap
    }
    return published ? commitOf(version + 1, true, patches) : undefined
  }

  #inRecipe(prepare: (root: number) => Build, root: number): Build {
    const { recipes } = this.#attachment
    const { index } = this.#cell
    recipes[index] = 1
    try {
      return prepare(root)
    } finally {
      recipes[index] = 0
    }
  }

  #expectOpen(): void {
    if (this.#closed) {
      throw new RootswapError('ERR_CLOSED', 'the store was closed while it was being written')
    }
  }

  /** Throws `ERR_IN_READ_SECTION`, `ERR_IN_UPDATE` where this thread may not write now. */
  expectWritable(): void {
    const { readDepth, recipes, building } = this.#attachment
    if (readDepth > 0) {
      throw new RootswapError('ERR_IN_READ_SECTION', 'a write inside read(fn): return first')
    }
    if (recipes[this.#cell.index] === 1 || building) {
      throw new RootswapError('ERR_IN_UPDATE', 'a write to the store inside its own recipe')
    }
  }

  #expect(base: Offset, ifVersion: number | undefined): void {
    const version = this.#cell.numberOf(base)
    if (ifVersion === undefined || ifVersion === version) return
    throw new RootswapError(
      'ERR_CONFLICT',
      `the store is at version ${version}, not at ${ifVersion}`,
      { expectedVersion: ifVersion, version },
    )
  }

  /** Lets a writer that lost often go first; takes the turn after losing often. */
  #awaitTurn(losses: number): void {
    const { memory, thread, maxWaitMs } = this.#attachment
    const { words } = memory
    const turnAt = this.#cell.at + CELL_TURN
    const { tag } = thread.slot
    for (let waited = 0; waited < maxWaitMs; waited++) {
      const owner = words.load(turnAt)
      if (owner === tag) return
      if (owner === 0) {
        if (losses < TURN_AFTER_LOSSES) return
        if (words.compareExchange(turnAt, 0, tag) === 0) return
      }
      words.wait(turnAt, owner, 1)
    }
  }

  #giveTurn(): void {
    const { words } = this.#attachment.memory
    const turnAt = this.#cell.at + CELL_TURN
    const { tag } = this.#attachment.thread.slot
    if (words.load(turnAt) !== tag) return
    if (words.compareExchange(turnAt, tag, 0) === tag) words.notify(turnAt)
  }

  #afterPublish(version: number): void {
    const { memory, thread } = this.#attachment
    this.#unreclaimed++
    this.#retiredWords += this.#delta.retiredWords
    const due =
      this.#unreclaimed >= (memory.m[RECLAIM_EVERY_AT] as number) ||
      this.#retiredWords >= RETIRED_WORDS_MAX
    const end = due ? thread.reclaimer.attempt(SLICES_PER_WRITE) : undefined
    if (end !== 'idle') this.#attachment.reclaimLater()
    if (end === 'idle') {
      this.#unreclaimed = 0
      this.#retiredWords = 0
    } else if (due && end !== 'more') this.#attachment.stalls.look()
    if (channels.publish.hasSubscribers) {
      const { key: heap } = this.#attachment
      tellPublish({ heap, store: this.#cell.index, name: this.#name, version })
    }
  }

  /** Before a write: if too much waits for readers, reclaims, then waits, then gives up. */
  #relieve(): void {
    const { memory, thread, maxWaitMs, stalls } = this.#attachment
    const max = memory.m[LIMBO_MAX_AT] as number
    if (this.#limbo() <= max) return
    this.#attachment.reapDead()
    for (let waited = 0; waited <= maxWaitMs; waited++) {
      const end = thread.reclaimer.attempt(64)
      if (this.#limbo() <= max) return
      if (end !== 'more') stalls.look()
      memory.words.wait(this.#cell.at + CELL_TURN, 0, 1)
    }
    const stalled = stalls.stalled()
    const who = stalled.map(describe).join('; ') || 'nobody stands in the way'
    throw new RootswapError(
      'ERR_RECLAIM_STALLED',
      `${this.#limbo() * 4} bytes wait for readers, ${max * 4} may: ${who}`,
      { limboBytes: this.#limbo() * 4, maxLimboBytes: max * 4, stalled },
    )
  }

  #limbo(): number {
    const { section } = this.#attachment.thread
    try {
      section.enter()
      return this.#cell.limboWords()
    } finally {
      section.leave()
    }
  }
}

function commitOf(
  version: number,
  changed: boolean,
  patches: readonly Patch[] | undefined,
): Commit {
  return patches === undefined ? { version, changed } : { version, changed, patches }
}
