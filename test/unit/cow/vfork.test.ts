/** A child of `vfork` in a thread of its own: it leaves its parent, stays, or dies as it leaves. */
import { Worker } from 'node:worker_threads'
import { afterAll, expect, test } from 'vitest'
import { AddressSpace } from '../../../src/cow.ts'
import { Heap } from '../../../src/index.ts'
import type { VforkChildData } from '../../workers/vfork-child.ts'
import { thrown } from '../store/inside.ts'

const program = new URL('../../../dist/test/workers/vfork-child.js', import.meta.url)
/** Stores after the one that counts: what follows is reclaiming. */
const AFTER_MAX = 12
const alive = new Set<Worker>()

afterAll(async () => {
  await Promise.all([...alive].map((worker) => worker.terminate()))
})

/** A parent with a child that another thread has, too. */
function family(heap: Heap, how: 'exec' | 'exit', stopsAt: number) {
  const bytes = new Uint8Array(8192).fill(1)
  const parent = AddressSpace.create(heap, { segments: { data: { bytes } } })
  const child = parent.vfork()
  const state = new SharedArrayBuffer(8)
  const data: VforkChildData = { handle: child.handle, how, stopsAt, state }
  const worker = new Worker(program, { workerData: data })
  alive.add(worker)
  worker.once('exit', () => alive.delete(worker))
  const word = new Int32Array(state)
  const reached = async (least: number): Promise<number> => {
    await expect
      .poll(() => Atomics.load(word, 0), { interval: 1, timeout: 20_000 })
      .toSatisfy((now: number) => now >= least)
    return Atomics.load(word, 0)
  }
  return { parent, child, worker, reached, address: parent.segment('data').address }
}

/** Kills the thread and waits until its slot is reaped. */
async function killed(heap: Heap, worker: Worker): Promise<void> {
  await worker.terminate()
  await expect.poll(() => heap.threads().length, { interval: 1, timeout: 20_000 }).toBe(1)
}

for (const how of ['exit', 'exec'] as const) {
  test(`a thread dies at any store of an ${how}: the parent goes on if it happened`, async () => {
    const heap = Heap.create({ maxBytes: 4 * 2 ** 20, maxWaitMs: 20 })
    const empty = heap.verify().liveBlocks
    let [before, after, stopped] = [0, 0, true]
    for (let stopsAt = 1; stopped && after < AFTER_MAX; stopsAt++) {
      const { parent, child, worker, reached, address } = family(heap, how, stopsAt)
      stopped = (await reached(2)) === 2
      await killed(heap, worker)
      const error = attempted(() => parent.write(address, Uint8Array.of(2)))
      if (error === undefined) after++
      else {
        before++
        expect(error).toMatchObject({ code: 'ERR_TIMEOUT' })
        expect([...child.read(address, 2)]).toEqual([1, 9])
        child.exit() // it has not exited, so this thread may end it
        parent.write(address, Uint8Array.of(2))
      }
      expect([...parent.read(address, 3)]).toEqual([2, 9, 1])
      if (error === undefined && how === 'exit') {
        expect(thrown(() => child.read(address, 1))).toMatchObject({ code: 'ERR_CLOSED' })
      }
      for (const space of [child, parent]) space.release()
      expect(heap.verify().liveBlocks).toBe(empty)
    }
    console.log(`${how}: ${before} deaths before it happened, ${after} after`)
    expect([before > 1, after > 2]).toEqual([true, true])
    heap.close()
  })
}

function attempted(call: () => void): unknown {
  try {
    call()
    return undefined
  } catch (error) {
    return error
  }
}

test('a parent that waits is let on by an exec, whose child stays and vforks itself', async () => {
  const heap = Heap.create({ maxBytes: 4 * 2 ** 20, maxWaitMs: 20_000 })
  const { parent, child, worker, reached, address } = family(heap, 'exec', 0)
  await reached(1)
  const begin = performance.now()
  parent.write(address, Uint8Array.of(2)) // this thread waits meanwhile
  const waited = performance.now() - begin
  console.log(`the parent waited ${waited.toFixed(1)} ms`)
  expect(waited).toBeLessThan(10_000)
  await reached(4)
  expect([...parent.read(address, 3)]).toEqual([2, 9, 1])
  expect([...child.read(address, 2)]).toEqual([6, 7])
  await killed(heap, worker)
  for (const space of [child, parent]) space.write(address, Uint8Array.of(3))
  for (const space of [child, parent]) space.release()
  heap.verify()
  heap.close()
})
