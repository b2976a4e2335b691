/**
 * For the tests of the polyfill. As 'waiter' it waits on elements 1.. of the view, over the back
 * end named, and posts each outcome; as 'notifier' it stores and notifies when told to.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { type BackendName, waitAsyncOver } from '../../src/atomics-wait-polyfill/wait-async.ts'

export interface WaiterData {
  role: 'waiter'
  backend: BackendName
  view: Int32Array
  waits: number
  timeoutMs: number
}
export type WorkerData = WaiterData | { role: 'notifier'; view: Int32Array | BigInt64Array }
export interface Notify {
  index: number
  /** What to store first; nothing if left out. */
  value?: number | bigint
  count?: number
}

const keepAlive = (): void => {}
const port = parentPort!
const data = workerData as WorkerData
if (data.role === 'waiter') await waitForAll(data)
else listen(data.view as Int32Array)

async function waitForAll({ backend, view, waits, timeoutMs }: WaiterData): Promise<void> {
  const waitAsync = waitAsyncOver(backend)
  // A wait keeps no thread alive, so a listener does, until all are answered.
  port.on('message', keepAlive)
  const pending = Array.from({ length: waits }, (_, i) =>
    Promise.resolve(waitAsync(view, i + 1, 0, timeoutMs).value),
  )
  port.postMessage('waiting')
  port.postMessage(await Promise.all(pending))
  port.off('message', keepAlive)
}

function listen(view: Int32Array): void {
  port.on('message', ({ index, value, count }: Notify) => {
    if (value !== undefined) Atomics.store(view, index, value as number)
    port.postMessage(Atomics.notify(view, index, count))
  })
}
