/** Notes when it hears: of a version by a subscription, of a message by `postMessage`. */

import { parentPort, workerData } from 'node:worker_threads'
import { openStore } from '../src/index.ts'

const { handle, heard } = workerData as {
  readonly handle: never
  readonly heard: SharedArrayBuffer
}
const words = new BigInt64Array(heard)

const note = (): void => {
  Atomics.store(words, 0, process.hrtime.bigint())
}

openStore(handle).subscribe(note)
parentPort?.on('message', note)
parentPort?.postMessage('ready')
