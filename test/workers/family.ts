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
  /** Has its child and blocks at once, for so many milliseconds. */
  readonly blockMs?: number
  /** The eldest does without the module. */
  readonly unaware?: boolean
}

export interface Report {
  readonly id: number
  readonly creator: number
  readonly watched: boolean
  readonly deaths: readonly number[]
}

const port = parentPort!
const data = workerData as MemberData
const family = data.unaware === true ? undefined : await import('../../src/store/family.ts')
const deaths: number[] = []
family?.onThreadDeath((id) => {
  deaths.push(id)
  report()
})
report()

if (data.generations > 0) {
  const child = new Worker(new URL(import.meta.url), {
    workerData: { ...data, generations: data.generations - 1, unaware: false },
  })
  child.on('message', (message: Report) => port.postMessage(message))
  child.on('error', () => {})
  const idle = new Int32Array(new SharedArrayBuffer(4))
  if (data.blockMs !== undefined) Atomics.wait(idle, 0, 0, data.blockMs)
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
