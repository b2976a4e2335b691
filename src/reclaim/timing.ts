/**
 * How long rounds take: for whoever wants to hear of each, and for nobody else.
 *
 * A round may begin in one thread and end in another, so its times are in the header. A thread
 * that nobody listens in does not touch them: then the round's number tells that they are of
 * another round, and what is not known is not reported.
 *
 * **Invariants.** The words are statistics: nothing is decided by them. The clock is the
 * observer's, one for all threads of the process.
 *
 * **Ordering.** All words are the lock owner's.
 *
 * **Progress.** Wait-free, beside the slice.
 *
 * **Crash.** A round that begins again has another number.
 */

import {
  BEGUN_AT,
  FREED_AT,
  PHASE_AT,
  ROUND_AT,
  TIMED_AT,
  TIMED_CLOSED_AT,
  TIMED_FREED_AT,
  TIMED_SINCE_AT,
} from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import { PHASE_WAITING, type Round, type SliceEnd } from './round.ts'

export interface RoundReport {
  /** How many rounds the heap has finished; wraps. */
  readonly round: number
  /** From its begin until no reader held it up; undefined where that was not observed. */
  readonly waitedMicroseconds: number | undefined
  /** From its begin to its end. */
  readonly tookMicroseconds: number | undefined
  readonly freedBlocks: number | undefined
}

export interface RoundObserver {
  /** Whether anybody listens now. Asked before each slice; the clock is not read otherwise. */
  readonly isActive: boolean
  /** Microseconds of a clock that all threads share, modulo 2^32. */
  now(): number
  /** `inAllocation`: a block is being allocated, so the heap must not be used by the callee. */
  finished(report: RoundReport, inAllocation: boolean): void
}

interface TimedSlice {
  readonly end: SliceEnd
  readonly report: RoundReport | undefined
}

/** One slice of the round, under the lock, and what it finished. */
export function timedSlice({ m }: Memory, round: Round, observer: RoundObserver): TimedSlice {
  const at = observer.now()
  const [begun, finished, freed] = [m[BEGUN_AT], m[ROUND_AT], m[FREED_AT] as number]
  const waiting = m[PHASE_AT] === PHASE_WAITING
  const end = round.slice()
  const began = m[BEGUN_AT] !== begun
  if (began) {
    m[TIMED_AT] = m[BEGUN_AT] as number
    m[TIMED_SINCE_AT] = at
    m[TIMED_FREED_AT] = freed
  }
  if ((began || waiting) && m[PHASE_AT] !== PHASE_WAITING) m[TIMED_CLOSED_AT] = at
  return { end, report: m[ROUND_AT] === finished ? undefined : reportOf(m, observer.now()) }
}

function reportOf(m: Int32Array, now: number): RoundReport {
  const known = m[TIMED_AT] === m[BEGUN_AT]
  const since = m[TIMED_SINCE_AT] as number
  return {
    round: (m[ROUND_AT] as number) >>> 0,
    waitedMicroseconds: known ? ((m[TIMED_CLOSED_AT] as number) - since) >>> 0 : undefined,
    tookMicroseconds: known ? (now - since) >>> 0 : undefined,
    freedBlocks: known
      ? ((m[FREED_AT] as number) - (m[TIMED_FREED_AT] as number)) >>> 0
      : undefined,
  }
}
