/**
 * What a program holds: a store, and the heap that it lives in.
 *
 * Which read? One field, nothing else decoded: `get`. Many fields, keep as you like: `current`.
 * Scan, then let go: `read`. One version across `await`: `snapshot`.
 */

import type { VerifyReport } from '../reclaim/verify.ts'
import type { Draft, Immutable, Key } from '../values/immutable.ts'
import type { JsonPatch, Patch } from '../values/patch.ts'
import type { RcBlock } from './block.ts'
import type { AdoptOptions } from './branches.ts'
import type { HeapHandle, StoreHandle } from './handle.ts'
import type { NewStoreOptions } from './options.ts'
import type { Get, Has, Put } from './paths.ts'
import type { ThreadReport } from './report.ts'
import type { Snapshot } from './snapshot.ts'
import type { HeapStats, StoreStats } from './stats.ts'
import type {
  ChangesOptions,
  ChangeTo,
  Listener,
  SelectorListener,
  SelectorOptions,
  SubscribeOptions,
} from './subscribe.ts'
import type { Commit, WriteOptions } from './writer.ts'

export type { ThreadReport, ThreadVersions } from './report.ts'

export interface Store<T> extends Disposable {
  /** Send this to another thread, which calls `openStore(handle)`. */
  readonly handle: StoreHandle<T>
  readonly name: string
  readonly heap: Heap
  /** 1 for the initial value, then one more per publish. Exact. */
  readonly version: number
  /** The newest value: frozen, private to this thread, the same object until the version changes;
   *  unchanged subtrees stay `===`. One plain load when nothing changed. */
  readonly current: Immutable<T>
  /** One place, nothing else decoded; a missing path is `undefined`. */
  readonly get: Get<T>
  readonly has: Has
  /** Runs a synchronous function on one version; `synchronize` waits for it, nothing else does.
   *  Throws `ERR_ASYNC_CALLBACK`. */
  read<R>(fn: (value: Immutable<T>, version: number) => R): R
  /** Holds a version until it is released: the newest, or one that is still kept, as history or
   *  by another snapshot of any thread. Throws `ERR_UNKNOWN_VERSION`. */
  snapshot(version?: number): Snapshot<T>
  /**
   * A function that gives `project(selector(current))`, computed anew, in this thread, only when
   * the selected part is another one: for what a program makes from a part of its configuration.
   * While the version stays a call costs what `current` costs.
   */
  select<S, R = S>(selector: (value: Immutable<T>) => S, project?: (selected: S) => R): () => R
  /** immer's rules; synchronous; may run again when another writer was first. */
  update(recipe: (draft: Draft<T>) => undefined | void | T, options?: WriteOptions): Commit
  /** One place, no draft; a missing parent is `ERR_NO_SUCH_PATH`; in an array 0 … length. */
  readonly set: Put<T, WriteOptions, Commit>
  /** One place; in an array the following elements move up. */
  delete(path: readonly Key[], options?: WriteOptions): Commit
  /** The whole value; subtrees that are deep-equal stay shared and `===`. */
  replace(next: T, options?: WriteOptions): Commit
  /** All of them or none, one after the other, in immer's form or that of RFC 6902. Throws
   *  `ERR_NO_SUCH_PATH`; `ERR_CONFLICT` where a `test` fails. */
  applyPatches(patches: readonly (Patch | JsonPatch)[], options?: WriteOptions): Commit
  /**
   * A branch: a store of its own that begins with this store's newest version, and its number. It
   * shares every node until one side writes; O(1). Under a name other threads find it with
   * `heap.openStore(name)`, and by its handle everywhere. It ends when no thread has it open any
   * more: keep it open until the thread that you sent its handle to has opened it. Throws
   * `ERR_HEAP_FULL`, also when the heap holds `maxStores` stores and branches.
   */
  fork(name?: string): Store<T>
  /**
   * Publishes the newest value of a branch here; O(1). Throws `ERR_CONFLICT`, and changes nothing,
   * if this store has moved since the branch was forked from it, or adopted last, or was never its
   * origin; unless `force` says that it shall be replaced all the same.
   */
  adopt(branch: Store<T>, options?: AdoptOptions): Commit
  /** Publishes the value of a version that is still kept, as a new version; O(1). Throws
   *  `ERR_UNKNOWN_VERSION`. */
  rollback(version: number, options?: WriteOptions): Commit
  subscribe(listener: Listener<Immutable<T>>, options?: SubscribeOptions): () => void
  subscribe<S>(
    selector: (value: Immutable<T>) => S,
    listener: SelectorListener<S, Immutable<T>>,
    options?: SelectorOptions<S>,
  ): () => void
  changes(options?: ChangesOptions): AsyncIterable<Change<T>>
  waitForVersion(version: number, options?: { signal?: AbortSignal }): Promise<number>
  /** Blocks the thread. Throws `ERR_TIMEOUT`. */
  waitForVersionSync(version: number, timeoutMs?: number): number
  /** Resolves when no synchronous read that began before the call is still running anywhere. */
  synchronize(options?: { signal?: AbortSignal }): Promise<void>
  synchronizeSync(timeoutMs?: number): void
  /** Resolves when `version` is published, no synchronous read that began before that is running,
   *  and no snapshot of an older version is held, in any thread. */
  drained(version: number, options?: { signal?: AbortSignal }): Promise<void>
  stats(): StoreStats
  /** Walks the whole heap. Throws `ERR_CORRUPT_HEAP` naming each damage. */
  verify(): VerifyReport
  /** Of this thread alone; idempotent. What was never read of values from `current` is
   *  `ERR_STALE_SNAPSHOT` from then on. */
  close(): void
}

/** What a subscriber to a store of T hears of. */
export type Change<T> = ChangeTo<Immutable<T>>

/** One SharedArrayBuffer in which several stores may live. */
export interface Heap extends Disposable {
  /** Send this to another thread, which calls `Heap.open(handle)`. */
  readonly handle: HeapHandle
  /** A new store in this heap; the value is copied in. Throws `ERR_UNSUPPORTED_VALUE`,
   *  `ERR_HEAP_FULL`. */
  createStore<T>(initial: T, options?: NewStoreOptions): Store<T>
  /** A store of this heap by its name. Throws `ERR_BAD_HANDLE` when there is none. */
  openStore<T = unknown>(name: string): Store<T>
  /** A block of zeros with a count of 1, which any thread may hold. Throws `ERR_HEAP_FULL`,
   *  `ERR_RECLAIM_STALLED`. */
  allocate(byteLength: number): RcBlock
  /** Names of the stores, '' for those without. */
  stores(): string[]
  stats(): HeapStats
  /** Walks the whole heap while writers pause. Throws `ERR_CORRUPT_HEAP`, `ERR_TIMEOUT`. */
  verify(): VerifyReport
  threads(): ThreadReport[]
  /** Of this thread alone; idempotent. */
  close(): void
}
