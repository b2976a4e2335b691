/**
 * Threads that hold blocks, strings and spaces are killed at any place, by the hundred: what they
 * held comes back, and what others hold stays right.
 */
import { Worker } from 'node:worker_threads'
import { afterAll, expect, test } from 'vitest'
import { AddressSpace, CowString } from '../../src/cow.ts'
import { Heap } from '../../src/index.ts'
import type { CowVictimData } from '../workers/cow-victim.ts'
import { randomFrom, seedOf } from '../unit/store/inside.ts'

const KILLS = 120
const program = new URL('../../dist/test/workers/cow-victim.js', import.meta.url)
const alive = new Set<Worker>()

afterAll(async () => {
  await Promise.all([...alive].map((worker) => worker.terminate()))
})

interface Victim {
  readonly worker: Worker
  readonly ended: Promise<unknown>
  readonly begun: Promise<unknown>
}

function start(data: CowVictimData, errors: unknown[]): Victim {
  const worker = new Worker(program, { workerData: data })
  alive.add(worker)
  worker.on('error', (error) => errors.push(error))
  const ended = new Promise((resolve) => worker.once('exit', resolve))
  void ended.then(() => alive.delete(worker))
  const begun = Promise.race([ended, new Promise((resolve) => worker.once('message', resolve))])
  return { worker, ended, begun }
}

/** False where a victim was forking the space at that moment. */
function wrote(space: AddressSpace, address: number): boolean {
  try {
    space.write(address, Uint8Array.of(0))
    return true
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_CONFLICT') throw error
    return false
  }
}

test('threads with blocks, strings and spaces are killed; what they held is released', async () => {
  const seed = seedOf('cow kills')
  const random = randomFrom(seed)
  const heap = Heap.create({ maxBytes: 64 * 2 ** 20, maxThreads: 16, maxWaitMs: 10_000 })
  const empty = heap.verify().liveBlocks
  const data = new Uint8Array(64 * 1024).map((_, index) => index >>> 10)
  const space = AddressSpace.create(heap, { pageBytes: 1024, segments: { data: { bytes: data } } })
  const string = CowString.create(heap, 'hello world, '.repeat(50))
  const block = heap.allocate(100)
  const before = heap.verify().liveBlocks
  const [places, errors]: [Map<string, number>, unknown[]] = [new Map(), []]
  const note = new Int32Array(new SharedArrayBuffer(4))
  const { address } = space.segment('data')
  let conflicts = 0
  for (let kill = 0; kill < KILLS; kill += 2) {
    const pair = [0, 1].map((id) => {
      const handles = { space: space.handle, string: string.handle, block: block.handle }
      return start({ ...handles, seed: seed + kill + id, note: note.buffer as never }, errors)
    })
    await Promise.all(pair.map(({ begun }) => begun))
    const until = performance.now() + random() * 8
    while (performance.now() < until) {
      string.set(Math.floor(random() * 600), 'x').set(0, 'h')
      if (!wrote(space, address + Math.floor(random() * 60_000))) conflicts++
    }
    for (const { worker, ended } of pair) {
      await worker.terminate()
      const place = ['block', 'string', 'fault', 'fork', 'exec'][Atomics.load(note, 0)]!
      places.set(place, (places.get(place) ?? 0) + 1)
      await ended
    }
    if (kill % 20 === 0) heap.verify()
  }
  for (let turn = 0; turn < 1000 && heap.threads().length > 1; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  console.log(
    `${KILLS} kills: ${[...places].map(([name, times]) => `${name} ${times}`).join(', ')}`,
  )
  console.log(`the parent was refused ${conflicts} times`)
  expect(errors).toEqual([])
  expect(places.size).toBeGreaterThan(2)
  expect([block.count, string.count]).toEqual([1, 1])
  expect(space.stats()).toMatchObject({ pages: 64 })
  const touched = space.read(address, 1)[0]
  expect(touched).toBe(0)
  const still = heap.verify().liveBlocks
  // The tie to a child that was to go first stays until the space's next copy, or its end.
  expect([before, before + 1]).toContain(still)
  for (const held of [block, string, space]) held.release()
  expect(heap.verify().liveBlocks).toBe(empty)
  heap.close()
}, 400_000)
