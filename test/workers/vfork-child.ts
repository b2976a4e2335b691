/** Runs as a child of `vfork` until its exec or exit, at one of whose stores it may stop. */
import { workerData } from 'node:worker_threads'
import { AddressSpace, type SpaceHandle } from '../../src/cow.ts'
import { attach } from '../../src/store/attachment.ts'
import { memoryOfHandle } from '../../src/store/handle.ts'

export interface VforkChildData {
  readonly handle: SpaceHandle
  readonly how: 'exec' | 'exit'
  /** Stops before this atomic store of the exec or exit; 0: at none. */
  readonly stopsAt: number
  /** Its word becomes 1 when the thread is about to leave, 2 when it stops, 3 when it has left. */
  readonly state: SharedArrayBuffer
}

const { handle, how, stopsAt, state } = workerData as VforkChildData
const word = new Int32Array(state)
const child = AddressSpace.open(handle)
const { address } = child.segment('data')
child.write(address + 1, Uint8Array.of(9))
tell(1)
// A parent that waits does so by now.
Atomics.wait(word, 1, 0, stopsAt === 0 ? 30 : 0)
if (stopsAt > 0) stopAt(stopsAt)
if (how === 'exit') child.exit()
else child.exec({ segments: { data: { bytes: Uint8Array.of(4, 5) } } })
tell(3)
if (how === 'exec') {
  const grandchild = child.vfork()
  grandchild.write(address, Uint8Array.of(6))
  grandchild.exit()
  child.write(address + 1, Uint8Array.of(7))
  tell(4)
}
Atomics.wait(word, 1, 0)

function tell(now: number): void {
  Atomics.store(word, 0, now)
  Atomics.notify(word, 0)
}

function stopAt(store: number): void {
  const { words } = attach(memoryOfHandle(handle, 'space'), '').memory
  const original = words.store.bind(words)
  let stores = 0
  words.store = (at, value) => {
    if (++stores === store) {
      tell(2)
      Atomics.wait(word, 1, 0)
    }
    original(at, value)
  }
}
