// The next configuration is prepared aside, 5 % of the workers read it, and it is adopted or
// dropped for what they report. Nobody restarts, and nobody reads a half of it.
//
//   node examples/branches/main.mjs

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { createStore } from 'rootswap'

const WORKERS = 20
const CANARIES = Math.ceil(WORKERS * 0.05)

const store = createStore({ batch: 10, timeoutMs: 100, routes: { '/': 'home', '/old': 'home' } })
const program = new URL('./worker.mjs', import.meta.url)
const workers = Array.from({ length: WORKERS }, () => {
  return new Worker(program, { workerData: store.handle })
})
await Promise.all(workers.map((worker) => once(worker, 'message')))
const [canaries, others] = [workers.slice(0, CANARIES), workers.slice(CANARIES)]

/** Sends a message to each, and waits for the answers. */
async function ask(group, message) {
  const answers = group.map((worker) => once(worker, 'message'))
  for (const worker of group) worker.postMessage(message)
  return (await Promise.all(answers)).map(([answer]) => answer)
}

/** Share of requests that fail in a group, in percent. */
async function failuresOf(group) {
  const reports = await ask(group, { serve: 200 })
  const failed = reports.reduce((sum, report) => sum + report.failed, 0)
  return (failed * 100) / (200 * group.length)
}

/** Tries a change on the canaries; adopts it if no more requests fail than elsewhere. */
async function tryOut(name, change) {
  const next = store.fork(name)
  next.update(change)
  // The branch stays open here until the canaries have opened it.
  await ask(canaries, { open: next.handle })
  const [with_, without] = [await failuresOf(canaries), await failuresOf(others)]
  const good = with_ <= without
  if (good) store.adopt(next)
  await ask(canaries, { open: store.handle })
  next.close() // the last one that had it open: what only it reached is free again
  console.log(
    `${name}: ${with_} % failed in ${CANARIES} of ${WORKERS} workers, ` +
      `${without} % in the others: ` +
      `${good ? 'adopted' : 'dropped'}, version ${store.version}`,
  )
}

await tryOut('faster', (draft) => {
  draft.timeoutMs = 1
})
await tryOut('bigger batches', (draft) => {
  draft.batch = 50
  delete draft.routes['/old']
})

const versions = await ask(workers, { serve: 1 })
const same = versions.every(({ batch }) => batch === store.current.batch)
console.log(`${WORKERS} workers use batches of ${store.current.batch}: ${same}`)
store.verify() // throws if a count is wrong, or a block belongs to nobody
console.log(`stores in the heap: ${store.heap.stores().length}`)
await Promise.all(workers.map((worker) => worker.terminate()))
store.close()
