/** A store as `src/store/subscribe.ts` sees it, over trees of ARRAY nodes: without a codec. */

import { nodeOf } from '../../src/memory/kinds.ts'
import { readHeader } from '../../src/memory/header.ts'
import { type Memory, memoryOf } from '../../src/memory/memory.ts'
import { Words } from '../../src/memory/words.ts'
import { HeapThread } from '../../src/reclaim/thread.ts'
import type { Watched } from '../../src/store/subscribe.ts'
import type { RootCell } from '../../src/versions/root.ts'
import { Bell, type BellHost } from '../../src/versions/waiters.ts'
import { decodeTree, setTree, type Tree } from './arrays.ts'

export class WatchedTree implements Watched<Tree> {
  readonly bell: Bell
  closed = false
  readonly #thread: HeapThread
  readonly #cell: RootCell

  constructor(thread: HeapThread, cell: RootCell, host?: BellHost) {
    this.#thread = thread
    this.#cell = cell
    this.bell = new Bell(thread.memory, thread.slot.at, host)
  }

  get version(): number {
    const { section } = this.#thread
    section.enter()
    const number = this.#cell.numberOf(this.#cell.newest())
    section.leave()
    return number
  }

  /** Where the newest record is. */
  get record(): number {
    return this.#cell.newest()
  }

  isClosed(): boolean {
    return this.closed
  }

  read<R>(fn: (value: Tree, version: number) => R): R {
    const { leases, memory } = this.#thread
    const record = leases.take(this.#cell.rootAt, 0)
    const value = decodeTree(memory.m, this.#cell.rootOf(record))
    const number = this.#cell.numberOf(record)
    leases.release(record, 0)
    return fn(value, number)
  }

  /** Publishes the next version: the first element becomes its number. */
  publish(): number {
    publish(this.#thread, this.#cell)
    return this.version
  }

  close(): void {
    this.closed = true
    this.bell.wakeWatchers()
  }
}

/** One version more, whatever it takes; memory comes back at once. */
export function publish(thread: HeapThread, cell: RootCell): void {
  const { m } = thread.memory
  thread.section.enter()
  const root = nodeOf(cell.rootOf(cell.newest()))
  const before = (m[root + 4] as number) >> 1
  thread.section.leave()
  while (!setTree(thread, cell, [0], before + 1)) continue // another thread published
  thread.reclaimer.attempt(4)
}

export function openMemory(buffer: SharedArrayBuffer): Memory {
  const words = new Words(buffer)
  return memoryOf(words, readHeader(words))
}

export function openThread(memory: Memory, threadId: number): HeapThread {
  return new HeapThread(memory, { threadId, creatorId: 0, watched: true, label: '' })
}
