import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { createStore, type Store } from '../../src/index.ts'
import { createPool, type PoolOptions } from '../../src/piscina.ts'
import { answered } from '../support/pools.ts'
import type { Answer, Config } from '../workers/pool-task.ts'

const filename = fileURLToPath(new URL('../../dist/test/workers/pool-task.js', import.meta.url))
const open: { destroy(): Promise<void> }[] = []
const stores: Store<Config>[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((pool) => pool.destroy()))
  for (const store of stores.splice(0)) store.close()
})

function storeNamed(name: string): Store<Config> {
  const store = createStore<Config>({ name, count: 0 }, { maxBytes: 2 ** 22 })
  stores.push(store)
  return store
}

/** No worker that no task asks for: Node 22 ends the process where one is terminated while it
 *  still loads its module. */
function poolOf(config: Store<Config>, options: Partial<PoolOptions> = {}) {
  const threads = { minThreads: 1, maxThreads: options.minThreads ?? 1 }
  const pool = createPool({ filename, stores: { config }, ...threads, ...options })
  open.push(pool)
  const ask = (task: string): Promise<Answer> => pool.run(task) as Promise<Answer>
  return { pool, ask }
}

describe('createPool', () => {
  test.each(['sync', 'async', 'disabled'] as const)(
    'gives workers their stores, which read the newest version (atomics: %s)',
    async (atomics) => {
      const store = storeNamed('a')
      const { ask } = poolOf(store, { atomics })
      expect(await ask('read')).toMatchObject({ name: 'a', count: 0, version: 1 })
      for (let count = 1; count <= 50; count++) {
        const { version } = store.set(['count'], count)
        expect(await ask('read')).toMatchObject({ count, version })
      }
    },
  )

  test('parked workers hold up neither reclaiming nor synchronize', async () => {
    const store = storeNamed('parked')
    const { pool } = poolOf(store, { minThreads: 2 })
    await answered(pool, 2)
    expect(pool.threads.length).toBe(2)
    await sleep(50)
    for (let count = 1; count <= 5_000; count++) store.set(['count'], count)
    const begin = performance.now()
    await store.synchronize()
    store.synchronizeSync(5_000)
    expect(performance.now() - begin).toBeLessThan(2_000)
    const { limboBytes, liveBytes } = store.stats()
    console.log(`piscina: ${limboBytes} bytes in limbo of ${liveBytes} with two parked workers`)
    expect(limboBytes).toBeLessThan(4_096)
    store.verify()
  })

  test('two pools may give one name to two stores, also to workers started later', async () => {
    const [one, two] = [poolOf(storeNamed('one')), poolOf(storeNamed('two'))]
    expect((await one.ask('read')).name).toBe('one')
    expect((await two.ask('read')).name).toBe('two')
    await expect(one.ask('exit')).rejects.toThrow()
    expect((await one.ask('read')).name).toBe('one')
  })

  test('leaves the workerData that the user gave as it is, and adds to an object', async () => {
    const objects = poolOf(storeNamed('plain'), { workerData: { mine: 1 } })
    expect((await objects.ask('read')).workerData).toMatchObject({ mine: 1 })
    const plain = poolOf(storeNamed('array'), { workerData: [1, 2] })
    const answer = await plain.ask('read')
    expect([answer.name, answer.workerData]).toEqual(['array', [1, 2]])
  })

  // Needs the reader to call noticeNewVersion where it finds a newer version.
  test('listeners of a parked worker run with its next task', async () => {
    const store = storeNamed('listening')
    const { ask } = poolOf(store)
    await ask('read')
    store.set(['count'], 1)
    store.set(['count'], 2)
    await sleep(20)
    await ask('read')
    expect((await ask('read')).heard).toEqual([3])
  })

  test('a task that fails and a worker that exits leave no slot behind', async () => {
    const store = storeNamed('failing')
    const { pool, ask } = poolOf(store)
    await expect(ask('throw')).rejects.toThrow('a task that fails')
    await expect(ask('exit')).rejects.toThrow()
    await ask('read')
    expect(store.heap.threads().length).toBe(2)
    expect(store.heap.threads().every(({ watched }) => watched)).toBe(true)
    await pool.destroy()
    expect(store.heap.threads().length).toBe(1)
    store.verify()
  })

  const noStores = [null, [], 'config', { config: {} }, { config: null }, { config: 5 }]
  test.each([{ stores: undefined }, ...noStores.map((stores) => ({ stores }))])(
    'refuses $stores as stores with a TypeError',
    ({ stores: wrong }) => {
      const make = (): unknown => createPool({ filename, stores: wrong as never })
      expect(make).toThrow(TypeError)
      expect(make).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
    },
  )

  test('without piscina says what to install', () => {
    const folder = mkdtempSync(join(tmpdir(), 'rootswap-'))
    const dist = fileURLToPath(new URL('../../dist/src', import.meta.url))
    cpSync(dist, join(folder, 'src'), { recursive: true })
    copyFileSync(join(dist, '../../package.json'), join(folder, 'package.json'))
    const url = pathToFileURL(join(folder, 'src/piscina.js')).href
    const script = `
      const { createPool } = await import('${url}')
      try { createPool({ filename: 'x', stores: {} }) } catch (error) {
        console.log(error.name, error.message)
      }`
    const args = ['--input-type=module', '--eval', script]
    const output = execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 })
    rmSync(folder, { recursive: true })
    expect(output).toMatch(/^RootswapError .*npm install piscina/)
  })
})
