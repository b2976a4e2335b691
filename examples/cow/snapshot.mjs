/**
 * A counter table that is written without a pause while another thread makes a report of one
 * moment: what databases do with fork(). Run: node examples/cow/snapshot.mjs
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Heap } from 'rootswap'
import { AddressSpace } from 'rootswap/cow'

const COUNTERS = 100_000

if (isMainThread) {
  const heap = Heap.create({ maxBytes: 64 * 2 ** 20 })
  const table = AddressSpace.create(heap, { segments: { heap: { byteLength: COUNTERS * 4 } } })
  const counters = table.view('heap')
  // A transfer keeps the sum: a report that mixes two moments would have another.
  const transfer = () => {
    const [from, to] = [0, 1].map(() => Math.floor(Math.random() * COUNTERS) * 4)
    counters.setInt32(from, counters.getInt32(from) - 1)
    counters.setInt32(to, counters.getInt32(to) + 1)
  }
  for (let count = 0; count < 20_000; count++) transfer()

  const moment = table.fork()
  const reporter = new Worker(new URL(import.meta.url), { workerData: moment.handle })
  reporter.once('message', () => moment.release()) // it has its own hold
  reporter.on('message', (text) => {
    if (text === 'open') return
    clearInterval(writing)
    const { pages, pagesCopied } = table.stats()
    console.log(`${text}; meanwhile ${pagesCopied} of ${pages} pages were copied`)
  })
  const writing = setInterval(() => {
    for (let count = 0; count < 100; count++) transfer()
  }, 1)
} else {
  const moment = AddressSpace.open(workerData)
  parentPort.postMessage('open')
  const view = moment.view('heap')
  let sum = 0
  for (let index = 0; index < COUNTERS; index++) sum += view.getInt32(index * 4)
  moment.exit()
  parentPort.postMessage(`the sum of ${COUNTERS} counters is ${sum}`)
}
