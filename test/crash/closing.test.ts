/** A store that user code closes in the middle of a read or write of it. */

import { expect, test } from 'vitest'
import { createStore, Heap, type Store } from '../../src/index.ts'
import {
  SLOT_LOG_COUNT,
  SLOT_READING,
  SLOT_SECTION,
  SLOT_STATE,
  SLOT_TICKET,
} from '../../src/memory/layout.ts'
import { memoryOf } from '../../src/memory/memory.ts'
import { slotAt } from '../../src/reclaim/slots.ts'
import { memoryOfHandle } from '../../src/store/handle.ts'
import { RootCell } from '../../src/versions/root.ts'
import { testThread } from '../support/heap.ts'
import { expectWhole } from './killing.ts'

type Document = { n: number; x: unknown }

/** The heap of a store as another thread sees it, which can join at any moment. */
function besides(store: Store<Document>) {
  const { words, layout } = memoryOfHandle(store.handle, 'store')
  const memory = memoryOf(words, layout)
  const own = slotAt(layout, 0)
  const word = (at: number): number => words.load(own + at)
  return {
    join: () => testThread(memory, 2 ** 20),
    version: () => new RootCell(memory, 0).numberOf(new RootCell(memory, 0).newest()),
    /** The slot is free, and nothing is left in it. */
    expectLeft() {
      expect([SLOT_STATE, SLOT_TICKET, SLOT_LOG_COUNT].map(word)).toEqual([0, 0, 0])
      expect([SLOT_SECTION, SLOT_READING].map((at) => word(at) & 1)).toEqual([0, 0])
    },
  }
}

function create(): Store<Document> {
  return createStore<Document>({ n: 0, x: null }, { maxBytes: 4 * 2 ** 20, name: '' })
}

const closedError = expect.objectContaining({ code: 'ERR_CLOSED' })

/** What is written where user code runs: each calls `close` in its own way. */
const writes: Record<string, (store: Store<Document>, close: () => void) => void> = {
  'a recipe': (store, close) => {
    store.update((draft) => {
      draft.n = 1
      close()
      draft.x = Array.from({ length: 5000 }, (_, index) => ({ index, text: `item ${index}` }))
    })
  },
  'an accessor of a value': (store, close) => {
    let calls = 0
    const value = {
      get list() {
        if (calls++ === 0) close()
        return ['some string', 1.5, { p: 2 }]
      },
    }
    store.set(['x'], value)
  },
  'an accessor that throws when it is asked again': (store, close) => {
    let calls = 0
    const value = {
      get list() {
        if (calls++ > 0) throw new TypeError('again')
        close()
        return ['some string', 1.5, { p: 2 }]
      },
    }
    store.set(['x'], value)
  },
}

for (const [where, write] of Object.entries(writes)) {
  test(`close in ${where} ends the write, which publishes nothing`, () => {
    const store = create()
    const heap = besides(store)
    expect(() => write(store, () => store.close())).toThrow()
    heap.expectLeft()
    expect(heap.version()).toBe(1)
    const other = heap.join()
    expect(other.slot.index).toBe(0)
    expectWhole(other)
  })

  test(`close in ${where} keeps the slot until the write has ended: no thread shares it`, () => {
    const store = create()
    const heap = besides(store)
    let joined: ReturnType<typeof heap.join> | undefined
    const run = (): void => {
      write(store, () => {
        store.close()
        joined = heap.join()
        joined.allocator.begin()
        joined.allocator.allocate(20)
      })
    }
    expect(run).toThrow()
    expect(joined?.slot.index).toBe(1)
    heap.expectLeft()
    expect(joined?.allocator.mark()).toBe(1)
    joined?.allocator.abort()
    expectWhole(joined!)
  })
}

test('close in a recipe makes the write throw ERR_CLOSED', () => {
  const store = create()
  expect(() => store.update((draft) => void ((draft.n = 1), store.close()))).toThrow(closedError)
  expect(() => store.set(['n'], 2)).toThrow(closedError)
})

test('close in read(fn) keeps the value readable, and the slot, until the function returns', () => {
  const store = create()
  store.set(['x'], { list: Array.from({ length: 500 }, (_, index) => ({ index })) })
  const heap = besides(store)
  const read = store.read(({ n }) => {
    store.close()
    expect(heap.join().slot.index).toBe(1)
    return n
  })
  expect(read).toBe(0)
  heap.expectLeft()
  expectWhole(heap.join())
})

test('closing a heap in an accessor of a store to be made creates no store', () => {
  const heap = Heap.create({ maxBytes: 4 * 2 ** 20 })
  const { words, layout } = memoryOfHandle(heap.handle, 'heap')
  const value = {
    get n() {
      heap.close()
      return ['some string', 1.5]
    },
  }
  expect(() => heap.createStore(value)).toThrow(closedError)
  const other = testThread(memoryOf(words, layout), 2 ** 20)
  expect(other.slot.index).toBe(0)
  expect(new RootCell(other.memory, 0).isNamed()).toBe(false)
  expectWhole(other)
})
