/** `select`: computed anew only when the selected part is another one. */
import { afterEach, describe, expect, test } from 'vitest'
import { createStore, type Store } from '../../../src/index.ts'
import { inside, services, thrown } from './inside.ts'

const open: { close(): void }[] = []
function create<T>(value: T): Store<T> {
  const store = createStore(value, { maxBytes: 8 * 2 ** 20 })
  open.push(store)
  return store
}
afterEach(() => {
  for (const store of open.splice(0)) store.close()
})

describe('select', () => {
  test('projects again only when the selected part changes identity', () => {
    const store = create(services(200))
    const projected: string[] = []
    const tags = store.select(
      (value) => value.byName['service-3']!.tags,
      (selected) => {
        projected.push(selected.join())
        return new RegExp(selected.join('|'))
      },
    )
    const first = tags()
    expect(tags()).toBe(first)
    for (let n = 0; n < 50; n++) store.set(['title'], `title ${n}`)
    store.set(['byName', 'service-3', 'id'], 99)
    store.set(['byName', 'service-4', 'tags', 0], 'another')
    expect(tags()).toBe(first)
    store.set(['byName', 'service-3', 'tags', 0], 'new')
    const second = tags()
    expect(second).not.toBe(first)
    expect(second.source).toBe('new|tag-3-b')
    expect(tags()).toBe(second)
    expect(projected).toEqual(['tag-3-a,tag-3-b', 'new,tag-3-b'])
  })

  test('without a projection gives the selected part itself, of the newest version', () => {
    const store = create({ a: { n: 1 }, b: 0 })
    const selected = store.select((value) => value.a)
    expect(selected()).toBe(store.current.a)
    store.set(['a', 'n'], 2)
    expect(selected()).toBe(store.current.a)
    expect(selected().n).toBe(2)
  })

  test('polls once and asks nobody while the version stays', () => {
    const store = create({ n: 1 })
    let calls = 0
    const double = store.select(
      (value) => {
        calls++
        return value.n
      },
      (n) => n * 2,
    )
    const { words } = inside(store).memory
    double()
    let loads = 0
    const { load } = words
    words.load = (at) => {
      loads++
      return load.call(words, at)
    }
    for (let n = 0; n < 1000; n++) double()
    words.load = load
    expect([calls, loads, double()]).toEqual([1, 0, 2])
  })

  test('what throws is thrown, and tried again by the next call', () => {
    const store = create({ pattern: '(' })
    const made = store.select(
      (value) => value.pattern,
      (pattern) => new RegExp(pattern),
    )
    expect(thrown(made).name).toBe('SyntaxError')
    expect(thrown(made).name).toBe('SyntaxError')
    store.set(['pattern'], 'a+')
    expect(made().test('caat')).toBe(true)
  })

  test('an equal primitive is the same, NaN too', () => {
    const store = create<{ n: number; other: number }>({ n: NaN, other: 0 })
    let calls = 0
    const counted = store.select(
      (value) => value.n,
      () => ++calls,
    )
    counted()
    store.set(['other'], 1)
    expect(counted()).toBe(1)
    store.set(['n'], 1)
    expect(counted()).toBe(2)
  })

  test('a part that was left behind is not held: its version goes', async () => {
    const store = create<unknown>({ big: services(1500) })
    const count = store.select(
      (value) => (value as { big: object }).big,
      (big) => Object.keys(big).length,
    )
    expect(count()).toBe(3)
    store.replace(null)
    void store.current
    await expect
      .poll(() => {
        globalThis.gc!()
        store.synchronizeSync(1000)
        return store.verify().zombies
      })
      .toBe(0)
  })

  test('refuses what is no function, and a closed store', () => {
    const store = create({ n: 1 })
    expect(thrown(() => store.select('n' as never)).code).toBe('ERR_INVALID_ARGUMENT')
    expect(thrown(() => store.select(() => 1, 2 as never)).code).toBe('ERR_INVALID_ARGUMENT')
    const selected = store.select((value) => value.n)
    expect(selected()).toBe(1)
    store.close()
    expect(thrown(selected).code).toBe('ERR_CLOSED')
  })
})
