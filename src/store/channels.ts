/** Diagnostics channels: what an operator may subscribe to without touching the program. */

import { type Channel, channel } from 'node:diagnostics_channel'
import { threadId } from 'node:worker_threads'
import type { RoundObserver, RoundReport } from '../reclaim/timing.ts'

/** What `rootswap:reclaim` carries, once per round, in the thread that finished it. */
export interface ReclaimMessage {
  /** `handle.identity` of the heap, joined by ':'. */
  readonly heap: string
  readonly threadId: number
  /** Rounds that the heap has finished. */
  readonly round: number
  /** The grace period: from the round's begin until no reader held it up. Undefined, as the next
   *  two are, where it began in a thread that has no subscriber. */
  readonly waitedMs: number | undefined
  /** From its begin to its end, whatever threads ran between. */
  readonly durationMs: number | undefined
  /** Blocks that came back meanwhile. */
  readonly freedBlocks: number | undefined
}

/** What `rootswap:publish` carries, in the thread that published. */
export interface PublishMessage {
  /** `handle.identity` of the heap, joined by ':'. */
  readonly heap: string
  /** `handle.store`: the store's number in the heap. */
  readonly store: number
  /** The store's name, '' without one. */
  readonly name: string
  readonly version: number
  readonly threadId: number
}

interface Channels {
  /** A `PublishMessage` after each publish of this thread. */
  readonly publish: Channel
  /** A `ReclaimMessage` after this thread finished a round of reclaiming. */
  readonly reclaim: Channel
  /** `{ heap, threadId, slot }` after a dead thread's slot was given back. */
  readonly reaped: Channel
  /** `{ version, threadId, label, stack }` of a snapshot that was dropped, once it was
   *  collected; the stack of its acquisition in a debug heap. */
  readonly leak: Channel
  /** A `Stall`, once for each that this thread noticed. */
  readonly stall: Channel
}

export const channels: Channels = {
  publish: channel('rootswap:publish'),
  reclaim: channel('rootswap:reclaim'),
  reaped: channel('rootswap:thread-reaped'),
  leak: channel('rootswap:leak'),
  stall: channel('rootswap:stall'),
}

/** Later: a subscriber may read, write and close stores, and the thread that reaps may be in the
 *  middle of that. */
export function tellReaped(reaped: { heap: string; threadId: number; slot: number }): void {
  process.nextTick(() => channels.reaped.publish(reaped))
}

export function tellPublish(published: Omit<PublishMessage, 'threadId'>): void {
  channels.publish.publish({ ...published, threadId } satisfies PublishMessage)
}

/** Publishes the rounds of a heap. */
export class ReclaimObserver implements RoundObserver {
  readonly #heap: string

  constructor(heap: string) {
    this.#heap = heap
  }

  get isActive(): boolean {
    return channels.reclaim.hasSubscribers
  }

  now(): number {
    const [seconds, nanoseconds] = process.hrtime()
    return (Math.imul(seconds, 1_000_000) + Math.floor(nanoseconds / 1000)) | 0
  }

  finished(report: RoundReport, inAllocation: boolean): void {
    const message: ReclaimMessage = {
      heap: this.#heap,
      threadId,
      round: report.round,
      waitedMs: milliseconds(report.waitedMicroseconds),
      durationMs: milliseconds(report.tookMicroseconds),
      freedBlocks: report.freedBlocks,
    }
    if (!inAllocation) channels.reclaim.publish(message)
    // A subscriber may read and write stores, which it cannot while one of them allocates.
    else process.nextTick(() => channels.reclaim.publish(message))
  }
}

function milliseconds(microseconds: number | undefined): number | undefined {
  return microseconds === undefined ? undefined : microseconds / 1000
}
