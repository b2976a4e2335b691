/**
 * Does the demo find what it looks for? Three faults are made on purpose, each past the store's
 * own protection, and each must be counted: an inconsistent version, a lost update, a leaked block.
 */

import { attach } from '../../store/attachment.ts'
import { memoryOfHandle } from '../../store/handle.ts'
import { pause } from './clock.ts'
import { countCommit } from './document.ts'
import type { Faults, RunningDemo } from './run.ts'
import type { Summary } from './summary.ts'

/** A reader has so long to meet the inconsistent version. */
const MEET_WITHIN_MS = 5000
const BLOCK_WORDS = 8

export interface FaultReport {
  readonly fault: string
  readonly detected: boolean
  readonly found: string
}

export class PlantedFaults implements Faults {
  #tornBefore = 0

  async during(demo: RunningDemo, signal: AbortSignal): Promise<void> {
    await pause(500, signal)
    this.#tornBefore = demo.pool.progress.tornReads
    publishInconsistent(demo, 1)
    for (let waited = 0; waited < MEET_WITHIN_MS && !signal.aborted; waited += 5) {
      if (demo.pool.progress.tornReads > this.#tornBefore) break
      await pause(5, signal)
    }
    publishInconsistent(demo, -1) // and now it adds up again
  }

  afterwards(demo: RunningDemo): void {
    dropUpdate(demo)
    leakBlock(demo)
  }

  /** Each fault, and whether the summary has it. One update and one block: not more, either. */
  reports({ tornReads, lostUpdates, leakedBlocks }: Summary): FaultReport[] {
    const clean = this.#tornBefore === 0
    return [
      {
        fault: 'one inconsistent version',
        detected: clean && tornReads > 0,
        found: `${tornReads} torn reads, ${this.#tornBefore} before it`,
      },
      {
        fault: 'one dropped update',
        detected: lostUpdates === 1,
        found: `${lostUpdates} lost updates`,
      },
      {
        fault: 'one leaked block',
        detected: leakedBlocks === 1,
        found: `${leakedBlocks} leaked blocks`,
      },
    ]
  }
}

/** A version in which the balances do not add up. */
function publishInconsistent({ store, publisher }: RunningDemo, amount: number): void {
  store.update((draft) => {
    draft.early.balance += amount
    countCommit(draft, 'main')
  })
  publisher.commits++
}

/** The classic mistake: what was read before is written after, over an update in between. */
function dropUpdate({ store, publisher }: RunningDemo): void {
  const stale = { ...(store.get('commits') as Record<string, number>) }
  store.update((draft) => countCommit(draft, 'main'))
  publisher.commits++
  store.set(['commits'], stale)
}

/** A block that is allocated and then belongs to nobody: its draft ends as if it were published. */
function leakBlock({ store }: RunningDemo): void {
  const { thread } = attach(memoryOfHandle(store.handle, 'store'), '')
  thread.allocator.begin()
  thread.allocator.allocate(BLOCK_WORDS)
  thread.allocator.end()
}
