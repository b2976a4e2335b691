/** A service's latency while its configuration of a megabyte is swapped, against none being. */

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { report, type Row } from './rows.ts'

interface Run {
  readonly requests: number
  readonly failed: number
  readonly inconsistent: number
  readonly version: number
  readonly configBytes: number
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number }
}

interface Comparison {
  readonly rate: number
  readonly calm: Run
  readonly swapping: Run
  /** The files are read by a thread of their own. */
  readonly inThread: Run
}

const SWAPS = 20
const folder = fileURLToPath(new URL('../../examples/service/', import.meta.url))

function compare(): Row[] {
  const args = ['load/acceptance.js', '--compare', '--swaps', String(SWAPS)]
  const output = execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
  const { rate, calm, swapping, inThread } = JSON.parse(output) as Comparison
  const megabytes = (swapping.configBytes / 1e6).toFixed(1)
  const job = `p99 of a Fastify service, ${SWAPS} swaps of its ${megabytes} MB configuration`
  const how =
    `autocannon in a thread of the process, ${rate} requests a second on 16 connections, ` +
    `10 s without swaps, then as long with them; three in four run in a pool of two workers`
  return [
    rowOf(`${job}, read in the main thread`, calm, swapping, how),
    rowOf(`${job}, read in a thread of its own`, calm, inThread, how),
  ]
}

function rowOf(job: string, calm: Run, swapped: Run, how: string): Row {
  const said = ({ latencyMs: { p50, p99 } }: Run): string => `${p99} ms (median ${p50})`
  const isClean = swapped.failed === 0 && swapped.inconsistent === 0
  return {
    job,
    reached: `${said(swapped)}; without swaps ${said(calm)}`,
    goal: 'none set; no request failed, none of two versions',
    met: isClean && swapped.version === calm.version + SWAPS,
    how,
  }
}

// Its packages are heavy: they are the example's own.
if (existsSync(`${folder}node_modules/.prepared`)) report(compare())
else console.log('skipped service: run `node examples/service/prepare.js` first')
