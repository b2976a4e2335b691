/**
 * A member of a family of threads: reports its id, has the children it is told to have, and ends
 * in the way it is told to.
 */
import { parentPort, threadId, Worker, workerData } from 'node:worker_threads'

export interface MemberData {
  /** How many generations follow. */
  readonly generations: number
  /** How each ends, the eldest first. */
  readonly end: 'stay' | 'spin' | 'exit' | 'throw' | 'return'
  /** Has its child and blocks at once, until the child has reported. */
  readonly blocks?: boolean
  /** Of a child: what its creator waits for then, a word of 1. */
  readonly reported?: Int32Array
  /** The eldest does without the module. */
  readonly unaware?: boolean
}

export interface Report {
  readonly id: number
  readonly creator: number
  readonly watched: boolean
  readonly deaths: readonly number[]
}

/** However slowly the child starts. */
const BLOCK_MS_MAX = 60_000

const port = parentPort!
const data = workerData as MemberData
const family = data.unaware === true ? undefined : await import('../../src/store/family.ts')
const deaths: number[] = []
family?.onThreadDeath((id) => {
  deaths.push(id)
  report()
})
report()
if (data.reported !== undefined) {
  Atomics.store(data.reported, 0, 1)
  Atomics.notify(data.reported, 0)
}

if (data.generations > 0) {
  const reported = new Int32Array(new SharedArrayBuffer(4))
  const child = new Worker(new URL(import.meta.url), {
    workerData: { ...data, generations: data.generations - 1, unaware: false, reported },
  })
  child.on('message', (message: Report) => port.postMessage(message))
  child.on('error', () => {})
  if (data.blocks === true) Atomics.wait(reported, 0, 0, BLOCK_MS_MAX)
}
// The youngest ends by itself, the others stay until they are ended.
if (data.generations === 0) end()
else port.on('message', () => {})

function end(): void {
  if (data.end === 'stay') port.on('message', () => {})
  if (data.end === 'spin') for (;;) continue
  if (data.end === 'exit') process.exit(3)
  if (data.end === 'throw') throw new RangeError('this member fails')
}

function report(): void {
  const creator = family?.creatorOf(threadId) ?? -2
  const watched = family?.isWatched(threadId) ?? false
  port.postMessage({ id: threadId, creator, watched, deaths: [...deaths] } satisfies Report)
}
