/** Reads the paths it is sent, from the store or from a private copy, or stays idle. */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parentPort, workerData } from 'node:worker_threads'
import { openStore, type Store } from '../src/index.ts'
import type { Path } from './document.ts'

interface Task {
  readonly mode: string
  readonly handle: never
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const { mode, handle } = workerData as Task
const store = mode.startsWith('store')
  ? (openStore(handle) as unknown as Store<unknown>)
  : undefined
let copy: unknown
let found = 0

parentPort?.on('message', ({ paths, text }: { paths: Path[]; text: string }) => {
  if (mode === 'copies') copy = JSON.parse(text)
  if (mode === 'store') {
    const get = store as unknown as { get(...path: Path): unknown }
    for (const path of paths) if (get.get(...path) !== undefined) found++
  }
  if (mode === 'copies') for (const path of paths) if (walk(copy, path) !== undefined) found++
  collect()
  parentPort?.postMessage(found)
})
parentPort?.postMessage('ready')

function walk(value: unknown, path: Path): unknown {
  let at = value
  for (const key of path) at = (at as Record<PropertyKey, unknown>)[key]
  return at
}
