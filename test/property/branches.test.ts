/**
 * A tree of branches against plain values: forks of forks, writes, adoptions, rollbacks, snapshots
 * of any kept version, all closed in any order; the heap is verified after each step.
 */

import { isDeepStrictEqual } from 'node:util'
import { expect, test } from 'vitest'
import { Heap, type RootswapError, type Snapshot, type Store } from '../../src/index.ts'
import { apply, type Edit, EDITS, type Json } from '../workers/random-edits.ts'
import { randomFrom } from '../unit/store/inside.ts'

type Root = { [key: string]: Json }

const seed = Number(process.env['ROOTSWAP_SEED'] ?? Date.now() % 2 ** 31)
const STEPS = 1_500
const BRANCHES_MAX = 12

/** A store, what it should hold, and each version that it should still name. */
interface Twin {
  readonly store: Store<Root>
  value: Root
  readonly history: number
  readonly kept: Map<number, Root>
  readonly origin: Twin | undefined
  /** The origin's version that this goes on from. */
  since: number
}

interface Taken {
  readonly twin: Twin
  readonly snapshot: Snapshot<Root>
  readonly value: Root
}

class Tree {
  readonly #random = randomFrom(seed)
  readonly heap = Heap.create({ maxBytes: 16 * 2 ** 20, maxStores: BRANCHES_MAX + 2 })
  readonly twins: Twin[] = []
  readonly taken: Taken[] = []
  readonly met = new Map<string, number>()

  constructor(history: number) {
    const value: Root = { list: [1, { a: 2 }, 'three'], deep: { er: { est: [0] } }, name: 'root' }
    const store = this.heap.createStore(value, { history })
    this.twins.push(this.#twin(store, value, history, undefined))
  }

  step(): void {
    const twin = this.#pick(this.twins)
    const kind = Math.floor(this.#random() * 10)
    if (kind < 4) this.#write(twin)
    else if (kind === 4) this.#fork(twin)
    else if (kind === 5) this.#adopt(this.#random() < 0.7 ? twin.origin : undefined, twin)
    else if (kind === 6) this.#rollBack(twin)
    else if (kind === 7) this.#take(twin)
    else if (kind === 8) this.#release()
    else if (this.twins.length > 2) this.#close(twin)
    this.#expectAll()
  }

  /** Everything but the root store ends; what only it reaches is left. */
  end(): void {
    for (const { snapshot } of this.taken) snapshot.release()
    for (const twin of this.twins.slice(1)) twin.store.close()
    this.twins.length = 1
    const { store, value, history } = this.twins[0]!
    expect(store.current).toEqual(value)
    store.synchronizeSync()
    const report = this.heap.verify()
    expect(report.versions).toBeLessThanOrEqual(1 + history)
    expect(report.zombies).toBe(0)
    this.heap.close()
  }

  #twin(store: Store<Root>, value: Root, history: number, origin: Twin | undefined): Twin {
    const kept = new Map([[store.version, value]])
    return { store, value, history, kept, origin, since: store.version }
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)]!
  }

  #met(what: string): void {
    this.met.set(what, (this.met.get(what) ?? 0) + 1)
  }

  #edit(): Edit {
    const number = (max: number): number => Math.floor(this.#random() * max)
    const steps = (): number[] => Array.from({ length: number(4) }, () => number(8))
    const value = this.#pick<Json>([number(99), 'some text', null, [number(9)], { k: number(9) }])
    const key = this.#pick(['a', 'k', 'list', 'new'])
    return { op: number(EDITS), at: steps(), from: steps(), key, value }
  }

  #published(twin: Twin, value: Root): void {
    twin.value = value
    twin.kept.set(twin.store.version, value)
    for (const version of twin.kept.keys()) {
      if (version < twin.store.version - twin.history) twin.kept.delete(version)
    }
  }

  #write(twin: Twin): void {
    const edit = this.#edit()
    const value = structuredClone(twin.value)
    apply(value, edit)
    twin.store.update((draft) => apply(draft, edit))
    this.#published(twin, value)
    this.#met('written')
  }

  #fork(twin: Twin): void {
    if (this.twins.length > BRANCHES_MAX) return
    const store = twin.store.fork()
    expect(store.version).toBe(twin.store.version)
    this.twins.push(this.#twin(store, twin.value, twin.history, twin))
    this.#met(twin.origin === undefined ? 'forked' : 'forked from a branch')
  }

  #adopt(origin: Twin | undefined, from: Twin): void {
    const into = origin !== undefined && this.twins.includes(origin) ? origin : this.twins[0]!
    if (into === from) return
    const moved = from.origin !== into || from.since !== into.store.version
    const force = this.#random() < 0.3
    const before = into.store.version
    try {
      const { version } = into.store.adopt(from.store, { force })
      expect(moved && !force).toBe(false)
      if (from.origin === into) from.since = version
      if (version > before) this.#published(into, from.value)
      this.#met(force ? 'adopted by force' : 'adopted')
    } catch (error) {
      if ((error as RootswapError).code !== 'ERR_CONFLICT') throw error
      expect([moved, force, into.store.version]).toEqual([true, false, before])
      this.#met('conflict')
    }
  }

  #rollBack(twin: Twin): void {
    const version = this.#pick([...twin.kept.keys()])
    const before = twin.store.version
    const commit = twin.store.rollback(version)
    if (commit.changed) this.#published(twin, twin.kept.get(version)!)
    expect(commit.version).toBe(commit.changed ? before + 1 : before)
    this.#met('rolled back')
  }

  #take(twin: Twin): void {
    const version = this.#pick([...twin.kept.keys()])
    const snapshot = twin.store.snapshot(version)
    this.taken.push({ twin, snapshot, value: twin.kept.get(version)! })
    const gone = Math.min(...twin.kept.keys()) - 1
    const held = this.taken.some((one) => one.twin === twin && one.snapshot.version === gone)
    if (gone < 0 || held) return
    expect(() => twin.store.snapshot(gone)).toThrowError(/not kept/)
    this.#met('unknown')
  }

  #release(): void {
    const index = Math.floor(this.#random() * this.taken.length)
    for (const { snapshot, value } of this.taken.splice(index, 1)) {
      expect(snapshot.value).toEqual(value)
      snapshot.release()
      this.#met('released')
    }
  }

  #close(twin: Twin): void {
    if (twin.origin === undefined) return
    for (const one of this.taken.filter((taken) => taken.twin === twin)) {
      this.taken.splice(this.taken.indexOf(one), 1)
    }
    twin.store.close()
    this.twins.splice(this.twins.indexOf(twin), 1)
    this.#met('closed')
  }

  #expectAll(): void {
    this.heap.verify()
    for (const { store, value } of this.twins) {
      if (isDeepStrictEqual(store.current, value)) continue
      expect(store.current).toEqual(value)
    }
    for (const { snapshot, value } of this.taken) {
      if (this.#random() < 0.2) expect(snapshot.value).toEqual(value)
    }
  }
}

test.each([0, 3])(
  'a tree of branches holds what plain values hold, history %d',
  (history) => {
    console.log(`branches: ROOTSWAP_SEED=${seed}`)
    const tree = new Tree(history)
    for (let step = 0; step < STEPS; step++) tree.step()
    const met = [...tree.met].map(([what, count]) => `${what} ${count}`)
    tree.end()
    console.log(`branches: ${met.join(', ')}`)
    const all = ['written', 'forked', 'forked from a branch', 'adopted', 'adopted by force']
    all.push('conflict', 'rolled back', 'unknown', 'released', 'closed')
    expect(all.filter((what) => !tree.met.has(what))).toEqual([])
  },
  240_000,
)
