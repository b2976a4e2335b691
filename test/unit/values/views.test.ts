/** Views have the whole interface of ReadonlyMap and ReadonlySet, and nothing that writes. */
import { describe, expect, test } from 'vitest'
import { createStore } from '../../../src/index.ts'

const SIZES = [0, 1, 7, 8, 9, 31, 32, 33, 64, 65, 1000]
const store = createStore<unknown>(null, { maxBytes: 2 ** 25 })

function view<T>(value: T): T {
  store.replace(value)
  return store.current as T
}

type Operation = (set: ReadonlySet<unknown>, other: unknown) => unknown
const named = (name: string): Operation => {
  return (set, other) =>
    (set as unknown as Record<string, (other: unknown) => unknown>)[name]!(other)
}
const newer = ['union', 'intersection', 'difference', 'symmetricDifference', 'isSubsetOf']
newer.push('isSupersetOf', 'isDisjointFrom')
const here = newer.filter((name) => name in Set.prototype)

describe('a view', () => {
  test.each(SIZES)('of %i reads as the real one in everything', (size) => {
    const entries = Array.from({ length: size }, (_, n) => [n % 2 ? n : `k${n}`, { n }] as const)
    const map = new Map<unknown, { n: number }>(entries)
    const ours = view(map)
    expect(ours.size).toBe(size)
    for (const name of ['entries', 'keys', 'values'] as const) {
      expect([...ours[name]()]).toEqual([...map[name]()])
    }
    expect([...ours]).toEqual([...map])
    const self = {}
    const seen: unknown[] = []
    ours.forEach(function (this: unknown, value, key, whole) {
      seen.push([key, value.n, this === self, whole === ours])
    }, self)
    expect(seen).toEqual([...map].map(([key, { n }]) => [key, n, true, true]))
    const set = new Set(map.keys())
    const ourSet = view(set)
    expect([...ourSet]).toEqual([...set])
    expect([...ourSet.entries()]).toEqual([...set.entries()])
    expect([...ourSet.keys(), ...ourSet.values()]).toEqual([...set.keys(), ...set.values()])
    for (const key of [...set, 'none', size, NaN]) expect(ourSet.has(key)).toBe(set.has(key))
  })

  test('names itself, is frozen, has nothing that writes, and is not its class by mistake', () => {
    const map = view(new Map([[1, 2]])) as Map<number, number>
    expect([map[Symbol.toStringTag], `${String(map)}`]).toEqual(['Map', '[object Map]'])
    const set = view(new Set([1])) as Set<number>
    expect([set[Symbol.toStringTag], `${String(set)}`]).toEqual(['Set', '[object Set]'])
    for (const one of [map, set]) {
      for (const name of ['set', 'add', 'delete', 'clear']) expect(name in one).toBe(false)
      expect(Object.isFrozen(one)).toBe(true)
      expect(Object.keys(one)).toEqual([])
    }
    const { get } = map
    expect(() => get.call(new Map() as never, 1)).toThrow(TypeError)
  })

  test('refuses to visit with what is no function, an empty one too', () => {
    for (const one of [new Map(), new Map([[1, 1]]), new Set(), new Set([1])]) {
      const ours = view(one) as unknown as { forEach(visit: unknown): void }
      expect(() => ours.forEach(1)).toThrow(TypeError)
      expect(() => (one as never as typeof ours).forEach(1)).toThrow(TypeError)
    }
  })

  test('a visitor that throws ends the visit, and one that publishes does not', () => {
    const map = view(new Map(Array.from({ length: 200 }, (_, n) => [n, [n]] as const)))
    const failing = (): void =>
      map.forEach((_, key) => {
        if (key === 5) throw new RangeError('at five')
      })
    expect(failing).toThrow('at five')
    let sum = 0
    map.forEach((value, key) => {
      if (key % 50 === 0) store.replace(new Map([[key, [0]]]))
      sum += value[0]!
    })
    expect(sum).toBe(19_900)
  })

  test('takes part in the operations on two Sets where the platform has them', () => {
    const [one, other] = [new Set<unknown>([1, 2, 'x']), new Set<unknown>(['x', 3])]
    for (const name of here) {
      const operation = named(name)
      const wanted = operation(one, other)
      // The result is a real Set, or a boolean.
      expect(operation(view(one), other), name).toEqual(wanted)
      expect(operation(one, view(other)), name).toEqual(wanted)
      expect(operation(view(one), view(one)), name).toEqual(operation(one, one))
      const map = new Map([['x', 1]])
      expect(operation(one, view(map)), name).toEqual(operation(one, map))
    }
    for (const name of newer) expect(name in view(one)).toBe(name in Set.prototype)
    console.log(`views: ${here.length} operations on ${process.version}`)
  })
})
