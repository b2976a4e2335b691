/**
 * A thread's identity in one word: what the lock, a turn and a pause are taken with.
 *
 * **Invariants.** Never 0; the slot and as much of its generation as fits.
 *
 * **Ordering.** Pure arithmetic.
 *
 * **Progress.** Wait-free: nothing waits or retries.
 *
 * **Crash.** Nothing shared is written.
 */

export function tagOf(slot: number, generation: number): number {
  return ((generation & 0x3fff) << 17) | (slot + 1)
}

export function slotOfTag(tag: number): number {
  return (tag & 0x1ffff) - 1
}
