/** Branches, rolling back, versions that are kept: what a program sees of them. */

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { LOCK_WAITERS_AT } from '../../../src/memory/layout.ts'
import { knownRecords } from '../../../src/reclaim/cells.ts'
import { HeapThread } from '../../../src/reclaim/thread.ts'
import type { OpenStore } from '../../../src/store/store.ts'
import { createStore, Heap, openStore, type Store } from '../../../src/index.ts'
import { codeOf, type Config, initial, left, make, small } from './branching.ts'
import { inside } from './inside.ts'

/** Records that have not departed; looks only. */
function knownVersions(store: Store<Config>): { versions: number } {
  return { versions: knownRecords(inside(store).memory).size }
}

describe('fork', () => {
  test('a branch begins with its origin’s version and goes its own way', () => {
    const store = make()
    store.set(['limits', 'rate'], 11)
    const branch = store.fork('next')
    expect([branch.version, branch.name]).toEqual([2, 'next'])
    expect(branch.current).toEqual(store.current)
    branch.set(['limits', 'rate'], 99)
    store.set(['hosts', 0], 'c')
    expect([branch.version, store.version]).toEqual([3, 3])
    expect(branch.get('limits', 'rate')).toBe(99)
    expect(branch.get('hosts', 0)).toBe('a')
    expect(store.get('limits', 'rate')).toBe(11)
    expect(left(store).sharedBlocks).toBeGreaterThan(0)
    branch.close()
    store.close()
  })

  test('a branch copies nothing, and its end gives back what it added', () => {
    const store = createStore(
      Array.from({ length: 20_000 }, (_, id) => ({ id, name: `n${id}` })),
      { maxBytes: 64 * 2 ** 20 },
    )
    const before = left(store as never)
    const shared = store.stats().sharedBlocks
    const branch = store.fork()
    expect(store.stats().sharedBlocks).toBe(shared + 1) // the root, and through it all others
    const with1 = left(store as never)
    expect(with1.liveBlocks - before.liveBlocks).toBe(1) // its record
    branch.set([5, 'name'], 'other')
    expect(left(store as never).liveBlocks - before.liveBlocks).toBeLessThan(10)
    branch.close()
    expect(left(store as never).sharedBlocks).toBe(before.sharedBlocks)
    expect(store.stats().sharedBlocks).toBe(shared)
    const after = left(store as never)
    expect([after.liveBlocks, after.zombies]).toEqual([before.liveBlocks, 0])
    store.close()
  })

  test('branches of branches end in any order, with a snapshot on any', () => {
    const store = make()
    const child = store.fork('child')
    child.set(['limits', 'rate'], 1)
    const grandchild = child.fork('grandchild')
    grandchild.set(['limits', 'burst'], 2)
    const snapshot = grandchild.snapshot()
    child.close()
    store.set(['hosts'], [])
    expect(grandchild.current.limits).toEqual({ rate: 1, burst: 2 })
    expect(snapshot.get('hosts', 1)).toBe('b')
    store.verify()
    snapshot.release()
    grandchild.close()
    expect(left(store).versions).toBe(1)
    store.close()
  })

  test('a branch outlives its origin, and the heap goes with the last', () => {
    const store = make()
    const branch = store.fork()
    store.close()
    branch.set(['limits', 'rate'], 5)
    expect(branch.get('limits', 'rate')).toBe(5)
    expect(branch.verify().versions).toBeGreaterThan(0)
    expect(branch.stats().version).toBe(2)
    branch.close()
    expect(codeOf(() => branch.current)).toBe('ERR_CLOSED')
    expect(codeOf(() => store.fork())).toBe('ERR_CLOSED')
  })

  test('a branch is opened by handle and by name, and refused once it has ended', () => {
    const heap = Heap.create(small)
    const store = heap.createStore(initial, { name: 'main' })
    const branch = store.fork('canary')
    expect(heap.stores()).toEqual(['main', 'canary'])
    const again = openStore(structuredClone(branch.handle))
    const named = heap.openStore<Config>('canary')
    branch.close()
    named.set(['hosts', 0], 'z')
    expect(again.get('hosts', 0)).toBe('z')
    again.close()
    expect(heap.stores()).toContain('canary')
    named.close()
    expect(heap.stores()).toEqual(['main'])
    expect(codeOf(() => heap.openStore('canary'))).toBe('ERR_BAD_HANDLE')
    expect(codeOf(() => openStore(branch.handle))).toBe('ERR_BAD_HANDLE')
    const next = store.fork('another')
    expect(next.handle.store).toBe(branch.handle.store)
    expect(codeOf(() => openStore(branch.handle))).toBe('ERR_BAD_HANDLE')
    expect(openStore(next.handle).get('hosts', 0)).toBe('a')
    heap.verify()
    heap.close()
  })

  test('a thousand branches come and go in 64 places, and each version is counted', () => {
    const store = make()
    const before = store.stats().publishes
    for (let round = 0; round < 1_000; round++) {
      const branch = store.fork(`branch ${round}`)
      branch.set(['limits', 'rate'], 100 + round)
      branch.close()
    }
    expect(store.stats().publishes).toBe(before + 2_000)
    expect(inside(store).memory.m[LOCK_WAITERS_AT]).toBe(0)
    expect(store.heap.stores()).toHaveLength(1)
    expect(left(store).versions).toBe(1)
    store.close()
  })

  test('a branch whose end a reader holds up ends by itself, without a publish', async () => {
    const store = make()
    const branch = store.fork()
    branch.set(['limits', 'rate'], 1)
    const { thread } = inside(store)
    const other = new HeapThread(thread.memory, { ...thread.identity, threadId: 99_999 })
    other.section.enter()
    branch.close()
    const { versions } = knownVersions(store)
    expect(versions).toBeGreaterThan(1)
    other.section.leave()
    for (let waits = 0; knownVersions(store).versions > 1 && waits < 500; waits++) await sleep(2)
    expect(knownVersions(store).versions).toBe(1)
    other.leave(50)
    store.close()
  })

  test('more branches than the heap has places for are refused, the others go on', () => {
    const store = make({ maxStores: 4 })
    const branches = [store.fork(), store.fork(), store.fork()]
    expect(codeOf(() => store.fork())).toBe('ERR_HEAP_FULL')
    branches[1]!.close()
    const last = store.fork()
    last.set(['hosts', 0], 'q')
    expect(store.verify().draftBytes).toBe(0)
    store.close()
  })

  test('subscriptions, selectors, patches, drained and views work on a branch', async () => {
    const store = createStore({ users: new Map([['ann', { age: 1 }]]) }, small)
    const branch = store.fork()
    const heard: number[] = []
    branch.subscribe(({ version }) => heard.push(version), { keepAlive: true })
    const age = branch.select((value) => value.users.get('ann')!.age)
    expect(age()).toBe(1)
    const kept = branch.current.users
    const { patches } = branch.update(
      (draft) => {
        draft.users.get('ann')!.age = 2
      },
      { patches: true },
    )
    expect(patches).toEqual([{ op: 'replace', path: ['users', 'ann', 'age'], value: 2 }])
    expect([age(), kept.get('ann')!.age, store.current.users.get('ann')!.age]).toEqual([2, 1, 1])
    await branch.drained(2)
    while (heard.length === 0) await sleep(1)
    expect(heard).toEqual([2])
    expect(codeOf(() => branch.set(['users', 'ann'], { age: 3 }, { ifVersion: 1 }))).toBe(
      'ERR_CONFLICT',
    )
    branch.close()
    store.close()
  })

  test('is refused where a write is, and with a name that is none', () => {
    const store = make()
    expect(codeOf(() => store.read(() => store.fork()))).toBe('ERR_IN_READ_SECTION')
    expect(codeOf(() => store.update(() => void store.fork()))).toBe('ERR_IN_UPDATE')
    expect(codeOf(() => store.fork(7 as never))).toBe('ERR_INVALID_ARGUMENT')
    expect(store.heap.stores()).toHaveLength(1)
    store.close()
  })
})

describe('history', () => {
  test('so many replaced versions as it says can be named, and no other', () => {
    const store = make({ history: 3 })
    for (let rate = 1; rate <= 200; rate++) {
      store.set(['limits', 'rate'], rate)
      const newest = store.version
      for (const version of [newest - 3, newest - 1, newest]) {
        if (version < 1) continue
        const snapshot = store.snapshot(version)
        expect(snapshot.version).toBe(version)
        expect(snapshot.get('limits', 'rate')).toBe(version === 1 ? 10 : version - 1)
        snapshot.release()
      }
      expect(codeOf(() => store.snapshot(Math.max(0, newest - 4)))).toBe('ERR_UNKNOWN_VERSION')
      expect(codeOf(() => store.snapshot(newest + 1))).toBe('ERR_UNKNOWN_VERSION')
    }
    expect(left(store).versions).toBe(4)
    expect(store.stats().limboBytes).toBeLessThan(64 * 1024)
    store.close()
  })

  test('a version that only a snapshot holds can be named until it is released', () => {
    const store = make()
    const snapshot = store.snapshot()
    store.set(['limits', 'rate'], 1)
    for (let more = 0; more < 40; more++) store.set(['limits', 'burst'], more)
    const again = store.snapshot(1)
    snapshot.release()
    expect(again.value.limits).toEqual({ rate: 10, burst: 20 })
    expect(codeOf(() => store.snapshot(2))).toBe('ERR_UNKNOWN_VERSION')
    again.release()
    expect(codeOf(() => store.snapshot(1))).toBe('ERR_UNKNOWN_VERSION')
    expect(store.current.limits.rate).toBe(1) // this thread's own value kept version 1, too
    expect(left(store).zombies).toBe(0)
    store.close()
  })

  test('rollback publishes a kept version again', () => {
    const store = make({ history: 2 })
    store.set(['limits', 'rate'], 1)
    store.set(['limits', 'rate'], 2)
    expect(store.rollback(1)).toEqual({ version: 4, changed: true })
    expect(store.current).toEqual(initial)
    expect(store.rollback(4)).toEqual({ version: 4, changed: false })
    expect(codeOf(() => store.rollback(1))).toBe('ERR_UNKNOWN_VERSION')
    expect(codeOf(() => store.rollback(2, { ifVersion: 3 }))).toBe('ERR_CONFLICT')
    expect(codeOf(() => store.rollback(-1))).toBe('ERR_INVALID_ARGUMENT')
    expect(codeOf(() => store.snapshot('1' as never))).toBe('ERR_INVALID_ARGUMENT')
    expect(store.rollback(3).version).toBe(5)
    expect(store.get('limits', 'rate')).toBe(2)
    store.verify()
    store.close()
  })

  test('kept while memory lasts: writers never fail for it, the oldest go first', () => {
    const text = (value: number): string => `${value} `.repeat(2_000)
    const store = createStore(
      { text: text(1) },
      { maxBytes: 2 ** 20, history: 'while-memory-lasts' },
    )
    for (let version = 2; version <= 2_000; version++) store.set(['text'], text(version))
    let oldest = 2_000
    while (oldest > 1 && codeOf(() => store.snapshot(oldest - 1).release()) === 'nothing thrown') {
      oldest--
    }
    console.log(`${2_000 - oldest} versions kept in 1 MiB`)
    expect(oldest).toBeLessThan(1_995)
    expect(oldest).toBeGreaterThan(1_000)
    expect(codeOf(() => store.snapshot(oldest - 2))).toBe('ERR_UNKNOWN_VERSION')
    expect(store.snapshot(oldest).value.text).toBe(text(oldest))
    expect(store.rollback(oldest).version).toBe(2_001)
    store.verify()
    store.close()
  })

  test('a branch keeps as its origin does; its own versions only', () => {
    const store = make({ history: 5 })
    store.set(['limits', 'rate'], 1)
    const branch = store.fork()
    branch.set(['limits', 'rate'], 2)
    expect(branch.snapshot(2).get('limits', 'rate')).toBe(1)
    expect(codeOf(() => branch.snapshot(1))).toBe('ERR_UNKNOWN_VERSION')
    expect(codeOf(() => make({ history: -1 }))).toBe('ERR_INVALID_ARGUMENT')
    expect(codeOf(() => make({ history: 'all' }))).toBe('ERR_INVALID_ARGUMENT')
    branch.close()
    store.verify()
    store.close()
  })
})

test('a version of a branch that has ended is no version of the next branch in its cell', () => {
  const heap = Heap.create({ maxBytes: 4 * 2 ** 20, maxStores: 2 })
  const root = heap.createStore({ x: 0 })
  const first = root.fork()
  first.set(['x'], 1)
  const held = (first as unknown as OpenStore).hold() // as a save in progress has
  expect(held.number).toBe(2)
  first.set(['x'], 2)
  first.close()
  heap.threads() // runs rounds
  const second = root.fork() // there is one cell
  for (const x of [3, 4, 5, 6]) second.set(['x'], x)
  heap.threads()
  const unknown = expect.objectContaining({ code: 'ERR_UNKNOWN_VERSION' })
  expect(() => second.snapshot(2)).toThrow(unknown)
  expect(() => second.rollback(2)).toThrow(unknown)
  expect(second.current).toEqual({ x: 6 })
  expect(heap.threads()[0]?.stores).toContainEqual({ store: '', version: 2, oldestVersion: 2 })
  heap.verify()
  held.release()
  heap.verify()
})
