/**
 * Waiting until nobody reads versions older than a given one any more, in any thread: neither a
 * synchronous read that began before the call, nor a snapshot.
 *
 * **Ordering.** Three steps, in this order; each relies on the one before.
 * 1. The wanted version is published: this thread loaded a root that is that new, and roots only go
 *    forward. All of it is sequentially consistent, so it has one order; "before" means there.
 * 2. `synchronize`: whoever was in a section or in `read(fn)` after step 1 has left it.
 * 3. `[drain-scan]` lease words are loaded. Pairs with [lease-store]. A snapshot of an older
 *    version was taken in one of three ways. Re-checked: the re-check loaded an older root, so it
 *    came before step 1, and the store of the lease came before the re-check. In a section: the
 *    load of the root came before step 1, so the section was entered before; the lease was stored
 *    before the section was left, which step 2 waited for. Or as a further use of a lease that the
 *    thread had: then the word was there already. So the scan sees its word, or that it was
 *    released. No snapshot of an older version is taken later, for each loads a root after step 1;
 *    but for one that names an older version that history keeps, or another snapshot held then.
 *
 * Which version a lease names is read under the reclaim lock, where no record's memory is freed: a
 * leased record is in its cell's list, or among the zombies. A word that a thread stored and did
 * not yet re-check may name anything; it can only delay, until the next look.
 *
 * **Progress.** Waits for others, by looking, with pauses of a few milliseconds.
 *
 * **Crash.** The words of a dead thread are cleared by the reaper, and wait for nobody afterwards.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Memory } from '../memory/memory.ts'
import { RECORD_CELL } from '../memory/record.ts'
import type { Offset } from '../memory/words.ts'
import { knownRecords } from '../reclaim/cells.ts'
import { isSnapshotLease, scanLeases } from '../reclaim/leases.ts'
import { slotAt, slotsInUse } from '../reclaim/slots.ts'
import type { HeapThread } from '../reclaim/thread.ts'
import type { RootCell } from '../versions/root.ts'
import { synchronize } from './grace.ts'
import { type SignalOptions, signalOf } from './wait-arguments.ts'

/** The longest pause between two looks, in milliseconds. */
const PAUSE_MS_MAX = 8

/** The store of which versions are waited for. */
export interface DrainedStore {
  readonly thread: HeapThread
  readonly cell: RootCell
  /** Throws `ERR_CLOSED` once the store is closed. */
  expectOpen(): void
}

/**
 * Resolves when the versions before `version`, which is published, are read by nobody. Keeps the
 * thread alive meanwhile. Throws `ERR_CLOSED`, `ERR_IN_READ_SECTION`, the signal's reason.
 */
export async function drained(
  store: DrainedStore,
  version: number,
  options?: SignalOptions,
): Promise<void> {
  const signal = signalOf(options)
  const { memory, reclaimer } = store.thread
  await synchronize(memory, reclaimer, signal === undefined ? {} : { signal })
  for (let look = 0; ; look++) {
    store.expectOpen()
    if (!isHeldBefore(store, version)) return
    reclaimer.reapDead?.()
    await sleep(Math.min(1 + (look >> 3), PAUSE_MS_MAX))
    signal?.throwIfAborted()
  }
}

/** Whether a snapshot of an older version is held; also true where it was not to be found out. */
function isHeldBefore(store: DrainedStore, version: number): boolean {
  const { memory, reclaimer, allocator } = store.thread
  // Under the lock: a dead thread's chunks of leases are freed under it, too.
  if (!reclaimer.lock.tryTake()) return true
  const leased = snapshotsOf(memory, allocator.chunkWords)
  const held = oldestHeld(memory, store.cell, leased)
  reclaimer.lock.give()
  return held < version
}

/** Records that snapshots hold, of all stores of the heap. */
function snapshotsOf(memory: Memory, chunkWords: number): Set<Offset> {
  const { words, layout } = memory
  const leased = new Set<Offset>()
  const slots = slotsInUse(words)
  for (let slot = 0; slot < slots; slot++) {
    // [drain-scan] Pairs with [lease-store].
    scanLeases(words, slotAt(layout, slot), chunkWords, (lease) => {
      if (isSnapshotLease(lease)) leased.add(lease)
    })
  }
  return leased
}

/** The lowest version of the store among the leased records, or infinity; under the lock. */
function oldestHeld(memory: Memory, cell: RootCell, leased: ReadonlySet<Offset>): number {
  if (leased.size === 0) return Infinity
  let oldest = Infinity
  for (const record of knownRecords(memory)) {
    if (!leased.has(record) || memory.m[record + RECORD_CELL] !== cell.tag) continue
    oldest = Math.min(oldest, cell.numberOf(record))
  }
  return oldest
}
