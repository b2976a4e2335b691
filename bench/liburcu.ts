/**
 * `rootswap/rcu` against liburcu: grace periods beside one busy reader, and retired blocks. The C
 * program in bench/liburcu is built here, with gcc, where liburcu-dev is installed; where it is
 * not, its rows are left out and the reason is printed.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { Heap } from '../src/index.ts'
import { Rcu, RcuPointer } from '../src/rcu.ts'
import { digits, median, nanoseconds, report, type Row } from './rows.ts'

const ROUNDS = 1_000_000
const BLOCKS = 200_000
const TURNS = 9
const quick = process.env['ROOTSWAP_BENCH_QUICK'] === '1'

/** The program, or why there is none. */
function buildLiburcu(): { program: string } | { why: string } {
  const folder = fileURLToPath(new URL('../../bench/liburcu/', import.meta.url))
  const out = mkdtempSync(join(tmpdir(), 'rootswap-liburcu-'))
  const made = spawnSync('make', ['-C', folder, `OUT=${out}`, 'CC=gcc'], { encoding: 'utf8' })
  if (made.error !== undefined) return { why: `make cannot be run: ${made.error.message}` }
  if (made.status === 0) return { program: join(out, 'bench') }
  const reason = made.stderr.split('\n').find((line) => line.includes('rror')) ?? made.stderr
  return { why: `liburcu-dev or gcc is missing: ${reason.trim()}` }
}

function ofLiburcu(program: string, job: 'sync' | 'call', times: number): number {
  const out = execFileSync(program, [job, String(times)], { encoding: 'utf8' })
  return Number(out.trim().split(' ')[1])
}

const heap = Heap.create({ maxBytes: 256 * 2 ** 20 })
const rcu = Rcu.create(heap)
const rows: Row[] = []

/** Nanoseconds per round of store + synchronizeSync, beside one busy reader. */
async function synchronizing(rounds: number): Promise<number> {
  const pointer = RcuPointer.create(heap)
  const both = [heap.allocate(32), heap.allocate(32)] as const
  for (const block of both) pointer.store(block)
  const stop = new SharedArrayBuffer(4)
  const worker = new Worker(new URL('./rcu-reader.js', import.meta.url), {
    workerData: { rcu: rcu.handle, pointer: pointer.handle, stop },
  })
  await once(worker, 'message')
  const each = nanoseconds(() => {
    for (let round = 0; round < rounds; round++) {
      pointer.store(both[round & 1])
      rcu.synchronizeSync()
    }
  }, rounds)
  Atomics.store(new Int32Array(stop), 0, 1)
  await once(worker, 'message')
  for (const block of both) block.release()
  pointer.close()
  return each
}

/** Nanoseconds per block from `retire` to freed, in a flood. */
async function retiring(blocks: number): Promise<number> {
  const all = Array.from({ length: blocks }, () => heap.allocate(48))
  globalThis.gc?.() // what making them left is no part of it
  const begin = process.hrtime.bigint()
  for (const block of all) rcu.retire(block)
  await rcu.barrier()
  return Number(process.hrtime.bigint() - begin) / blocks
}

async function againstLiburcu(program: string): Promise<void> {
  const rounds = quick ? ROUNDS / 20 : ROUNDS
  const blocks = quick ? BLOCKS / 20 : BLOCKS
  const ratios: { sync: number[]; call: number[] } = { sync: [], call: [] }
  const best = { sync: Infinity, syncC: Infinity, call: Infinity, callC: Infinity }
  await synchronizing(rounds / 10)
  for (let turn = 0; turn < TURNS; turn++) {
    const [ours, theirs] = [await synchronizing(rounds), ofLiburcu(program, 'sync', rounds)]
    ratios.sync.push(ours / theirs)
    best.sync = Math.min(best.sync, ours)
    best.syncC = Math.min(best.syncC, theirs)
    const [freed, freedC] = [await retiring(blocks), ofLiburcu(program, 'call', blocks)]
    ratios.call.push(freed / freedC)
    best.call = Math.min(best.call, freed)
    best.callC = Math.min(best.callC, freedC)
  }
  const { sync, syncC, call, callC } = best
  const peer = '`rcu_assign_pointer` + `synchronize_rcu`'
  rows.push(
    againstRow({
      job: `\`RcuPointer.store\` + \`synchronizeSync\` against ${peer}`,
      ratios: ratios.sync,
      best: [sync, syncC],
      most: 1,
      how: `qsbr, one busy reader in both, ${rounds} rounds`,
    }),
    againstRow({
      job: '`retire` to freed in a flood, per block, against `call_rcu` through `rcu_barrier`',
      ratios: ratios.call,
      best: [call, callC],
      most: 4,
      how: `${blocks} blocks of 48 bytes`,
    }),
  )
}

interface Against {
  readonly job: string
  readonly ratios: readonly number[]
  /** Ours and liburcu's. */
  readonly best: readonly [number, number]
  readonly most: number
  readonly how: string
}

/** By the median of the ratios of neighbours: where the two threads run changes from turn to turn,
 *  and with it what a cache line takes between them, by a factor of five. */
function againstRow({ job, ratios, best: [ours, theirs], most, how }: Against): Row {
  const ratio = median(ratios)
  const least = Math.min(...ratios)
  const greatest = Math.max(...ratios)
  return {
    job,
    reached:
      `${digits(ratio)} × (${digits(least)} to ${digits(greatest)}; best of each ` +
      `${digits(ours, 0)} and ${digits(theirs, 0)} ns)`,
    goal: most === 1 ? '≤ 1.0 ×' : `≤ ${most} ×`,
    met: ratio <= most,
    how: `${how}; median of the ratios of ${TURNS} turns of each in turn`,
  }
}

const liburcu = buildLiburcu()
if ('program' in liburcu) await againstLiburcu(liburcu.program)
else console.log(`SKIPPED against liburcu: ${liburcu.why}`)

rcu.close()
heap.close()
report(rows)
