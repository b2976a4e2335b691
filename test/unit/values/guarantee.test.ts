/**
 * Guarantee G: what a thread was given stays as it was, whatever is published, by this thread or
 * another: values of which nothing was looked at, views of Maps and Sets, iterators half way.
 */
import { once } from 'node:events'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { createStore, type Store } from '../../../src/index.ts'
import { type ChurnData, churn, type Document, documentOf } from '../../workers/churn.ts'
import { copied, difference } from '../../workers/identical.ts'
import { randomFrom, seedOf, settled } from '../store/inside.ts'

/** Fewer on the other versions of Node. */
const FEWER = process.env['ROOTSWAP_WITHOUT_SLOW_TESTS'] === '1'
const PUBLISHES = Number(process.env['ROOTSWAP_PUBLISHES'] ?? (FEWER ? 10_000 : 100_000))
const BATCH = 1000
const program = new URL('../../../dist/test/workers/churn.js', import.meta.url)

interface Kept {
  readonly what: string
  /** Reads what was kept, to its end. */
  read(): unknown
  readonly wanted: unknown
}

/** What somebody may keep of one version, most of it never looked into. */
function keep(store: Store<Document>, model: Document): Kept[] {
  const value = store.current
  const version = store.version
  const { users, members, nested } = value
  const entries = users.entries()
  const keys = users.keys()
  const values = users[Symbol.iterator]()
  const listed = members.values()
  const begun = [entries, keys, values, listed].map((each) => [each.next().value])
  const rest = (index: number, all: Iterable<unknown>): unknown => [...begun[index]!, ...all]
  const parts: [string, () => unknown, unknown][] = [
    ['the whole', () => value, model],
    ['a list', () => value.rows, model.rows],
    ['a Map', () => users, model.users],
    ['a Set', () => members, model.members],
    ['Maps in a Map', () => nested, model.nested],
    ['a size', () => users.size + members.size, model.users.size + model.members.size],
    ['an iterator of entries, half way', () => rest(0, entries), [...model.users]],
    ['an iterator of keys, half way', () => rest(1, keys), [...model.users.keys()]],
    ['another of entries', () => rest(2, values), [...model.users]],
    ['an iterator of a Set, half way', () => rest(3, listed), [...model.members]],
    ['a key', () => users.get('user 4'), model.users.get('user 4')],
    ['no key', () => users.has('nobody'), false],
  ]
  return parts.map(([what, read, wanted]) => ({ what: `${what} of ${version}`, read, wanted }))
}

/** Apart, so that no variable of the test keeps one of them. */
function expectAsGiven(kept: readonly Kept[]): void {
  for (const { what, read, wanted } of kept.toReversed()) {
    expect(difference(read(), wanted), what).toBeUndefined()
  }
}

type Publish = (store: Store<Document>, count: number) => Promise<void> | void

const ways: Record<string, () => { publish: Publish; end(): Promise<unknown> | void }> = {
  'this thread': () => {
    const random = randomFrom(seedOf('churn'))
    let step = 0
    return {
      publish(store, count) {
        for (const until = step + count; step < until; step++) churn(store, random, step)
      },
      end() {},
    }
  },
  'another thread': () => {
    let worker: Worker | undefined
    return {
      async publish(store, count) {
        const workerData: ChurnData = { handle: store.handle, seed: 1 }
        worker ??= new Worker(program, { workerData })
        worker.postMessage(count)
        await once(worker, 'message')
      },
      end: () => worker?.terminate(),
    }
  },
}

/** Bytes that are live when nothing but the newest version is kept. */
async function liveAlone(store: Store<Document>): Promise<number> {
  let least = Infinity
  for (let round = 0; round < 30; round++) {
    globalThis.gc!()
    await sleep(5)
    settled(store)
    const { liveBytes } = store.stats()
    if (liveBytes >= least && round > 8) break
    least = Math.min(least, liveBytes)
  }
  return least
}

test.each(Object.keys(ways))(
  'values, views and iterators are as on the first day, whatever %s publishes',
  async (way) => {
    const first = documentOf()
    const store = createStore(first, { maxBytes: 2 ** 28 })
    const alone = await liveAlone(store)
    const kept = keep(store, first)
    let most = 0
    let versionsKept = 1
    const { publish, end } = ways[way]!()
    for (let done = 0; done < PUBLISHES; done += BATCH) {
      await publish(store, BATCH)
      await turn()
      if (done % 5000 === 0) {
        void store.current.title
        globalThis.gc!()
      }
      if (done % 25_000 === 20_000) {
        kept.push(...keep(store, copied(store.current) as Document))
        versionsKept++
      }
      most = Math.max(most, store.stats().liveBytes)
    }
    // Some edits change nothing.
    expect(store.version).toBeGreaterThan(PUBLISHES * 0.99)
    const withKept = await liveAlone(store)
    const { heldBytes, stores } = store.heap.threads()[0]!
    console.log(
      `${way}: ${versionsKept} versions kept over ${PUBLISHES} publishes; bytes: ${alone} alone, ` +
        `at most ${most}, ${withKept} at the end, ${heldBytes} of them held; ` +
        `the oldest held is ${stores[0]!.oldestVersion}`,
    )
    // Reported, and no more than the versions that are kept: nothing of those between them.
    expect(stores[0]!.oldestVersion).toBe(1)
    expect(heldBytes).toBeGreaterThan(alone * (versionsKept - 1))
    expect(heldBytes).toBeLessThan(withKept - alone / 2)
    expect(withKept).toBeLessThan(alone * (versionsKept + 3))
    expectAsGiven(kept)
    await end()
    kept.length = 0
    store.replace(documentOf())
    void store.current
    const left = await liveAlone(store)
    console.log(`${way}: ${left} bytes are left`)
    expect(store.heap.threads()[0]!.heldBytes).toBe(0)
    expect(left).toBeLessThan(alone * 1.5)
    store.close()
  },
  240_000,
)
