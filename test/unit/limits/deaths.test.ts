/** Deaths that no kill test has: by memory, by copies of the package, of all threads at once. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterEach, expect, test } from 'vitest'
import { createStore, type Store } from '../../../src/index.ts'
import { copiedPackage } from '../../support/copied.ts'
import { holder } from '../../support/holder.ts'
import { nextMessage } from '../../support/messages.ts'
import type { DyingData } from '../../workers/dying.ts'
import { settled, thrown } from '../store/inside.ts'

const program = new URL('../../../dist/test/workers/dying.js', import.meta.url)
const open: { close(): void }[] = []
const workers: Worker[] = []
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()))
  for (const each of open.splice(0)) each.close()
})

type Rows = { rows: number[]; n: number }

function create(maxThreads = 16): Store<Rows> {
  const rows = Array.from({ length: 500 }, (_, index) => index)
  const store = createStore<Rows>({ rows, n: 0 }, { maxBytes: 2 ** 23, maxThreads })
  open.push(store)
  return store
}

interface Started {
  readonly worker: Worker
  readonly ended: Promise<unknown>
  readonly errors: { readonly code?: string }[]
}

async function start(data: DyingData, options: object = {}): Promise<Started> {
  const worker = new Worker(program, { workerData: data, execArgv: [], ...options })
  workers.push(worker)
  const errors: { readonly code?: string }[] = []
  worker.on('error', (error) => errors.push(error as { code?: string }))
  const ended = new Promise((done) => worker.once('exit', done))
  await nextMessage(worker)
  return { worker, ended, errors }
}

function expectWhole(store: Store<Rows>): void {
  expect(store.heap.threads().length).toBe(1)
  const found = settled(store)
  expect([found.zombies, found.versions, found.draftBytes]).toEqual([0, 1, 0])
  expect(store.stats().snapshots).toBe(0)
}

test('a worker out of memory, with snapshots and in the middle of writes, is reaped', async () => {
  const store = create()
  const limits = { resourceLimits: { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 4 } }
  const { ended, errors } = await start({ handle: store.handle, end: 'memory' }, limits)
  await ended
  expect(errors[0]?.code).toBe('ERR_WORKER_OUT_OF_MEMORY')
  expect(store.version).toBeGreaterThan(1)
  expectWhole(store)
})

test.each(['exit', 'throw', 'recipe'] as const)(
  'a worker that ends by itself (%s) inside a read or a recipe is reaped',
  async (end) => {
    const store = create()
    const { ended } = await start({ handle: store.handle, end })
    await ended
    expectWhole(store)
    store.set(['n'], -1)
    expect(store.get('n')).toBe(-1)
  },
)

test('all slots are taken by threads that die; all are free again', async () => {
  const store = create(5)
  for (let round = 0; round < 3; round++) {
    const data: DyingData = { handle: store.handle, end: 'stay' }
    const four = await Promise.all([1, 2, 3, 4].map(() => start(data)))
    expect(store.heap.threads().length).toBe(5)
    const full = await holder(store).catch((error: unknown) => error)
    expect(full).toMatchObject({ code: 'ERR_TOO_MANY_THREADS' })
    await Promise.all(four.map(({ worker }) => worker.terminate()))
    expectWhole(store)
  }
})

test('two copies of the package in one worker: both slots are reaped', async () => {
  const copied = copiedPackage()
  const copy = copied.entry('index')
  const store = create()
  for (const end of ['stay', 'throw', 'memory'] as const) {
    const resourceLimits = { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 4 }
    const options = end === 'memory' ? { resourceLimits } : {}
    const { worker, ended } = await start({ handle: store.handle, end, copy }, options)
    if (end === 'stay') {
      const ids = store.heap.threads().map(({ threadId }) => threadId)
      expect(ids.filter((id) => id === worker.threadId).length).toBe(2)
      await worker.terminate()
    }
    await ended
    expectWhole(store)
  }
  copied.remove()
})

test('a thread that nobody watches says so once, and shows it', async () => {
  const store = create()
  const worker = new Worker(program, {
    workerData: { handle: store.handle, end: 'unaware' } satisfies DyingData,
    execArgv: [],
    stderr: true,
  })
  workers.push(worker)
  let output = ''
  worker.stderr.on('data', (text: Buffer) => (output += text.toString()))
  await once(worker, 'message')
  await expect.poll(() => output.includes('ROOTSWAP_UNWATCHED')).toBe(true)
  expect(output.split('ROOTSWAP_UNWATCHED').length).toBe(2)
  expect(store.heap.threads().map(({ watched }) => watched)).toEqual([true, false])
})

test('a stack that overflows, caught again and again, keeps no more than what it cut off', () => {
  const store = create()
  const descend = (): number => {
    const snapshot = store.snapshot()
    try {
      return descend() + snapshot.version
    } finally {
      snapshot.release()
    }
  }
  for (let turn = 0; turn < 20; turn++) {
    expect(thrown(descend).name).toMatch(/RangeError|RootswapError/)
    store.set(['n'], turn)
  }
  expect(store.get('n')).toBe(19)
  const { zombies } = settled(store)
  console.log(`${zombies} versions are kept by leases that an overflow cut off`)
  expect(zombies).toBeLessThanOrEqual(20)
  store.verify()
})
