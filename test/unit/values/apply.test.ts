import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isReference, kindOf, LIST, nodeOf, TABLE } from '../../../src/memory/kinds.ts'
import type { Codec } from '../../../src/values/codec.ts'
import { listApply, listOf } from '../../../src/values/list.ts'
import { find, keysOf, MISSING, sizeOfContainer } from '../../../src/values/lookup.ts'
import { javaScriptOrder } from '../../../src/values/order.ts'
import { Preorder } from '../../../src/values/preorder.ts'
import { Pair, succeed } from '../../../src/values/succeed.ts'
import { DELETE, tableApply, tableOf } from '../../../src/values/table.ts'
import { NO_WORD } from '../../../src/values/word.ts'
import { makeMemory, makeThread } from './heap.ts'
import { Oracle } from './oracle.ts'
import { plainDecode } from './plain-decode.ts'

/** The successor of an old array: one element more. The old one's elements all stay. */
function append(ctx: Codec, word: number, preorder: Preorder): number {
  const pair = new Pair(word, kindOf(ctx.memory.m, nodeOf(word)))
  const size = sizeOfContainer(ctx, word)
  for (let index = 0; index < size; index++) {
    const child = find(ctx, word, index)
    pair.add(child, child, true)
  }
  pair.add(ctx.encoder.encodeNext('appended'), NO_WORD, false)
  const made = succeed(ctx, pair, preorder.segment)
  preorder.close()
  return made
}

type Op =
  readonly ['set', unknown] | readonly ['append'] | readonly ['copy', number] | readonly ['delete']

const op: fc.Arbitrary<Op> = fc.oneof(
  fc.tuple(fc.constant('set' as const), fc.constantFrom(1, 0.5, 'text value', [1], ['a', [0.5]])),
  fc.tuple(fc.constant('append' as const)),
  fc.tuple(fc.constant('copy' as const), fc.nat()),
  fc.tuple(fc.constant('delete' as const)),
)

interface Batch<K> {
  readonly words: Map<K, number>
  readonly successors: Set<K>
  readonly included: number[]
  readonly preorder: Preorder
}

function newBatch<K>(ctx: Codec): Batch<K> {
  ctx.encoder.reset()
  const preorder = new Preorder(ctx.memory)
  return { words: new Map(), successors: new Set(), included: [], preorder }
}

/** The word that an operation gives to a key whose old word is `before`, or `DELETE`. */
function carryOut<K>(
  ctx: Codec,
  batch: Batch<K>,
  key: K,
  job: { op: Op; before: number; other: number },
): number {
  const { op, before, other } = job
  if (op[0] === 'set') return ctx.encoder.encodeNext(op[1])
  if (op[0] === 'delete') return DELETE
  if (op[0] === 'append') {
    if (before === MISSING || !Array.isArray(plainDecode(ctx, before))) {
      return ctx.encoder.encodeNext([])
    }
    batch.successors.add(key)
    return append(ctx, before, batch.preorder)
  }
  if (other === MISSING) return ctx.encoder.encodeNext(null)
  if (isReference(other)) batch.included.push(nodeOf(other))
  return other
}

function publish<K>(
  oracle: Oracle,
  batch: Batch<K>,
  apply: (preorder: Preorder) => number,
  held: boolean,
): void {
  const { preorder } = batch
  const word = apply(preorder)
  preorder.close()
  const delta = oracle.delta()
  preorder.flush(delta)
  for (const node of batch.included) delta.included(node)
  if (word !== oracle.root) oracle.publish(word, delta, held)
}

const keys = Array.from({ length: 60 }, (_, index) => {
  if (index % 7 === 0) return String(index * 3)
  if (index % 11 === 0) return `${'€'.repeat(100)}${index}`
  return index % 13 === 0 ? `${'long '.repeat(60)}${index}` : `key ${index}`
})

const tableStep = fc.record({
  changes: fc.array(fc.tuple(fc.nat(keys.length - 1), op, fc.boolean()), {
    maxLength: 25,
    size: 'max',
  }),
  held: fc.boolean(),
})

function startTable(ctx: Codec, size: number): { word: number; model: Map<string, unknown> } {
  const model = new Map<string, unknown>()
  for (const key of keys.slice(0, size)) model.set(key, size % 2 === 0 ? [key] : key.length)
  const words = [...model.values()].map((value) => ctx.encoder.encodeNext(value))
  return { word: tableOf(ctx.encoder, [...model.keys()], { words, at: 0 }, 5), model }
}

describe('a batch of changes to a dictionary', () => {
  it('gives the right keys in the right order, and exact counts', () => {
    const seen = { freed: 0, shared: 0, compacted: 0 }
    fc.assert(
      fc.property(
        fc.nat(keys.length),
        fc.array(tableStep, { maxLength: 20, size: 'max' }),
        (size, steps) => {
          const ctx = makeThread(makeMemory(1))
          const oracle = new Oracle(ctx)
          const { word, model } = startTable(ctx, size)
          oracle.publishFirst(word)
          for (const step of steps) {
            const before = ctx.memory.m[nodeOf(oracle.root) + 4] as number
            applyToTable(oracle, model, step)
            if ((ctx.memory.m[nodeOf(oracle.root) + 4] as number) < before) seen.compacted++
            expectTable(ctx, oracle.root, model)
          }
          seen.freed += oracle.freed
          seen.shared += oracle.shared
        },
      ),
      { numRuns: 120 },
    )
    console.log('dictionaries:', JSON.stringify(seen))
    expect(seen.compacted).toBeGreaterThan(0)
  })

  it('works with many keys at once, down to none', () => {
    const ctx = makeThread(makeMemory(64))
    const oracle = new Oracle(ctx)
    const all = Array.from({ length: 20_000 }, (_, index) => `user:${index}`)
    const words = all.map((_, index) => index * 2)
    oracle.publishFirst(tableOf(ctx.encoder, all, { words, at: 0 }, 15))
    const model = new Map<string, unknown>(all.map((key, index) => [key, index]))
    for (const [first, step] of [
      [0, 3],
      [1, 3],
      [2, 5],
      [0, 1],
    ] as const) {
      const batch = newBatch<string>(ctx)
      for (let index = first; index < all.length; index += step) {
        batch.words.set(all[index] as string, DELETE)
        model.delete(all[index] as string)
      }
      const more = step > 1 ? 500 : 0
      for (let index = 0; index < more; index++) {
        batch.words.set(`more ${first} ${index}`, index * 2)
        model.set(`more ${first} ${index}`, index)
      }
      const { words, successors } = batch
      publish(
        oracle,
        batch,
        ({ segment }) => tableApply(ctx, nodeOf(oracle.root), { words, successors }, segment),
        false,
      )
      expectTable(ctx, oracle.root, model)
    }
  })
})

function applyToTable(
  oracle: Oracle,
  model: Map<string, unknown>,
  step: { changes: [number, Op, boolean][]; held: boolean },
): void {
  const { ctx, root } = oracle
  const batch = newBatch<string>(ctx)
  const moved = new Set<string>()
  const old = new Map(model)
  const oldWords = new Map(keys.map((key) => [key, find(ctx, root, key)]))
  for (const [index, op, move] of step.changes) {
    const key = keys[index] as string
    if (batch.words.has(key)) continue
    const other = op[0] === 'copy' ? (keys[op[1] % keys.length] as string) : key
    const before = oldWords.get(key) as number
    const word = carryOut(ctx, batch, key, { op, before, other: oldWords.get(other) as number })
    batch.words.set(key, word)
    if (move && word !== DELETE) {
      moved.add(key)
      model.delete(key)
    }
    if (word === DELETE) model.delete(key)
    else if (op[0] === 'set') model.set(key, op[1])
    else if (op[0] === 'copy') model.set(key, old.has(other) ? old.get(other) : null)
    else if (Array.isArray(old.get(key))) model.set(key, [...(old.get(key) as []), 'appended'])
    else model.set(key, [])
  }
  const { words, successors } = batch
  const changes = { words, successors, moved }
  publish(
    oracle,
    batch,
    ({ segment }) => tableApply(ctx, nodeOf(root), changes, segment),
    step.held,
  )
}

function expectTable(ctx: Codec, word: number, model: Map<string, unknown>): void {
  expect(kindOf(ctx.memory.m, nodeOf(word))).toBe(TABLE)
  expect(keysOf(ctx, word)).toStrictEqual(javaScriptOrder([...model.keys()]))
  expect(sizeOfContainer(ctx, word)).toBe(model.size)
  for (const [key, value] of model) {
    expect(plainDecode(ctx, find(ctx, word, key))).toStrictEqual(value)
  }
  expect(find(ctx, word, 'no such key')).toBe(MISSING)
}

const listStep = fc.record({
  changes: fc.array(fc.tuple(fc.nat(), op), { maxLength: 8 }),
  length: fc.oneof(fc.constant(-1), fc.constantFrom(0, 1, 63, 64, 65, 4095, 4096, 4097, 4100)),
  held: fc.boolean(),
})

describe('a batch of changes to a list', () => {
  it('gives the right elements, and exact counts', () => {
    let freed = 0
    fc.assert(
      fc.property(
        fc.constantFrom(0, 1, 64, 65, 200, 4096, 4097),
        fc.array(listStep, { maxLength: 8 }),
        (size, steps) => {
          const ctx = makeThread(makeMemory(4))
          const oracle = new Oracle(ctx)
          const model: unknown[] = Array.from({ length: size }, (_, i) => (i % 3 === 0 ? [i] : i))
          const words = Int32Array.from(model, (value) => ctx.encoder.encodeNext(value))
          oracle.publishFirst(listOf(ctx.encoder, words, { at: 0, length: size }, 10))
          for (const step of steps) applyToList(oracle, model, step)
          freed += oracle.freed
        },
      ),
      { numRuns: 150 },
    )
    console.log(`lists: ${freed} nodes freed`)
    expect(freed).toBeGreaterThan(100)
  })
})

function applyToList(
  oracle: Oracle,
  model: unknown[],
  step: { changes: [number, Op][]; length: number; held: boolean },
): void {
  const { ctx, root } = oracle
  const batch = newBatch<number>(ctx)
  const length = step.length < 0 ? model.length : step.length
  const old = [...model]
  model.length = length
  for (let index = old.length; index < length; index++) model[index] = undefined
  for (const [number, op] of step.changes) {
    if (length === 0 || op[0] === 'delete') continue
    const index = number % length
    if (batch.words.has(index)) continue
    const from = op[0] === 'copy' ? op[1] % (old.length + 1) : index
    const job = { op, before: find(ctx, root, index), other: find(ctx, root, from) }
    batch.words.set(index, carryOut(ctx, batch, index, job))
    if (op[0] === 'set') model[index] = op[1]
    else if (op[0] === 'copy') model[index] = from < old.length ? old[from] : null
    else model[index] = Array.isArray(old[index]) ? [...(old[index] as []), 'appended'] : []
  }
  const { words, successors } = batch
  publish(
    oracle,
    batch,
    ({ segment }) => listApply(ctx, nodeOf(root), { words, successors, length }, segment),
    step.held,
  )
  expect(kindOf(ctx.memory.m, nodeOf(oracle.root))).toBe(LIST)
  expect(plainDecode(ctx, oracle.root)).toStrictEqual(model)
}
