/** Times, once and cold: reading all of a store's value, or of a clone of a private copy. */

import { parentPort, workerData } from 'node:worker_threads'
import { openStore } from '../src/index.ts'
import { documentText } from './document.ts'

const { mode, handle } = workerData as { readonly mode: string; readonly handle: never }

/** Everything in a value, by a stack: how many values there are. */
function countAll(root: unknown): number {
  const stack = [root]
  let count = 0
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    count++
    if (typeof value !== 'object' || value === null) continue
    if (Array.isArray(value)) for (const child of value) stack.push(child)
    else for (const key in value) stack.push((value as Record<string, unknown>)[key])
  }
  return count
}

const store = mode === 'ours' ? openStore(handle) : undefined
const copy: unknown = store === undefined ? JSON.parse(documentText()) : undefined
const begin = performance.now()
const count = countAll(store === undefined ? structuredClone(copy) : store.current)
parentPort?.postMessage({ ms: performance.now() - begin, count })
