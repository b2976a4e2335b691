/** A worker that has the store open and read it once. */

import { parentPort, workerData } from 'node:worker_threads'
import { openStore } from '../src/index.ts'

const store = openStore(workerData)
parentPort?.postMessage(typeof store.current)
setInterval(() => store.version, 1000)
