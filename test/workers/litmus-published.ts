/**
 * Litmus tests on real publishes: nodes of a small heap whose payload says which publish wrote
 * them. What a reader finds must be of one publish.
 */

import type { RootswapError } from '../../src/errors.ts'
import { ARRAY, nodeOf, referenceTo, stamp, TAG_NODE } from '../../src/memory/kinds.ts'
import type { Memory } from '../../src/memory/memory.ts'
import { type Offset, Words } from '../../src/memory/words.ts'
import { HeapThread } from '../../src/reclaim/thread.ts'
import { Delta } from '../../src/versions/delta.ts'
import { RootCell } from '../../src/versions/root.ts'
import { Delays } from './litmus-pace.ts'
import { PlainSwaps } from './litmus-ports.ts'
import { type LitmusData, memoryWith, type Part } from './litmus-rounds.ts'

/** Words of a node that hold the same number. */
export const PAYLOAD = 12

/** How often a reader looks for the next version before it reads the same again. */
const LOOKS = 20_000

export const TORN = 3
export const SEEN_OLD = 0
export const SEEN_NEW = 1
/** A block that this reader has met with other contents before. */
export const SEEN_REUSED = 2

export function litmusThread(memory: Memory, id: number): HeapThread {
  return new HeapThread(memory, {
    threadId: id,
    creatorId: -1,
    watched: true,
    label: `litmus ${id}`,
  })
}

export function fill(m: Int32Array, node: Offset, value: number): void {
  for (let index = 0; index < PAYLOAD; index++) m[node + 4 + index] = value << 1
}

/** A private node whose words are all `value`. */
export function payloadNode(thread: HeapThread, value: number): Offset {
  const { m } = thread.memory
  const node = thread.allocator.allocate(4 + PAYLOAD)
  stamp(m, node, ARRAY, 0)
  m[node + 2] = 0
  m[node + 3] = PAYLOAD
  fill(m, node, value)
  return node
}

/** Publishes a node filled with `value`; false when another writer was first, or while a thread
 *  that was preempted keeps memory from coming back. With `late` it is filled after the swap, and
 *  after a call of that. */
function publishPayload(
  thread: HeapThread,
  cell: RootCell,
  value: number,
  late?: () => void,
): boolean {
  const base = thread.leases.take(cell.rootAt, 0)
  thread.allocator.begin()
  let won = false
  try {
    const delta = new Delta(thread.memory)
    delta.replaced(nodeOf(cell.rootOf(base)), [])
    const node = payloadNode(thread, late === undefined ? value : value - 1)
    won = cell.publish(thread, base, referenceTo(node, TAG_NODE), delta) !== 0
    if (won && late !== undefined) {
      late()
      fill(thread.memory.m, node, value)
    }
  } catch (error) {
    if ((error as RootswapError).code !== 'ERR_HEAP_FULL') throw error
  }
  if (!won) thread.allocator.abort()
  thread.leases.release(base, 0)
  return won
}

/** The number that all words of the newest node hold, or -1 when they differ; `pause` is called
 *  after the first word. */
function readPayload(memory: Memory, cell: RootCell, pause: () => void): [Offset, number] {
  const { m } = memory
  const node = nodeOf(cell.rootOf(cell.newest()))
  const first = m[node + 4] as number
  pause()
  for (let index = 1; index < PAYLOAD; index++) {
    if (m[node + 4 + index] !== first) return [node, -1]
  }
  return [node, first >> 1]
}

/** Message passing: the words of a node, then the swap; the root's load, then the words. */
export function messagePassing(data: LitmusData): Part {
  const writes = data.thread === 1
  const port = writes && data.variant === 'plain-swap' ? PlainSwaps : Words
  const memory = memoryWith(new port(data.heap))
  const thread = litmusThread(memory, data.thread + 1)
  const cell = new RootCell(memory, 0)
  const delays = new Delays(data.seed)
  const isLate = data.variant === 'late-words'
  // Words are half-written for a moment only: both threads sleep in it, so that two cores or one
  // come to it.
  const sleep = (): void => delays.sleep(memory.words)
  const pause = isLate ? sleep : (): void => delays.rarely()
  if (writes) {
    return {
      round(round) {
        delays.spin(100)
        publishPayload(thread, cell, round + 1, isLate ? sleep : undefined)
        return 0
      },
      after: () => void thread.reclaimer.attempt(4),
    }
  }
  return {
    round(round) {
      delays.spin(600)
      thread.section.enter()
      const [, value] = readPayload(memory, cell, pause)
      thread.section.leave()
      return value === round ? SEEN_OLD : value === round + 1 ? SEEN_NEW : TORN
    },
  }
}

/** Writers replace and reclaim as fast as they can, so that blocks come back at once. */
export function reallocating(data: LitmusData): Part {
  const memory = memoryWith(new Words(data.heap))
  const thread = litmusThread(memory, data.thread + 1)
  const cell = new RootCell(memory, 0)
  const delays = new Delays(data.seed)
  if (data.thread > 0) {
    return {
      round(round) {
        const won = publishPayload(thread, cell, round * 4 + data.thread)
        thread.reclaimer.attempt(4)
        return won ? 1 : 0
      },
    }
  }
  const isOutside = data.variant === 'no-section'
  // Outside a section it sleeps, so that the writers come to the block however few cores there are.
  const pause = (): void => (isOutside ? delays.sleep(memory.words) : delays.rarely())
  const met = new Map<Offset, number>()
  let last = 0
  let record = 0
  return {
    round() {
      for (let look = 0; look < LOOKS && cell.newest() === record; look++) delays.spin(16)
      record = cell.newest()
      if (!isOutside) thread.section.enter()
      const [node, value] = readPayload(memory, cell, pause)
      if (!isOutside) thread.section.leave()
      if (value < 0) return TORN
      const before = met.get(node)
      met.set(node, value)
      const fresh = value !== last
      last = value
      if (!fresh) return SEEN_OLD
      return before === undefined || before === value ? SEEN_NEW : SEEN_REUSED
    },
  }
}
