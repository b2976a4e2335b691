import { describe, expect, it, vi } from 'vitest'
import { isPermanent, kindOf, nodeOf, ownOf, SHAPE, TABLE } from '../../../src/memory/kinds.ts'
import { SHAPES_AT } from '../../../src/memory/layout.ts'
import { eachLogged } from '../../../src/reclaim/log.ts'
import type { Codec } from '../../../src/values/codec.ts'
import { keysOf } from '../../../src/values/lookup.ts'
import { makeMemory, makeThread } from './heap.ts'
import { plainDecode } from './plain-decode.ts'

function idOf(ctx: Codec, keys: readonly string[]): number {
  return ctx.shapes.intern(ctx.shapes.withKeys(keys), ctx.allocator)
}

const keysOfSize = (size: number): string[] => Array.from({ length: size }, (_, i) => `key${i}`)

describe('shapes', () => {
  it.each([0, 1, 8, 9, 100, 1024])('of %i keys find each key and no other', (size) => {
    const memory = makeMemory()
    const ctx = makeThread(memory)
    const keys = [...keysOfSize(size - 1), '€ wide'].slice(0, size)
    const id = idOf(ctx, keys)
    for (const thread of [ctx, makeThread(memory, 1)]) {
      const shape = thread.shapes.of(id)
      expect(shape).toMatchObject({ id, keys, count: size })
      expect(keys.map((key) => shape.slotOf(key))).toStrictEqual(keys.map((_, index) => index))
      for (const key of ['', 'key', 'toString', '__proto__', `key${size}`]) {
        expect(shape.slotOf(key)).toBe(-1)
      }
    }
  })

  it('of two threads are the same where the keys are the same', () => {
    const memory = makeMemory()
    const first = makeThread(memory)
    const second = makeThread(memory, 1)
    const ids = [['a'], ['a', 'b'], ['b', 'a'], [], ['a', 'b', 'c']].map((keys) => [
      idOf(first, keys),
      idOf(second, keys),
    ])
    for (const [one, other] of ids) expect(one).toBe(other)
    expect(new Set(ids.flat()).size).toBe(5)
    expect(memory.m[SHAPES_AT]).toBe(5)
  })

  it('that only append keep their own keys only, and find the others', () => {
    const memory = makeMemory()
    const ctx = makeThread(memory)
    const keys = keysOfSize(200)
    const ids = keys.map((_, index) => idOf(ctx, keys.slice(0, index + 1)))
    const other = makeThread(memory, 1)
    for (const [index, id] of ids.entries()) {
      for (const thread of [ctx, other]) {
        const shape = thread.shapes.of(id)
        expect(shape.slotOf(keys[index] as string)).toBe(index)
        expect(shape.slotOf(keys[index + 1] ?? '')).toBe(-1)
        expect(shape.slotOf('key0')).toBe(0)
      }
      expect(memory.m[(memory.m[memory.layout.shapesAt + id] as number) + 5]).toBe(1)
    }
    expect(other.shapes.of(ids[150] as number).keys).toStrictEqual(keys.slice(0, 151))
  })

  it('are read one by one by a thread that only reads, which may write afterwards', () => {
    const memory = makeMemory()
    const ctx = makeThread(memory)
    const ids = Array.from({ length: 50 }, (_, shape) => idOf(ctx, [`a ${shape}`, 'b', 'c']))
    const longer = idOf(ctx, ['a 7', 'b', 'c', 'd'])
    const other = makeThread(memory, 1)
    const read = vi.spyOn(other.text, 'readAt')
    expect(other.shapes.of(longer).keys).toStrictEqual(['a 7', 'b', 'c', 'd'])
    expect(other.shapes.of(ids[9] as number).keys).toStrictEqual(['a 9', 'b', 'c'])
    expect(read).toHaveBeenCalledTimes(7)
    expect(other.shapes.of(longer).slotOf('d')).toBe(3)
    expect(idOf(other, ['a 8', 'b', 'c'])).toBe(ids[8])
    expect(idOf(other, ['a 7', 'b', 'c', 'd'])).toBe(longer)
    expect(other.shapes.of(longer)).toMatchObject({ id: longer, count: 4 })
    expect(idOf(other, ['a 7', 'b', 'e'])).toBe(51)
    expect(ctx.shapes.of(51).keys).toStrictEqual(['a 7', 'b', 'e'])
  })

  it('that begin alike are read once where they are alike', () => {
    const memory = makeMemory()
    const ctx = makeThread(memory)
    const common = keysOfSize(60)
    idOf(ctx, common)
    const ids = Array.from({ length: 100 }, (_, own) => idOf(ctx, [...common, `own ${own}`]))
    const other = makeThread(memory, 1)
    const read = vi.spyOn(other.text, 'readAt')
    for (const [own, id] of ids.entries()) {
      expect(other.shapes.of(id).slotOf(`own ${own}`)).toBe(60)
      expect(other.shapes.of(id).slotOf('key59')).toBe(59)
      expect(other.shapes.of(id).keys).toStrictEqual([...common, `own ${own}`])
    }
    expect(read).toHaveBeenCalledTimes(160)
    expect(other.shapes.of(0)).toMatchObject({ id: 0, keys: common })
  })

  it.each([
    ['a parent that comes later', 4, 4],
    ['itself as its parent', 4, 3],
    ['another id', 2, 0],
    ['another kind', 0, 0],
  ])('with %s are damage', (_, field, value) => {
    const memory = makeMemory()
    const ctx = makeThread(memory)
    for (const key of ['x', 'y', 'z']) idOf(ctx, [key])
    const node = memory.m[memory.layout.shapesAt + 2] as number
    memory.m[node + field] = value
    const other = makeThread(memory, 1)
    const damage = expect.objectContaining({ code: 'ERR_CORRUPT_HEAP' })
    expect(() => other.shapes.of(2)).toThrow(damage)
    expect(() => other.shapes.of(3)).toThrow(damage)
    expect(() => other.shapes.of(2 ** 25)).toThrow(damage)
    expect(() => idOf(other, ['new'])).toThrow(damage)
    expect(other.shapes.of(1).keys).toStrictEqual(['y'])
  })

  it('outlive the draft that made them, which gives back everything else', () => {
    const memory = makeMemory()
    const ctx = makeThread(memory)
    const word = ctx.encoder.encode({ kept: 'a string', shape: [1] })
    const id = ownOf(memory.m, nodeOf(word)) >>> 5
    const node = memory.m[memory.layout.shapesAt + id] as number
    ctx.allocator.abort()
    ctx.allocator.begin()
    expect(kindOf(memory.m, node)).toBe(SHAPE)
    expect(isPermanent(memory.m, memory.layout, node)).toBe(true)
    const next = ctx.encoder.encode({ kept: 2, shape: 3 })
    expect(ownOf(memory.m, nodeOf(next)) >>> 5).toBe(id)
    expect(nodeOf(next)).not.toBe(node)
    expect(plainDecode(makeThread(memory, 1), next)).toStrictEqual({ kept: 2, shape: 3 })
  })

  it('are used, and no block is lost, where another thread publishes at the same moment', () => {
    const memory = makeMemory()
    const first = makeThread(memory)
    const second = makeThread(memory, 1)
    const { words, layout } = memory
    const exchange = words.compareExchange.bind(words)
    for (const rival of [['x', 'y'], ['other']]) {
      // The rival publishes between the look at the table and the swap.
      words.compareExchange = (at, expected, value) => {
        words.compareExchange = exchange
        idOf(second, rival)
        return exchange(at, expected, value)
      }
      const blocks = first.allocator.mark()
      const id = idOf(first, ['x', 'y'])
      expect(first.shapes.of(id).keys).toStrictEqual(['x', 'y'])
      expect(idOf(second, ['x', 'y'])).toBe(id)
      let kept = first.allocator.mark() - blocks
      eachLogged(memory, first.allocator.slotAt, (block) => {
        if (kept-- > 0) expect(isPermanent(memory.m, layout, block)).toBe(true)
      })
    }
  })

  it('that find no room make their objects dictionaries', () => {
    const memory = makeMemory(1)
    const ctx = makeThread(memory)
    const count = memory.layout.shapesMax + 20
    const value = Array.from({ length: count }, (_, index) => ({ [`key ${index}`]: index, b: 1 }))
    const word = ctx.encoder.encode(value)
    expect(plainDecode(ctx, word)).toStrictEqual(value)
    const last = ctx.encoder.encode({ never: 1, seen: [2] })
    expect(kindOf(memory.m, nodeOf(last))).toBe(TABLE)
    expect(keysOf(ctx, last)).toStrictEqual(['never', 'seen'])
  })

  it('with many loose steps are forgotten between writes, and known again', () => {
    const ctx = makeThread(makeMemory(4))
    const kept = ctx.encoder.encode({ kept: 1, shape: 2 })
    const { root } = ctx.shapes
    const before = idOf(ctx, ['kept', 'shape'])
    for (let round = 0; round < 132; round++) {
      ctx.shapes.withKeys(Array.from({ length: 1000 }, (_, index) => `${round} ${index}`))
    }
    ctx.encoder.reset()
    expect(ctx.shapes.root).not.toBe(root)
    expect(keysOf(ctx, kept)).toStrictEqual(['kept', 'shape'])
    expect(idOf(ctx, ['kept', 'shape'])).toBe(before)
  })
})
