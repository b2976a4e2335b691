/**
 * Recipes over every type of value, on a draft, on a plain value and on a draft of immer's: all
 * three come to the same. The patches lead from the old value to the new one, and back.
 */
import { enableMapSet, produce, setAutoFreeze } from 'immer'
import { expect, test } from 'vitest'
import { createStore, RootswapError, type Store, toJsonPatch } from '../../src/index.ts'
import { randomFrom, seedOf, settled } from '../unit/store/inside.ts'
import { applyEdit, newRoot, type Root } from '../workers/all-types.ts'
import { copied, difference } from '../workers/identical.ts'

enableMapSet()
setAutoFreeze(false)

/** Fewer on the other versions of Node. */
const FEWER = process.env['ROOTSWAP_WITHOUT_SLOW_TESTS'] === '1'
const RUNS = Number(process.env['ROOTSWAP_PROPERTY_RUNS'] ?? (FEWER ? 400 : 1500))
const counts = { edits: 0, changed: 0, immer: 0, patches: 0, json: 0, thrown: 0 }

/** To immer 0 and -0 are the same, so it may keep the one that was there. */
function oneZero(value: unknown): unknown {
  if (value === 0) return 0
  if (value instanceof Map) return new Map([...value].map(([key, each]) => [key, oneZero(each)]))
  if (value instanceof Set || value instanceof Date) return value
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return value
  if (Array.isArray(value)) return value.map(oneZero)
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, oneZero(each)]))
}

/** Undefined where immer leaves a draft, which then is revoked, at another place of a Map. */
function immerMakes(base: Root, edit: number): unknown {
  const result = produce(base, (draft) => applyEdit(draft as Root, edit))
  try {
    return copied(result)
  } catch (error) {
    expect(String(error)).toMatch(/revoked/)
    return undefined
  }
}

function checkDraft(store: Store<Root>, edit: number): { base: Root; next: Root } {
  const base = copied(store.current) as Root
  const next = copied(base) as Root
  applyEdit(next, edit)
  const { changed } = store.update((draft) => applyEdit(draft as Root, edit))
  expect(difference(store.current, next)).toBeUndefined()
  const theirs = immerMakes(base, edit)
  if (theirs !== undefined) {
    expect(difference(oneZero(copied(store.current)), oneZero(theirs))).toBeUndefined()
    counts.immer++
  }
  counts.edits++
  if (changed) counts.changed++
  return { base, next }
}

/** A recipe that throws after its edits has done nothing. */
function checkThrown(store: Store<Root>, edit: number): void {
  const before = store.current
  const failing = (): unknown =>
    store.update((draft) => {
      applyEdit(draft as Root, edit)
      throw new RangeError('the recipe fails')
    })
  expect(failing).toThrow('the recipe fails')
  expect(store.current).toBe(before)
  counts.thrown++
}

function checkPatches(store: Store<Root>, edit: number, base: Root, next: Root): void {
  store.replace(base)
  const made = store.update((draft) => applyEdit(draft as Root, edit), { patches: true })
  const back = store.replace(base, { patches: true })
  store.applyPatches(made.patches!)
  expect(difference(store.current, next)).toBeUndefined()
  store.applyPatches(back.patches!)
  expect(difference(store.current, base)).toBeUndefined()
  counts.patches += made.patches!.length + back.patches!.length
  // JSON has no Maps, and a pointer no numbers for keys.
  if (made.patches!.some(({ path }) => throughDictionary(base, path))) return
  try {
    const sent = JSON.parse(JSON.stringify(toJsonPatch(made.patches!))) as typeof made.patches
    store.applyPatches(sent!)
    expect(difference(oneZero(copied(store.current)), oneZero(next))).toBeUndefined()
    counts.json++
  } catch (error) {
    if (!(error instanceof RootswapError)) throw error
    expect(error.code).toBe('ERR_UNSUPPORTED_VALUE')
  }
}

function throughDictionary(root: unknown, path: readonly unknown[]): boolean {
  let place = root
  for (const key of path) {
    if (place instanceof Map || place instanceof Set) return true
    if (typeof place !== 'object' || place === null) return false
    place = (place as Record<string, unknown>)[key as string]
  }
  return false
}

test('drafts and patches of all types agree with plain values and with immer', () => {
  const random = randomFrom(seedOf('oracles'))
  const store = createStore(newRoot(), { maxBytes: 2 ** 26 })
  const other = createStore(newRoot(), { maxBytes: 2 ** 26 })
  for (let run = 0; run < RUNS; run++) {
    const edit = Math.floor(random() * 2 ** 31)
    const { base, next } = checkDraft(store, edit)
    if (run % 3 === 0) checkPatches(other, edit, base, next)
    if (run % 10 === 0) checkThrown(store, edit)
    if (run % 100 === 99) {
      settled(store)
      settled(other)
    }
    if (run % 400 === 399) store.replace(newRoot())
  }
  console.log(`oracles: ${JSON.stringify(counts)}`)
  expect(counts.changed).toBe(counts.edits)
  expect(counts.immer).toBeGreaterThan(counts.edits * 0.8)
  expect(counts.patches).toBeGreaterThan(RUNS / 3)
  expect(counts.json).toBeGreaterThan(RUNS / 100)
  store.close()
  other.close()
}, 180_000)
