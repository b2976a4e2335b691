/** What the pool's workers are given to do. */

import type { Path } from './document.ts'

export interface ReaderTask {
  readonly progress: SharedArrayBuffer
  /** The worker's row of counters. */
  readonly row: number
  /** Places all over the data, for single look-ups. */
  readonly paths: readonly Path[]
  /** What this service needs all the time. */
  readonly favourites: readonly Path[]
}

export interface WriterTask {
  readonly progress: SharedArrayBuffer
  readonly row: number
  /** Places of booleans in the data. */
  readonly flags: readonly Path[]
}
