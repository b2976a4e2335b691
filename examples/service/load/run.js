/** The service under load, in this process, while its configuration changes and a worker dies. */
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { BroadcastChannel, MessageChannel } from 'node:worker_threads'
import autocannon from 'autocannon'
import { createService } from '../service.js'
import catalogue from './catalogue.cjs'
import { Swaps, spread } from './swaps.js'

const { ITEMS } = catalogue
const verifyBody = fileURLToPath(new URL('./verify.cjs', import.meta.url))
const tornWorker = new URL('./torn-worker.js', import.meta.url)
const base = JSON.parse(readFileSync(new URL('../app.json', import.meta.url), 'utf8'))

/** Mostly prices, of items at the ends and in the middle; sometimes a look at all of them. */
const requests = Array.from({ length: 100 }, (_, index) => {
  if (index === 50) return { path: '/audit' }
  if (index % 5 === 4) return { path: '/regions/de' }
  return { path: `/prices/${[0, ITEMS >> 1, ITEMS - 1, (index * 79) % ITEMS][index % 4]}` }
})

/**
 * `swaps` good files and `invalid` bad ones over `seconds`; `kill` ends a worker in the middle of a
 * request. `rate` is requests a second in all; without it each of the connections sends the next
 * request when it has its answer. `torn` takes a worker whose answers are of two versions at times;
 * with `inThread` the files are read by a thread of their own.
 */
export async function run({ seconds, swaps, invalid, kill, rate, torn = false, inThread = false }) {
  const folder = mkdtempSync(join(tmpdir(), 'rootswap-service-'))
  const file = join(folder, 'app.json')
  const changes = new Swaps(base, file, swaps)
  const { app, config, pool } = await createService({
    files: [file],
    debounceMs: 50,
    inThread,
    ...(torn ? { worker: tornWorker } : {}),
  })
  changes.follow(config)
  const killed = kill ? killable(app, pool) : undefined
  const heard = listen()
  try {
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    await warm(url)
    const load = autocannon({
      url,
      connections: 16,
      duration: seconds,
      requests,
      verifyBody,
      workers: 1,
      ...(rate === undefined ? {} : { overallRate: rate }),
    })
    const steps = plan(changes, {
      swaps,
      invalid,
      kill: killed && (() => killed.during(url, changes)),
    })
    const [results] = await Promise.all([load, spread(steps, seconds)])
    return summary(results, { config, changes, heard, killed })
  } finally {
    heard.close()
    await app.close()
    rmSync(folder, { recursive: true })
  }
}

/** Good and bad files in turn; in the middle the worker dies while a swap waits for it. */
function plan(changes, { swaps, invalid, kill }) {
  const steps = Array.from({ length: swaps }, () => () => changes.good())
  if (kill !== undefined) steps[swaps >> 1] = kill
  const stages = ['parse', 'validate', 'check']
  for (let index = 0; index < invalid; index++) {
    const place = Math.round(((index + 1) * steps.length) / (invalid + 1))
    steps.splice(place, 0, () => changes.bad(stages[index % stages.length]))
  }
  return steps
}

/** A route whose request is in a worker, in the middle of a read, until that worker is killed. */
function killable(app, pool) {
  const { port1, port2 } = new MessageChannel()
  const started = once(port1, 'message')
  app.get('/hang', async () => {
    return await pool.run({ started: port2 }, { name: 'hang', transferList: [port2] })
  })
  const killed = { status: undefined, heldUp: undefined }
  killed.during = async (url, changes) => {
    const answer = fetch(`${url}/hang`)
    const [threadId] = await started
    port1.close()
    // The new version is not everywhere while that request reads an older one.
    await changes.good(async (propagated) => {
      killed.heldUp = (await Promise.race([propagated, sleep(100, 'held up')])) === 'held up'
      await pool.threads.find((worker) => worker.threadId === threadId).terminate()
    })
    killed.status = (await answer).status
  }
  return killed
}

/** Code that is compiled, workers that run, values that are decoded. */
async function warm(url) {
  const load = autocannon({ url, connections: 8, duration: 2, requests, workers: 1 })
  await load
}

function listen() {
  const channel = new BroadcastChannel('rootswap-example-load')
  const heard = { versions: new Set(), wrong: [], close: () => channel.close() }
  channel.addEventListener('message', ({ data }) => {
    if ('version' in data) heard.versions.add(data.version)
    else heard.wrong.push(`${data.wrong} in ${data.body}`)
  })
  return heard
}

function summary(results, { config, changes, heard, killed }) {
  const { latency } = results
  return {
    requests: results.requests.total,
    requestsPerSecond: Math.round(results.requests.average),
    failed: results.non2xx + results.errors + results.timeouts,
    inconsistent: results.mismatches,
    wrong: heard.wrong.slice(0, 3),
    versionsSeen: heard.versions.size,
    version: config.version,
    propagated: changes.propagatedMs.length,
    propagatedMsMax: Math.max(0, ...changes.propagatedMs),
    rejected: changes.rejected,
    killed: killed === undefined ? null : { status: killed.status, heldUp: killed.heldUp },
    configBytes: changes.bytes,
    latencyMs: { p50: latency.p50, p99: latency.p99, max: latency.max },
  }
}
