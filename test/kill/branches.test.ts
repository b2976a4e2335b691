/**
 * Threads that hold branches and snapshots are killed, by the dozen, anywhere: nothing leaks, no
 * count is wrong, the others go on, and what only the dead held is gone.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { Heap } from '../../src/index.ts'
import type { BrancherData, Shared } from '../workers/brancher.ts'
import { randomFrom, seedOf, verifiedBesideWriters } from '../unit/store/inside.ts'

const program = new URL('../../dist/test/workers/brancher.js', import.meta.url)
const KILLS = 60
const AT_ONCE = 3
const ROWS = KILLS + AT_ONCE

/** Of one version: a second look at `current` may see another. */
function expectWhole({ left, right }: { left: number; right: number }): void {
  expect(left + right).toBe(1000)
}

test('threads with branches and snapshots die: the heap is exact, nothing stays', async () => {
  const seed = seedOf('killed branches')
  const random = randomFrom(seed)
  // A busy machine notices a death late.
  const heap = Heap.create({ maxBytes: 32 * 2 ** 20, maxStores: 16, maxWaitMs: 10_000 })
  const value: Shared = { left: 400, right: 600, ballast: [] }
  for (let row = 0; row < 8; row++) value.ballast.push(Array.from({ length: 8 }, (_, at) => at))
  const store = heap.createStore(value, { history: 2, name: 'main' })
  const rounds = new Int32Array(new SharedArrayBuffer(ROWS * 4))
  const errors: unknown[] = []
  const crew: { worker: Worker; row: number }[] = []
  const start = (row: number): void => {
    const data: BrancherData = { handle: store.handle, rounds: rounds.buffer as never, row, seed }
    const worker = new Worker(program, { workerData: { ...data, seed: seed + row } })
    worker.on('error', (error) => errors.push(error))
    crew.push({ worker, row })
  }
  for (let row = 0; row < AT_ONCE; row++) start(row)
  let branchesSeen = 0
  let verified = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const { worker, row } = crew.shift()!
    const enough = 20 + random() * 60
    for (let waits = 0; Atomics.load(rounds, row) < enough && waits < 30_000; waits++)
      await sleep(1)
    branchesSeen += heap.stores().length - 1
    await worker.terminate()
    start(AT_ONCE + kill)
    expectWhole(store.current)
    if (kill % 5 === 4 && verifiedBesideWriters(heap)) verified++
    expect(errors).toEqual([])
  }
  await Promise.all(crew.map(({ worker }) => worker.terminate()))
  expectWhole(store.current)
  for (let tries = 0; heap.stores().length > 1 && tries < 10_000; tries++) {
    store.synchronizeSync()
    await sleep(5)
  }
  expect(heap.stores()).toEqual(['main'])
  store.synchronizeSync()
  expect(verified).toBeGreaterThan(0)
  const { versions, zombies, draftBytes } = heap.verify()
  const done = rounds.reduce((sum, count) => sum + count, 0)
  console.log(`${KILLS} kills over ${done} rounds, ${branchesSeen} branches open at the kills`)
  expect([versions <= 3, zombies, draftBytes]).toEqual([true, 0, 0])
  expect(branchesSeen).toBeGreaterThan(KILLS)
  heap.close()
}, 300_000)
