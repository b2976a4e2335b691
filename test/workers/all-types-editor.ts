/** Edits a store of all types without end, in both ways of writing, until it is terminated. */
import { parentPort, workerData } from 'node:worker_threads'
import { openStore, RootswapError, type StoreHandle } from '../../src/index.ts'
import { applyEdit, type Root } from './all-types.ts'
import { randomFrom } from './churn.ts'
import { copied } from './identical.ts'

const { handle, seed } = workerData as { handle: StoreHandle<Root>; seed: number }
const store = openStore(handle)
const random = randomFrom(seed)
const kept: unknown[] = []

/** The whole value anew, unless somebody was first. */
function replaceAll(edit: number): void {
  const snapshot = store.snapshot()
  const next = copied(snapshot.value) as Root
  applyEdit(next, edit)
  try {
    store.replace(next, { ifVersion: snapshot.version })
  } catch (error) {
    if (!(error instanceof RootswapError) || error.code !== 'ERR_CONFLICT') throw error
  } finally {
    snapshot.release()
  }
}

parentPort!.postMessage('begun')
for (;;) {
  const edit = Math.floor(random() * 2 ** 31)
  if (random() < 0.1) replaceAll(edit)
  else store.update((draft) => applyEdit(draft as Root, edit))
  if (random() < 0.2) kept.push(store.current.data)
  if (kept.length > 5) kept.shift()
}
