import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test } from 'vitest'
import { CELL_OLDEST } from '../../../src/memory/layout.ts'
import { reapSlot, slotsOfThread } from '../../../src/reclaim/reaper.ts'
import { synchronize, synchronizeSync } from '../../../src/store/grace.ts'
import { createTree, setTree } from '../../support/arrays.ts'
import { testMemory, testThread } from '../../support/heap.ts'
import type { Order } from '../../workers/publisher.ts'

const workerFile = new URL('../../../dist/test/workers/publisher.js', import.meta.url)
const workers: Worker[] = []
afterEach(() => Promise.all(workers.splice(0).map((worker) => worker.terminate())))

function stage() {
  const memory = testMemory({ megabytes: 2 })
  const thread = testThread(memory, 100_000)
  const other = testThread(memory, 100_001)
  const cell = createTree(thread, [0, [1, 2]])
  const departed = (): boolean => memory.m[cell.at + CELL_OLDEST] === cell.newest()
  return { memory, thread, other, cell, departed }
}

/** A thread that is inside a read for so long. */
async function reader(buffer: SharedArrayBuffer, milliseconds: number): Promise<Worker> {
  const worker = new Worker(workerFile, { workerData: { buffer } })
  workers.push(worker)
  await once(worker, 'message')
  worker.postMessage({ do: 'read', milliseconds } satisfies Order)
  expect(await once(worker, 'message')).toEqual(['reading'])
  return worker
}

describe('synchronize', () => {
  test('with nobody reading is over at once, and what was replaced is gone', async () => {
    const { memory, thread, cell, departed } = stage()
    for (let turn = 0; turn < 50; turn++) setTree(thread, cell, [0], turn)
    expect(departed()).toBe(false)
    await synchronize(memory, thread.reclaimer)
    expect(departed()).toBe(true)
    setTree(thread, cell, [0], 7)
    synchronizeSync(memory, thread.reclaimer)
    expect(departed()).toBe(true)
  })

  test.each(['reading', 'section'] as const)('waits for the %s that is open', async (kind) => {
    const { memory, thread, other } = stage()
    other[kind].enter()
    let over = false
    const waiting = synchronize(memory, thread.reclaimer).then(() => (over = true))
    await sleep(60)
    expect(over).toBe(false)
    other[kind].leave()
    other[kind].enter() // one that began later holds nobody up
    expect(await waiting).toBe(true)
  })

  test('waits for a read of another thread, not for that thread parked', async () => {
    const { memory, thread } = stage()
    await reader(memory.words.buffer, 500)
    const begin = performance.now()
    synchronizeSync(memory, thread.reclaimer)
    expect(performance.now() - begin).toBeGreaterThan(90)
    const parked = new Worker(workerFile, { workerData: { buffer: memory.words.buffer } })
    workers.push(parked)
    await once(parked, 'message')
    parked.postMessage({ do: 'waitSync', version: 99, timeoutMs: 10_000 } satisfies Order)
    await sleep(50)
    const next = performance.now()
    await synchronize(memory, thread.reclaimer)
    expect(performance.now() - next).toBeLessThan(1_000)
  })

  test('a reader that dies holds it up until it is reaped', async () => {
    const { memory, thread, departed, cell } = stage()
    const worker = await reader(memory.words.buffer, 60_000)
    const id = worker.threadId
    let over = false
    setTree(thread, cell, [0], 9)
    const waiting = synchronize(memory, thread.reclaimer).then(() => (over = true))
    await worker.terminate()
    await sleep(30)
    expect(over).toBe(false)
    for (const slot of slotsOfThread(memory, id)) reapSlot(thread.reclaimer, slot, id, 50)
    expect(await waiting).toBe(true)
    expect(departed()).toBe(true)
  })

  test('inside its own read is refused, also where that is of another copy', async () => {
    const { memory, thread } = stage()
    const copy = testThread(memory, 100_000)
    for (const { reading } of [thread, copy]) {
      reading.enter()
      const code = { code: 'ERR_IN_READ_SECTION' }
      await expect(synchronize(memory, thread.reclaimer)).rejects.toMatchObject(code)
      expect(() => synchronizeSync(memory, thread.reclaimer, 5)).toThrow(/inside read/)
      reading.leave()
    }
  })

  test('ends by its signal or time limit, and says who still reads', async () => {
    const { memory, thread, other } = stage()
    other.reading.enter()
    const controller = new AbortController()
    const waiting = synchronize(memory, thread.reclaimer, { signal: controller.signal })
    setTimeout(() => controller.abort('enough'), 20)
    await expect(waiting).rejects.toBe('enough')
    const aborted = { signal: AbortSignal.abort('before') }
    await expect(synchronize(memory, thread.reclaimer, aborted)).rejects.toBe('before')
    expect(() => synchronizeSync(memory, thread.reclaimer, 20)).toThrow(
      expect.objectContaining({ code: 'ERR_TIMEOUT', timeoutMs: 20, threadIds: [100_001] }),
    )
    expect(() => synchronizeSync(memory, thread.reclaimer, -1)).toThrow(TypeError)
  })
})
