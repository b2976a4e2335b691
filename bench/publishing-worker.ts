/** Publishes as fast as it can while the control word is 1. */

import { parentPort, workerData } from 'node:worker_threads'
import { openStore, type Store } from '../src/index.ts'

interface Task {
  readonly handle: never
  readonly control: SharedArrayBuffer
}

const { handle, control } = workerData as Task
const words = new Int32Array(control)
const store = openStore(handle) as unknown as Store<{ a: { b: { c: number } } }>
parentPort?.postMessage('ready')
for (let number = 0; ;) {
  Atomics.wait(words, 0, 0)
  for (let index = 0; index < 1000; index++) store.set(['a', 'b', 'c'], number++ & 0xffff)
}
