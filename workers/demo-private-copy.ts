/** What it costs a worker to hold the data for itself: parses it, and says what that added. */

import { readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { collectGarbage } from '../src/cli/demo/memory.ts'

collectGarbage()
const idleBytes = process.memoryUsage.rss()
const copy: unknown = JSON.parse(readFileSync(workerData as string, 'utf8'))
collectGarbage()
const holdingBytes = process.memoryUsage.rss()
parentPort?.postMessage({ idleBytes, holdingBytes, kind: typeof copy })
