/**
 * The tie between a parent and the child that is to go first: a counted block with one word, which
 * both records reference.
 *
 * **Invariants.** The word is 0 until the child has begun to write pages of its own, which one of
 * `vfork` never does while it has a tie. A child lets go of its end in the transaction of its exec
 * or exit. A parent has one tie at a time; only who has the parent's turn lets go of that end. So a
 * parent goes on when the word is not 0, or when it finds itself alone with the tie.
 *
 * **Ordering.** `[child-tells]` a child stores into the tie before its write happens. Pairs with
 * [parent-waits]: the parent loads it before its own. The count of the tie is read under the lock,
 * under which the child let go: what an exec or exit changed, and what the child had written in
 * the parent's pages before, is visible to a parent that is alone.
 *
 * **Progress.** A parent that waits does so without its turn, a millisecond at a time, at most
 * `maxWaitMs`; after that it goes on (`childFirst`) or fails (`vfork`). A wake-up that comes before
 * the wait costs it one millisecond.
 *
 * **Crash.** A thread that dies before its exec or exit leaves a child that still runs, for whoever
 * else holds it: that one execs or exits it. With the last hold the record goes, and its end of the
 * tie. After an exec or exit there is no tie to leave, wherever the thread dies.
 */

import { RootswapError } from '../errors.ts'
import { countedData } from '../memory/counted.ts'
import { MAX_WAIT_MS_AT } from '../memory/layout.ts'
import type { Offset } from '../memory/words.ts'
import { type SpaceRecord, TELLS, WAITS_FOR } from './record.ts'

/** Of a child that begins to write: tells the parent that waits. */
export function tellParent(record: SpaceRecord): void {
  const tie = record.reference(TELLS)
  if (tie === 0) return
  const { words, m } = record.thread.memory
  const word = countedData(m, tie)
  words.store(word, 1) // [child-tells] Pairs with [parent-waits].
  words.notify(word)
}

/** Of a child that execs or exits, within that transaction: lets go of the tie. */
export function leaveParent(record: SpaceRecord): void {
  const tie = record.reference(TELLS)
  if (tie === 0) return
  const { holds, memory } = record.thread
  holds.point(record.referenceAt(TELLS), 0)
  // The tie is sure to stay until the commit only. Who wakes before that looks at the count, for
  // which it waits for the lock; were the word stored here, it would not.
  memory.words.notify(countedData(memory.m, tie))
}

/** Of a parent: waits, without the turn, until the child has begun or is gone, or the time is up.
 *  Throws `ERR_TIMEOUT` then, if `strict`. */
export function awaitChild(record: SpaceRecord, strict: boolean): void {
  const { words, m } = record.thread.memory
  const limit = m[MAX_WAIT_MS_AT] as number
  for (let waited = 0; ; waited++) {
    record.take(true) // where the child writes in these pages this waits
    const tie = record.reference(WAITS_FOR)
    const word = tie === 0 ? 0 : countedData(m, tie)
    // [parent-waits] Pairs with [child-tells].
    const over = tie === 0 || words.load(word) !== 0 || isAlone(record, tie)
    if (over || (waited >= limit && !strict)) {
      if (tie !== 0) forget(record)
      record.give()
      return
    }
    record.give()
    if (waited >= limit) throw childRuns(limit)
    // The tie stays while this thread waits: only who writes this space lets go of it.
    words.wait(word, 0, 1)
  }
}

function isAlone({ thread: { holds } }: SpaceRecord, tie: Offset): boolean {
  holds.expect()
  const alone = holds.count(tie) === 1
  holds.commit()
  return alone
}

function forget(record: SpaceRecord): void {
  const { holds } = record.thread
  holds.expect()
  holds.point(record.referenceAt(WAITS_FOR), 0)
  holds.commit()
}

/** A parent's write waited for a child of `vfork`, in vain. */
function childRuns(waitMs: number): RootswapError {
  return new RootswapError(
    'ERR_TIMEOUT',
    `a child of vfork() runs in these pages, and did not exec or exit within ${waitMs} ms`,
    { waitMs },
  )
}
