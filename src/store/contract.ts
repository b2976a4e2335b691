/**
 * What a program holds: a store, and the heap that it lives in.
 *
 * Which read? One field, nothing else decoded: `get`. Many fields, keep as you like: `current`.
 * Scan, then let go: `read`. One version across `await`: `snapshot`.
 */

import type { VerifyReport } from '../reclaim/verify.ts'
import type { Draft, Immutable, Key } from '../values/immutable.ts'
import type { JsonPatch, Patch } from '../values/patch.ts'
import type { HeapHandle, StoreHandle } from './handle.ts'
import type { StoreOptions } from './options.ts'
import type { Get, Has, Put } from './paths.ts'
import type { Snapshot } from './snapshot.ts'
import type { HeapStats, StoreStats } from './stats.ts'
import type {
  Change,
  ChangesOptions,
  Listener,
  SelectorListener,
  SelectorOptions,
  SubscribeOptions,
} from './subscribe.ts'
import type { Commit, WriteOptions } from './writer.ts'

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
  /** Holds the newest version until it is released. */
  snapshot(): Snapshot<T>
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
  subscribe(listener: Listener<Immutable<T>>, options?: SubscribeOptions): () => void
  subscribe<S>(
    selector: (value: Immutable<T>) => S,
    listener: SelectorListener<S, Immutable<T>>,
    options?: SelectorOptions<S>,
  ): () => void
  changes(options?: ChangesOptions): AsyncIterable<Change<Immutable<T>>>
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
  /** Of this thread alone; idempotent. */
  close(): void
}

/** One SharedArrayBuffer in which several stores may live. */
export interface Heap extends Disposable {
  /** Send this to another thread, which calls `Heap.open(handle)`. */
  readonly handle: HeapHandle
  /** A new store in this heap; the value is copied in. Throws `ERR_UNSUPPORTED_VALUE`,
   *  `ERR_HEAP_FULL`. */
  createStore<T>(initial: T, options?: StoreOptions): Store<T>
  /** A store of this heap by its name. Throws `ERR_BAD_HANDLE` when there is none. */
  openStore<T = unknown>(name: string): Store<T>
  /** Names of the stores, '' for those without. */
  stores(): string[]
  stats(): HeapStats
  /** Walks the whole heap while writers pause. Throws `ERR_CORRUPT_HEAP`, `ERR_TIMEOUT`. */
  verify(): VerifyReport
  threads(): ThreadReport[]
  /** Of this thread alone; idempotent. */
  close(): void
}

export interface ThreadReport {
  readonly slot: number
  readonly threadId: number
  readonly label: string
  /** Somebody will notice this thread's death. */
  readonly watched: boolean
}
