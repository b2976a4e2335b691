/** A thread that takes snapshots, reads and writes, and ends inside the library's hands. */
import { parentPort, Worker, workerData } from 'node:worker_threads'
import type * as rootswap from '../../src/index.ts'

export interface DyingData {
  readonly handle: rootswap.StoreHandle<{ rows: number[]; n: number }>
  readonly end: 'memory' | 'exit' | 'throw' | 'recipe' | 'stay' | 'unaware'
  /** Another copy of the package, used beside this one. */
  readonly copy?: string
}

const port = parentPort!
const { handle, end, copy } = workerData as DyingData

if (end === 'unaware') {
  // This thread does not load the package, so it watches nobody.
  const child = new Worker(new URL(import.meta.url), {
    workerData: { handle, end: 'stay' } satisfies DyingData,
  })
  child.on('message', (message) => port.postMessage(message))
} else {
  const names = ['../../src/index.js', ...(copy === undefined ? [] : [copy])]
  const opened = await Promise.all(
    names.map(async (name) => {
      const { openStore } = (await import(name)) as typeof rootswap
      const store = openStore(handle)
      store.subscribe(() => {}, { keepAlive: true })
      return { store, held: [store.snapshot(), store.snapshot()] }
    }),
  )
  port.postMessage('working')
  setTimeout(() => {
    for (const { store } of opened) act(store)
  }, 5)
}

function act(store: rootswap.Store<{ rows: number[]; n: number }>): void {
  for (let turn = 0; turn < 50; turn++) store.set(['n'], turn)
  const kept: unknown[] = []
  switch (end) {
    case 'memory':
      for (let turn = 0; ; turn++) {
        store.update((draft) => {
          draft.n = turn
          kept.push(Array.from({ length: 1000 }, (_, index) => ({ index, turn })))
        })
        kept.push(store.snapshot().value)
      }
    case 'exit':
      return store.read(() => process.exit(3))
    case 'throw':
      store.read(({ n }) => {
        throw new RangeError(`fails at ${n}`)
      })
      return
    case 'recipe':
      store.update((draft) => {
        draft.rows.push(1)
        process.exit(4)
      })
      return
    default:
      return
  }
}
