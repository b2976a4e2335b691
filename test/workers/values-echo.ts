/** Takes the value of a store, checks it there, and gives it back through another key. */
import { parentPort, workerData } from 'node:worker_threads'
import { openStore, type StoreHandle } from '../../src/index.ts'

interface Echo {
  there: unknown
  back: unknown
}

const store = openStore(workerData as StoreHandle<Echo>)
parentPort!.on('message', () => {
  store.update((draft) => {
    draft.back = store.current.there
  })
  parentPort!.postMessage(store.version)
})
