/** Threads that hold what a test tells them to; see workers/holder.ts. */

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Answer, HolderData, Order } from '../workers/holder.ts'

const program = new URL('../../dist/test/workers/holder.js', import.meta.url)

export interface Holder {
  readonly worker: Worker
  readonly control: Int32Array
  /** Sends an order and waits for the next answer. */
  ask(order: Order): Promise<Answer>
  /** The next answer, of an order that parked or spun. */
  answer(): Promise<Answer>
  /** Ends the parking. */
  wake(): void
}

export async function holder(
  store: { readonly handle: object },
  label = 'a holder',
): Promise<Holder> {
  const control = new Int32Array(new SharedArrayBuffer(8))
  const handle = store.handle as HolderData['handle']
  const workerData: HolderData = { handle, label, control }
  const worker = new Worker(program, { workerData })
  const answer = async (): Promise<Answer> => ((await once(worker, 'message')) as [Answer])[0]
  await answer()
  return {
    worker,
    control,
    answer,
    ask(order) {
      Atomics.store(control, 0, 0)
      const next = answer()
      worker.postMessage(order)
      return next
    },
    wake() {
      Atomics.store(control, 0, 1)
      Atomics.notify(control, 0)
    },
  }
}
