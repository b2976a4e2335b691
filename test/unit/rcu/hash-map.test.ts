/** `RcuHashMap` in one thread, against a private model; strings, integers, blocks; resizing. */
import { afterEach, expect, test } from 'vitest'
import { RcBlock } from '../../../src/cow.ts'
import { Heap } from '../../../src/index.ts'
import { Rcu, RcuHashMap } from '../../../src/rcu.ts'
import { randomFrom, seedOf } from '../store/inside.ts'

const open: { close(): void }[] = []

function made(options = {}): { heap: Heap; rcu: Rcu; map: RcuHashMap } {
  const heap = Heap.create({ maxBytes: 16 * 2 ** 20, maxThreads: 8 })
  const rcu = Rcu.create(heap)
  const map = RcuHashMap.create(heap, options)
  open.push(map, rcu, heap)
  return { heap, rcu, map }
}

afterEach(() => {
  for (const each of open.splice(0)) each.close()
})

const code = (code: string): object => expect.objectContaining({ code })

test('integers and strings as keys and values', () => {
  const { map } = made()
  const values: (number | string)[] = [
    0,
    -1,
    2 ** 31 - 1,
    -(2 ** 31),
    '',
    'a',
    'ä',
    '漢字',
    '\ud800',
  ]
  for (const [index, key] of values.entries()) map.add(key, values.at(-1 - index)!)
  for (const [index, key] of values.entries()) expect(map.get(key)).toBe(values.at(-1 - index))
  expect(map.size).toBe(values.length)
  expect(map.get('0')).toBe(undefined)
  expect(map.has('漢字')).toBe(true)
  expect(map.has('漢')).toBe(false)
  expect(map.get('x'.repeat(10_000))).toBe(undefined)
  map.add('x'.repeat(10_000), 'y'.repeat(100_000))
  expect(map.get('x'.repeat(10_000))).toBe('y'.repeat(100_000))
})

test('add keeps what is there, addUnique and replace mind it, addReplace takes its place', () => {
  const { map } = made()
  expect(map.replace('k', 1)).toBe(undefined)
  expect(map.has('k')).toBe(false)
  expect(map.addUnique('k', 1)).toBe(undefined)
  expect(map.addUnique('k', 2)).toBe(1)
  expect(map.get('k')).toBe(1)
  expect(map.replace('k', 'two')).toBe(1)
  expect(map.addReplace('k', 3)).toBe('two')
  expect(map.addReplace('other', 3)).toBe(undefined)
  expect(map.size).toBe(2)
  map.add('k', 4)
  expect(map.get('k')).toBe(4)
  expect(map.size).toBe(3)
  expect(map.delete('k')).toBe(true)
  expect(map.get('k')).toBe(3)
  expect(map.delete('k')).toBe(true)
  expect(map.delete('k')).toBe(false)
  expect(map.entries()).toEqual([['other', 3]])
})

test('blocks are counted by the map, borrowed inside a section, held outside', async () => {
  const { heap, rcu, map } = made()
  const reader = rcu.register()
  const block = heap.allocate(4)
  block.bytes[0] = 7
  map.add('b', block)
  map.add(block, 'by identity')
  expect(block.count).toBe(3)
  expect(map.get(block)).toBe('by identity')
  const held = map.get('b') as RcBlock
  expect(held).toBeInstanceOf(RcBlock)
  expect(block.count).toBe(4)
  held.release()
  reader.read(() => {
    const found = map.get('b') as RcBlock
    expect(found.bytes[0]).toBe(7)
    map.delete('b')
    expect(found.bytes[0]).toBe(7)
    expect(map.get(found)).toBe('by identity')
  })
  expect(map.delete(block)).toBe(true)
  await rcu.barrier()
  expect(block.count).toBe(1)
  block.release()
  await rcu.barrier()
  const { liveBlocks } = heap.verify()
  expect(liveBlocks).toBe(5) // the domain, its readers; the map, a segment, a slab
})

test('a map follows a private one through thousands of random changes and resizes', async () => {
  const random = randomFrom(seedOf('rcu map'))
  const { heap, rcu, map } = made()
  const model = new Map<number | string, number | string>()
  const pick = (): number | string => {
    const key = Math.floor(random() * 500)
    return key % 3 === 0 ? `key ${key}` : key
  }
  for (let turn = 0; turn < 6000; turn++) {
    const [key, value] = [pick(), random() < 0.5 ? turn : `value ${turn}`]
    const kind = random()
    if (kind < 0.3) expect(map.addReplace(key, value)).toBe(model.get(key))
    if (kind < 0.3) model.set(key, value)
    else if (kind < 0.5) {
      expect(map.addUnique(key, value)).toBe(model.get(key))
      if (!model.has(key)) model.set(key, value)
    } else if (kind < 0.6) {
      expect(map.replace(key, value)).toBe(model.get(key))
      if (model.has(key)) model.set(key, value)
    } else if (kind < 0.9) expect(map.delete(key)).toBe(model.delete(key))
    else if (kind < 0.91) map.resize(2 ** Math.floor(random() * 12))
    const probe = pick()
    expect(map.get(probe)).toBe(model.get(probe))
    if (turn % 1000 === 0) await rcu.barrier()
  }
  expect(map.size).toBe(model.size)
  const sorted = (entries: Iterable<readonly [unknown, unknown]>): string[] =>
    [...entries].map((entry) => JSON.stringify(entry)).toSorted()
  expect(sorted(map.entries())).toEqual(sorted(model))
  heap.verify()
  for (const key of model.keys()) expect(map.delete(key)).toBe(true)
  map.resize(8)
  await rcu.barrier()
  expect(map.entries()).toEqual([])
  heap.verify()
})

test('the buckets follow the entries, or the caller', () => {
  const { map } = made()
  for (let key = 0; key < 5000; key++) map.add(key, key)
  expect(map.buckets).toBeGreaterThanOrEqual(2048)
  for (let key = 0; key < 5000; key++) expect(map.get(key)).toBe(key)
  map.resize(16)
  expect(map.buckets).toBe(16)
  for (let key = 0; key < 5000; key += 50) expect(map.get(key)).toBe(key)
  const fixed = made({ buckets: 100, autoResize: false }).map
  expect(fixed.buckets).toBe(128)
  for (let key = 0; key < 1000; key++) fixed.add(key, key)
  expect(fixed.buckets).toBe(128)
})

test('memory stays bounded while entries come and go, and comes back', async () => {
  const { heap, rcu, map } = made()
  const block = heap.allocate(16)
  await rcu.barrier()
  const before = heap.verify().liveBlocks
  for (let round = 0; round < 5; round++) {
    for (let key = 0; key < 2000; key++) map.addReplace(key & 63, `value ${key}`)
    for (let key = 0; key < 64; key++) map.addReplace(key, block)
    for (let key = 0; key < 64; key++) map.delete(key)
    await rcu.barrier()
  }
  expect(block.count).toBe(1)
  expect(heap.verify().liveBlocks).toBeLessThan(before + 60)
  block.release()
})

test('what is no key or value is refused; what is closed is closed', () => {
  const { heap, map } = made()
  const wrong = [1.5, 2 ** 31, -0, NaN, null, undefined, {}, [], true, 1n, Symbol('s')]
  for (const value of wrong) {
    expect(() => map.add(value as never, 1)).toThrow(code('ERR_UNSUPPORTED_VALUE'))
    expect(() => map.add(1, value as never)).toThrow(code('ERR_UNSUPPORTED_VALUE'))
    expect(() => map.get(value as never)).toThrow(code('ERR_UNSUPPORTED_VALUE'))
  }
  expect(map.size).toBe(0)
  expect(() => map.resize(NaN)).toThrow(code('ERR_INVALID_ARGUMENT'))
  const again = RcuHashMap.open(structuredClone(map.handle))
  map.add('x', 1)
  map.close()
  map.close()
  expect(again.get('x')).toBe(1)
  for (const use of [() => map.get('x'), () => map.add('x', 1), () => map.delete('x')]) {
    expect(use).toThrow(code('ERR_CLOSED'))
  }
  again.close()
  heap.verify()
})
