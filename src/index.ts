/** `rootswap`: one copy of read-mostly state for all worker threads. */

export { type ErrorCode, type ErrorFields, RootswapError } from './errors.ts'
export type { VerifyReport } from './reclaim/verify.ts'
export type { HeapHandle, StoreHandle } from './store/handle.ts'
export type { Store, ThreadReport } from './store/contract.ts'
export { Heap } from './store/heap.ts'
export { type CreateStoreOptions, createStore, openStore, type Register } from './store/open.ts'
export type { HeapOptions, StoreOptions, ThreadOptions } from './store/options.ts'
export type { At, Get, Has, KeyOf, Put } from './store/paths.ts'
export type { Snapshot } from './store/snapshot.ts'
export type { HeapStats, StoreStats } from './store/stats.ts'
export type {
  Change,
  ChangesOptions,
  Listener,
  SelectorListener,
  SelectorOptions,
  SubscribeOptions,
} from './store/subscribe.ts'
export type { Commit, WriteOptions } from './store/writer.ts'
export { type JsonPatch, type Patch, toJsonPatch } from './values/patch.ts'
export type { Draft, DraftFields, Immutable, ImmutableFields, Key } from './values/immutable.ts'
