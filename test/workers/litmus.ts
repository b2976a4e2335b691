/** One thread of a litmus test: runs its part in each round and writes down what it saw. */

import { parentPort, workerData } from 'node:worker_threads'
import { Words } from '../../src/memory/words.ts'
import { Barrier, OVER_AT } from './litmus-pace.ts'
import { messagePassing, reallocating } from './litmus-published.ts'
import {
  coherence,
  independentReads,
  type LitmusData,
  type Part,
  storeBuffering,
} from './litmus-rounds.ts'

const parts: Readonly<Record<string, (data: LitmusData) => Part>> = {
  'store-buffering': storeBuffering,
  coherence,
  'independent-reads': independentReads,
  'message-passing': messagePassing,
  reallocating,
}

const data = workerData as LitmusData
const part = (parts[data.test] as (data: LitmusData) => Part)(data)
const control = new Words(data.control)
const barrier = new Barrier(control, data.threads)
const outcomes = new Words(data.outcomes).m

function runPaced(): void {
  for (let round = 0; round < data.rounds; round++) {
    barrier.wait()
    outcomes[round * data.threads + data.thread] = part.round(round)
    barrier.wait()
    part.after?.(round)
  }
}

/** Thread 0 counts its rounds; the others go on until it has finished. */
function runFree(): void {
  for (let round = 0; data.thread > 0 && control.load(OVER_AT) === 0; round++) part.round(round)
  if (data.thread > 0) return
  for (let round = 0; round < data.rounds; round++) {
    outcomes[round * data.threads] = part.round(round)
  }
  control.store(OVER_AT, 1)
}

barrier.wait()
if (data.test === 'reallocating') runFree()
else runPaced()
barrier.wait()
parentPort?.postMessage('done')
