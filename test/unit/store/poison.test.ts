import { expect, test } from 'vitest'
import { Heap } from '../../../src/index.ts'
import { isReference, nodeOf, referenceCount, referencesAt } from '../../../src/memory/kinds.ts'
import { POISON } from '../../../src/memory/poison.ts'
import { cellOfHandle } from '../../../src/store/handle.ts'
import { findPath } from '../../../src/values/lookup.ts'
import { inside } from './inside.ts'

const options = { maxBytes: 4 * 2 ** 20 }
const value = { list: [{ name: 'a name that is a node' }, { name: 'another such name' }] }

/** Words of the list's node after it was replaced and freed. */
function wordsOfFreed(debug: boolean): number[] {
  const heap = Heap.create({ ...options, debug })
  const store = heap.createStore(value)
  const attachment = inside(store)
  const cell = cellOfHandle(attachment.memory, store.handle)
  const { memory } = attachment
  const word = findPath(attachment.codec, cell.rootOf(cell.newest()), ['list'])
  expect(isReference(word)).toBe(true)
  const node = nodeOf(word)
  const first = referencesAt(memory.m, node)
  const end = first + referenceCount(memory.m, node, memory.layout)
  store.set(['list'], [])
  store.synchronizeSync()
  heap.verify()
  const words = Array.from(memory.m.subarray(first, end))
  heap.close()
  return words
}

test('a debug heap overwrites what was freed, after its last reader', () => {
  expect(wordsOfFreed(true)).toEqual([POISON, POISON])
})

test('a heap without debug leaves it', () => {
  expect(wordsOfFreed(false)).not.toContain(POISON)
})

test('whoever reads poison gets an error, not a value', () => {
  const heap = Heap.create({ ...options, debug: true })
  const store = heap.createStore(value)
  const attachment = inside(store)
  const cell = cellOfHandle(attachment.memory, store.handle)
  const { m } = attachment.memory
  const root = nodeOf(cell.rootOf(cell.newest()))
  m[referencesAt(m, root)] = POISON
  expect(() => JSON.stringify(store.current)).toThrow(
    expect.objectContaining({ code: 'ERR_CORRUPT_HEAP' }),
  )
})

test('a debug heap works as any other: edits, snapshots, large blocks', () => {
  const heap = Heap.create({ ...options, debug: true })
  const store = heap.createStore<{ n: number; text: string; list: number[] }>({
    n: 0,
    text: '',
    list: [],
  })
  const kept = store.current
  const snapshot = store.snapshot()
  for (let n = 1; n <= 500; n++) {
    store.update((draft) => {
      draft.n = n
      draft.text = 'x'.repeat(n * 100)
      draft.list.push(n)
    })
  }
  store.synchronizeSync()
  heap.verify()
  expect(store.current.list).toHaveLength(500)
  expect(kept).toEqual({ n: 0, text: '', list: [] })
  expect(snapshot.value).toEqual({ n: 0, text: '', list: [] })
  heap.close()
})
