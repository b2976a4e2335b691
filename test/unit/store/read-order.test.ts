/** The order that `synchronize` stands on: a read says that it runs, then looks for the version. */

import { afterEach, expect, test, vi } from 'vitest'
import { createStore } from '../../../src/index.ts'
import { SLOT_READING } from '../../../src/memory/layout.ts'
import { Words } from '../../../src/memory/words.ts'
import { memoryOfHandle } from '../../../src/store/handle.ts'
import { slotAt } from '../../../src/reclaim/slots.ts'
import { RootCell } from '../../../src/versions/root.ts'

afterEach(() => void vi.restoreAllMocks())

test('read(fn) loads the root atomically after the store that says it is inside', () => {
  const store = createStore({ n: 1 }, { maxBytes: 2 ** 20 })
  expect(store.current.n).toBe(1)
  const memory = memoryOfHandle(store.handle, 'store')
  const readingAt = slotAt(memory.layout, 0) + SLOT_READING
  const { rootAt } = new RootCell(memory, 0)
  const steps: string[] = []
  const { load, store: put } = Words.prototype
  vi.spyOn(Words.prototype, 'load').mockImplementation(function (this: Words, at) {
    if (at === rootAt) steps.push('load root')
    return load.call(this, at)
  })
  vi.spyOn(Words.prototype, 'store').mockImplementation(function (this: Words, at, value) {
    if (at === readingAt) steps.push(value & 1 ? 'enter' : 'leave')
    put.call(this, at, value)
  })
  // Nothing changed since `current`: a plain poll would do for the value, but not for the order.
  store.read(() => steps.push('fn'))
  expect(steps).toEqual(['enter', 'load root', 'fn', 'leave'])
  vi.restoreAllMocks()
  store.close()
})
