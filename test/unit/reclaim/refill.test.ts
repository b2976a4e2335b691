/** A cache that is empty while another thread holds the lock: that does not make the heap full. */

import { expect, test } from 'vitest'
import { LOCK_AT } from '../../../src/memory/layout.ts'
import { memoryOf } from '../../../src/memory/memory.ts'
import { type Offset, Words } from '../../../src/memory/words.ts'
import type { RootswapError } from '../../../src/errors.ts'
import { testMemory, testThread } from '../../support/heap.ts'

/** Another thread takes the lock and gives it back between any two tries of this one. */
class ContendedLock extends Words {
  tries = 0
  lost = 0

  override compareExchange(at: Offset, expected: number, value: number): number {
    if (at !== LOCK_AT || expected !== 0) return super.compareExchange(at, expected, value)
    if (this.tries++ % 2 === 1) return super.compareExchange(at, expected, value)
    this.lost++
    return 1 << 16
  }
}

test('a refill that loses the lock at every other try is no reason for ERR_HEAP_FULL', () => {
  const memory = testMemory({ megabytes: 1 })
  const first = testThread(memory, 1)
  first.allocator.begin()
  let blocks = 0
  // Every span has been cut once; then all of them are free, and in nobody's cache.
  for (let full = false; !full;) {
    try {
      first.allocator.allocate(16)
      blocks++
    } catch (error) {
      expect((error as RootswapError).code).toBe('ERR_HEAP_FULL')
      full = true
    }
  }
  first.allocator.abort()
  expect(first.leave(100)).toBe(true)
  const words = new ContendedLock(memory.words.buffer)
  const second = testThread(memoryOf(words, memory.layout), 2)
  second.allocator.begin()
  let again = 0
  for (; again < blocks >> 1; again++) second.allocator.allocate(16)
  second.allocator.abort()
  console.log(`${again} of ${blocks} blocks allocated, the lock was lost ${words.lost} times`)
  expect(words.lost).toBeGreaterThan(10)
})
