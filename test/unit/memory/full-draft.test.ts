/** Drafts that find the heap full just where their log needs another chunk. */

import { expect, test } from 'vitest'
import type { HeapThread } from '../../../src/reclaim/thread.ts'
import { verifyHeap } from '../../../src/reclaim/verify.ts'
import { testMemory, testThread } from '../../support/heap.ts'
import { thrown } from '../store/inside.ts'

const codeOf = (run: () => unknown): unknown => thrown(run).code

/** All spans are in use; the thread has small blocks left for two chunks of its log. */
function fullHeap(): HeapThread {
  const memory = testMemory({ megabytes: 1 })
  const thread = testThread(memory, 1)
  thread.allocator.begin()
  for (let n = 0; n < 2 * thread.allocator.entriesPerChunk; n++) thread.allocator.allocate(8)
  thread.allocator.abort()
  const other = testThread(memory, 2)
  other.allocator.begin()
  const fill = () => {
    for (;;) other.allocator.allocate(8)
  }
  expect(codeOf(fill)).toBe('ERR_HEAP_FULL')
  return thread
}

test.each([-1, 0, 1])('a draft of a chunk of blocks and %d gives all of them back', (more) => {
  const thread = fullHeap()
  const { allocator, memory, reclaimer } = thread
  allocator.begin()
  const blocks = new Set<number>()
  for (let n = 0; n < allocator.entriesPerChunk + more; n++) blocks.add(allocator.allocate(8))
  const large = () => allocator.allocate(memory.classes.largest + 1)
  expect([codeOf(large), codeOf(large)]).toEqual(['ERR_HEAP_FULL', 'ERR_HEAP_FULL'])
  verifyHeap(reclaimer, 5)
  const mark = allocator.mark()
  blocks.add(allocator.allocate(8))
  allocator.rewind(mark)
  expect([codeOf(large), allocator.mark()]).toEqual(['ERR_HEAP_FULL', mark])
  allocator.abort()
  expect(verifyHeap(reclaimer, 5).draftBytes).toBeGreaterThan(0) // the other thread's
  allocator.begin()
  for (let n = 0; n < allocator.entriesPerChunk + more; n++) blocks.delete(allocator.allocate(8))
  expect(blocks.size).toBeLessThanOrEqual(1)
  allocator.abort()
  verifyHeap(reclaimer, 5)
})
