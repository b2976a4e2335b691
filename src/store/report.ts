/** What `heap.threads()` says of each thread. */

export interface ThreadReport {
  readonly slot: number
  readonly threadId: number
  readonly label: string
  /** Somebody will notice this thread's death. */
  readonly watched: boolean
  /** Milliseconds since its `read(fn)` began, 0 when it is in none. */
  readonly readAgeMs: number
  /** Snapshots that it holds. */
  readonly snapshots: number
  /** Milliseconds since it took the oldest of them, 0 without one. */
  readonly oldestSnapshotAgeMs: number
  /** What only versions that were replaced reach and this thread keeps, by snapshots or as what
   *  it was handed. Several threads may keep the same bytes. */
  readonly heldBytes: number
  /** Of each store that it reads: the newest version that it has looked at and the oldest that it
   *  keeps. */
  readonly stores: readonly ThreadVersions[]
}

export interface ThreadVersions {
  readonly store: string
  readonly version: number
  readonly oldestVersion: number
}
