/** Diagnostics channels: what an operator may subscribe to without touching the program. */

import { type Channel, channel } from 'node:diagnostics_channel'

interface Channels {
  /** `{ store, version, threadId }` after each publish of this thread. */
  readonly publish: Channel
  /** `{ rounds, threadId }` after this thread finished reclaiming rounds. */
  readonly reclaim: Channel
  /** `{ threadId, slot }` after a dead thread's slot was given back. */
  readonly reaped: Channel
}

export const channels: Channels = {
  publish: channel('rootswap:publish'),
  reclaim: channel('rootswap:reclaim'),
  reaped: channel('rootswap:thread-reaped'),
}
