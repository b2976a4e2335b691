/** What a torture run did and found: the proof that it was not vacuous, and the verdict. */

import type { Counter } from './control.ts'

export interface TortureReport {
  readonly structure: string
  readonly seed: number
  readonly seconds: number
  readonly verdict: 'ok' | 'violated'
  readonly violations: readonly string[]
  /** Sums over all threads, and what the run itself did. */
  readonly counts: Readonly<Record<Counter | RunCounter, number>>
  /** What killed threads were doing, and what they had open in the heap. */
  readonly killsByPhase: Readonly<Record<string, number>>
}

export type RunCounter =
  | 'versions'
  | 'conflicts'
  | 'rounds'
  | 'kills'
  | 'churn'
  | 'stutters'
  | 'verifies'
  | 'checkedOperations'

/** `torture` rejects with it: what was found, and how to run it again. */
export class TortureFailed extends Error {
  readonly report: TortureReport

  constructor(report: TortureReport) {
    super(`torture of '${report.structure}' failed (seed ${report.seed}):\n${describe(report)}`)
    this.name = 'TortureFailed'
    this.report = report
  }
}

/** What must not be 0 for a run to prove anything. */
export function vacuous(report: TortureReport): string | undefined {
  const { counts, structure } = report
  const least: [string, number][] = [
    ['reads', counts.reads + counts.gets],
    ['versions', counts.versions],
    ['rounds of reclaiming', counts.rounds],
    ['quiet points', counts.verifies],
  ]
  if (structure === 'store') {
    least.push(['grace periods', counts.gracePeriods], ['replaced elements met', counts.age1])
    least.push(['delays inside sections', counts.dwells])
  }
  if (structure === 'counter') least.push(['checked operations', counts.checkedOperations])
  const missing = least.filter(([, count]) => count === 0).map(([what]) => what)
  return missing.length === 0 ? undefined : `nothing was proven: no ${missing.join(', no ')}`
}

/** Several lines for a person. */
export function describe(report: TortureReport): string {
  const { counts, violations } = report
  const kills = Object.entries(report.killsByPhase).map(([phase, count]) => `${phase} ${count}`)
  const lines = [
    `${report.structure}: ${report.seconds.toFixed(1)} s, seed ${report.seed}`,
    `  reads ${counts.reads}, gets ${counts.gets}, snapshots ${counts.snapshots}, ` +
      `delays inside reads ${counts.delays}, inside sections ${counts.dwells}`,
    `  versions ${counts.versions}, conflicts ${counts.conflicts}, ` +
      `refused for want of memory ${counts.refused}`,
    `  grace periods ${counts.gracePeriods}, the longest ${counts.longestGraceMs} ms; ` +
      `rounds of reclaiming ${counts.rounds}`,
    `  ages met: 0: ${counts.age0}, 1: ${counts.age1}, 2 or more: ${counts.agedTooFar}`,
    `  threads replaced ${counts.churn}, stutters ${counts.stutters}, ` +
      `quiet points verified ${counts.verifies}, ` +
      `operations checked for linearizability ${counts.checkedOperations}`,
    `  kills ${counts.kills}${kills.length === 0 ? '' : `: ${kills.join(', ')}`}`,
    ...violations.map((violation) => `  VIOLATION: ${violation}`),
    `  ${report.verdict === 'ok' ? 'ok' : 'VIOLATED'}`,
  ]
  return lines.join('\n')
}
