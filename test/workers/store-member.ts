/**
 * Opens the store named 'family' in each of several generations, reads and writes it without end,
 * and dies inside the library's hands in the way it is told to.
 */
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { openStore } from '../../src/index.ts'

export interface StoreMemberData {
  readonly generations: number
  readonly end: 'terminate' | 'exit' | 'throw'
}

interface Shared {
  readonly numbers: readonly number[]
  readonly turns: number
}

const port = parentPort!
const data = workerData as StoreMemberData
const store = openStore<Shared>('family')
store.subscribe(() => {}, { keepAlive: true })
store.snapshot()

if (data.generations > 0) {
  const child = new Worker(new URL(import.meta.url), {
    workerData: { ...data, generations: data.generations - 1 },
  })
  child.on('error', () => {})
  child.on('message', (message) => port.postMessage(message))
  port.on('message', () => {})
} else {
  port.postMessage('working')
  setTimeout(work, 5)
}

function work(): void {
  for (let turn = 0; ; turn++) {
    store.update((draft) => {
      ;(draft as { turns: number }).turns = turn
    })
    store.read(({ numbers }) => {
      if (turn > 200 && data.end === 'exit') process.exit(2)
      return numbers[turn % numbers.length]
    })
    if (turn > 200 && data.end === 'throw') throw new RangeError('this member fails')
  }
}
