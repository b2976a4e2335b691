import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DraftSession } from '../../../src/values/draft.ts'
import { deletePath, setPath } from '../../../src/values/edit.ts'
import { Delta } from '../../../src/versions/delta.ts'
import { plain, testCodec } from './heap.ts'
import { checkDelta, recount } from './oracle.ts'
import { documents } from './recipes.ts'

const codec = testCodec(16)
const { memory } = codec

function set(base: unknown, path: readonly (string | number)[], value: unknown): unknown {
  const before = codec.encoder.encode(base)
  const delta = new Delta(memory)
  const after = setPath(codec, before, path, { value, delta })
  checkDelta(memory, { before, after, delta })
  return plain(codec, after)
}

function remove(base: unknown, path: readonly (string | number)[]): unknown {
  const before = codec.encoder.encode(base)
  const delta = new Delta(memory)
  const after = deletePath(codec, before, path, delta)
  checkDelta(memory, { before, after, delta })
  return plain(codec, after)
}

/** The same through a draft that nothing else is read of. */
function draftPath(
  before: number,
  path: readonly (string | number)[],
  value: unknown,
  delta: Delta,
): number {
  const session = new DraftSession(codec, before)
  const parent = path
    .slice(0, -1)
    .reduce((inner, key) => inner[key] as Inner, session.root as Inner)
  parent[path.at(-1) as string] = value
  const after = session.finish(undefined, delta)
  session.revoke()
  return after
}

type Inner = Record<string, unknown>

describe('set', () => {
  test('replaces what is there and adds what is not', () => {
    const base = { a: { b: [1, { c: 'some text' }] } }
    expect(set(base, ['a', 'b', 1, 'c'], 2)).toEqual({ a: { b: [1, { c: 2 }] } })
    expect(set(base, ['a', 'b', '1'], { new: ['some text'] })).toEqual({
      a: { b: [1, { new: ['some text'] }] },
    })
    expect(set(base, ['a', 'z'], 'more')).toEqual({ a: { b: base.a.b, z: 'more' } })
    expect(set(base, ['a', 'b', 2], 3)).toEqual({ a: { b: [1, { c: 'some text' }, 3] } })
    expect(set(base, [], [1])).toEqual([1])
    expect(set(5, [], 'some text')).toEqual('some text')
  })

  test('new keys stand in the order of JavaScript', () => {
    expect(JSON.stringify(set({ 5: 0, b: 0, a: 0 }, ['4'], 1))).toBe('{"4":1,"5":0,"b":0,"a":0}')
    expect(JSON.stringify(set({ 5: 0, b: 0 }, ['a'], 1))).toBe('{"5":0,"b":0,"a":1}')
    expect(JSON.stringify(set({ b: 0 }, [7], 1))).toBe('{"7":1,"b":0}')
    expect(JSON.stringify(set({ b: 0 }, ['__proto__'], 1))).toBe('{"b":0,"__proto__":1}')
  })

  test('of an equal scalar gives the same root and allocates nothing', () => {
    const values = [
      1,
      -5,
      2 ** 40,
      0.5,
      Number.NaN,
      -0,
      '',
      'abc',
      'some text',
      true,
      null,
      undefined,
    ]
    const word = codec.encoder.encode({ values })
    const mark = codec.allocator.mark()
    for (const [index, value] of values.entries()) {
      const delta = new Delta(memory)
      expect(setPath(codec, word, ['values', index], { value, delta })).toBe(word)
      expect(delta.isEmpty).toBe(true)
    }
    expect(codec.allocator.mark()).toBe(mark)
    expect(setPath(codec, word, ['values', 5], { value: 0, delta: new Delta(memory) })).not.toBe(
      word,
    )
  })

  test('at a missing parent is ERR_NO_SUCH_PATH with the first missing segment', () => {
    const base = { a: { b: [1] }, s: 'some text' }
    const missing: [(string | number)[], string | number][] = [
      [['x', 'y', 'z'], 'x'],
      [['a', 'x', 'z'], 'x'],
      [['a', 'b', 5, 'z'], 5],
      [['a', 'b', 2], 2],
      [['a', 'b', -1], -1],
      [['a', 'b', 'name'], 'name'],
      [['a', 'b', 0, 'x'], 'x'],
      [['s', 'length'], 'length'],
    ]
    for (const [path, segment] of missing) {
      expect(() => set(base, path, 1), JSON.stringify(path)).toThrow(
        expect.objectContaining({ code: 'ERR_NO_SUCH_PATH', path, missing: segment }),
      )
    }
  })

  test('refuses segments that are no keys', () => {
    for (const path of [[Symbol('s')], [{}], [null], 'a.b', undefined] as never[]) {
      expect(() => set({ a: 1 }, path, 1)).toThrow(TypeError)
    }
  })

  test('names the whole path of a value that cannot be stored', () => {
    expect(() => set({ a: {} }, ['a', 'f'], { x: [() => 1] })).toThrow(
      expect.objectContaining({ code: 'ERR_UNSUPPORTED_VALUE', path: ['a', 'f', 'x', 0] }),
    )
  })
})

describe('delete', () => {
  test('removes keys, and moves elements up', () => {
    const base = { a: { b: ['some text', 1, { c: 2 }], d: [0.5] }, e: 1 }
    expect(remove(base, ['a', 'b', 0])).toEqual({ a: { b: [1, { c: 2 }], d: [0.5] }, e: 1 })
    expect(remove(base, ['a', 'd'])).toEqual({ a: { b: base.a.b }, e: 1 })
    expect(remove(base, ['a', 'b', 2, 'c'])).toEqual({
      a: { b: ['some text', 1, {}], d: [0.5] },
      e: 1,
    })
  })

  test('of what is missing is ERR_NO_SUCH_PATH', () => {
    for (const path of [['x'], ['a', 'x'], ['a', 1], ['a', 0, 'x']]) {
      expect(() => remove({ a: [1] }, path)).toThrow(
        expect.objectContaining({ code: 'ERR_NO_SUCH_PATH', missing: path.at(-1) }),
      )
    }
    expect(() => remove({ a: 1 }, [])).toThrow(TypeError)
  })
})

test('objects and arrays grow beyond one block and shrink again', () => {
  const delta = new Delta(memory)
  const limit = 1024
  const list = Array.from({ length: limit }, (_, index) =>
    index % 9 === 0 ? `text ${index}` : index,
  )
  const object = Object.fromEntries(list.map((value, index) => [`key ${index}`, value]))
  let word = codec.encoder.encode({ list, object })
  const edit = (run: (delta: Delta) => number): void => {
    delta.clear()
    const after = run(delta)
    checkDelta(memory, { before: word, after, delta })
    recount(memory, after)
    word = after
  }
  for (let index = limit; index < limit + 3; index++) {
    list.push(index)
    object[`key ${index}`] = 'new text'
    edit((delta) => setPath(codec, word, ['list', index], { value: index, delta }))
    const path = ['object', `key ${index}`]
    edit((delta) => setPath(codec, word, path, { value: 'new text', delta }))
  }
  list[5] = 'five'
  object['key 9'] = 'nine'
  edit((delta) => setPath(codec, word, ['list', 5], { value: 'five', delta }))
  edit((delta) => setPath(codec, word, ['object', 'key 9'], { value: 'nine', delta }))
  for (const index of [0, 500, limit]) {
    list.splice(index, 1)
    delete object[`key ${index}`]
    edit((delta) => deletePath(codec, word, ['list', index], delta))
    edit((delta) => deletePath(codec, word, ['object', `key ${index}`], delta))
  }
  expect(JSON.stringify(plain(codec, word))).toBe(JSON.stringify({ list, object }))
})

test('random edits give what they give on a plain value, and exact deltas', () => {
  const edits = fc.array(fc.tuple(fc.array(fc.nat(), { maxLength: 4 }), fc.nat(5), documents), {
    minLength: 1,
    maxLength: 6,
  })
  let changed = 0
  const run = (base: unknown, steps: readonly (readonly [number[], number, unknown])[]): void => {
    codec.allocator.rewind(0)
    const expected = { root: structuredClone(base) }
    let word = codec.encoder.encode(base)
    for (const [choices, how, value] of steps) {
      const path: (string | number)[] = []
      let at: unknown = expected.root
      for (const choice of choices) {
        const keys = typeof at === 'object' && at !== null ? Object.keys(at) : []
        if (keys.length === 0) break
        const key = keys[choice % keys.length] as string
        path.push(key)
        at = (at as Record<string, unknown>)[key]
      }
      if (path.length === 0 || path.includes('__proto__')) continue
      const delta = new Delta(memory)
      const parent = path
        .slice(0, -1)
        .reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], expected.root)
      const key = path.at(-1) as string
      let after: number
      if (how === 0) {
        after = deletePath(codec, word, path, delta)
        if (Array.isArray(parent)) parent.splice(Number(key), 1)
        else delete (parent as Record<string, unknown>)[key]
      } else {
        const next = how === 1 ? 'some text' : value
        after =
          how === 2 || how === 3
            ? draftPath(word, path, how === 2 ? next : 'more text', delta)
            : setPath(codec, word, path, { value: next, delta })
        const stored = how === 3 ? 'more text' : structuredClone(next)
        ;(parent as Record<string, unknown>)[key] = stored
      }
      checkDelta(memory, { before: word, after, delta })
      expect(JSON.stringify(plain(codec, after))).toBe(JSON.stringify(expected.root))
      recount(memory, after)
      if (after !== word) changed++
      word = after
    }
  }
  fc.assert(fc.property(documents, edits, run), { numRuns: 400, seed: 1 })
  expect(changed).toBeGreaterThan(300)
})
