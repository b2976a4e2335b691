/**
 * A thread that stopped inside library code: memory stays bounded, a writer waits for a bounded
 * time, says who stands in the way, and goes on when that one has moved or died.
 */
import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { createStore, type Stall, type Store, type StoreOptions } from '../../../src/index.ts'
import { createPool } from '../../../src/piscina.ts'
import { holder, type Holder } from '../../support/holder.ts'
import { answered } from '../../support/pools.ts'
import type { Config } from '../../workers/pool-task.ts'
import { settled, thrown } from '../store/inside.ts'

const filename = fileURLToPath(new URL('../../../dist/test/workers/pool-task.js', import.meta.url))

const open: { close(): void }[] = []
const holders: Holder[] = []
afterEach(async () => {
  await Promise.all(holders.splice(0).map(({ worker }) => worker.terminate()))
  for (const each of open.splice(0)) each.close()
})

const LIMBO = 200_000
const body = (n: number) => `${n} `.repeat(1000).slice(0, 2000)

function create(options: StoreOptions = {}): Store<{ body: string; n: number }> {
  const store = createStore(
    { body: body(0), n: 0 },
    { maxBytes: 2 ** 22, maxThreads: 16, maxLimboBytes: LIMBO, label: 'main', ...options },
  )
  open.push(store)
  return store
}

async function stopped(store: { readonly handle: object }, how: 'stop' | 'stop-locked' = 'stop') {
  const thread = await holder(store, 'the stopped one')
  holders.push(thread)
  await thread.ask({ do: how })
  return thread
}

/** Writes until a write fails; its error, and how many were published. */
function flood(store: Store<{ body: string; n: number }>) {
  const before = store.version
  const error = thrown(() => {
    for (let n = store.version; ; n++) {
      store.replace({ body: body(n), n })
      if (n > 100_000) return
    }
  })
  return { error, published: store.version - before }
}

const stallsOf = (error: { readonly [field: string]: unknown }) => error['stalled'] as Stall[]

async function warningsOf(run: () => Promise<void>): Promise<string[]> {
  const warnings: string[] = []
  const hear = (warning: Error & { code?: string }) => void warnings.push(String(warning.code))
  process.on('warning', hear)
  await run()
  await sleep(1)
  process.off('warning', hear)
  return warnings
}

describe('a thread stopped inside library code', () => {
  test.each(['stop', 'stop-locked'] as const)(
    'holds no more than maxLimboBytes; the writer waits, says who, and goes on (%s)',
    async (how) => {
      const store = create({ maxWaitMs: 20 })
      const thread = await stopped(store, how)
      const { error, published } = flood(store)
      expect(error.code).toBe('ERR_RECLAIM_STALLED')
      expect(published).toBeGreaterThan(30)
      // A version may go over the limit that was kept before it.
      expect(store.stats().limboBytes).toBeLessThan(LIMBO + 10_000)
      const [stall] = stallsOf(error)
      expect(stallsOf(error).length).toBe(1)
      expect(stall).toMatchObject({
        threadId: thread.worker.threadId,
        label: 'the stopped one',
        holds: how === 'stop' ? 'section' : 'lock',
        watched: true,
      })
      expect(stall!.forMs).toBeGreaterThanOrEqual(15)
      expect(stall!.limboBytes).toBeGreaterThan(LIMBO - 10_000)
      expect(error.message).toContain("'the stopped one'")
      // Nothing was published, reads go on, and the next write fails in the same way.
      const { version } = store
      expect(store.current.n).toBe(store.get('n'))
      expect(thrown(() => store.set(['n'], -1)).code).toBe('ERR_RECLAIM_STALLED')
      expect([store.version, store.get('n')]).toEqual([version, store.current.n])
      // It goes on as soon as the thread does.
      const answer = thread.answer()
      thread.wake()
      await answer
      for (let n = 0; n < 1000; n++) store.replace({ body: body(n), n })
      expect(store.version).toBe(version + 1000)
      settled(store)
    },
  )

  test.each(['stop', 'stop-locked'] as const)('and when it is killed (%s)', async (how) => {
    const store = create({ maxWaitMs: 5 })
    const thread = await stopped(store, how)
    expect(flood(store).error.code).toBe('ERR_RECLAIM_STALLED')
    await thread.worker.terminate()
    for (let n = 0; n < 1000; n++) store.replace({ body: body(n), n })
    expect(settled(store)).toMatchObject({ versions: 1, zombies: 0 })
  })

  test('also in a heap that is full of history, which is given up in vain', async () => {
    const store = create({
      maxWaitMs: 5,
      history: 'while-memory-lasts',
      maxLimboBytes: 2 ** 20,
      maxBytes: 2 ** 20,
    })
    const thread = await stopped(store)
    const { error } = flood(store)
    expect(error.code).toBe('ERR_HEAP_FULL')
    expect(stallsOf(error)).toMatchObject([{ label: 'the stopped one', holds: 'section' }])
    const answer = thread.answer()
    thread.wake()
    await answer
    const { version } = store
    for (let n = 0; n < 1000; n++) store.replace({ body: body(n), n })
    expect(store.version).toBe(version + 1000)
    settled(store)
  })

  test('is told of once: by a warning, and on rootswap:stall', async () => {
    const store = create({ maxWaitMs: 5, stallMs: 30 })
    const told: Stall[] = []
    const hear = (stall: unknown) => void told.push(stall as Stall)
    diagnostics.subscribe('rootswap:stall', hear)
    const warnings = await warningsOf(async () => {
      const thread = await stopped(store)
      for (let n = 0; n < 60; n++) {
        store.set(['n'], n)
        await sleep(2)
      }
      await expect.poll(() => told.length).toBe(1)
      await sleep(100)
      expect(told.length).toBe(1)
      const answer = thread.answer()
      thread.wake()
      await answer
      store.synchronizeSync(5000)
      // Another stall of the same thread is another one, noticed without another write.
      await thread.ask({ do: 'stop' })
      store.set(['n'], -1)
      await expect.poll(() => told.length).toBe(2)
    })
    diagnostics.unsubscribe('rootswap:stall', hear)
    expect(warnings).toEqual(['ROOTSWAP_STALL', 'ROOTSWAP_STALL'])
    expect(told[0]).toMatchObject({ label: 'the stopped one', holds: 'section' })
    expect(told[0]!.forMs).toBeGreaterThanOrEqual(30)
    expect(told[0]!.heap).toBe(store.handle.identity.join(':'))
  })

  test('is told to the function of a thread instead, which may write', async () => {
    const told: Stall[] = []
    const other = createStore({ stalls: 0 }, { maxBytes: 2 ** 20 })
    open.push(other)
    const onStall = (stall: Stall): void => {
      told.push(stall)
      other.set(['stalls'], told.length)
    }
    const store = create({ stallMs: 20, onStall })
    const warnings = await warningsOf(async () => {
      await stopped(store)
      store.set(['n'], 1)
      await expect.poll(() => told.length).toBe(1)
    })
    expect(warnings).toEqual([])
    expect(other.get('stalls')).toBe(1)
  })

  test("with 'oust' loses what it was handed, and never what it may be reading", async () => {
    const store = create({ stallMs: 20, onStall: 'oust' })
    const thread = await holder(store, 'the stopped one')
    holders.push(thread)
    await thread.ask({ do: 'current' })
    store.replace({ body: body(1), n: 1 })
    expect(settled(store).zombies).toBe(1)
    await thread.ask({ do: 'stop' })
    const warnings = await warningsOf(async () => {
      const warned = once(process, 'warning')
      store.replace({ body: body(2), n: 2 })
      await warned
    })
    expect(warnings).toEqual(['ROOTSWAP_STALL'])
    const answer = thread.answer()
    thread.wake()
    await answer
    for (let turn = 0; turn < 4; turn++) store.synchronizeSync(1000)
    // The record stays as long as the ousted lease names its place; what it reached is gone.
    expect(store.heap.threads().find(({ slot }) => slot === 1)!.heldBytes).toBeLessThan(512)
    store.verify()
    expect(await thread.ask({ do: 'get', path: ['n'] })).toMatchObject({ value: 2 })
  })

  test('onStall that is nothing of this is a TypeError', () => {
    const error = thrown(() => createStore(1, { onStall: 'panic' as never }))
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument: 'onStall' })
    expect(error).toBeInstanceOf(TypeError)
  })
})

describe('no stall', () => {
  test.each(['park', 'read-park', 'snapshot'] as const)(
    'is a thread that is blocked outside the library (%s)',
    async (how) => {
      const told: Stall[] = []
      const store = create({ stallMs: 10, onStall: (stall) => void told.push(stall) })
      const thread = await holder(store, 'blocked')
      holders.push(thread)
      await thread.ask({ do: how })
      for (let n = 0; n < 2000; n++) {
        store.replace({ body: body(n), n })
        if (n % 100 === 0) await sleep(2)
      }
      expect(told).toEqual([])
    },
  )
})

/** A worker that is woken by a new version may lose its processor while it looks for it. */
const STALL_MS = 500

test.each(['sync', 'async'] as const)(
  'no stall is an idle worker of piscina, that parks between tasks (atomics: %s)',
  async (atomics) => {
    const told: Stall[] = []
    const onStall = (stall: Stall): void => void told.push(stall)
    const config = createStore<Config>(
      { name: 'a', count: 0 },
      { maxBytes: 2 ** 22, stallMs: STALL_MS, onStall },
    )
    open.push(config)
    const pool = createPool({ filename, stores: { config }, maxThreads: 2, minThreads: 2, atomics })
    await answered(pool, 2)
    const until = performance.now() + 3 * STALL_MS
    let count = 0
    while (count < 2000 || performance.now() < until) {
      config.set(['count'], ++count)
      if (count % 100 === 0) await sleep(2)
    }
    expect(told).toEqual([])
    expect(await pool.run('read')).toMatchObject({ count })
    expect(await pool.run('current')).toMatchObject({ count })
    await pool.destroy()
  },
)

test('what was replaced is reclaimed without another write, soon enough', async () => {
  const store = create()
  await sleep(150)
  store.set(['body'], body(7))
  void store.current
  await expect.poll(() => store.stats().limboBytes).toBeLessThan(1024)
})
