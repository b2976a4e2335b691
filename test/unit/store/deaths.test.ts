import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { afterAll, expect, test } from 'vitest'
import { createStore } from '../../../src/index.ts'
import { nextMessage } from '../../support/messages.ts'
import type { StoreMemberData } from '../../workers/store-member.ts'

const workerFile = new URL('../../../dist/test/workers/store-member.js', import.meta.url)
const store = createStore(
  { numbers: Array.from({ length: 100 }, (_, index) => index), turns: 0 },
  { maxBytes: 2 ** 23, name: 'family', share: true },
)
afterAll(() => store.close())

async function start(data: StoreMemberData): Promise<Worker> {
  const worker = new Worker(workerFile, { workerData: data })
  worker.on('error', () => {})
  expect(await nextMessage(worker)).toBe('working')
  return worker
}

async function expectWhole(): Promise<void> {
  await expect.poll(() => store.heap.threads().length).toBe(1)
  store.synchronizeSync(5_000)
  store.verify()
  expect(store.stats().snapshots).toBe(0)
}

test('three generations ended through the eldest leave the store whole and no slot', async () => {
  const versions: number[] = []
  for (let round = 0; round < 6; round++) {
    const eldest = await start({ generations: 2, end: 'terminate' })
    expect(store.heap.threads().length).toBe(4)
    expect(store.heap.threads().every(({ watched }) => watched)).toBe(true)
    await sleep(20 + 13 * round)
    await eldest.terminate()
    await expectWhole()
    versions.push(store.version)
  }
  console.log(`deaths: versions after each of 6 families: ${versions.join(' ')}`)
  expect(versions.at(-1)).toBeGreaterThan(6)
})

test.each(['exit', 'throw'] as const)(
  'a worker, and a grandchild, that end by %s while they read and write are reaped',
  async (end) => {
    const before = store.version
    const worker = await start({ generations: 0, end })
    await new Promise((resolve) => worker.once('exit', resolve))
    await expectWhole()
    expect(store.version - before).toBeGreaterThan(200)
    const eldest = await start({ generations: 2, end })
    // Its creator sees it end and reaps it; the two elder ones stay.
    await expect.poll(() => store.heap.threads().length).toBe(3)
    await eldest.terminate()
    await expectWhole()
  },
)
