/**
 * Edits its own part of a store at random, counts in words that all workers share, and keeps a
 * plain model beside: for the property test on several threads.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { openStore, type StoreHandle } from '../../src/index.ts'
import { apply, type Json, randomEdit, randomJson } from './random-edits.ts'

export interface Shared {
  parts: Json[]
  counts: Record<string, number>
  total: number
}

export interface EditorData {
  readonly handle: StoreHandle<Shared>
  readonly part: number
  readonly seed: number
  readonly edits: number
}

export interface EditorReport {
  /** The model of its part, as JSON. */
  readonly part: string
  readonly counted: Record<string, number>
  readonly total: number
  /** How often a recipe ran again because another thread was first. */
  readonly again: number
  readonly wrong: string[]
}

const { handle, part, seed, edits } = workerData as EditorData
const store = openStore(handle, { label: `editor ${part}` })
const random = randomFrom(seed)
const counted: Record<string, number> = {}
const wrong: string[] = []
let model: Json = { own: part }
let total = 0
let again = 0

function randomFrom(first: number): () => number {
  let state = first | 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) >>> 0) / 2 ** 32
  }
}

function check(version: number): void {
  if (store.version < version) wrong.push(`version ${store.version} after ${version}`)
  const found = JSON.stringify(store.current.parts[part])
  if (found !== JSON.stringify(model)) wrong.push(`at ${version}: ${found.slice(0, 500)}`)
}

for (let edit = 0; edit < edits && wrong.length === 0; edit++) step(edit)
parentPort!.postMessage({
  part: JSON.stringify(model),
  counted,
  total,
  again,
  wrong,
} satisfies EditorReport)
store.close()

function step(edit: number): void {
  const kind = random()
  if (kind < 0.1) {
    model = { own: part, edit, value: randomJson(random, 4) }
    check(store.set(['parts', part], model).version)
  } else if (kind < 0.2) {
    const name = `count ${Math.floor(random() * 500)}`
    let runs = 0
    store.update((draft) => {
      runs++
      draft.counts[name] = (draft.counts[name] ?? 0) + 1
      draft.total++
    })
    again += runs - 1
    counted[name] = (counted[name] ?? 0) + 1
    total++
  } else {
    const change = randomEdit(random)
    let runs = 0
    const { version } = store.update((draft) => {
      runs++
      apply(draft.parts[part] as never, structuredClone(change))
      draft.total++
    })
    again += runs - 1
    total++
    apply(model as never, structuredClone(change))
    model = JSON.parse(JSON.stringify(model)) as Json
    check(version)
  }
}
