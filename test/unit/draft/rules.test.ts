import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { currentOf, DraftSession, originalOf } from '../../../src/values/draft.ts'
import { Delta } from '../../../src/versions/delta.ts'
import { plain, produce, testCodec } from './heap.ts'
import { checkDelta } from './oracle.ts'

const codec = testCodec(16)

type Any = any // eslint-disable-line

function run(base: unknown, recipe: (draft: Any) => unknown): unknown {
  const outcome = produce<Any>(codec, base, recipe)
  checkDelta(codec.memory, outcome)
  return outcome.value
}

describe('nothing changes', () => {
  const base = { a: { b: [1, 2, { c: 'text' }] }, d: 0.5, n: Number.NaN, z: -0, u: undefined }
  const recipes: Record<string, (draft: Any) => unknown> = {
    'by looking': (draft) => void JSON.stringify(draft),
    'by assigning what is there': (draft) => {
      draft.a.b[2].c = 'text'
      draft.d = 0.5
      draft.n = Number.NaN
      draft.z = -0
      draft.u = undefined
      const { a } = draft
      draft.a = a
      const element = a.b[2]
      a.b[2] = element
    },
    'by changing it back': (draft) => {
      draft.a.b[2].c = 'other'
      draft.a.b[2].c = 'text'
      draft.a.b.push(1)
      draft.a.b.pop()
      delete draft.u
      draft.u = undefined
    },
    'by returning the draft': (draft) => draft,
  }
  for (const [name, recipe] of Object.entries(recipes)) {
    test(name, () => {
      const { before, after, delta } = produce<Any>(codec, base, recipe)
      expect(after).toBe(before)
      expect(delta.isEmpty).toBe(true)
    })
  }
})

describe('objects', () => {
  test('a nested property is set and the rest is shared', () => {
    const base = { a: { x: 1 }, b: { y: 'long text' } }
    const { value, delta } = produce<Any>(codec, base, (draft) => void (draft.a.x = 2))
    expect(value).toEqual({ a: { x: 2 }, b: { y: 'long text' } })
    expect(delta.out.filter((_, index) => index % 2 === 1)).toEqual([0, 0])
  })

  test('keys stand in the order of JavaScript', () => {
    const value = run({ b: 1, a: 2, 7: 3 }, (draft) => {
      delete draft.b
      draft.c = 4
      draft.b = 5
      draft[3] = 6
      expect(Object.keys(draft)).toEqual(['3', '7', 'a', 'c', 'b'])
      const seen = []
      for (const key in draft) seen.push(key)
      expect(seen).toEqual(['3', '7', 'a', 'c', 'b'])
    })
    expect(JSON.stringify(value)).toBe('{"3":6,"7":3,"a":2,"c":4,"b":5}')
  })

  test('__proto__ and constructor are keys like any other', () => {
    const value = run(JSON.parse('{"__proto__":{"a":1},"constructor":2}'), (draft) => {
      expect(Object.keys(draft)).toEqual(['__proto__', 'constructor'])
      draft.__proto__.a = 5
      draft.constructor = 3
      draft.other = {}
      draft.other.__proto__ = 1
    }) as object
    expect(JSON.stringify(value)).toBe('{"__proto__":{"a":5},"constructor":3,"other":{}}')
  })

  test('what is not there comes from Object.prototype', () => {
    run({ a: 1 }, (draft) => {
      expect('toString' in draft).toBe(true)
      expect(draft.hasOwnProperty('a')).toBe(true)
      expect(draft.constructor).toBe(Object)
      expect(draft.missing).toBe(undefined)
      expect(Object.getPrototypeOf(draft)).toBe(Object.prototype)
      expect({ ...draft }).toEqual({ a: 1 })
    })
  })

  test('undefined is a value', () => {
    const value = run({ a: 1, b: {} }, (draft) => {
      draft.a = undefined
      draft.b = undefined
      draft.c = undefined
    }) as object
    expect(Object.entries(value)).toEqual([
      ['a', undefined],
      ['b', undefined],
      ['c', undefined],
    ])
  })
})

describe('arrays', () => {
  const cases: Record<string, (list: Any[]) => unknown> = {
    push: (list) => list.push(9, { b: 1 }),
    pop: (list) => list.pop(),
    shift: (list) => list.shift(),
    unshift: (list) => list.unshift('long text', [1]),
    'splice in the middle': (list) => list.splice(1, 2, 'one more'),
    'splice, open end': (list) => list.splice(-3),
    'splice without a count': (list) => list.splice(1, undefined as unknown as number, 5),
    'splice of the same length': (list) => list.splice(1, 2, 'x', 'y'),
    reverse: (list) => list.reverse(),
    'sort by text': (list) => list.sort(),
    'sort by a comparison': (list) =>
      list.sort((a, b) => String(b?.id).localeCompare(String(a?.id))),
    fill: (list) => list.fill(7, 1, 3),
    copyWithin: (list) => list.copyWithin(0, 3),
    'length shorter': (list) => (list.length = 2),
    'length longer': (list) => (list.length = 9),
    'length shorter, then longer': (list) => {
      list.length = 1
      list[3] = 4
    },
    'an index beyond the end': (list) => (list[8] = 'far'),
    'changes of moved elements': (list) => {
      const first = list[0]
      list.reverse()
      first.id = 99
      list.shift()
      list[2].added = first
    },
    'pop and push back': (list) => list.push(list.pop()),
  }
  for (const [name, change] of Object.entries(cases)) {
    test(name, () => {
      const base = { list: [{ id: 1 }, 'some text', { id: 3, in: {} }, 4.5, { id: 0 }, undefined] }
      const expected = structuredClone(base)
      const expectedResult = change(expected.list)
      const value = run(base, (draft) => {
        const result = change(draft.list)
        expect(JSON.stringify(result)).toEqual(JSON.stringify(expectedResult))
        expect(Array.isArray(draft.list)).toBe(true)
        expect(JSON.stringify(draft)).toBe(JSON.stringify(expected))
      })
      expect(value).toEqual(JSON.parse(JSON.stringify(expected), undefinedFor(expected)))
      expect(JSON.stringify(value)).toBe(JSON.stringify(expected))
    })
  }

  /** Holes and undefined become undefined on both sides. */
  function undefinedFor(_: unknown): (key: string, value: unknown) => unknown {
    return (key, value) => (value === null && /^\d+$/.test(key) ? undefined : value)
  }

  test('delete leaves undefined, as in immer', () => {
    expect(run([1, 2, 3], (draft) => void delete draft[1])).toEqual([1, undefined, 3])
  })

  test('other properties are refused', () => {
    expect(() => run([1], (draft) => void (draft.name = 1))).toThrow(/no property "name"/)
    expect(() => run([1], (draft) => void (draft.length = -1))).toThrow(RangeError)
  })
})

describe('drafts that are moved', () => {
  test('an alias shows and gets later changes', () => {
    const value = run({ a: { x: 1 } }, (draft) => {
      draft.b = draft.a
      draft.b.x = 2
      expect(draft.a.x).toBe(2)
      expect(draft.a).toBe(draft.b)
    })
    expect(value).toEqual({ a: { x: 2 }, b: { x: 2 } })
  })

  test('into an assigned plain object', () => {
    const value = run({ a: { x: 'some text' }, b: [{ y: 1 }] }, (draft) => {
      draft.c = { deep: [draft.a, { also: draft.b[0] }], plain: { z: 1 } }
      draft.b[0].y = 2
      delete draft.a
    })
    expect(JSON.stringify(value)).toBe(
      '{"b":[{"y":2}],"c":{"deep":[{"x":"some text"},{"also":{"y":2}}],"plain":{"z":1}}}',
    )
  })

  test('two places that share a node are independent', () => {
    const part = { x: 1, y: ['shared text'] }
    const { before } = produce<Any>(codec, { a: part, b: part }, () => undefined)
    expect(codec.memory.m[(before >>> 2) + 3]).toBe(codec.memory.m[(before >>> 2) + 4])
    const value = run({ a: part, b: part }, (draft) => {
      draft.a.y.push(1)
      expect(draft.b.y.length).toBe(1)
    })
    expect(value).toEqual({ a: { x: 1, y: ['shared text', 1] }, b: part })
  })

  test('cycles are refused with their path', () => {
    for (const recipe of [
      (draft: Any) => void (draft.a.self = draft.a),
      (draft: Any) => void (draft.a.b.up = draft),
      (draft: Any) => void (draft.a.b.up = { list: [draft.a] }),
    ]) {
      expect(() => run({ a: { b: {} } }, recipe)).toThrow(
        expect.objectContaining({ code: 'ERR_UNSUPPORTED_VALUE', path: expect.any(Array) }),
      )
    }
  })
})

describe('a returned value', () => {
  test('replaces the whole', () => {
    expect(run({ a: 1 }, () => [1, 'some text'])).toEqual([1, 'some text'])
    expect(run({ a: { b: 1 } }, (draft) => draft.a)).toEqual({ b: 1 })
    expect(run({ a: { b: 1 } }, (draft) => ({ old: draft, part: [draft.a] }))).toEqual({
      old: { a: { b: 1 } },
      part: [{ b: 1 }],
    })
    expect(run(5, (draft) => draft + 1)).toBe(6)
    expect(run('some text', () => 'other text')).toBe('other text')
  })

  test('together with a change is a TypeError', () => {
    const both = (draft: Any): unknown => {
      draft.a = 2
      return { b: 1 }
    }
    expect(() => run({ a: 1 }, both)).toThrow(TypeError)
    expect(() => run({ a: 1 }, both)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
    )
  })
})

describe('a draft refuses', () => {
  test('what a frozen or redefined object would need', () => {
    run({ a: {}, list: [] }, (draft) => {
      for (const target of [draft, draft.list]) {
        expect(() => Object.freeze(target)).toThrow(TypeError)
        expect(() => Object.defineProperty(target, 'x', { value: 1 })).toThrow(TypeError)
        expect(() => Object.setPrototypeOf(target, null)).toThrow(TypeError)
        expect(Object.isFrozen(target)).toBe(false)
      }
      expect(() => (draft[Symbol('s')] = 1)).toThrow(
        expect.objectContaining({ code: 'ERR_UNSUPPORTED_VALUE' }),
      )
    })
  })

  test('use after its recipe', () => {
    let leaked: Any
    let list: Any
    run({ a: {}, list: [1] }, (draft) => {
      leaked = draft.a
      list = draft.list
    })
    for (const use of [
      () => leaked.x,
      () => (leaked.x = 1),
      () => 'x' in leaked,
      () => delete leaked.x,
      () => Object.keys(leaked),
      () => list[0],
      () => list.push(1),
      () => currentOf(leaked),
    ]) {
      expect(use).toThrow(TypeError)
    }
  })
})

test('console.log shows what a draft is now', () => {
  let leaked: Any
  run({ a: { x: [1, { y: 2 }] }, b: 1 }, (draft) => {
    leaked = draft
    draft.a.x[1].y = 'changed'
    expect(inspect(draft, { depth: 5, breakLength: Infinity, compact: 9 })).toBe(
      "{ a: { x: [ 1, { y: 'changed' } ] }, b: 1 }",
    )
  })
  expect(inspect(leaked)).toBe('[revoked draft]')
})

test('originalOf and currentOf are plain copies', () => {
  let kept: Any
  run({ a: { x: [1, { y: 2 }] } }, (draft) => {
    draft.a.x[1].y = 3
    draft.a.x.push(draft.a.x[1])
    draft.b = { inner: draft.a.x[1] }
    kept = { now: currentOf(draft), was: originalOf(draft), part: originalOf(draft.a.x[1]) }
  })
  expect(kept.now).toEqual({ a: { x: [1, { y: 3 }, { y: 3 }] }, b: { inner: { y: 3 } } })
  expect(kept.was).toEqual({ a: { x: [1, { y: 2 }] } })
  expect(kept.part).toEqual({ y: 2 })
  expect(() => currentOf({})).toThrow(TypeError)
})

test('a recipe that throws has allocated nothing', () => {
  const word = codec.encoder.encode({ a: { b: [1, 2, 3] } })
  const mark = codec.allocator.mark()
  const session = new DraftSession(codec, word)
  const draft = session.root as Any
  draft.a.b.push('some text', { c: 1 })
  draft.a.c = draft.a.b
  session.revoke()
  expect(codec.allocator.mark()).toBe(mark)
  expect(plain(codec, word)).toEqual({ a: { b: [1, 2, 3] } })
  expect(new DraftSession(codec, word).finish(undefined, new Delta(codec.memory))).toBe(word)
})

test('what cannot be stored is named with its whole path', () => {
  const recipes: [(draft: Any) => void, (string | number)[]][] = [
    [(draft) => (draft.a.b[1] = { x: [Symbol('s')] }), ['a', 'b', 1, 'x', 0]],
    [(draft) => (draft.a.f = () => 1), ['a', 'f']],
    [(draft) => (draft.a.c = { with: draft.a.b, f: () => 1 }), ['a', 'c', 'f']],
    [(draft) => draft.a.b.push(1, new WeakMap()), ['a', 'b', 3]],
  ]
  for (const [recipe, path] of recipes) {
    expect(() => run({ a: { b: [1, 2] } }, (draft) => void recipe(draft))).toThrow(
      expect.objectContaining({ code: 'ERR_UNSUPPORTED_VALUE', path }),
    )
  }
})

test('growing beyond one block makes lists and dictionaries', () => {
  const list = Array.from({ length: 1024 }, (_, index) => ({ index }))
  const object = Object.fromEntries(list.map((value, index) => [`key ${index}`, value]))
  const expected = JSON.parse(JSON.stringify({ list, object })) as Any
  const grow = (draft: Any): void => {
    draft.list.unshift({ index: -1 })
    draft.list[1].index = 'changed text'
    draft.object[7] = draft.list.pop()
    draft.list.push(draft.object['key 5'], 'the end')
    draft.object['key 5'].index = 5.5
    delete draft.object['key 6']
    draft.object.last = 1
    draft.object['key 6'] = 2
  }
  grow(expected)
  expect(JSON.stringify(run({ list, object }, grow))).toBe(JSON.stringify(expected))
})
