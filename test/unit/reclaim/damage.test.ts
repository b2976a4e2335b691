/** Each kind of damage is made by hand, and `verify` names it. */

import { expect, test } from 'vitest'
import type { RootswapError } from '../../../src/errors.ts'
import { createStore } from '../../../src/index.ts'
import {
  BUCKET,
  isReference,
  kindOf,
  nodeOf,
  ownOf,
  referencesAt,
} from '../../../src/memory/kinds.ts'
import {
  CELL_ROOT,
  CLAIMED_CELLS_AT,
  CLASS_HEADS_AT,
  SLOT_CACHES,
  SPAN_FREE,
  SPAN_FREE_COUNT,
} from '../../../src/memory/layout.ts'
import { RECORD_OUT, RECORD_ROOT } from '../../../src/memory/record.ts'
import { spanAt } from '../../../src/memory/span-table.ts'
import type { HeapThread } from '../../../src/reclaim/thread.ts'
import { verifyHeap } from '../../../src/reclaim/verify.ts'
import { memoryOfHandle } from '../../../src/store/handle.ts'
import type { RootCell } from '../../../src/versions/root.ts'
import { createTree, setTree } from '../../support/arrays.ts'
import { testMemory, testThread } from '../../support/heap.ts'

interface Subject {
  readonly m: Int32Array
  readonly thread: HeapThread
  readonly cell: RootCell
  /** Node of the root array, and of its first container child. */
  readonly root: number
  readonly child: number
}

/** A heap with free blocks in spans, cached blocks, and a few live nodes. */
function subject(): Subject {
  const memory = testMemory()
  const thread = testThread(memory, 1)
  const cell = createTree(thread, [1, [2, [3, 4]], [5]])
  for (let round = 0; round < 2000; round++) {
    setTree(thread, cell, [1, 1, 0], [round])
    thread.reclaimer.attempt(8)
  }
  const { m } = memory
  const root = nodeOf(cell.rootOf(cell.newest()))
  const children = Array.from(m.subarray(root + 4, root + 4 + (m[root + 3] as number)))
  return { m, thread, cell, root, child: nodeOf(children.find(isReference) as number) }
}

function damagesAfter(make: (subject: Subject) => void): string[] {
  const one = subject()
  expect(verifyHeap(one.thread.reclaimer, 5).versions).toBe(1)
  make(one)
  try {
    verifyHeap(one.thread.reclaimer, 5)
  } catch (error) {
    expect((error as RootswapError).code).toBe('ERR_CORRUPT_HEAP')
    return (error as RootswapError).fields['damages'] as string[]
  }
  return []
}

/** The first span that some class has free blocks in. */
function spanWithFree({ m, thread }: Subject): { at: number; sizeClass: number } {
  for (let sizeClass = 0; sizeClass < thread.memory.classes.count; sizeClass++) {
    const head = m[CLASS_HEADS_AT + sizeClass] as number
    if (head !== 0) return { at: spanAt(thread.memory.layout, head - 1), sizeClass }
  }
  throw new TypeError('the subject has no span with free blocks')
}

test('a leaked block is named', () => {
  const damages = damagesAfter(({ thread }) => {
    thread.allocator.begin()
    thread.allocator.allocate(10)
    thread.allocator.end()
  })
  expect(damages).toEqual([expect.stringMatching(/^leaked block: \d+ \(40 bytes\)/)])
})

test('a block in two lists is named', () => {
  const damages = damagesAfter((one) => {
    const { m, thread } = one
    const { at, sizeClass } = spanWithFree(one)
    const free = m[at + SPAN_FREE] as number
    m[thread.slot.at + SLOT_CACHES + sizeClass] = free
  })
  expect(damages.join('\n')).toMatch(/block in two lists: \d+ is free and cached/)
})

test.each([1, -1])('a count off by %i is named', (by) => {
  const damages = damagesAfter(({ m, child }) => {
    m[child + 1] = (m[child + 1] as number) + by
  })
  expect(damages).toEqual([expect.stringMatching(/^wrong count: node \d+ has \d+, 1 are right/)])
})

test('a foreign reference is named', () => {
  const damages = damagesAfter(({ m, root }) => {
    m[root + 4] = (12_344 << 2) | 5
  })
  expect(damages.join('\n')).toMatch(/foreign reference: node \d+ names 12344/)
})

test.each(['a block of another span', 'nothing'])('a free list cut short by %s is named', (how) => {
  const damages = damagesAfter((one) => {
    const { at } = spanWithFree(one)
    one.m[at + SPAN_FREE] = how === 'nothing' ? 0 : one.child
  })
  expect(damages.join('\n')).toMatch(/broken free list|leaked block/)
})

test('a wrong number of free blocks is named', () => {
  const damages = damagesAfter((one) => {
    const { at } = spanWithFree(one)
    one.m[at + SPAN_FREE_COUNT] = (one.m[at + SPAN_FREE_COUNT] as number) + 1
  })
  expect(damages.join('\n')).toMatch(/broken free list: span \d+ notes \d+ blocks, has \d+/)
})

test('a block of a wrong class is named', () => {
  const damages = damagesAfter(({ m, child }) => {
    m[child] = (m[child] as number) ^ (1 << 4)
  })
  expect(damages.join('\n')).toMatch(/wrong class: node \d+ says \d+/)
})

test.each([
  ['fewer', 0, /root cell 0 is in use, and no round looks at it/],
  ['more', 2 ** 20, /1048576 root cells are said to be in use, of \d+/],
  ['less than no', -1, /-1 root cells are said to be in use, of \d+/],
])('%s root cells than there are', (_, mark, damage) => {
  const damages = damagesAfter(({ m }) => {
    m[CLAIMED_CELLS_AT] = mark
  })
  expect(damages.join('\n')).toMatch(damage)
})

test('a version that replaces a node twice frees it once', () => {
  const store = createStore({ a: { b: { c: 1 } }, pad: [1, 2] })
  const { m, layout } = memoryOfHandle(store.handle, 'store')
  const change = (c: number) => (draft: { a: { b: { c: number } } }) => {
    draft.a.b.c = c
  }
  store.update(change(2))
  const out = (m[layout.cellsAt + CELL_ROOT] as number) + RECORD_OUT
  m[out + 2] = m[out] as number
  const damage = expect.objectContaining({ code: 'ERR_CORRUPT_HEAP' })
  expect(() => {
    for (let c = 0; c < 60; c++) store.update(change(c))
  }).toThrow(damage)
  store.close()
})

test('a cached block of a wrong class is named', () => {
  const damages = damagesAfter(({ m, thread }) => {
    const caches = thread.slot.at + SLOT_CACHES
    const used = [...m.subarray(caches, caches + 20).keys()].filter((index) => m[caches + index])
    const [first, second] = used as [number, number]
    m[caches + first] = m[caches + second] as number
  })
  expect(damages.join('\n')).toMatch(/wrong class: \d+ in a cached list/)
})

test('a bucket that repeats another value than its entry has is named', () => {
  const store = createStore(new Map(Array.from({ length: 500 }, (_, n) => [`k${n}`, n])))
  const { m, layout } = memoryOfHandle(store.handle, 'store')
  store.verify()
  const cell = m[layout.cellsAt + CELL_ROOT] as number
  const table = nodeOf(m[cell + RECORD_ROOT] as number)
  const trie = nodeOf(m[table + 6] as number)
  const children = Array.from(m.subarray(trie + 3, trie + 67), nodeOf)
  const bucket = children.find((node) => node !== 0 && kindOf(m, node) === BUCKET) as number
  m[referencesAt(m, bucket) + ownOf(m, bucket)]! += 2
  expect(() => store.verify()).toThrow(new RegExp(`bucket ${bucket} repeats other values`))
  store.close()
})
