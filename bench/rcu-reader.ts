/** The busy reader of bench/liburcu.ts: dereference, sum eight words, quiescent state, in turn. */

import { parentPort, workerData } from 'node:worker_threads'
import { Rcu, RcuPointer, type RcuHandle, type RcuPointerHandle } from '../src/rcu.ts'

const { rcu: handle, pointer: named } = workerData as {
  rcu: RcuHandle
  pointer: RcuPointerHandle
}
const { stop } = workerData as { stop: SharedArrayBuffer }
const stopped = new Int32Array(stop)
const rcu = Rcu.open(handle)
const pointer = RcuPointer.open(named)
const reader = rcu.register({ flavor: 'qsbr', label: 'busy reader' })
parentPort!.postMessage('ready')

let sum = 0
let turns = 0
do {
  for (let turn = 0; turn < 1000; turn++) {
    const words = pointer.borrow()!.words
    for (let index = 0; index < 8; index++) sum += words[index]!
    reader.quiescent()
  }
  turns += 1000
} while (Atomics.load(stopped, 0) === 0)
reader.unregister()
rcu.close()
parentPort!.postMessage({ turns, sum })
