/** Lease words of one thread. */

import { expect, test } from 'vitest'
import { LEASE_SOFT } from '../../../src/memory/layout.ts'
import type { Lease } from '../../../src/reclaim/leases.ts'
import { RootCell } from '../../../src/versions/root.ts'
import { setRoot } from '../../crash/killing.ts'
import { createTree } from '../../support/arrays.ts'
import { testMemory, testThread } from '../../support/heap.ts'

test('a lease whose last use ends twice leaves the word to the lease that has it by then', () => {
  const memory = testMemory()
  const thread = testThread(memory, 1)
  createTree(thread, [1, [2]])
  const { leases } = thread
  const { rootAt } = new RootCell(memory, 0)
  const taken = (): Lease => leases.find(leases.take(rootAt, LEASE_SOFT), LEASE_SOFT) as Lease
  const first = taken()
  leases.forget(first)
  setRoot(thread, 0, [9, [9]])
  const second = taken()
  expect(second.at).toBe(first.at)
  leases.forget(first)
  expect(memory.words.load(second.at)).toBe(second.lease)
  setRoot(thread, 0, [9, [8]])
  expect(taken().at).not.toBe(second.at)
})
