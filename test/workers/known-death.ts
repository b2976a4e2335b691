/** Threads that die inside the library's hands, and one that meets what they left: for tests of
 *  deaths that were noticed by a thread that cannot reap. */
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { createStore, openStore, type StoreHandle } from '../../src/index.ts'
import { attach } from '../../src/store/attachment.ts'
import { memoryOfHandle } from '../../src/store/handle.ts'

export interface KnownDeathData {
  readonly role: 'creator' | 'reader' | 'locker' | 'parent' | 'idle'
  readonly handle?: StoreHandle<{ n: number }>
  /** Its first word becomes 1 once the thread stands where it is to die. */
  readonly stands: SharedArrayBuffer
}

const port = parentPort!
const data = workerData as KnownDeathData
const word = new Int32Array(data.stands)
const store =
  data.role === 'creator'
    ? createStore({ n: 0 }, { maxBytes: 2 ** 20 })
    : openStore<{ n: number }>(data.handle!)

switch (data.role) {
  case 'creator':
    port.on('message', () => {
      void act()
        .catch(String)
        .then((answer) => port.postMessage(answer))
    })
    break
  case 'reader':
    store.read(stand)
    break
  case 'locker': {
    const { lock } = attach(memoryOfHandle(store.handle, 'store'), '').thread.reclaimer
    while (!lock.tryTake()) void store.version
    stand()
    break
  }
  case 'parent': {
    const child = new Worker(new URL(import.meta.url), {
      workerData: { ...data, role: 'reader' } satisfies KnownDeathData,
    })
    child.once('exit', () => port.postMessage('ended'))
    port.on('message', () => void child.terminate())
    break
  }
  default:
    setInterval(() => {}, 1e6)
}
if (data.role !== 'reader' && data.role !== 'locker') port.postMessage(store.handle)

function stand(): void {
  Atomics.store(word, 0, 1)
  Atomics.notify(word, 0)
  Atomics.wait(word, 1, 0)
}

/** Waits for readers, and for the lock: both end soon where the dead are reaped. */
async function act(): Promise<unknown> {
  store.synchronizeSync(20_000)
  await store.synchronize()
  for (let n = 1; n <= 40; n++) store.set(['n'], n)
  store.heap.allocate(100).release()
  return [store.heap.threads().length, store.current.n]
}
