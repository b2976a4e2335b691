/**
 * Uses pointers, a map, a queue and retired blocks until it is killed, and says in a word of its
 * own what it is doing. Where the main thread wants it to die it lingers between two accesses.
 */
import { workerData } from 'node:worker_threads'
import { RcBlock } from '../../src/cow.ts'
import { Heap, type HeapHandle } from '../../src/index.ts'
import {
  Rcu,
  type RcuHandle,
  RcuHashMap,
  type RcuHashMapHandle,
  RcuPointer,
  type RcuPointerHandle,
  RcuQueue,
  type RcuQueueHandle,
} from '../../src/rcu.ts'
import { attach } from '../../src/store/attachment.ts'
import { memoryOfHandle } from '../../src/store/handle.ts'

export interface RcuVictimData {
  readonly heap: HeapHandle
  readonly rcu: RcuHandle
  readonly pointer: RcuPointerHandle
  readonly map: RcuHashMapHandle
  readonly queue: RcuQueueHandle
  readonly notes: SharedArrayBuffer
  readonly row: number
}

export const PHASES = [
  'section',
  'qsbr',
  'store',
  'retire',
  'map',
  'queue',
  'defer',
  'wait',
] as const
/** Words of a victim's row. */
export const [PHASE, WANTED, LINGERED, TURNS, ROW_WORDS] = [0, 1, 2, 3, 4] as const
const LINGER_MS = 50

if (workerData !== null) main(workerData as RcuVictimData)

function main(data: RcuVictimData): void {
  const note = new Int32Array(data.notes, data.row * ROW_WORDS * 4, ROW_WORDS)
  lingerAtAccesses(data, note)
  const work = workOf(data, note)
  const turn = (): void => {
    for (let times = 0; times < 20; times++) {
      const phase = note[TURNS]! % PHASES.length
      Atomics.store(note, PHASE, phase)
      work[phase]!()
      Atomics.add(note, TURNS, 1)
    }
    setImmediate(turn)
  }
  turn()
}

/** Spins, once, behind some access of the phase in which this worker is wanted. */
function lingerAtAccesses({ heap }: RcuVictimData, note: Int32Array): void {
  let steps = 0
  const linger = (): void => {
    if (note[WANTED] !== note[PHASE]! + 1 || note[LINGERED] !== 0 || ++steps % 7 !== 0) return
    Atomics.store(note, LINGERED, 1)
    Atomics.notify(note, LINGERED)
    const until = performance.now() + LINGER_MS
    while (performance.now() < until) continue
  }
  const { words } = attach(memoryOfHandle(heap, 'heap'), '').memory
  const port = words as unknown as Record<string, (...given: number[]) => number>
  for (const method of ['load', 'store', 'compareExchange', 'add']) {
    const plain = port[method]!
    port[method] = function lingering(this: unknown, ...given: number[]): number {
      const result = plain.apply(this, given)
      linger()
      return result
    }
  }
}

function whole(found: { bytes: Uint8Array } | undefined): void {
  if (found === undefined) return
  for (const byte of found.bytes) if (byte !== found.bytes[0]) throw new RangeError('torn')
}

/** What is done in each phase. */
function workOf(data: RcuVictimData, note: Int32Array): readonly (() => void)[] {
  const heap = Heap.open(data.heap, { label: `victim ${data.row}` })
  const rcu = Rcu.open(data.rcu)
  const [pointer, map] = [RcuPointer.open(data.pointer), RcuHashMap.open(data.map)]
  const queue = RcuQueue.open(data.queue)
  const section = rcu.register({ label: 'victim' })
  const quiet = rcu.register({ flavor: 'qsbr', label: 'victim' })
  quiet.offline()
  const block = (value: number): RcBlock => {
    const made = heap.allocate(32)
    made.bytes.fill(value)
    return made
  }
  return [
    () => section.read(() => whole(pointer.load())),
    () => {
      quiet.online()
      whole(pointer.load())
      quiet.quiescent()
      whole(pointer.load())
      quiet.offline()
    },
    () => {
      const next = block(note[TURNS]! & 127)
      pointer.store(next)
      next.release()
      pointer.exchange(undefined)?.release()
    },
    () => rcu.retire(block(1)),
    () => {
      const key = note[TURNS]! % 40
      map.addReplace(key, `value ${key}`)
      map.addReplace(`key ${key}`, key)
      map.delete((key * 7) % 40)
      section.read(() => map.entries())
    },
    () => {
      queue.enqueue(note[TURNS]!)
      queue.enqueue('a text that takes room in a segment')
      const taken = [queue.dequeue(), queue.dequeue()]
      for (const each of taken) if (each instanceof RcBlock) each.release()
    },
    () => rcu.defer(() => {}),
    () => rcu.poll(rcu.startPoll()),
  ]
}
