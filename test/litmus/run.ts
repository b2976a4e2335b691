/** Runs a litmus test on real workers and counts what its rounds ended with. */

import { Worker } from 'node:worker_threads'
import { readHeader } from '../../src/memory/header.ts'
import { memoryOf, type Memory } from '../../src/memory/memory.ts'
import type { Words } from '../../src/memory/words.ts'
import { createCell, type RootCell } from '../../src/versions/root.ts'
import { referenceTo, TAG_NODE } from '../../src/memory/kinds.ts'
import { verifyHeap } from '../../src/reclaim/verify.ts'
import { testMemory } from '../support/heap.ts'
import { litmusThread, payloadNode } from '../workers/litmus-published.ts'
import type { LitmusData } from '../workers/litmus-rounds.ts'

const workerFile = new URL('../../dist/test/workers/litmus.js', import.meta.url)

const ROUNDS = 100_000
/** How often an interesting outcome must occur, and how often the rounds are run for it. */
export const INTERESTING = 100
const TURNS_MAX = 8

export interface LitmusRun {
  readonly test: string
  readonly variant: string
  readonly threads: number
  /** Outcomes that must not be rare: the rounds are run again until they have occurred. */
  readonly interesting?: readonly string[]
  /** The tests on bare words need no first version. */
  readonly publishes?: boolean
  readonly megabytes?: number
  /** Names the outcome of a round, by what each thread saw; undefined: not counted. */
  outcome(seen: readonly number[]): string | undefined
}

export interface Counted {
  readonly of: ReadonlyMap<string, number>
  readonly memory: Memory
}

/** Runs all rounds, again where the interesting outcomes were rare; prints a histogram. */
export async function litmus(run: LitmusRun): Promise<Counted> {
  const of = new Map<string, number>()
  const seed = Number(process.env['LITMUS_SEED'] ?? 1)
  const begin = performance.now()
  const wanted = run.interesting ?? []
  const least = run.variant === 'shipped' ? INTERESTING : 1
  for (let turn = 1; ; turn++) {
    const memory = await once(run, seed + turn - 1, of)
    const enough = wanted.every((name) => (of.get(name) ?? 0) >= least)
    if (!enough && turn < TURNS_MAX) continue
    const seconds = ((performance.now() - begin) / 1000).toFixed(1)
    const parts = [...of].map(([name, times]) => `${name} ${times}`)
    console.log(
      `litmus ${run.test} [${run.variant}] ${turn} x ${ROUNDS} rounds, ${seconds} s, ` +
        `seed ${seed}: ${parts.sort().join(', ')}`,
    )
    return { of, memory }
  }
}

/** Runs all rounds on fresh workers and a fresh heap. */
async function once(run: LitmusRun, seed: number, of: Map<string, number>): Promise<Memory> {
  const memory = testMemory({ megabytes: run.megabytes ?? 4 })
  if (run.publishes === true) createPayloadCell(memory)
  const outcomes = new SharedArrayBuffer(ROUNDS * run.threads * 4)
  const control = new SharedArrayBuffer(256)
  const workers = Array.from({ length: run.threads }, (_, thread) => {
    const workerData: LitmusData = {
      test: run.test,
      variant: run.variant,
      thread,
      threads: run.threads,
      rounds: ROUNDS,
      seed: seed * 104_729 + thread * 7919,
      heap: memory.words.buffer,
      control,
      outcomes,
    }
    return new Worker(workerFile, { workerData })
  })
  await Promise.all(workers.map(ended))
  count(run, new Int32Array(outcomes), of)
  return memory
}

/** The heap as a verifier that has just come sees it: nothing is lost after the threads left. */
export function verified(memory: Memory): void {
  const thread = litmusThread(reopened(memory.words), 100)
  verifyHeap(thread.reclaimer, 1000)
}

function reopened(words: Words): Memory {
  return memoryOf(words, readHeader(words))
}

function createPayloadCell(memory: Memory): RootCell {
  const thread = litmusThread(memory, 99)
  thread.allocator.begin()
  const cell = createCell(thread, referenceTo(payloadNode(thread, 0), TAG_NODE), 0)
  thread.leave(100)
  return cell
}

function ended(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.on('error', reject)
    worker.on('exit', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`a litmus thread ended with ${code}`))
    })
  })
}

function count(run: LitmusRun, seen: Int32Array, of: Map<string, number>): void {
  for (let from = 0; from < seen.length; from += run.threads) {
    const name = run.outcome([...seen.subarray(from, from + run.threads)])
    if (name !== undefined) of.set(name, (of.get(name) ?? 0) + 1)
  }
}
