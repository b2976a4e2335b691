/** Publishes, reads and dies in a heap of trees, as told: for tests of waiting. */
import { parentPort, threadId, workerData } from 'node:worker_threads'
import { WAITERS_AT } from '../../src/memory/layout.ts'
import { RootCell } from '../../src/versions/root.ts'
import { openMemory, openThread, publish, WatchedTree } from '../support/watched.ts'
import { waitForVersion, waitForVersionSync } from '../../src/store/subscribe.ts'

/** So that the build has it, for scripts that make heaps. */
export { testMemory } from '../support/heap.ts'

export interface PublisherData {
  readonly buffer: SharedArrayBuffer
}

export type Order =
  /** Publishes so often, with a pause of at most so many microseconds between. */
  | { do: 'publish'; times: number; pauseMicros: number }
  /** Publishes without a pause for so long. */
  | { do: 'storm'; milliseconds: number }
  /** Enters a read and stays in it, blocking, for so long. */
  | { do: 'read'; milliseconds: number }
  | { do: 'waitSync'; version: number; timeoutMs: number }
  | { do: 'wait'; version: number }
  /** Publishes without ringing: as one that dies between the two. */
  | { do: 'swapOnly' }
  | { do: 'leave' }

const port = parentPort!
const { buffer } = workerData as PublisherData
const memory = openMemory(buffer)
const thread = openThread(memory, threadId)
const cell = new RootCell(memory, 0)
const watched = new WatchedTree(thread, cell)
const idle = new Int32Array(new SharedArrayBuffer(4))

port.on('message', (order: Order) => {
  void obey(order).then((answer) => port.postMessage(answer))
})
port.postMessage('ready')

async function obey(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'publish':
      for (let turn = 0; turn < order.times; turn++) {
        publish(thread, cell)
        const until = performance.now() + (Math.random() * order.pauseMicros) / 1000
        while (performance.now() < until) continue
      }
      return watched.version
    case 'storm': {
      const until = performance.now() + order.milliseconds
      while (performance.now() < until) publish(thread, cell)
      return watched.version
    }
    case 'read':
      thread.reading.enter()
      port.postMessage('reading')
      Atomics.wait(idle, 0, 0, order.milliseconds)
      thread.reading.leave()
      return 'read'
    case 'waitSync':
      return waitForVersionSync(watched, order.version, order.timeoutMs)
    case 'wait':
      return await waitForVersion(watched, order.version)
    case 'swapOnly': {
      const load = memory.words.load.bind(memory.words)
      // The bell is rung if WAITERS is not 0: for once it seems to be.
      memory.words.load = (at) => (at === WAITERS_AT ? 0 : load(at))
      publish(thread, cell)
      memory.words.load = load
      return watched.version
    }
    case 'leave':
      watched.bell.close()
      thread.leave(100)
      port.close()
      return 'left'
  }
}
