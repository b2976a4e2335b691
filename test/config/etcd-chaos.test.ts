/**
 * A real etcd that is killed, stopped, cut off and compacted while it is written, and what the
 * configuration makes of it: each version that is published is exactly the state of the store at
 * one revision, and revisions only grow. So nothing is lost, applied twice or out of order.
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import type { Config } from '../../src/config.ts'
import { absent, EtcdServer } from './etcd-server.ts'
import { follow, impatient, revisionOf, until, type Values } from './etcd-following.ts'
import { Gate } from './gate.ts'
import { eventsOf } from './stage.ts'

if (absent !== undefined) console.log(`skipped: ${absent}`)

const text = (value: unknown): string => JSON.stringify(value, Object.keys(value as object).sort())

/** Writes whole states, each in one transaction, and remembers which revision had which. */
class Scribe {
  readonly states = new Map<number, string>()
  readonly #server: EtcdServer
  #n = 0
  #last = 0
  #unsure = 0
  #stopped = false
  #done: Promise<void> | undefined

  constructor(server: EtcdServer) {
    this.#server = server
  }

  /** Two keys that must agree, and of five others each comes and goes. */
  async write(): Promise<void> {
    const n = this.#n + 1
    const success: object[] = []
    const state: Values = { left: n, right: n }
    for (const side of ['left', 'right']) success.push(put(side, { [side]: n }))
    for (let one = 0; one < 5; one++) {
      if (one === n % 5)
        success.push({ request_delete_range: { key: Buffer.from(`/app/t${one}`) } })
      else if (one === (n + 3) % 5) success.push(put(`t${one}`, { [`t${one}`]: n }))
      const since = n - ((n - one + 5 + 3) % 5)
      const gone = n - ((n - one + 5) % 5)
      if (since > gone && since > 0) state[`t${one}`] = since
    }
    // Only onto the state that is meant: a request that is sent again can not count twice.
    const compare = [
      {
        key: Buffer.from('/app/left'),
        target: 'Mod',
        result: 'Equal',
        mod_revision: `${this.#last}`,
      },
    ]
    const failure = [{ request_range: { key: Buffer.from('/app/left') } }]
    const { header, succeeded, responses } = await this.#server.writer.kv.txn({
      compare,
      success,
      failure,
    })
    const found = responses[0]?.response_range?.kvs[0]
    const revision = Number(succeeded ? header.revision : found?.mod_revision)
    // What became of a request that was not answered.
    if (!succeeded) this.#unsure++
    this.#n = n
    this.#last = revision
    this.states.set(revision, text(state))
  }

  begin(): void {
    this.#done = (async () => {
      while (!this.#stopped) {
        await this.write().catch(() => this.#server.forget())
        await sleep(2)
      }
    })()
  }

  async end(): Promise<{ revision: number; unsure: number }> {
    this.#stopped = true
    await this.#done
    return { revision: this.#last, unsure: this.#unsure }
  }
}

function put(name: string, value: Values): object {
  const request = { key: Buffer.from(`/app/${name}`), value: Buffer.from(JSON.stringify(value)) }
  return { request_put: request }
}

/** Resolves when so many more versions are published. */
async function progress(config: Config<Values>, versions: number): Promise<void> {
  const wanted = config.version + versions
  await until(config, () => config.version >= wanted)
}

/** What is published, version by version. */
function record(config: Config<Values>): [number, string][] {
  const seen: [number, string][] = [[revisionOf(config), text(config.current)]]
  config.on('reloaded', ({ revisions }) => {
    seen.push([Number(Object.values(revisions)[0]), text(config.current)])
  })
  return seen
}

function expectHistory(seen: readonly [number, string][], { states }: Scribe): void {
  for (const [index, [revision, state]] of seen.entries()) {
    expect(state, `the state at revision ${revision}`).toBe(states.get(revision))
    if (index > 0) expect(revision).toBeGreaterThan((seen[index - 1] as [number, string])[0])
  }
}

/** Reads the store as fast as it can: halves, and steps back, are counted. */
const reader = `
  const { parentPort, workerData } = require('node:worker_threads')
  let end = false
  parentPort.once('message', () => (end = true))
  import(workerData.entry).then(async ({ openStore }) => {
    const store = openStore(workerData.handle)
    const counts = { reads: 0, versions: 0, halves: 0, back: 0 }
    let last = store.current.left
    parentPort.postMessage('reading')
    while (!end) {
      for (let read = 0; read < 1000; read++) {
        const { left, right } = store.current
        counts.reads++
        if (left !== right) counts.halves++
        if (left < last) counts.back++
        if (left !== last) counts.versions++
        last = left
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    parentPort.postMessage(counts)
  })`

interface Counts {
  readonly reads: number
  readonly versions: number
  readonly halves: number
  readonly back: number
}

/** Begins to read in a new thread; the result ends it. */
async function read(config: Config<Values>): Promise<() => Promise<Counts>> {
  const entry = new URL('../../dist/src/index.js', import.meta.url).href
  const worker = new Worker(reader, { eval: true, workerData: { entry, handle: config.handle } })
  await once(worker, 'message')
  return async () => {
    const counted = once(worker, 'message') as Promise<[Counts]>
    worker.postMessage('end')
    return (await counted)[0]
  }
}

async function started(): Promise<{ server: EtcdServer; scribe: Scribe }> {
  const server = await EtcdServer.start()
  const scribe = new Scribe(server)
  await scribe.write()
  return { server, scribe }
}

const claim = 'nothing is lost, applied twice or out of order'

describe.skipIf(absent !== undefined)(claim, () => {
  test('when the store is killed and started again, with new workers all the while', async () => {
    const { server, scribe } = await started()
    const config = await follow(server.host)
    const seen = record(config)
    const events = eventsOf(config as never)
    scribe.begin()
    const counts: Counts[] = []
    for (let times = 0; times < 4; times++) {
      const ending = await read(config)
      await progress(config, 10)
      await server.kill()
      await sleep(times % 2 === 0 ? 0 : 400)
      await server.start()
      await progress(config, 10)
      counts.push(await ending())
    }
    const { revision, unsure } = await scribe.end()
    await until(config, () => revisionOf(config) === revision)
    expectHistory(seen, scribe)
    const total = (key: keyof Counts) => counts.reduce((sum, each) => sum + each[key], 0)
    expect([total('halves'), total('back')]).toEqual([0, 0])
    expect(total('versions')).toBeGreaterThan(10)
    expect(seen.length).toBeGreaterThan(20)
    const outages = events.filter(({ type }) => type === 'unavailable').length
    console.log(
      `kills: 4, ${scribe.states.size} revisions, ${seen.length} versions, ${outages} outages, ` +
        `${unsure} unsure writes, ${total('reads')} reads of ${total('versions')} versions`,
    )
  })

  test('when it hangs and goes on', async () => {
    const { server, scribe } = await started()
    const config = await follow(server.host, impatient)
    const seen = record(config)
    scribe.begin()
    for (const ms of [50, 5000, 100, 900]) {
      await progress(config, 10)
      server.hang()
      await sleep(ms)
      server.goOn()
    }
    await progress(config, 10)
    const { revision } = await scribe.end()
    await until(config, () => revisionOf(config) === revision)
    expectHistory(seen, scribe)
    expect(seen.length).toBeGreaterThan(20)
    console.log(`hangs: 4, ${scribe.states.size} revisions, ${seen.length} versions`)
  })

  test('when the connection is cut in the middle, again and again', async () => {
    const { server, scribe } = await started()
    const gate = await Gate.open(server.host)
    const config = await follow(gate.host)
    const seen = record(config)
    scribe.begin()
    for (let times = 0; times < 25; times++) {
      await progress(config, times % 5)
      await sleep(times)
      gate.cut()
    }
    const { revision } = await scribe.end()
    await until(config, () => revisionOf(config) === revision)
    expectHistory(seen, scribe)
    expect(seen.length).toBeGreaterThan(20)
    console.log(`cuts: 25, ${scribe.states.size} revisions, ${seen.length} versions`)
  })

  test('when what the watcher needs next is compacted: all is listed again', async () => {
    const { server, scribe } = await started()
    const gate = await Gate.open(server.host)
    const config = await follow(gate.host)
    const seen = record(config)
    let missed = 0
    for (let times = 0; times < 5; times++) {
      for (let n = 0; n < 5; n++) await scribe.write()
      const before = [...scribe.states.keys()].at(-1) as number
      await until(config, () => revisionOf(config) === before)
      gate.close()
      for (let n = 0; n < 20; n++) await scribe.write()
      const last = [...scribe.states.keys()].at(-1) as number
      await server.compact(last)
      await gate.reopen()
      await until(config, () => revisionOf(config) === last)
      expect(seen.at(-2)?.[0]).toBe(before) // nothing in between
      missed += 19
    }
    expectHistory(seen, scribe)
    console.log(`compactions: 5, ${missed} revisions that nobody can see any more`)
  })

  test('when it is compacted under a watcher that keeps up, which is no event at all', async () => {
    const { server, scribe } = await started()
    const config = await follow(server.host)
    const seen = record(config)
    const listings = await server.requests('Range')
    for (let n = 0; n < 40; n++) {
      await scribe.write()
      const last = [...scribe.states.keys()].at(-1) as number
      await server.compact(last)
      await until(config, () => revisionOf(config) === last)
    }
    expect(seen).toHaveLength(41)
    expect(await server.requests('Range')).toBe(listings)
    expectHistory(seen, scribe)
  })
})
