/** What it costs a worker to hold the data for itself: parses it, and says what that added. */

import { readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { collectGarbage, heapBytes } from '../src/cli/demo/memory.ts'

await collectGarbage()
const idleBytes = heapBytes()
const copy: unknown = JSON.parse(readFileSync(workerData as string, 'utf8'))
await collectGarbage()
const holdingBytes = heapBytes()
parentPort?.postMessage({ idleBytes, holdingBytes, kind: typeof copy })
