/** A reader's rate of `current.a.b.c` while another thread publishes a new leaf all the time. */

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { createStore } from '../src/index.ts'
import { median, report } from './rows.ts'

const SLICE_MS = 500
const PAIRS = 9
const PUBLISHES_MIN = 50_000

const value = { a: { b: { c: 0 } }, other: { list: [1, 2, 3], text: 'unchanged' } }
const store = createStore(value, { maxBytes: 256 * 2 ** 20 })
const control = new Int32Array(new SharedArrayBuffer(16))
const worker = new Worker(new URL('./publishing-worker.js', import.meta.url), {
  workerData: { handle: store.handle, control: control.buffer },
})
await once(worker, 'message')

function readsPerSecond(): number {
  const begin = performance.now()
  let reads = 0
  let sum = 0
  while (performance.now() - begin < SLICE_MS) {
    for (let index = 0; index < 10_000; index++) sum += store.current.a.b.c & 1
    reads += 10_000
  }
  if (sum < 0) throw new TypeError('impossible')
  return (reads * 1000) / (performance.now() - begin)
}

readsPerSecond()
const ratios: number[] = []
const publishRates: number[] = []
for (let pair = 0; pair < PAIRS; pair++) {
  Atomics.store(control, 0, 0)
  Atomics.notify(control, 0)
  await new Promise((resolve) => setTimeout(resolve, 50))
  const alone = readsPerSecond()
  Atomics.store(control, 0, 1)
  Atomics.notify(control, 0)
  await new Promise((resolve) => setTimeout(resolve, 50))
  const [version, begin] = [store.version, performance.now()]
  const beside = readsPerSecond()
  publishRates.push(((store.version - version) * 1000) / (performance.now() - begin))
  ratios.push(beside / alone)
}
await worker.terminate()
const ratio = median(ratios)
const rate = median(publishRates)
store.close()

report([
  {
    job: '`current.a.b.c` while another thread changes the leaf in every version',
    reached:
      `${(ratio * 100).toFixed(0)} % of its rate alone, beside ` +
      `${Math.round(rate).toLocaleString('en')} versions a second`,
    goal: '≥ 80 % beside ≥ 50,000 versions a second',
    met: ratio >= 0.8 && rate >= PUBLISHES_MIN,
    how: `${PAIRS} pairs of half a second alone and half a second beside, medians; one writer`,
  },
])
