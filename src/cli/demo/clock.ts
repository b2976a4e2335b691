/** Time that all threads of a process agree on, and pauses that a signal cuts short. */

import { setTimeout } from 'node:timers/promises'

/** Microseconds of the monotonic clock; the same clock in every thread of the process. */
export function micros(): number {
  return Number(process.hrtime.bigint()) / 1000
}

/** Waits; returns early, without an error, when the signal says so. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await setTimeout(milliseconds, undefined, { signal }).catch(() => {})
}

/** The value below which the given part of the samples lies; 0 without samples. */
export function percentile(samples: readonly number[], part: number): number {
  if (samples.length === 0) return 0
  const sorted = samples.toSorted((a, b) => a - b)
  const index = Math.min(sorted.length - 1, Math.floor(sorted.length * part))
  return sorted[index] as number
}
