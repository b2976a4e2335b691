/** Publishes at the rate that the control words say, while they say one. */

import { parentPort, workerData } from 'node:worker_threads'
import { openStore, type Store } from '../src/index.ts'

interface Task {
  readonly handle: never
  readonly control: SharedArrayBuffer
}

/** Publishes between two looks at the clock. */
const BURST = 20

const { handle, control } = workerData as Task
const words = new Int32Array(control)
const store = openStore(handle) as unknown as Store<{ a: { b: { c: number } } }>
parentPort?.postMessage('ready')
for (let number = 0; ;) {
  Atomics.wait(words, 0, 0)
  const begin = performance.now()
  let published = 0
  for (let rate = words[0] as number; rate > 0; rate = Atomics.load(words, 0)) {
    for (let burst = 0; burst < BURST; burst++) store.set(['a', 'b', 'c'], number++ & 0xffff)
    published += BURST
    const due = begin + (published * 1000) / rate
    while (performance.now() < due && Atomics.load(words, 0) === rate);
  }
}
