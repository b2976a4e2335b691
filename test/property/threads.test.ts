/**
 * Several workers edit one store at random: each its own part, and counters of all. The final
 * value is what the models of the workers say, the order of what several of them wrote apart.
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { createStore } from '../../src/index.ts'
import { seedOf, settled, verifiedBesideWriters } from '../unit/store/inside.ts'
import type { EditorData, EditorReport, Shared } from '../workers/editor.ts'

const WORKERS = 3
const EDITS = 1000
const program = new URL('../../dist/test/workers/editor.js', import.meta.url)

test('random edits on several threads: no update is lost, verify is exact', async () => {
  const seed = seedOf('threads')
  const initial: Shared = {
    parts: Array.from({ length: WORKERS }, (_, part) => ({ own: part })),
    counts: {},
    total: 0,
  }
  const store = createStore(initial, { maxBytes: 2 ** 26, maxThreads: 8 })
  const begin = performance.now()
  const workers = Array.from({ length: WORKERS }, (_, part) => {
    const data: EditorData = { handle: store.handle, part, seed: seed + part, edits: EDITS }
    return new Worker(program, { workerData: data })
  })
  let verified = 0
  const timer = setInterval(() => {
    if (verifiedBesideWriters(store)) verified++
    expect(store.current.total).toBeLessThanOrEqual(WORKERS * EDITS)
  }, 250)
  const messages = await Promise.all(workers.map((worker) => once(worker, 'message')))
  clearInterval(timer)
  const reports = messages.map(([report]) => report as EditorReport)
  for (const worker of workers) await worker.terminate()
  const seconds = (performance.now() - begin) / 1000
  const again = reports.reduce((sum, report) => sum + report.again, 0)
  console.log(
    `threads: ${WORKERS} workers, ${store.version} versions in ${seconds.toFixed(1)} s, ` +
      `${again} recipes ran again, ${store.stats().conflicts} conflicts, verified ${verified}`,
  )
  expect(reports.flatMap(({ wrong }) => wrong)).toEqual([])
  const value = store.current
  expect(value.parts.map((part) => JSON.stringify(part))).toEqual(reports.map(({ part }) => part))
  expect(value.total).toBe(reports.reduce((sum, { total }) => sum + total, 0))
  const counted: Record<string, number> = {}
  for (const report of reports) {
    for (const [name, count] of Object.entries(report.counted)) {
      counted[name] = (counted[name] ?? 0) + count
    }
  }
  expect(value.counts).toEqual(counted)
  expect(again).toBeGreaterThan(0)
  expect(store.heap.threads()).toHaveLength(1)
  // Values that this thread read while it went on keep their versions until they are collected.
  await expect.poll(() => (globalThis.gc!(), settled(store).zombies)).toBe(0)
  expect(settled(store)).toMatchObject({ versions: 1, draftBytes: 0 })
  store.close()
})
