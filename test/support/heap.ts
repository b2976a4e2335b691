/** Heaps for tests of the layers below the store. */

import { writeHeader } from '../../src/memory/header.ts'
import { type Memory, memoryOf } from '../../src/memory/memory.ts'
import { Words } from '../../src/memory/words.ts'
import { HeapThread } from '../../src/reclaim/thread.ts'

export interface TestHeapOptions {
  readonly megabytes?: number
  readonly threads?: number
  readonly cells?: number
}

export function testMemory(options: TestHeapOptions = {}): Memory {
  const capacity = (options.megabytes ?? 4) * 2 ** 18
  const words = new Words(new SharedArrayBuffer(capacity * 4))
  const layout = writeHeader(words, {
    capacity,
    threads: options.threads ?? 16,
    cells: options.cells ?? 4,
    limboWordsMax: capacity >> 2,
    stallMs: 1000,
    maxWaitMs: 5,
    reclaimEvery: 1,
    identity: [1, 2],
  })
  return memoryOf(words, layout)
}

export function testThread(memory: Memory, threadId: number): HeapThread {
  return new HeapThread(memory, { threadId, creatorId: -1, watched: true, label: `t${threadId}` })
}
