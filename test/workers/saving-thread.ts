/** A thread that saves a store of another thread again and again, to be terminated in a save. */

import { parentPort, workerData } from 'node:worker_threads'
import { openStore, type StoreHandle } from '../../src/index.ts'
import { saveSnapshot } from '../../src/persist.ts'

const { handle, file } = workerData as { handle: StoreHandle<unknown>; file: string }
const store = openStore(handle)
for (;;) {
  await saveSnapshot(store, file, { onProgress: () => parentPort?.postMessage('wrote') })
  parentPort?.postMessage('saved')
}
