/** A reader's rate of `current.a.b.c` while another thread publishes a new leaf all the time. */

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { createStore } from '../src/index.ts'
import { median, report, type Row } from './rows.ts'

const SLICE_MS = 500
const PAIRS = 7
/** The writer is paced a little above what the goal asks for; a row below it is void. */
const LEAST = 100_000
const TARGET = 104_000
const GOALS = [
  { job: '`current.a.b.c`, each version with a new leaf,', goal: 0.85, read: readCurrent },
  { job: '`get` of an unchanged leaf', goal: 0.75, read: readLeaf },
]

const value = { a: { b: { c: 0 } }, other: { list: [1, 2, 3], text: 'unchanged' } }
const store = createStore(value, { maxBytes: 256 * 2 ** 20 })
const control = new Int32Array(new SharedArrayBuffer(16))
const worker = new Worker(new URL('./publishing-worker.js', import.meta.url), {
  workerData: { handle: store.handle, control: control.buffer },
})
await once(worker, 'message')

function readCurrent(times: number): number {
  let sum = 0
  for (let index = 0; index < times; index++) sum += store.current.a.b.c & 1
  return sum
}

function readLeaf(times: number): number {
  let sum = 0
  for (let index = 0; index < times; index++) sum += store.get('other', 'list', 1) ?? 0
  return sum
}

function readsPerSecond(read: (times: number) => number): number {
  const begin = performance.now()
  let reads = 0
  let sum = 0
  while (performance.now() - begin < SLICE_MS) {
    sum += read(10_000)
    reads += 10_000
  }
  if (sum < 0) throw new TypeError('impossible')
  return (reads * 1000) / (performance.now() - begin)
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString('en')
}

interface Beside {
  /** Of the rate alone. */
  readonly ratio: number
  readonly publishesPerSecond: number
}

/** Medians of pairs: alone, then beside a writer of so many versions a second. */
async function beside(read: (times: number) => number): Promise<Beside> {
  const ratios: number[] = []
  const rates: number[] = []
  for (let pair = 0; pair < PAIRS; pair++) {
    await pace(0)
    const alone = readsPerSecond(read)
    await pace(TARGET)
    const [version, begin] = [store.version, performance.now()]
    ratios.push(readsPerSecond(read) / alone)
    rates.push(((store.version - version) * 1000) / (performance.now() - begin))
  }
  return { ratio: median(ratios), publishesPerSecond: median(rates) }
}

async function pace(rate: number): Promise<void> {
  Atomics.store(control, 0, rate)
  Atomics.notify(control, 0)
  await new Promise((resolve) => setTimeout(resolve, 50))
}

const rows: Row[] = []
for (const { job, goal, read } of GOALS) {
  readsPerSecond(read)
  const { ratio, publishesPerSecond } = await beside(read)
  rows.push({
    job: `${job} beside ≥ ${thousands(LEAST)} versions a second`,
    reached:
      `${(ratio * 100).toFixed(0)} % of its rate alone, beside ` + thousands(publishesPerSecond),
    goal: `≥ ${goal * 100} %`,
    met: ratio >= goal && publishesPerSecond >= LEAST,
    how: `${PAIRS} pairs of half a second alone and half a second beside one paced writer; medians`,
  })
}
await worker.terminate()
store.close()
report(rows)
