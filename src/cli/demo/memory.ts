/** What memory costs: the whole process, and one private copy of the data in one worker. */

import { once } from 'node:events'
import { Session } from 'node:inspector/promises'
import { getHeapStatistics } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { workerFile } from './files.ts'

interface PrivateCopyReport {
  readonly idleBytes: number
  readonly holdingBytes: number
}

/** Collects the garbage of the calling thread, so that it is not taken for data. */
export async function collectGarbage(): Promise<void> {
  const session = new Session()
  session.connect()
  await session.post('HeapProfiler.collectGarbage')
  session.disconnect()
}

/** Live objects of the calling thread, after a collection. */
export function heapBytes(): number {
  return getHeapStatistics().used_heap_size
}

/** Resident memory of the process after a collection in this thread. */
export async function residentBytes(): Promise<number> {
  await collectGarbage()
  return process.memoryUsage.rss()
}

/**
 * Measured, not estimated: a worker parses the file into a copy of its own. What it occupied while
 * it was idle does not count.
 */
export async function measurePrivateCopy(file: string): Promise<number> {
  const worker = new Worker(workerFile('demo-private-copy'), { workerData: file })
  const [report] = (await once(worker, 'message')) as [PrivateCopyReport]
  await worker.terminate()
  return Math.max(0, report.holdingBytes - report.idleBytes)
}
