import assert from 'node:assert/strict'

import { expect, test } from 'vitest'

import { Decoder, type Hold, type Source } from '../../../src/values/view.ts'
import { Chain } from './chain.ts'
import { type Model, SmallHeap } from './small-heap.ts'

interface Entry {
  readonly id: number
  readonly name: string
  readonly tags: readonly Model[]
}

interface Document {
  readonly groups: readonly { readonly title: string; readonly records: readonly Entry[] }[]
  readonly count: number
}

function documentOf(groups: number, records: number): Document {
  return {
    count: 0,
    groups: Array.from({ length: groups }, (_, g) => ({
      title: `group ${g}`,
      records: Array.from({ length: records }, (_, r) => ({
        id: r,
        name: `record ${g}/${r}`,
        tags: [`tag ${r % 7}`, { deep: `value ${g}` }],
      })),
    })),
  }
}

/** One record renamed; all else is shared. */
function rename(model: Document, step: number): Document {
  const g = step % model.groups.length
  const group = model.groups[g] as Document['groups'][number]
  const r = (step * 7) % group.records.length
  const record = { ...(group.records[r] as Entry), name: `renamed by step ${step}` }
  const changed = { ...group, records: group.records.with(r, record) }
  return { count: step, groups: model.groups.with(g, changed) }
}

function usedBytes(): number {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

test.each([
  ['an untouched value', 100_000, () => undefined],
  ['a value with a touched part', 20_000, (value: Document) => value.groups[3]?.records[5]?.tags],
  ['a value that was read completely', 20_000, (value: Document) => JSON.stringify(value)],
])('%s stays readable over %i publishes and costs no memory for them', (_, steps, touch) => {
  const heap = new SmallHeap({ flat: 40, fanout: 16 }, 1 << 22)
  let model = documentOf(8, 120)
  const chain = new Chain(heap, model, { lightWeightMax: 4 })
  touch(chain.keep().value as Document)
  let before = 0
  for (let step = 1; step <= steps; step++) {
    model = rename(model, step)
    chain.publish(model, step % 2000 === 0)
    touchNow(chain, step)
    if (step === 10_000) before = usedBytes()
  }
  const grown = usedBytes() - before
  console.log({ grownBytes: grown, holds: chain.held.length, poisoned: heap.poisoned })
  chain.checkKept()
  expect(chain.held).toHaveLength(0)
  expect(grown).toBeLessThan(1_000_000)
})

/** What a thread does that looks at each version, a little. */
function touchNow(chain: Chain, step: number): void {
  const { groups } = chain.value as Document
  if (step % 10 === 0) assert.ok(groups[step % 8]?.records[step % 120])
}

test('Advancing costs what changed, not what an untouched old value leads to', () => {
  const heap = new SmallHeap({ flat: 64, fanout: 64 }, 1 << 23)
  let texts = 0
  const { read } = heap.text
  heap.text.read = (node) => {
    texts++
    return read(node)
  }
  let model = documentOf(40, 2000)
  const chain = new Chain(heap, model, { lightWeightMax: 9 })
  chain.keep()
  assert.ok((chain.value as Document).groups)
  texts = 0
  for (let step = 1; step <= 20; step++) {
    model = rename(model, step)
    chain.publish(model, false)
  }
  console.log({ texts })
  expect(texts).toBeLessThan(20 * 15)
  heap.poisonAllBut([chain.root.word])
  chain.checkKept()
})

const everValid = (era: number): Source => ({ era, check() {} })

async function collected(reference: WeakRef<object>): Promise<boolean> {
  for (let i = 0; i < 20 && reference.deref() !== undefined; i++) {
    await new Promise((resolve) => setImmediate(resolve))
    globalThis.gc?.()
  }
  return reference.deref() === undefined
}

/** A value whose undecoded part a later version lacks. */
function holdFor(model: Model): { kept: { value: unknown }; hold: WeakRef<Hold> | undefined } {
  const heap = new SmallHeap({ flat: 64, fanout: 64 })
  const decoder = new Decoder(heap, { lightWeightMax: 3, leftoverValuesMax: 10 })
  let root = decoder.root(heap.encode(model), everValid(1))
  const kept = { value: decoder.valueOf(root) }
  let hold: WeakRef<Hold> | undefined
  for (const [i, next] of [
    { data: 1, n: 2 },
    { data: 2, n: 3 },
  ].entries()) {
    const advanced = decoder.advance(root, heap.encode(next), everValid(i + 2))
    root = advanced.root
    if (advanced.hold !== undefined) hold = new WeakRef(advanced.hold)
  }
  return { kept, hold }
}

test.each([
  ['is dropped', (kept: { value: unknown }) => (kept.value = undefined)],
  ['was read completely', (kept: { value: unknown }) => JSON.stringify(kept.value)],
])('A hold is collected when the value that needs it %s, not before', async (_, end) => {
  const model = { data: documentOf(3, 50), n: 1 }
  const { kept, hold } = holdFor(model)
  assert.ok(hold !== undefined)
  expect(await collected(hold)).toBe(false)
  if (kept.value !== undefined) end(kept)
  expect(await collected(hold)).toBe(true)
  if (kept.value !== undefined) assert.deepStrictEqual(kept.value, model)
})
