/** What a bench reports: rows of a measure against its goal. */

import process from 'node:process'
import { cpus } from 'node:os'

export interface Row {
  readonly job: string
  /** What was reached, with its unit. */
  readonly reached: string
  readonly goal: string
  readonly met: boolean
  /** What was run, in a sentence. */
  readonly how: string
}

/** Prints rows for people, and as JSON for `bench/run.ts` when it asked. */
export function report(rows: readonly Row[]): void {
  if (process.send !== undefined) process.send(rows)
  for (const row of rows) {
    console.log(`${row.met ? 'met   ' : 'MISSED'} ${row.job}: ${row.reached} (goal ${row.goal})`)
    console.log(`       ${row.how}`)
  }
}

export function machine(): string {
  const model = cpus()[0]?.model ?? 'unknown processor'
  return `${cpus().length} × ${model}, ${process.platform}-${process.arch}, Node ${process.version}`
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right)
  return sorted[sorted.length >> 1] as number
}

/** Nanoseconds that one call of `work` takes, the work being repeated `times` in a call. */
export function nanoseconds(work: () => void, times: number): number {
  const begin = process.hrtime.bigint()
  work()
  return Number(process.hrtime.bigint() - begin) / times
}

export function digits(value: number, count = 2): string {
  return value.toFixed(count)
}
