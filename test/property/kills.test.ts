/**
 * Every type of value, edited at random by several threads that are terminated at random moments,
 * against a plain model by version: a version says which edits made it, in order, so the model
 * makes them too, and must come to the same value with the same order at every depth.
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { createStore, type Store } from '../../src/index.ts'
import { randomFrom, seedOf, settled, verifiedBesideWriters } from '../unit/store/inside.ts'
import { applyEdit, newRoot, type Root } from '../workers/all-types.ts'
import { copied, difference } from '../workers/identical.ts'

const SECONDS = Number(process.env['ROOTSWAP_PROPERTY_SECONDS'] ?? 8)
/** However slowly threads start. */
const KILLS = 12
const THREADS = 3
const program = new URL('../../dist/test/workers/all-types-editor.js', import.meta.url)

/** The model, brought up to a version by the edits that the version says made it. */
class Model {
  root = newRoot()

  follow(edits: readonly number[]): void {
    expect(edits.slice(0, this.root.edits.length)).toEqual(this.root.edits)
    for (const edit of edits.slice(this.root.edits.length)) applyEdit(this.root, edit)
  }
}

const counts = { versions: 0, compared: 0, kills: 0, verified: 0, kept: 0 }
interface Kept {
  readonly value: unknown
  readonly wanted: unknown
}

/** One look at the newest version, whole. */
function compare(store: Store<Root>, model: Model, kept: Kept[]): void {
  const snapshot = store.snapshot()
  model.follow(snapshot.value.edits)
  // No edit is lost, none is made twice: each made one version.
  expect(snapshot.version).toBe(snapshot.value.edits.length + 1)
  expect(difference(snapshot.value, model.root)).toBeUndefined()
  const { current, version } = store
  if (version === snapshot.version) {
    kept.push({ value: current, wanted: copied(model.root) })
    counts.kept++
  }
  snapshot.release()
  if (kept.length > 6) {
    const { value, wanted } = kept.shift()!
    expect(difference(value, wanted)).toBeUndefined()
  }
  counts.compared++
}

test(
  'random edits of all types by threads that are killed: the model agrees, order included',
  async () => {
    const seed = seedOf('all types')
    const random = randomFrom(seed)
    const store = createStore(newRoot(), { maxBytes: 2 ** 27, maxThreads: 8, maxWaitMs: 10_000 })
    const model = new Model()
    const kept: Kept[] = []
    const errors: unknown[] = []
    const begin = async (index: number): Promise<Worker> => {
      const workerData = { handle: store.handle, seed: seed + index }
      const worker = new Worker(program, { workerData })
      worker.on('error', (error) => errors.push(error))
      await once(worker, 'message')
      return worker
    }
    const workers = await Promise.all([...Array(THREADS).keys()].map(begin))
    const until = performance.now() + SECONDS * 1000
    const isShort = () => counts.kills < KILLS || counts.verified === 0 || counts.kept === 0
    while (performance.now() < until || isShort()) {
      if (errors.length > 0) break
      await sleep(random() * 60)
      const victim = workers.shift()!
      await victim.terminate()
      counts.kills++
      workers.push(await begin(THREADS + counts.kills))
      compare(store, model, kept)
      if (counts.kills % 5 === 0 && verifiedBesideWriters(store)) counts.verified++
    }
    for (const worker of workers) await worker.terminate()
    expect(errors).toEqual([])
    compare(store, model, kept)
    for (const { value, wanted } of kept) expect(difference(value, wanted)).toBeUndefined()
    counts.versions = store.version
    console.log(`all types: ${JSON.stringify(counts)}`)
    expect(counts.kills).toBeGreaterThanOrEqual(KILLS)
    expect(counts.versions).toBeGreaterThan(500)
    expect(Math.min(counts.kept, counts.verified)).toBeGreaterThan(0)
    kept.length = 0
    await expect.poll(() => (globalThis.gc!(), settled(store).zombies)).toBe(0)
    expect(settled(store)).toMatchObject({ versions: 1, draftBytes: 0 })
    store.close()
  },
  180_000 + SECONDS * 3000,
)
