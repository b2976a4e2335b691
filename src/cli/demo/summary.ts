/** What a run found out: the object that `--json` prints. */

import { percentile } from './clock.ts'
import type { PathSample } from './document.ts'

export interface Percentiles {
  readonly p50: number
  readonly p99: number
}

export interface Summary {
  /** Of one worker, in the mean over the time that all of them were at work. */
  readonly readsPerSecond: number
  /** Of each worker while it was at work; the killed one's and its successor's are there too. */
  readonly readsPerSecondByWorker: readonly number[]
  /** Reads that were checked for being of one version. That is every read. */
  readonly checks: number
  readonly publishes: number
  readonly publishesPerSecond: number
  /** Publishes that another writer overtook, and that were made again. */
  readonly conflicts: number
  /** From the call of an update to the last worker having read it. */
  readonly propagationMicros: Percentiles
  readonly gracePeriodMicros: Percentiles
  /** Resident memory of the whole process, when all workers hold what they read. */
  readonly memoryBytes: number
  /** What private copies would add, live objects alone: one was measured. */
  readonly privateCopiesBytes: number
  /** Live bytes of the one copy. */
  readonly storeBytes: number
  /** What a worker, in the mean, has of its own beside it: the parts that it used as objects. */
  readonly decodedBytes: number
  readonly dataBytes: number
  readonly tornReads: number
  readonly lostUpdates: number
  readonly leakedBlocks: number
  readonly reloadsApplied: number
  readonly reloadsRejected: number
  readonly workersKilled: number
  readonly workers: number
  readonly seconds: number
  /** A signal ended the run early. */
  readonly interrupted: boolean
  /** Why the run failed; empty when every zero is zero and everything was done. */
  readonly problems: readonly string[]
}

export interface DemoSubject {
  readonly title: string
  readonly bytes: number
  readonly privateCopyBytes: number
  readonly sample: PathSample
}

export function percentiles(samples: readonly number[]): Percentiles {
  return { p50: tenths(percentile(samples, 0.5)), p99: tenths(percentile(samples, 0.99)) }
}

const tenths = (value: number): number => Math.round(value * 10) / 10

/** The summary as a person reads it. */
export function describe(summary: Summary): string[] {
  const { propagationMicros, gracePeriodMicros } = summary
  const lines: [string, string][] = [
    ['reads', `${count(summary.readsPerSecond)} /s per worker, ${summary.workers} workers`],
    ['publishes', publishes(summary)],
    ['publish to last worker', times(propagationMicros)],
    ['grace period', times(gracePeriodMicros)],
    ['memory of the process', megabytes(summary.memoryBytes)],
    ['  of it the shared copy', shared(summary)],
    ['  private copies instead', privateCopies(summary)],
    ['torn reads', `${summary.tornReads} in ${count(summary.checks)} checks`],
    ['lost updates', `${summary.lostUpdates} of ${count(summary.publishes)}`],
    ['leaked blocks', `${summary.leakedBlocks}`],
    [
      'configuration',
      `${summary.reloadsApplied} changes applied, ${summary.reloadsRejected} rejected`,
    ],
    ['workers killed', killed(summary)],
  ]
  return lines.map(([name, text]) => `  ${name.padEnd(25)} ${text}`)
}

function publishes({ publishes: all, publishesPerSecond, conflicts }: Summary): string {
  return `${count(all)}, ${count(publishesPerSecond)} /s, ${count(conflicts)} conflicts`
}

function killed({ workersKilled }: Summary): string {
  return workersKilled === 0 ? '0' : `${workersKilled}, in the middle of a read`
}

function shared({ storeBytes, decodedBytes, workers }: Summary): string {
  const own = `${workers} × ${megabytes(decodedBytes)} that workers decoded`
  return `${megabytes(storeBytes)}, and ${own}`
}

function privateCopies({ privateCopiesBytes, workers }: Summary): string {
  return `${megabytes(privateCopiesBytes)}: ${workers} × ${megabytes(privateCopiesBytes / workers)}`
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0)} MB`
}

function times({ p50, p99 }: Percentiles): string {
  return `p50 ${duration(p50)}, p99 ${duration(p99)}`
}

export function duration(microseconds: number): string {
  if (microseconds < 1000) return `${microseconds.toFixed(1)} µs`
  if (microseconds < 1e6) return `${(microseconds / 1000).toFixed(2)} ms`
  return `${(microseconds / 1e6).toFixed(2)} s`
}
