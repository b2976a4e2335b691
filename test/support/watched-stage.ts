/** A tree to watch, and a thread that publishes into it. */

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { WAITERS_AT } from '../../src/memory/layout.ts'
import type { Order } from '../workers/publisher.ts'
import { createTree } from './arrays.ts'
import { testMemory, testThread } from './heap.ts'
import { WatchedTree } from './watched.ts'

const workerFile = new URL('../../dist/test/workers/publisher.js', import.meta.url)
const MAIN = 100_000
const workers: Worker[] = []

export interface Stage {
  readonly buffer: SharedArrayBuffer
  readonly tree: WatchedTree
  waiters(): number
}

export function stage(): Stage {
  const memory = testMemory({ megabytes: 2 })
  const thread = testThread(memory, MAIN)
  const tree = new WatchedTree(thread, createTree(thread, [0, [1, 2], [3]]))
  const { words } = memory
  return { buffer: words.buffer, tree, waiters: () => words.load(WAITERS_AT) }
}

type Obey = (order: Order) => Promise<unknown>

export async function publisher(buffer: SharedArrayBuffer): Promise<Obey> {
  const worker = new Worker(workerFile, { workerData: { buffer } })
  workers.push(worker)
  await once(worker, 'message')
  return async (order) => {
    worker.postMessage(order)
    return (await once(worker, 'message'))[0] as unknown
  }
}

export async function endPublishers(): Promise<void> {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()))
}
