/** Opens a store and says what came of it; again, or closes it, when told to. */
import { parentPort, workerData } from 'node:worker_threads'
import { openStore, type RootswapError, type Store, type StoreHandle } from '../../src/index.ts'

const { handle, label } = workerData as { handle: StoreHandle<unknown>; label: string }
const port = parentPort!
let store: Store<unknown> | undefined

function open(): void {
  try {
    store = openStore(handle, { label })
    port.postMessage({ opened: store.current })
  } catch (error) {
    const { code, message, fields } = error as RootswapError
    port.postMessage({ code, message, holders: fields['holders'] })
  }
}

port.on('message', (order: 'again' | 'close') => {
  if (order === 'again') return open()
  store?.close()
  port.postMessage('closed')
})
open()
