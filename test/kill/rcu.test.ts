/**
 * Workers die while they use `rootswap/rcu`, ten times and more in each phase: what they held is
 * released, what is in a structure stays, callbacks are counted, and the heap verifies.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { afterAll, expect, test } from 'vitest'
import { Heap } from '../../src/index.ts'
import { Rcu, RcuHashMap, RcuPointer, RcuQueue } from '../../src/rcu.ts'
import {
  LINGERED,
  PHASE,
  PHASES,
  ROW_WORDS,
  type RcuVictimData,
  TURNS,
  WANTED,
} from '../workers/rcu-victim.ts'
import { verifiedBesideWriters } from '../unit/store/inside.ts'

const VICTIMS = 3
const PER_PHASE = 10
const ROWS = 600
/** Ends what does not come to an end: a machine that is only slow needs less. */
const LIMIT_MS = 240_000
/** How long a victim may take to come to its phase; then it is killed wherever it is. */
const PATIENCE_MS = 2000
const program = new URL('../../dist/test/workers/rcu-victim.js', import.meta.url)
const notes = new Int32Array(new SharedArrayBuffer(ROWS * ROW_WORDS * 4))
const alive = new Set<Worker>()
const errors: unknown[] = []

afterAll(() => Promise.all([...alive].map((worker) => worker.terminate())))

const word = (row: number, index: number): number => Atomics.load(notes, row * ROW_WORDS + index)

function start(data: Omit<RcuVictimData, 'row'>, row: number): Worker {
  const worker = new Worker(program, { workerData: { ...data, row } })
  alive.add(worker)
  worker.on('error', (error) => errors.push(error))
  worker.once('exit', () => alive.delete(worker))
  return worker
}

/** Waits until the victim lingers in the phase, and terminates it; where it died. */
async function kill(worker: Worker, row: number, phase: number): Promise<number> {
  for (let waits = 0; word(row, TURNS) === 0 && waits < 5000; waits++) await sleep(1)
  Atomics.store(notes, row * ROW_WORDS + WANTED, phase + 1)
  Atomics.wait(notes, row * ROW_WORDS + LINGERED, 0, PATIENCE_MS)
  await worker.terminate()
  return word(row, PHASE)
}

test('workers killed in every phase leave domain and structures whole', async () => {
  const heap = Heap.create({ maxBytes: 64 * 2 ** 20, maxThreads: 16, maxWaitMs: 2000 })
  const rcu = Rcu.create(heap)
  const pointer = RcuPointer.create(heap)
  const map = RcuHashMap.create(heap)
  const queue = RcuQueue.create(heap)
  for (let key = 0; key < 40; key++) map.addReplace(`mine ${key}`, key)
  const parts = { heap, rcu, pointer, map, queue }
  const handles = Object.fromEntries(
    Object.entries(parts).map(([name, { handle }]) => [name, handle]),
  )
  const data = { ...handles, notes: notes.buffer } as unknown as Omit<RcuVictimData, 'row'>
  const kills = PHASES.map(() => 0)
  const begin = performance.now()
  let rows = 0
  const pool = Array.from({ length: VICTIMS }, () => ({ worker: start(data, rows), row: rows++ }))
  let verified = 0
  while (Math.min(...kills) < PER_PHASE && performance.now() - begin < LIMIT_MS && rows < ROWS) {
    const { worker, row } = pool.shift()!
    pool.push({ worker: start(data, rows), row: rows++ })
    kills[await kill(worker, row, kills.indexOf(Math.min(...kills)))]!++
    await rcu.synchronize()
    for (let key = 0; key < 40; key++) expect(map.get(`mine ${key}`)).toBe(key)
    if (rows % 10 === 0 && verifiedBesideWriters(heap)) verified++
  }
  for (const { worker } of pool) await worker.terminate()
  for (let waits = 0; heap.threads().length > 1 && waits < 1000; waits++) await sleep(5)
  const counts = PHASES.map((name, index) => `${name} ${kills[index]}`).join(', ')
  console.log(`kills: ${rows - VICTIMS} (${counts}); verified ${verified} times meanwhile`)
  expect(errors).toEqual([])
  expect(heap.threads()).toHaveLength(1)
  expect(Math.min(...kills)).toBeGreaterThanOrEqual(PER_PHASE)
  expect(verified).toBeGreaterThan(0)
  await rcu.barrier()
  console.log(`callbacks lost with their threads: ${rcu.stats().lostCallbacks}`)
  queue.splice()
  pointer.store(undefined)
  for (const [key] of map.entries()) map.delete(key as string)
  await rcu.barrier()
  const report = heap.verify()
  console.log(`${report.liveBlocks} blocks are live at the end`)
  expect(report.draftBytes).toBe(0)
  // The domain and its readers; pointer; map, segments, slabs; queue and what lanes are left.
  expect(report.liveBlocks).toBeLessThan(40)
  for (const each of [queue, map, pointer, rcu, heap]) each.close()
}, 300_000)
