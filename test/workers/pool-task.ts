/** A pool's handler: what a worker of `createPool` sees of its store. */
import { threadId, workerData } from 'node:worker_threads'
import { openStore } from '../../src/index.ts'

export interface Config {
  readonly name: string
  readonly count: number
}

export interface Answer {
  readonly name: string
  readonly count: number
  readonly version: number
  readonly thread: number
  /** Versions that the worker's subscription was called with. */
  readonly heard: readonly number[]
  readonly workerData: unknown
}

// At the module's evaluation: the name is there before anything else.
const store = openStore<Config>('config')
const heard: number[] = []
store.subscribe(({ version }) => heard.push(version))

export default function task(order: 'read' | 'current' | 'throw' | 'exit'): Answer {
  if (order === 'exit') process.exit(1)
  if (order === 'throw') throw new RangeError('a task that fails')
  const { name, count } = store.current
  const { version } = store
  return { name, count, version, thread: threadId, heard: [...heard], workerData }
}
