/**
 * Giving up what threads were handed: the leases behind `current`, and behind values of older
 * versions that somebody still has, are caches. When a writer would otherwise fail, the oldest
 * version that only such leases hold is given up, whosever they are.
 *
 * **Invariants.** Only idle leases of departed versions are ousted, and only where nothing else
 * holds the version: no snapshot, no write, no read that goes on. A departed version is leased anew
 * only under the lock, so what is found here can only become less. The record stays as long as an
 * ousted lease names its place: `current` compares the root word with it (I10).
 *
 * **Ordering.** `[lease-oust]` Pairs with [lease-pin]: both swap the lease word, so a thread that
 * reads through it has pinned it and is left alone, and one that comes later finds it ousted.
 * Nothing else is needed: what the version reached is freed by a later slice, which scans again.
 *
 * **Progress.** Linear in the leases and the departed versions; nothing waits.
 *
 * **Crash.** A thread that dies having ousted some of a version's leases has only given up caches.
 */

import { LEASE_IDLE, LEASE_OUSTED, LEASE_SOFT, ZOMBIE_AT } from '../memory/layout.ts'
import { RECORD_NEXT, RECORD_STATE, STATE_ZOMBIE } from '../memory/record.ts'
import type { Offset } from '../memory/words.ts'
import { recordOfLease, scanLeases } from './leases.ts'
import type { Reclaimer } from './reclaimer.ts'
import { slotAt, slotsInUse } from './slots.ts'

/** The lease words that name one record. */
interface Holders {
  readonly words: Offset[]
  readonly values: number[]
  /** Something holds it that can not be ousted. */
  isHeld: boolean
}

/**
 * Ousts the leases of the oldest versions that only idle leases hold, under the lock, until
 * `measure` of them adds up to `wanted`. Returns how many versions were given up.
 */
export function oustOldest(
  reclaimer: Reclaimer,
  chunkWords: number,
  wanted: number,
  measure: (record: Offset) => number,
): number {
  const { memory } = reclaimer
  const holders = holdersOf(reclaimer, chunkWords)
  const zombies: Offset[] = []
  for (let zombie = memory.m[ZOMBIE_AT] as number; zombie !== 0;) {
    if (memory.m[zombie + RECORD_STATE] === STATE_ZOMBIE) zombies.push(zombie)
    zombie = memory.m[zombie + RECORD_NEXT] as number // bound: departed versions
  }
  let given = 0
  let sum = 0
  while (sum < wanted) {
    const oldest = zombies.pop() // they are linked newest first
    if (oldest === undefined) break
    const found = holders.get(oldest)
    if (found === undefined || found.isHeld) continue
    const size = measure(oldest)
    if (!oust(reclaimer, found)) continue
    sum += size
    given++
  }
  return given
}

/** Ousts the idle leases of a thread on versions that nothing else holds, under the lock. */
export function oustThread(reclaimer: Reclaimer, chunkWords: number, slot: number): void {
  const { memory } = reclaimer
  const holders = holdersOf(reclaimer, chunkWords)
  const own = new Set<Offset>()
  scanLeases(memory.words, slotAt(memory.layout, slot), chunkWords, (_, at) => own.add(at))
  for (let zombie = memory.m[ZOMBIE_AT] as number; zombie !== 0;) {
    const found = holders.get(zombie)
    const isOwn = found !== undefined && found.words.every((at) => own.has(at))
    const isZombie = memory.m[zombie + RECORD_STATE] === STATE_ZOMBIE
    if (isZombie && isOwn && !found.isHeld) oust(reclaimer, found)
    zombie = memory.m[zombie + RECORD_NEXT] as number // bound: departed versions
  }
}

function holdersOf({ memory }: Reclaimer, chunkWords: number): Map<Offset, Holders> {
  const holders = new Map<Offset, Holders>()
  for (let slot = 0; slot < slotsInUse(memory.words); slot++) {
    scanLeases(memory.words, slotAt(memory.layout, slot), chunkWords, (lease, at) => {
      const record = recordOfLease(lease)
      let found = holders.get(record)
      if (found === undefined)
        holders.set(record, (found = { words: [], values: [], isHeld: false }))
      found.words.push(at)
      found.values.push(lease)
      if ((lease & LEASE_IDLE) === 0) found.isHeld = true
    })
  }
  return holders
}

/** All or as far as they are idle; false if one of them was pinned meanwhile. */
function oust({ memory }: Reclaimer, { words, values }: Holders): boolean {
  let all = true
  for (const [index, at] of words.entries()) {
    const lease = values[index] as number
    // [lease-oust] Pairs with [lease-pin].
    const ousted = (lease & LEASE_SOFT) === 0 ? LEASE_OUSTED : lease | LEASE_OUSTED
    const found = memory.words.compareExchange(at, lease, ousted)
    const isSame = recordOfLease(found) === recordOfLease(lease)
    if (found !== lease && isSame && found >= 0) all = false
  }
  return all
}
