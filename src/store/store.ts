/**
 * A store as one thread holds it: what `contract.ts` promises, put together from a reader, a
 * writer, and what waits.
 */

import { RootswapError, typeError } from '../errors.ts'
import type { Lease } from '../reclaim/leases.ts'
import type { VerifyReport } from '../reclaim/verify.ts'
import { replaceWith } from '../values/compare.ts'
import { DraftSession } from '../values/draft.ts'
import { deletePath, setPath } from '../values/edit.ts'
import type { Key } from '../values/immutable.ts'
import type { JsonPatch, Patch } from '../values/patch.ts'
import { applySteps, stepsOf } from '../values/patch-apply.ts'
import { closeCell, isBranch, lineBegan } from '../versions/branch.ts'
import type { RootCell } from '../versions/root.ts'
import type { Attachment } from './attachment.ts'
import { adoptBranch, type Adoption, type AdoptOptions, forkCell, rollBack } from './branches.ts'
import { drained } from './drained.ts'
import { synchronize, synchronizeSync } from './grace.ts'
import { type StoreHandle, storeHandle } from './handle.ts'
import type { Heap } from './contract.ts'
import { forgetName, setLocalName } from './names.ts'
import { text } from './options.ts'
import { type Track, type Trackable, Tracks } from './patches.ts'
import { StoreReader } from './reader.ts'
import { select } from './select.ts'
import { watchLeaks } from './leaks.ts'
import type { HeldSnapshot } from './snapshot.ts'
import type { HeapStats, StoreStats } from './stats.ts'
import {
  type ChangeTo,
  type ChangesOptions,
  changes,
  subscribe,
  type Watched,
  waitForVersion,
  waitForVersionSync,
} from './subscribe.ts'
import { optionsOf, versionOf, writeOptionsOf } from './wait-arguments.ts'
import { type Build, type Commit, Writer, type WriteOptions } from './writer.ts'

/** The heap as a store has it. */
export interface StoreHeap extends Heap {
  /** Once more, for a branch that outlives the store that the heap was opened for. */
  again(): StoreHeap
  /** The oldest snapshot is of the store in a root cell. */
  stats(cell?: number): HeapStats
}

/** A version that stays readable in shared memory until it is released. */
export interface HeldVersion {
  readonly number: number
  /** Value word of its root. */
  readonly root: number
  /** The version with which the present line of births began: a node that a version since then
   *  reaches and that is older than one of them is reached by that one too. */
  readonly lineBegan: number
  release(): void
}

export class OpenStore implements Watched<unknown>, Trackable {
  readonly heap: StoreHeap
  readonly name: string
  readonly handle: StoreHandle<unknown>
  readonly #attachment: Attachment
  readonly #cell: RootCell
  readonly #reader: StoreReader
  readonly #writer: Writer
  readonly #tracks: Tracks
  readonly #isBranch: boolean
  #ownsHeap = false
  #closed = false

  /** A branch is open in this thread already, and this ends it. */
  constructor(heap: StoreHeap, attachment: Attachment, cell: RootCell, name: string) {
    this.heap = heap
    this.name = name
    this.#attachment = attachment.use()
    this.#cell = cell
    this.#isBranch = isBranch(attachment.thread, cell)
    this.handle = storeHandle(attachment.memory, cell)
    this.#reader = new StoreReader(attachment, cell)
    this.#writer = new Writer(attachment, cell, name)
    this.#tracks = new Tracks({ attachment, cell, observe: () => this.#observe() })
  }

  /** The heap was made or opened for this store alone: closing the store closes it. */
  ownHeap(): this {
    this.#ownsHeap = true
    return this
  }

  get current(): unknown {
    return this.#reader.current
  }

  get version(): number {
    return this.#reader.version
  }

  get bell(): Attachment['bell'] {
    return this.#attachment.bell
  }

  /** The newest record, to compare with: a publish changes it. */
  newest(): number {
    return this.#cell.newest()
  }

  isClosed(): boolean {
    return this.#closed
  }

  get(...path: readonly Key[]): unknown {
    return this.#reader.fields.get(path)
  }

  has(...path: readonly Key[]): boolean {
    return this.#reader.fields.has(path)
  }

  read<R>(fn: (value: unknown, version: number) => R): R {
    refuseAsync('read', fn)
    const attachment = this.#attachment.use() // the function may close the store
    const { reading } = attachment.thread
    const depth = attachment.readDepth
    let lease: Lease | undefined
    try {
      attachment.readDepth = depth + 1
      if (depth === 0) {
        attachment.stampRead()
        reading.enter()
      }
      lease = this.#reader.beginRead()
      const { cachedValue, cachedVersion } = this.#reader
      return refusePromise('read', fn(cachedValue, cachedVersion))
    } finally {
      if (lease !== undefined) this.#reader.endRead(lease)
      attachment.readDepth = depth
      if (depth === 0) reading.leave()
      attachment.release()
    }
  }

  snapshot(version?: number): HeldSnapshot {
    if (version === undefined) return watchLeaks(this.#attachment, this.#reader.snapshot())
    return watchLeaks(this.#attachment, this.#reader.snapshotOf(versionOf(version)))
  }

  /** Leases the newest version, for whoever reads the memory itself. */
  hold(): HeldVersion {
    this.#expectOpen()
    const attachment = this.#attachment.use()
    const { leases } = attachment.thread
    const record = leases.take(this.#cell.rootAt, 0)
    const since = attachment.snapshots.add()
    let held = true
    return {
      number: this.#cell.numberOf(record),
      root: this.#cell.rootOf(record),
      lineBegan: lineBegan(attachment.thread, this.#cell, record),
      release: () => {
        if (!held) return
        held = false
        attachment.snapshots.remove(since)
        leases.release(record, 0)
        attachment.release()
      },
    }
  }

  select(selector: (value: never) => unknown, project?: (selected: never) => unknown) {
    return select(this.#reader, selector as (value: unknown) => unknown, project as never)
  }

  update(recipe: (draft: never) => unknown, options?: WriteOptions): Commit {
    refuseAsync('update', recipe)
    return this.#write((root) => {
      const session = new DraftSession(this.#attachment.codec, root)
      let result: unknown
      try {
        result = refusePromise('update', recipe(session.root as never))
      } catch (error) {
        session.revoke()
        throw error
      }
      return (delta) => {
        session.revoke() // accessors of what was assigned run while the new version is built
        return session.finish(result, delta)
      }
    }, options)
  }

  set(path: readonly Key[], value: unknown, options?: WriteOptions): Commit {
    const { codec } = this.#attachment
    return this.#write((root) => (delta) => setPath(codec, root, path, { value, delta }), options)
  }

  delete(path: readonly Key[], options?: WriteOptions): Commit {
    const { codec } = this.#attachment
    return this.#write((root) => (delta) => deletePath(codec, root, path, delta), options)
  }

  replace(next: unknown, options?: WriteOptions): Commit {
    const { codec } = this.#attachment
    return this.#write((root) => (delta) => replaceWith(codec, root, next, delta), options)
  }

  applyPatches(patches: readonly (Patch | JsonPatch)[], options?: WriteOptions): Commit {
    const { codec } = this.#attachment
    const steps = stepsOf(patches)
    return this.#write((root) => {
      const session = new DraftSession(codec, root)
      const value = applySteps(session.root, steps, codec.memory.m)
      return (delta) => {
        if (!Object.is(value, session.root)) return replaceWith(codec, root, value, delta)
        return session.finish(undefined, delta)
      }
    }, options)
  }

  fork(name?: string): OpenStore {
    this.#expectOpen()
    this.#writer.expectWritable()
    const named = name === undefined ? '' : text('name', name)
    const cell = forkCell(this.#attachment, this.#cell, named)
    const heap = this.#ownsHeap ? this.heap.again() : this.heap
    const branch = new OpenStore(heap, this.#attachment, cell, named)
    if (named !== '') setLocalName(named, branch.handle)
    return this.#ownsHeap ? branch.ownHeap() : branch
  }

  adopt(branch: unknown, options?: AdoptOptions): Commit {
    this.#expectOpen()
    const source = this.#sourceOf(branch)
    return adoptBranch(this.#adoption(), source, optionsOf(options))
  }

  rollback(version: number, options?: WriteOptions): Commit {
    this.#expectOpen()
    return rollBack(this.#adoption(), versionOf(version), optionsOf(writeOptionsOf(options)))
  }

  subscribe(first: never, second?: never, third?: never): () => void {
    return subscribe(this, first, second, third)
  }

  changes(options?: ChangesOptions): AsyncIterable<ChangeTo<unknown>> {
    return changes(this, options)
  }

  waitForVersion(version: number, options?: { signal?: AbortSignal }): Promise<number> {
    return waitForVersion(this, version, options)
  }

  waitForVersionSync(version: number, timeoutMs?: number): number {
    this.#attachment.endJob() // it may be long
    return waitForVersionSync(this, version, timeoutMs)
  }

  async synchronize(options?: { signal?: AbortSignal }): Promise<void> {
    this.#mayWaitForReaders()
    const { memory, thread } = this.#attachment
    await synchronize(memory, thread.reclaimer, options)
  }

  synchronizeSync(timeoutMs?: number): void {
    this.#mayWaitForReaders()
    const { memory, thread } = this.#attachment
    this.#attachment.endJob()
    synchronizeSync(memory, thread.reclaimer, timeoutMs)
  }

  async drained(version: number, options?: { signal?: AbortSignal }): Promise<void> {
    this.#mayWaitForReaders()
    await this.waitForVersion(version, options)
    const { thread } = this.#attachment
    await drained(
      { thread, cell: this.#cell, expectOpen: () => this.#expectOpen() },
      version,
      options,
    )
  }

  /** For subscriptions with patches. */
  track(): Track {
    return this.#tracks.begin()
  }

  endTrackWith(owner: object, track: Track): void {
    this.#tracks.endWith(owner, track)
  }

  stats(): StoreStats {
    return { version: this.version, ...this.heap.stats(this.#cell.index) }
  }

  verify(): VerifyReport {
    return this.heap.verify()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#reader.close()
    this.#writer.close()
    this.#tracks.close()
    this.#attachment.bell.wakeWatchers()
    if (this.#isBranch) this.#endBranch()
    this.#attachment.release()
    if (this.#ownsHeap) this.heap.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    const state = this.#closed ? 'closed' : `version: ${this.version}`
    return `Store { name: '${this.name}', ${state} }`
  }

  #write(prepare: (root: number) => Build, options: WriteOptions | undefined): Commit {
    this.#expectOpen()
    return this.#writer.commit(prepare, writeOptionsOf(options))
  }

  #adoption(): Adoption {
    return { attachment: this.#attachment, cell: this.#cell, writer: this.#writer }
  }

  /** What `adopt` is given: another store of this heap that this thread has open. */
  #sourceOf(branch: unknown): RootCell {
    const isStore = typeof branch === 'object' && branch !== null && #cell in branch
    if (!isStore || branch.#attachment !== this.#attachment || branch === this) {
      const what = !isStore
        ? 'not a store'
        : branch === this
          ? 'the store itself'
          : 'of another heap'
      throw typeError(
        'ERR_INVALID_ARGUMENT',
        `adopt takes a branch that this thread has open, by fork() or openStore(); it is ${what}`,
        { argument: 'branch' },
      )
    }
    branch.#expectOpen()
    return branch.#cell
  }

  #endBranch(): void {
    const { thread } = this.#attachment
    if (this.name !== '') forgetName(this.name, this.handle)
    try {
      if (closeCell(thread, this.#cell) !== 'idle') this.#attachment.reclaimSoon()
    } catch (error) {
      thread.settle()
      throw error
    }
  }

  #observe(): { version: number; value: unknown } {
    const value = this.#reader.current
    return { version: this.#reader.cachedVersion, value }
  }

  #expectOpen(): void {
    if (this.#closed) throw closedError()
  }

  #mayWaitForReaders(): void {
    this.#expectOpen()
    if (this.#attachment.readDepth === 0) return
    throw new RootswapError('ERR_IN_READ_SECTION', 'waiting for readers inside read(fn)')
  }
}

function closedError(): RootswapError {
  return new RootswapError('ERR_CLOSED', 'the store is closed in this thread')
}

function refuseAsync(method: string, fn: unknown): void {
  if (typeof fn !== 'function') {
    throw typeError('ERR_INVALID_ARGUMENT', `${method} takes a function, not ${typeof fn}`)
  }
  if (Object.prototype.toString.call(fn) === '[object AsyncFunction]') {
    throw typeError('ERR_ASYNC_CALLBACK', `${method} takes a synchronous function`)
  }
}

function refusePromise<R>(method: string, result: R): R {
  const then = (result as { then?: unknown } | null | undefined)?.then
  if (typeof result === 'object' && typeof then === 'function') {
    throw typeError('ERR_ASYNC_CALLBACK', `the function given to ${method} returned a promise`)
  }
  return result
}
