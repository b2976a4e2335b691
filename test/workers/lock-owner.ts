/** A thread with two slots of one heap, as two copies of the package have them, that ends while it
 *  holds the lock through the second; or its child does, and it has none. */
import { threadId, Worker, workerData } from 'node:worker_threads'
import { openStore, type StoreHandle } from '../../src/index.ts'
import { attach } from '../../src/store/attachment.ts'
import { memoryOfHandle } from '../../src/store/handle.ts'
import { HeapThread } from '../../src/reclaim/thread.ts'

export interface LockOwnerData {
  readonly handle: StoreHandle<{ n: number }>
  /** Its word becomes 1 once the lock is held. */
  readonly taken: SharedArrayBuffer
  readonly child: boolean
}

const { handle, taken, child } = workerData as LockOwnerData
const store = openStore(handle)
if (child) {
  const data: LockOwnerData = { handle, taken, child: false }
  // oxlint-disable-next-line no-new
  new Worker(new URL(import.meta.url), { workerData: data })
} else {
  const { memory } = attach(memoryOfHandle(handle, 'store'), '')
  const identity = { threadId, creatorId: -1, watched: true, label: 'second' }
  const { lock } = new HeapThread(memory, identity).reclaimer
  while (!lock.tryTake()) void store.version
  const word = new Int32Array(taken)
  Atomics.store(word, 0, 1)
  Atomics.notify(word, 0)
  Atomics.wait(word, 0, 1)
}
