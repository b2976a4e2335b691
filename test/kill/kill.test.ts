/**
 * Guarantee I: threads die at any place, by the hundred, and all other guarantees hold for the
 * others. Each victim says in a word what it is doing; after its exit that word says where it died.
 */
import { Worker } from 'node:worker_threads'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import { createStore, type Store } from '../../src/index.ts'
import {
  ACCOUNTS,
  BALANCE,
  type Bank,
  BEGUN,
  DONE,
  LINGERED,
  newBank,
  PHASE,
  PHASES,
  ROW_WORDS,
  totalOf,
  transfer,
  WANTED,
} from '../workers/bank.ts'
import type { VictimData } from '../workers/victim.ts'
import { randomFrom, seedOf, settled, verifiedBesideWriters } from '../unit/store/inside.ts'

const VICTIMS = 4
/** Kills go on until there are so many in each phase, or, after a while, fewer. */
const PER_PHASE = 25
const PER_PHASE_LATE = 11
const LATE_MS = 15_000
const ROWS = 900
/** Ends what does not come to an end: a machine that is only slow needs less. */
const LIMIT_MS = 300_000
/** How long a victim may take to come to its phase; then it is killed wherever it is. */
const PATIENCE_MS = 2000
const program = new URL('../../dist/test/workers/victim.js', import.meta.url)

interface Victim {
  readonly worker: Worker
  readonly row: number
  readonly exited: Promise<unknown>
}

const notes = new Int32Array(new SharedArrayBuffer(ROWS * ROW_WORDS * 4))
const errors: unknown[] = []
const alive = new Set<Worker>()
let rows = 1 // the main thread has the first
const second = createStore([1, 2, 3], { maxBytes: 2 ** 20, maxThreads: 16 })

afterAll(async () => {
  await Promise.all([...alive].map((worker) => worker.terminate()))
})

function start(store: Store<Bank>, seed: number): Victim {
  const row = rows++
  const { handle } = store
  const shared = { handle, second: second.handle }
  const data: VictimData = { ...shared, notes: notes.buffer as never, row, seed }
  const worker = new Worker(program, { workerData: { ...data, seed: seed + row } })
  alive.add(worker)
  worker.on('error', (error) => errors.push(error))
  const exited = new Promise((resolve) => worker.once('exit', resolve))
  void exited.then(() => alive.delete(worker))
  return { worker, row, exited }
}

const word = (row: number, index: number): number => Atomics.load(notes, row * ROW_WORDS + index)

async function begun({ row }: Victim): Promise<void> {
  for (let waits = 0; word(row, BEGUN) === 0 && waits < 5000; waits++) await sleep(1)
}

/** Waits until the victim lingers in the phase, and terminates it; returns where it died. */
async function kill(victim: Victim, phase: number): Promise<number> {
  const { row, worker, exited } = victim
  Atomics.store(notes, row * ROW_WORDS + WANTED, phase + 1)
  // Blocking: the event loop would take longer to come back than the victim lingers.
  Atomics.wait(notes, row * ROW_WORDS + LINGERED, 0, PATIENCE_MS)
  void worker.terminate()
  await exited
  return word(row, PHASE)
}

async function noThreadButThis(store: Pick<Store<unknown>, 'heap'>): Promise<void> {
  for (let waits = 0; waits < 1000 && store.heap.threads().length > 1; waits++) await sleep(5)
}

/** Kills until each phase had enough; returns the kills of each phase. */
async function killMany(store: Store<Bank>, seed: number, between: () => void): Promise<number[]> {
  const kills = PHASES.map(() => 0)
  const begin = performance.now()
  const pool = Array.from({ length: VICTIMS }, () => start(store, seed))
  for (;;) {
    const least = Math.min(...kills)
    const spent = performance.now() - begin
    const enough = spent > LATE_MS ? PER_PHASE_LATE : PER_PHASE
    if (least >= enough || spent > LIMIT_MS || rows === ROWS) break
    const victim = pool.shift()!
    pool.push(start(store, seed))
    await begun(victim)
    kills[await kill(victim, kills.indexOf(least))]!++
    between()
  }
  for (const { worker } of pool) await worker.terminate()
  return kills
}

test('workers killed by the hundred, in every phase, leave the store whole', async () => {
  const seed = seedOf('kills')
  const random = randomFrom(seed)
  const store = createStore(newBank(ROWS), {
    maxBytes: 32 * 2 ** 20,
    maxThreads: 16,
    maxWaitMs: 10_000,
  })
  const survivor = start(store, seed)
  await begun(survivor)
  const spans: number[] = []
  let own = 0
  let verified = 0
  const kills = await killMany(store, seed, () => {
    store.update((draft) => transfer(draft, 0, random))
    own++
    expect(totalOf(store.current)).toBe(ACCOUNTS * BALANCE)
    if (own % 20 === 0) {
      second.verify()
      if (verifiedBesideWriters(store)) verified++
    }
    spans.push(word(survivor.row, DONE))
  })
  await survivor.worker.terminate()
  await noThreadButThis(store)
  const counts = PHASES.map((name, index) => `${name} ${kills[index]}`).join(', ')
  const total = kills.reduce((sum, count) => sum + count)
  console.log(`kills: ${total} (${counts}), ${store.version} versions, verified ${verified} times`)
  console.log(`meanwhile the surviving worker published ${spans.at(-1)}, the main thread ${own}`)
  expect(errors).toEqual([])
  expect(Math.min(...kills)).toBeGreaterThanOrEqual(10)
  expect(total).toBeGreaterThanOrEqual(100)
  expect(spans.at(-1)).toBeGreaterThan(total)
  expect(verified).toBeGreaterThan(0)
  // Values that this thread read while it went on keep their versions until they are collected.
  await expect.poll(() => (globalThis.gc!(), settled(store).zombies)).toBe(0)
  expectWhole(store, own)
  store.close()
  await noThreadButThis(second)
  expect(settled(second)).toMatchObject({ versions: 1, zombies: 0, draftBytes: 0 })
}, 420_000)

function expectWhole(store: Store<Bank>, own: number): void {
  expect(store.heap.threads()).toHaveLength(1)
  const report = settled(store)
  expect(report).toMatchObject({ versions: 1, zombies: 0, draftBytes: 0 })
  const bank = store.current
  expect(totalOf(bank)).toBe(ACCOUNTS * BALANCE)
  // No update is lost: a transfer that returned is there, and one that did not may be.
  const wrong: string[] = []
  let published = 0
  for (let row = 1; row < rows; row++) {
    const [done, found] = [word(row, DONE), bank.transfers[row]!]
    if (found !== done && found !== done + 1) wrong.push(`row ${row}: ${done} done, ${found}`)
    published += found
  }
  expect(wrong).toEqual([])
  expect(bank.transfers[0]).toBe(own)
  expect(store.version).toBe(1 + published + own)
  const fresh = createStore(structuredClone({ ...bank }), { maxBytes: 32 * 2 ** 20 })
  console.log(`${published} transfers by workers; ${report.liveBlocks} blocks are live`)
  expect(report.liveBlocks).toBeGreaterThanOrEqual(fresh.verify().liveBlocks)
  expect(report.liveBlocks).toBeLessThan(fresh.verify().liveBlocks * 1.5)
  fresh.close()
}
