/** `rootswap`: one copy of read-mostly state for all worker threads. */

export { type ErrorCode, type ErrorFields, RootswapError } from './errors.ts'
export type { VerifyReport } from './reclaim/verify.ts'
export type { AdoptOptions } from './store/branches.ts'
export type { HeapHandle, StoreHandle } from './store/handle.ts'
export type { Change, Store, ThreadReport, ThreadVersions } from './store/contract.ts'
export { Heap } from './store/heap.ts'
export { createStore, openStore, type Register, type StoreOptions } from './store/open.ts'
export type { HeapOptions, NewStoreOptions, ThreadOptions } from './store/options.ts'
export type { At, Get, Has, KeyOf, Put } from './store/paths.ts'
export type { Snapshot } from './store/snapshot.ts'
export type { HeapStats, StoreStats } from './store/stats.ts'
export type {
  ChangesOptions,
  ChangeTo,
  Listener,
  SelectorListener,
  SelectorOptions,
  SubscribeOptions,
} from './store/subscribe.ts'
export type { OnStall, Stall } from './store/stalls.ts'
export type { Commit, WriteOptions } from './store/writer.ts'
export { type JsonPatch, type Patch, toJsonPatch } from './values/patch.ts'
export type {
  Draft,
  DraftFields,
  Immutable,
  ImmutableBuffer,
  ImmutableBytes,
  ImmutableDate,
  ImmutableFields,
  Key,
} from './values/immutable.ts'
