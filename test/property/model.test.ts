/**
 * A store against a plain JavaScript value: thousands of random operations, compared in content
 * and in order, on one thread; the heap is verified after each batch.
 */
import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createStore, openStore, type Snapshot, type Store } from '../../src/index.ts'
import { apply, type Edit, EDITS, type Json } from '../workers/random-edits.ts'
import { seedOf, settled } from '../unit/store/inside.ts'

const KEYS = ['a', 'b', 'list', 'name', 'a longer key than the others', '0', '12', '-1', '', 'é']

const key = fc.oneof(fc.constantFrom(...KEYS), fc.string({ maxLength: 8 })).filter((name) => {
  return name !== '__proto__' // the plain value would get a prototype
})

const scalar: fc.Arbitrary<Json> = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (number === 0 ? 0 : number)),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(null, true, false, '\ud800', 'text that is longer than an immediate', 2 ** 31),
)

const json = fc.letrec<{ node: Json }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, depthIdentifier: 'json', withCrossShrink: true },
    scalar,
    fc.array(tie('node'), { maxLength: 6, depthIdentifier: 'json' }),
    fc.dictionary(key, tie('node'), { maxKeys: 6, depthIdentifier: 'json', noNullPrototype: true }),
  ),
})).node

const steps = fc.array(fc.nat(40), { maxLength: 4 })
const edit: fc.Arbitrary<Edit> = fc.record({
  op: fc.nat(EDITS - 1),
  at: steps,
  from: steps,
  key,
  value: json,
})

type Operation =
  | { kind: 'update'; edits: Edit[] }
  | { kind: 'set' | 'replace'; edit: Edit }
  | { kind: 'delete'; at: number[] }
  | { kind: 'snapshot' | 'keep' | 'reopen' }
  | { kind: 'release'; index: number }

const update = fc.record({
  kind: fc.constant('update' as const),
  edits: fc.array(edit, { maxLength: 5 }),
})

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 8, arbitrary: update },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('set' as const, 'replace'), edit }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), at: steps }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('snapshot' as const, 'keep') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('release' as const), index: fc.nat(9) }) },
)

type Root = Record<string, Json>

interface Kept {
  readonly value: unknown
  readonly text: string
}

const counts = { operations: 0, publishes: 0, snapshots: 0, kept: 0, reopened: 0 }

/** A store and the plain value that it should have. */
class Pair {
  store: Store<Root>
  model: Root
  readonly snapshots: { held: Snapshot<Root>; text: string }[] = []
  readonly kept: Kept[] = []

  constructor(initial: Json) {
    this.model = { root: structuredClone(initial) }
    this.store = createStore(this.model, { maxBytes: 2 ** 23, maxThreads: 4 })
  }

  run(operation: Operation): void {
    const before = this.store.version
    counts.operations++
    switch (operation.kind) {
      case 'update':
        this.store.update((draft) => {
          // A plain value that is assigned is not drafted: later edits of it change it itself.
          for (const edit of structuredClone(operation.edits)) apply(draft as Root, edit)
        })
        for (const edit of structuredClone(operation.edits)) apply(this.model, edit)
        break
      case 'replace':
        apply(this.model, structuredClone(operation.edit))
        this.store.replace(structuredClone(this.model))
        break
      case 'set':
        this.#set(operation.edit)
        break
      case 'delete':
        this.#delete(operation.at)
        break
      default:
        this.#hold(operation)
    }
    // Parts that are mentioned twice become two.
    this.model = JSON.parse(JSON.stringify(this.model)) as Root
    const text = JSON.stringify(this.store.current)
    expect(text).toBe(JSON.stringify(this.model))
    counts.publishes += this.store.version - before
  }

  /** The keys of a place that is there. */
  #path(steps: readonly number[]): (string | number)[] {
    const path: (string | number)[] = []
    let place: Json = this.model
    for (const step of steps) {
      if (typeof place !== 'object' || place === null) break
      const keys: string[] = Object.keys(place)
      if (keys.length === 0) break
      const key: string = keys[step % keys.length]!
      path.push(Array.isArray(place) ? Number(key) : key)
      place = (place as Root)[key]!
    }
    return path
  }

  #set({ at, value, key }: Edit): void {
    const path = this.#path([...at, 0])
    const parent = path
      .slice(0, -1)
      .reduce((place, step) => (place as Root)[step]!, this.model as Json)
    const last = Array.isArray(parent) ? (key.length % 2 === 0 ? parent.length : path.at(-1)!) : key
    const target = path.length === 0 ? ['root'] : [...path.slice(0, -1), last]
    this.store.set(target as never, value as never)
    const holder = target
      .slice(0, -1)
      .reduce((place, step) => (place as Root)[step]!, this.model as Json)
    ;(holder as Root)[target.at(-1)!] = value
    for (const [index] of target.entries())
      expect(this.store.has(...target.slice(0, index))).toBe(true)
    expect(JSON.stringify(this.store.get(...(target as [string])))).toBe(JSON.stringify(value))
  }

  #delete(at: readonly number[]): void {
    const path = this.#path(at)
    if (path.length === 0) return
    this.store.delete(path)
    const parent = path
      .slice(0, -1)
      .reduce((place, step) => (place as Root)[step]!, this.model as Json)
    if (Array.isArray(parent)) parent.splice(path.at(-1) as number, 1)
    else delete (parent as Root)[path.at(-1)!]
  }

  #hold(operation: Operation): void {
    const text = JSON.stringify(this.model)
    if (operation.kind === 'snapshot') {
      this.snapshots.push({ held: this.store.snapshot() as Snapshot<Root>, text })
      counts.snapshots++
    } else if (operation.kind === 'keep') {
      this.kept.push({ value: this.store.current, text })
      counts.kept++
    } else if (operation.kind === 'release') {
      const [gone] = this.snapshots.splice(operation.index, 1)
      if (gone !== undefined) expect(JSON.stringify(gone.held.value)).toBe(gone.text)
      gone?.held.release()
    } else {
      // Another store object of this thread goes on, with the first one still open for a moment.
      const next = openStore(this.store.handle)
      for (const { held } of this.snapshots.splice(0)) held.release()
      for (const { value, text } of this.kept.splice(0)) expect(JSON.stringify(value)).toBe(text)
      this.store.close()
      this.store = next
      counts.reopened++
    }
  }

  finish(): void {
    for (const { value, text } of this.kept) expect(JSON.stringify(value)).toBe(text)
    for (const { held, text } of this.snapshots) {
      expect(JSON.stringify(held.value)).toBe(text)
      held.release()
    }
    expect(isDeepStrictEqual(structuredClone({ ...this.store.current }), this.model)).toBe(true)
    this.kept.length = 0
    this.snapshots.length = 0
    expect(settled(this.store)).toMatchObject({ versions: 1, draftBytes: 0 })
    this.store.close()
  }
}

test('thousands of random operations leave what a plain value would, order included', () => {
  const seed = seedOf('model')
  fc.assert(
    fc.property(
      json,
      fc.array(operation, { minLength: 1, maxLength: 60, size: 'max' }),
      (initial, all) => {
        const pair = new Pair(initial)
        for (const [index, one] of all.entries()) {
          pair.run(one)
          if (index % 10 === 9) pair.store.verify()
        }
        pair.finish()
      },
    ),
    { seed, numRuns: 120 },
  )
  console.log(`model: ${JSON.stringify(counts)}`)
  expect(counts.operations).toBeGreaterThan(1500)
  expect(counts.publishes).toBeGreaterThan(900)
  expect(Math.min(counts.snapshots, counts.kept, counts.reopened)).toBeGreaterThan(30)
}, 240_000)
