/** Memory of replaced versions comes back, and what was read of them stays. */
import { isDeepStrictEqual } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { createStore, type Store } from '../../../src/index.ts'
import { FREED_AT } from '../../../src/memory/layout.ts'
import { inside, randomFrom, seedOf, services, settled } from './inside.ts'

const MEGABYTES = { maxBytes: 8 * 2 ** 20 }
const open: { close(): void }[] = []

function create<T>(value: T, options: object = {}): Store<T> {
  const store = createStore(value, { ...MEGABYTES, ...options })
  open.push(store)
  return store
}

afterEach(() => {
  for (const each of open.splice(0)) each.close()
})

describe('memory', () => {
  test('stats add up to capacityBytes at every step', () => {
    const seed = seedOf('stats add up')
    const random = randomFrom(seed)
    const store = create(services(100))
    const snapshots = []
    for (let step = 0; step < 300; step++) {
      const index = Math.floor(random() * 100)
      store.set(['byName', `service-${index}`, 'name'], 'x'.repeat(Math.floor(random() * 200)))
      if (step % 50 === 0) snapshots.push(store.snapshot())
      const stats = store.stats()
      expect(stats.capacityBytes).toBe(MEGABYTES.maxBytes)
      const { headerBytes, liveBytes, limboBytes, freeBytes, cachedBytes } = stats
      const parts = [headerBytes, liveBytes, limboBytes, freeBytes, cachedBytes]
      expect(parts.reduce((sum, part) => sum + part)).toBe(stats.capacityBytes)
      expect(Math.min(...parts)).toBeGreaterThanOrEqual(0)
      expect(stats.version).toBe(store.version)
    }
    expect(store.stats().snapshots).toBe(snapshots.length)
    for (const snapshot of snapshots) snapshot.release()
    const report = settled(store)
    const stats = store.stats()
    expect(stats.headerBytes).toBe(report.headerBytes)
    expect(stats.blocks).toBeGreaterThanOrEqual(report.liveBlocks)
    expect(stats.gracePeriods).toBeGreaterThan(0)
  })

  test('after 5,000 publishes the heap holds what a fresh heap holds with the same value', () => {
    const seed = seedOf('memory comes back')
    const random = randomFrom(seed)
    const store = create(services(100))
    for (let n = 0; n < 5000; n++) {
      const index = Math.floor(random() * 100)
      store.update((draft) => {
        const one = draft.byName[`service-${index}`]!
        one.limits.requests = n + 0.25
        one.limits.owner = { team: `team of version ${n}` }
        draft.list[index]!.tags.push(`tag number ${n}`)
        if (draft.list[index]!.tags.length > 5) draft.list[index]!.tags.splice(0, 4)
      })
    }
    const used = settled(store)
    expect(used).toMatchObject({ versions: 1, zombies: 0, draftBytes: 0 })
    const fresh = create(structuredClone({ ...store.current }))
    expect(isDeepStrictEqual(fresh.current, store.current)).toBe(true)
    expect(used.liveBlocks).toBe(fresh.verify().liveBlocks)
    console.log(`memory comes back: ${used.liveBlocks} blocks are live after 5,000 publishes`)
  })

  test('G: values kept from 100 of 10,000 versions read as on their first day', () => {
    const seed = seedOf('kept values')
    const random = randomFrom(seed)
    const store = create(services(150), { maxBytes: 4 * 2 ** 20 })
    const kept: { value: unknown; plain: unknown }[] = []
    for (let n = 0; n < 10_000; n++) {
      const index = Math.floor(random() * 150)
      store.update((draft) => {
        draft.title = `version ${n}`
        draft.byName[`service-${index}`]!.name = `renamed in version ${n}`
        draft.list[(index * 7) % 150] = services(1).list[0]!
        draft.list[index]!.limits.owner.team = `team ${n}`
      })
      if (n % 100 === 0) {
        const held = store.snapshot()
        const plain = structuredClone({ ...held.value })
        held.release()
        const value = store.current
        // Every other one has some of its parts read while it is current.
        if (n % 200 === 0) void value.byName['service-3']!.limits.owner.team
        kept.push({ value, plain })
      }
    }
    const freed = inside(store).memory.m[FREED_AT] as number
    expect(freed).toBeGreaterThan(50_000) // memory was used again
    for (const { value, plain } of kept) {
      expect(JSON.stringify(value)).toBe(JSON.stringify(plain))
    }
    const { length } = kept
    console.log(`kept values: ${length} of ${store.version} versions; ${freed} blocks came back`)
    store.verify()
  })
})
