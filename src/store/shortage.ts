/**
 * What a heap without room gives up before a writer fails, in this order: versions kept while
 * memory lasts (while a block is allocated: `Reclaimer.relieve`); caches of this thread that can
 * move to the newest version; such versions once more, where the lock was not to be had for them;
 * and then, oldest first, versions that are kept only because some thread was handed a value of
 * theirs.
 */

import { RootswapError } from '../errors.ts'
import { giveUpHistory } from '../reclaim/history.ts'
import { oustOldest } from '../reclaim/oust.ts'
import type { Attachment } from './attachment.ts'
import { describe } from './stalls.ts'
import { freeWords, limboWords } from './stats.ts'
import { bytesHeldBy, reportThreads } from './threads.ts'

/** Words that the first round of giving up aims at; each later one aims at twice as many, so that a
 *  large write does not run again for each small version. */
const FIRST_WORDS = 1 << 14
const ROUNDS_MAX = 20
const LOCK_WAIT_MS = 50

/** Runs what allocates. Where it throws for want of memory, gives up what can be, and runs it
 *  again; throws its error when there is nothing left to give up. */
export function orGiveUp<R>(attachment: Attachment, run: () => R): R {
  for (let round = 0; ; round++) {
    try {
      return run()
    } catch (error) {
      attachment.thread.settle()
      if (!isShortage(error)) throw error
      if (round > ROUNDS_MAX || !giveUp(attachment, error, round))
        throw explained(attachment, error)
    }
  }
}

/** The same error, which says what is free, what waits for readers, and who holds what. */
function explained(attachment: Attachment, error: RootswapError): RootswapError {
  const { thread, memory } = attachment
  const holders = reportThreads(attachment)
  const most = holders.toSorted((a, b) => b.heldBytes - a.heldBytes)[0]
  const holding =
    most === undefined || most.heldBytes === 0
      ? ''
      : `; thread ${most.threadId} '${most.label}' keeps ${most.heldBytes} bytes of old ` +
        `versions, by ${most.snapshots} snapshots`
  const stalled = attachment.stalls.stalled()
  const standing = stalled.length === 0 ? '' : `; ${stalled.map(describe).join('; ')}`
  return new RootswapError(error.code, error.message + holding + standing, {
    ...error.fields,
    freeBytes: freeWords(memory) * 4,
    limboBytes: limboWords(thread) * 4,
    holders,
    stalled,
  })
}

function isShortage(error: unknown): error is RootswapError {
  return error instanceof RootswapError && error.code === 'ERR_HEAP_FULL'
}

/** False when nobody has anything left that may be given up. */
function giveUp(attachment: Attachment, error: RootswapError, round: number): boolean {
  const { thread, memory } = attachment
  if (attachment.catchUp()) return true
  const { reclaimer, allocator } = thread
  // What departed is what can be given up.
  while (reclaimer.attempt(64) === 'more') continue // bound: the versions that were published
  if (!reclaimer.takeLock(LOCK_WAIT_MS)) return false
  if (giveUpHistory(memory)) {
    reclaimer.lock.give()
    while (reclaimer.attempt(64) === 'more') continue // bound: the versions that were kept
    return true
  }
  const requested = Number(error.fields['requestedBytes'] ?? 0) / 4
  const wanted = Math.max(requested, FIRST_WORDS << Math.min(round, 14))
  const measure = (record: number): number => bytesHeldBy(memory, [record]) / 4
  const given = oustOldest(reclaimer, allocator.chunkWords, wanted, measure)
  reclaimer.lock.give()
  return given > 0
}
