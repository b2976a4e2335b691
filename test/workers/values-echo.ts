/**
 * Takes the value of a store and compares it with what a message carried here, then gives it back
 * through another key: as it is, which shares what is stored, or as a copy that is stored anew.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { openStore, type StoreHandle } from '../../src/index.ts'
import { copied, difference } from './identical.ts'

interface Echo {
  there: unknown
  back: unknown
}

/** What is asked: `wanted` is compared if it is there. */
export interface EchoRequest {
  readonly wanted?: unknown
  readonly copy?: boolean
}

const store = openStore(workerData as StoreHandle<Echo>)
parentPort!.on('message', (request: EchoRequest | string) => {
  const asked = typeof request === 'string' ? {} : request
  const { there } = store.current
  const problem = 'wanted' in asked ? difference(there, asked.wanted) : undefined
  store.update((draft) => {
    draft.back = asked.copy === true ? copied(there) : there
  })
  parentPort!.postMessage(problem)
})
