/** The zeros of the summary, counted at the end, when nobody writes any more. */

import { RootswapError } from '../../errors.ts'
import type { Store } from '../../store/contract.ts'
import type { DemoDocument, Writer } from './document.ts'

const READERS_LEAVE_WITHIN_MS = 10_000

/**
 * Updates that returned and that the document does not have: each writer counted its own commits,
 * and each update counted itself in the version that it published.
 */
export function countLostUpdates(
  store: Store<DemoDocument>,
  commits: Readonly<Record<Writer, number>>,
): number {
  const published = store.get('commits') as Readonly<Record<string, number>>
  return Object.entries(commits).reduce(
    (lost, [writer, count]) => lost + Math.abs(count - (published[writer] ?? 0)),
    0,
  )
}

export interface HeapCheck {
  readonly leakedBlocks: number
  /** Damage of other kinds, in words; empty in a sound heap. */
  readonly damages: readonly string[]
  readonly liveBytes: number
}

/**
 * `verify()` walks everything that is reachable and everything that is free, and names each block
 * that is neither. That alone would pass a heap that never lets a replaced version go, so versions
 * that are still there, though nobody can read them any more, count as leaked too.
 */
export function checkHeap(store: Store<DemoDocument>): HeapCheck {
  try {
    void store.current // this thread moves on too: what it read last stays until it reads again
    store.synchronizeSync(READERS_LEAVE_WITHIN_MS)
    const { liveBytes, versions, zombies } = store.verify()
    const stores = store.heap.stores().length
    return { leakedBlocks: versions - stores + zombies, damages: [], liveBytes }
  } catch (error) {
    if (!(error instanceof RootswapError) || error.code !== 'ERR_CORRUPT_HEAP') throw error
    const all = error.fields['damages'] as string[]
    const others = all.filter((damage) => !damage.startsWith('leaked block'))
    const { liveBytes } = store.stats()
    return { leakedBlocks: all.length - others.length, damages: others, liveBytes }
  }
}
