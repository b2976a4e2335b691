/** The whole 20 MB document, decoded once in a fresh worker, against `structuredClone` there. */

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { createStore } from '../src/index.ts'
import { documentText, STORE_BYTES } from './document.ts'
import { digits, median, report } from './rows.ts'

const ROUNDS = 9

const store = createStore(JSON.parse(documentText()), { maxBytes: STORE_BYTES })

async function measure(mode: 'ours' | 'clone'): Promise<number> {
  const worker = new Worker(new URL('./decode-worker.js', import.meta.url), {
    workerData: { mode, handle: store.handle },
  })
  const [{ ms, count }] = (await once(worker, 'message')) as [{ ms: number; count: number }]
  if (count < 100_000) throw new TypeError('not all was read')
  await worker.terminate()
  return ms
}

const ours: number[] = []
const clone: number[] = []
for (let round = 0; round < ROUNDS; round++) {
  ours.push(await measure('ours'))
  clone.push(await measure('clone'))
}
store.close()
const ratio = median(ours.map((ms, round) => ms / (clone[round] as number)))

report([
  {
    job: 'the whole 20 MB document, decoded once in a fresh worker',
    reached:
      `${digits(ratio)} × \`structuredClone\` (${digits(median(ours), 0)} to ` +
      `${digits(median(clone), 0)} ms)`,
    goal: '≤ 0.4 × `structuredClone`',
    met: ratio <= 0.4,
    how:
      `${ROUNDS} pairs of fresh workers in turn: a walk to every value of \`current\`, ` +
      'and the same walk of a clone of a parsed copy, made there; medians',
  },
])
