/** The numbers of one moment, by heap. */

import type { Config } from '../config/watched.ts'
import type { Store, ThreadReport } from '../store/contract.ts'
import { identityKey } from '../store/handle.ts'
import type { HeapStats } from '../store/stats.ts'

export interface Followed {
  /** What labels call it. */
  readonly name: string
  readonly store: Store<unknown>
  readonly config: Config<unknown> | undefined
}

export interface HeapReading {
  readonly heap: string
  readonly stats: HeapStats
  readonly oldestSnapshotAgeMs: number
  readonly stores: readonly { readonly store: string; readonly version: number }[]
  readonly threads: readonly ThreadVersion[]
  readonly holders: readonly { thread: number; label: string; bytes: number }[]
}

interface ThreadVersion {
  readonly store: string
  readonly thread: number
  readonly label: string
  readonly version: number
}

/** What labels call each heap, by its identity: the names of its stores. */
export function heapsOf(followed: readonly Followed[]): Map<string, string> {
  const groups = [...groupsOf(followed)]
  return new Map(groups.map(([key, stores]) => [key, stores.map(({ name }) => name).join('+')]))
}

/** Stores that were closed are left out, and heaps of which no store is open. */
export function read(followed: readonly Followed[]): HeapReading[] {
  const heaps = heapsOf(followed)
  return [...groupsOf(followed)].flatMap(([key, group]) => {
    const [first, ...others] = group.filter(isOpen)
    return first === undefined ? [] : [readHeap(heaps.get(key) as string, [first, ...others])]
  })
}

/** The heap's own object may be closed while a store of it is open. */
function isOpen({ store }: Followed): boolean {
  try {
    return store.version > 0 && store.heap.stores().length > 0
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_CLOSED') return false
    throw error
  }
}

function readHeap(heap: string, followed: readonly [Followed, ...Followed[]]): HeapReading {
  const [first] = followed
  const threads = first.store.heap.threads()
  const names = first.store.heap.stores()
  return {
    heap,
    stats: first.store.heap.stats(),
    oldestSnapshotAgeMs: Math.max(0, ...threads.map((one) => one.oldestSnapshotAgeMs)),
    stores: followed.map(({ name, store }) => ({ store: name, version: store.version })),
    threads: followed
      .filter(({ store }) => isAlone(store.name, names))
      .flatMap((one) => versionsOf(one, threads)),
    holders: threads.map(({ threadId, label, heldBytes }) => {
      return { thread: threadId, label, bytes: heldBytes }
    }),
  }
}

/** Threads report stores by name: what several have, say none at all, tells no store. */
function isAlone(name: string, names: readonly string[]): boolean {
  return names.indexOf(name) === names.lastIndexOf(name)
}

function versionsOf({ name, store }: Followed, threads: readonly ThreadReport[]): ThreadVersion[] {
  return threads.flatMap(({ threadId, label, stores }) => {
    const found = stores.find((one) => one.store === store.name)
    if (found === undefined) return []
    return [{ store: name, thread: threadId, label, version: found.version }]
  })
}

function groupsOf(followed: readonly Followed[]): Map<string, Followed[]> {
  const groups = new Map<string, Followed[]>()
  for (const one of followed) {
    const key = identityKey(one.store.handle.identity)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [one])
    else group.push(one)
  }
  return groups
}
