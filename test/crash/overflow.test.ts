/**
 * Errors that unwind out of the library at an arbitrary call, as a stack that overflows does: what
 * they pass over is put right by the end of the next call.
 */

import { expect, test } from 'vitest'
import { Heap, type Store } from '../../src/index.ts'
import { kindOf, RECORD } from '../../src/memory/kinds.ts'
import {
  FREEZE_AT,
  LOCK_AT,
  SLOT_LOG_COUNT,
  SLOT_READING,
  SLOT_SECTION,
  SLOT_TICKET,
} from '../../src/memory/layout.ts'
import { memoryOfHandle } from '../../src/store/handle.ts'
import { RootCell } from '../../src/versions/root.ts'
import { createTree } from '../support/arrays.ts'
import { testMemory, testThread } from '../support/heap.ts'
import { inside, settled } from '../unit/store/inside.ts'
import { descend } from '../support/descend.ts'
import { expectWhole, setRoot } from './killing.ts'

interface Document {
  n: number
  list: number[]
  deep: { a: { b: number } }
}

const operations: Record<string, (store: Store<Document>) => void> = {
  version: (store) => void store.version,
  has: (store) => void store.has('deep', 'a'),
  get: (store) => void store.get('deep', 'a', 'b'),
  current: (store) => void store.current.deep.a.b,
  read: (store) => void store.read((value) => value.deep.a.b),
  snapshot: (store) => store.snapshot().release(),
  stats: (store) => void store.stats(),
  verify: (store) => void store.verify(),
  set: (store) => void store.set(['n'], store.current.n + 1),
  update: (store) => {
    store.update((draft) => {
      draft.deep.a.b++
      draft.list.push(1)
      if (draft.list.length > 50) draft.list = []
    })
  },
}

const ROOMS = 45
const PADS = 10

for (const [name, operation] of Object.entries(operations)) {
  test(`a stack that overflows anywhere in ${name} leaves what the next call puts right`, () => {
    const heap = Heap.create({ maxBytes: 4 * 2 ** 20 })
    const store = heap.createStore<Document>({ n: 0, list: [1, 2, 3], deep: { a: { b: 1 } } })
    const { words, layout } = memoryOfHandle(store.handle, 'store')
    const slot = [SLOT_TICKET, SLOT_LOG_COUNT].map((at) => layout.slotsAt + at)
    const flags = [SLOT_SECTION, SLOT_READING].map((at) => layout.slotsAt + at)
    // One function, called before: a new one is compiled, which needs much of the stack.
    const call = (): void => operation(store)
    call()
    let overflows = 0
    for (let trial = 0; trial < ROOMS * PADS; trial++) {
      const pad = Array.from({ length: trial % PADS }, () => 0)
      try {
        descend({ call, room: Math.floor(trial / PADS) }, ...pad)
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError)
        overflows++
      }
      operation(store)
      expect(words.load(LOCK_AT)).toBe(0)
      expect(slot.map((at) => words.load(at))).toEqual([0, 0])
      expect(flags.map((at) => words.load(at) & 1)).toEqual([0, 0])
    }
    console.log(`${name}: ${overflows} overflows in ${ROOMS * PADS} calls`)
    expect(overflows).toBeGreaterThan(PADS)
    expect(overflows).toBeLessThan(ROOMS * PADS)
    heap.verify()
    store.close()
    const other = heap.createStore({ n: 0 })
    expect(other.set(['n'], 1).version).toBe(2)
    expect(settled(other)).toMatchObject({ draftBytes: 0 })
    heap.close()
  })
}

test('a section entered again after an error unwound past its end is open, not closed', () => {
  const memory = testMemory()
  const main = testThread(memory, 1)
  createTree(main, [1, [2]])
  const reader = testThread(memory, 2)
  reader.section.enter() // and an error unwinds
  reader.section.enter()
  const record = new RootCell(memory, 0).newest()
  for (let turn = 0; turn < 3; turn++) {
    setRoot(main, 0, [9, [9, turn]])
    main.reclaimer.attempt(50)
  }
  expect(kindOf(memory.m, record)).toBe(RECORD)
  reader.section.leave()
  expectWhole(main)
  expect(kindOf(memory.m, record)).not.toBe(RECORD)
})

test('an error between the swap and the end of the draft does not undo what was published', () => {
  const heap = Heap.create({ maxBytes: 4 * 2 ** 20 })
  const store = heap.createStore<Document>({ n: 0, list: [1], deep: { a: { b: 1 } } })
  const { allocator } = inside(store).thread
  const end = allocator.end.bind(allocator)
  for (let n = 1; n <= 20; n++) {
    let failed = false
    allocator.end = () => {
      allocator.end = end
      failed = true
      throw new RangeError('the stack overflows')
    }
    expect(() => store.set(['list'], [n, n])).toThrow(RangeError)
    expect(failed).toBe(true)
    expect(store.current.list).toEqual([n, n])
    heap.verify()
  }
  expect(settled(store)).toMatchObject({ draftBytes: 0, versions: 1 })
  heap.close()
})

test('settling gives back what an error unwound past: section, lock, transaction, pause', () => {
  const memory = testMemory()
  const main = testThread(memory, 1)
  createTree(main, [1, [2]])
  const failed = testThread(memory, 2)
  const { reclaimer, section } = failed
  section.enter()
  expect(reclaimer.lock.tryTake()).toBe(true)
  memory.words.store(FREEZE_AT, failed.slot.tag)
  reclaimer.journal.set(memory.layout.cellsAt, 12345)
  failed.settle()
  failed.settle()
  expect([LOCK_AT, FREEZE_AT].map((at) => memory.words.load(at))).toEqual([0, 0])
  expectWhole(main)
  expect(setRoot(failed, 0, [4])).toBe(true)
  expectWhole(failed)
})
