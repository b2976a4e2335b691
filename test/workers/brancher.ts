/**
 * Forks, writes, adopts, rolls back and drops branches of a store, and holds snapshots of them,
 * until it is killed. Counts its rounds in a word; a mistake that it sees is thrown.
 */

import { parentPort, workerData } from 'node:worker_threads'
import { openStore, type RootswapError, type Snapshot, type Store } from '../../src/index.ts'
import type { StoreHandle } from '../../src/index.ts'

/** Two numbers whose sum never changes, and ballast that versions share. */
export interface Shared {
  left: number
  right: number
  ballast: number[][]
}

export interface BrancherData {
  readonly handle: StoreHandle<Shared>
  readonly rounds: SharedArrayBuffer
  readonly row: number
  readonly seed: number
}

const { handle, rounds, row, seed } = workerData as BrancherData
const counter = new Int32Array(rounds)
const store = openStore(handle)
const branches: Store<Shared>[] = []
const snapshots: Snapshot<Shared>[] = []
let state = seed | 0

function random(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) | 0
  return (state >>> 8) % below
}

function expectWhole({ left, right }: Pick<Shared, 'left' | 'right'>): void {
  if (left + right !== 1000) throw new RangeError(`a version holds ${left} and ${right}`)
}

/** What other threads, or limits, may be the reason of. */
function unless(codes: readonly string[], run: () => void): void {
  try {
    run()
  } catch (error) {
    if (!codes.includes((error as RootswapError).code)) throw error
  }
}

function move(target: Store<Shared>): void {
  const by = random(9) - 4
  target.update((draft) => {
    draft.left += by
    draft.right -= by
    draft.ballast[random(8)]![random(8)] = by
  })
}

function round(): void {
  const any = branches[random(branches.length + 1)] ?? store
  const kind = random(8)
  if (kind === 0 && branches.length < 5) {
    unless(['ERR_HEAP_FULL'], () => void branches.push(any.fork(`branch ${row} ${random(99)}`)))
  } else if (kind === 1) branches.splice(random(branches.length + 1), 1)[0]?.close()
  else if (kind === 2 && any !== store) {
    unless(['ERR_CONFLICT'], () => void store.adopt(any, { force: random(2) === 0 }))
  } else if (kind === 3) {
    unless(['ERR_UNKNOWN_VERSION'], () => void any.rollback(Math.max(1, any.version - 1)))
  } else if (kind === 4) {
    unless(['ERR_UNKNOWN_VERSION'], () => {
      snapshots.push(any.snapshot(Math.max(1, any.version - random(3))))
    })
  } else if (kind === 5 || snapshots.length > 6) snapshots.shift()?.release()
  else move(any)
  expectWhole((branches[random(branches.length + 1)] ?? store).current)
  for (const snapshot of snapshots)
    if (!snapshot.isReleased) unless(ENDED, () => expectRead(snapshot))
}

/** A snapshot ends with the branch that it is of. */
const ENDED = ['ERR_STALE_SNAPSHOT', 'ERR_CLOSED']

function expectRead(snapshot: Snapshot<Shared>): void {
  expectWhole({ left: snapshot.get('left'), right: snapshot.get('right') })
}

parentPort!.on('message', () => process.exit())
for (;;) {
  round()
  Atomics.add(counter, row, 1)
}
