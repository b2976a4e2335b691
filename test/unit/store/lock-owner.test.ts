/** A dead thread holds the lock, and another of its slots, or another dead thread, is met first. */

import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { createStore } from '../../../src/index.ts'
import type { LockOwnerData } from '../../workers/lock-owner.ts'

const program = new URL('../../../dist/test/workers/lock-owner.js', import.meta.url)

test.each([
  ['a thread with two slots', false],
  ['the child of a thread that ended', true],
])('%s died with the lock: it goes first', async (_, child) => {
  // Whoever waits for the lock waits for so long: longer than this test may take.
  const store = createStore({ n: 0 }, { maxBytes: 2 ** 20, maxWaitMs: 100_000 })
  const taken = new SharedArrayBuffer(4)
  const data: LockOwnerData = { handle: store.handle, taken, child }
  const worker = new Worker(program, { workerData: data })
  const word = new Int32Array(taken)
  const end = Atomics.waitAsync(word, 0, 0, 60_000)
  if (end.async) expect(await end.value).toBe('ok')
  expect(store.heap.threads()).toHaveLength(child ? 4 : 3)
  await worker.terminate()
  expect(store.heap.threads()).toHaveLength(1)
  store.set(['n'], 1)
  store.verify()
  store.close()
})
