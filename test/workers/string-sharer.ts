/** Opens a string that another thread writes, writes its own owner of it, and reads. */
import { workerData } from 'node:worker_threads'
import { Heap } from '../../src/index.ts'
import { CowString, type StringHandle } from '../../src/cow.ts'

const { handle, id } = workerData as { handle: StringHandle; id: number }
Heap.open({ rootswap: 'heap', buffer: handle.buffer, identity: handle.identity })
const pause = new Int32Array(new SharedArrayBuffer(4))

for (let turn = 0; ; turn++) {
  const string = CowString.open(handle)
  const clone = string.clone()
  const text = `${string}`
  const low = text.toLowerCase()
  // The owner writes all of it at once: a mixture is half of a write.
  if (text !== low && text !== low.toUpperCase()) throw new RangeError(`torn: ${text}`)
  const place = turn % text.length
  string.set(place, `${id}`)
  if (`${string}` !== text.slice(0, place) + id + text.slice(place + 1)) {
    throw new RangeError(`my write is not there: ${string}`)
  }
  if (`${clone}` !== text) throw new RangeError(`another's write is: ${clone}`)
  string.release()
  if (turn % 2 === 1) Atomics.wait(pause, 0, 0, 1) // the bytes stay shared for a while
  clone.release()
}
