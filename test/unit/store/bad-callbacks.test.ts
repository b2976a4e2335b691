/** Functions that users give, and what they must not do. */
import { afterEach, describe, expect, test } from 'vitest'
import { createStore, Heap, type Store } from '../../../src/index.ts'
import { settled, thrown } from './inside.ts'

const MEGABYTES = { maxBytes: 4 * 2 ** 20 }
const open: { close(): void }[] = []

function create<T>(value: T): Store<T> {
  const store = createStore(value, MEGABYTES)
  open.push(store)
  return store
}

afterEach(() => {
  for (const each of open.splice(0)) each.close()
})

/** Nothing was published, nothing is left behind, and the store goes on. */
function expectIntact(store: Store<{ n: number; list: number[] }>, version = 1): void {
  expect(store.version).toBe(version)
  expect(store.current).toEqual({ n: 1, list: [1] })
  expect(settled(store).draftBytes).toBe(0)
  store.synchronizeSync(100)
  expect(store.set(['n'], 2).version).toBe(version + 1)
  expect(store.set(['n'], 1).version).toBe(version + 2)
}

const value = () => ({ n: 1, list: [1] })

describe('recipes', () => {
  test('one that throws publishes nothing, and its error is what comes out', () => {
    const store = create(value())
    const mine = { not: 'even an Error' }
    const error = thrown(() =>
      store.update((draft) => {
        draft.n = 9
        draft.list.push(2, 3, 4)
        throw mine
      }),
    )
    expect(error).toBe(mine)
    expectIntact(store)
  })

  test('an async recipe is ERR_ASYNC_CALLBACK, a TypeError, and does not even run', () => {
    const store = create(value())
    let runs = 0
    const recipe = async (): Promise<void> => void runs++
    const error = thrown(() => store.update(recipe as never))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.code).toBe('ERR_ASYNC_CALLBACK')
    expect(runs).toBe(0)
    expectIntact(store)
  })

  test('a recipe that returns a promise, or any thenable, is ERR_ASYNC_CALLBACK', () => {
    const store = create(value())
    // oxlint-disable-next-line unicorn/no-thenable
    const thenables = [() => Promise.resolve(), () => ({ then: () => {} })]
    for (const make of thenables) {
      const recipe = (draft: { n: number }): unknown => {
        draft.n = 9
        return make()
      }
      const error = thrown(() => store.update(recipe as never))
      expect(error).toBeInstanceOf(TypeError)
      expect(error.code).toBe('ERR_ASYNC_CALLBACK')
    }
    expectIntact(store)
  })

  test('a write to the store inside its own recipe is ERR_IN_UPDATE', () => {
    const store = create(value())
    const writes = [
      () => store.set(['n'], 5),
      () => store.update(() => {}),
      () => store.delete(['n']),
      () => store.replace(value()),
    ]
    for (const write of writes) {
      expect(thrown(() => store.update(() => void write())).code).toBe('ERR_IN_UPDATE')
      // Also where the recipe swallows it, the store is as it was.
      store.update(() => void thrown(write))
    }
    expectIntact(store)
  })

  test('a write to another store of the same heap inside a recipe works', () => {
    const heap = Heap.create(MEGABYTES)
    open.push(heap)
    const [one, two] = [heap.createStore({ n: 1, list: [1] }), heap.createStore({ n: 1 })]
    open.push(one, two)
    one.update((draft) => {
      draft.n = 5
      two.set(['n'], 2)
      expect(thrown(() => one.set(['n'], 3)).code).toBe('ERR_IN_UPDATE')
    })
    expect([one.get('n'), two.get('n')]).toEqual([5, 2])
    settled(two)
  })

  test('creating a store of the same heap inside a recipe is ERR_IN_UPDATE', () => {
    const store = create(value())
    const make = () => store.heap.createStore({ other: 1 })
    expect(thrown(() => store.update(() => void make())).code).toBe('ERR_IN_UPDATE')
    expect(store.heap.stores()).toHaveLength(1)
    expectIntact(store)
  })

  test('reading the store inside its recipe sees the version before', () => {
    const store = create(value())
    store.update((draft) => {
      draft.n = 2
      expect(store.current.n).toBe(1)
      expect(store.get('n')).toBe(1)
      expect(store.read((seen) => seen.n)).toBe(1)
      expect(store.snapshot().value.n).toBe(1)
    })
    expect(store.current.n).toBe(2)
  })

  test('what is no function is a TypeError with a code', () => {
    const store = create(value())
    for (const recipe of [undefined, null, 1, {}, 'x']) {
      for (const call of [() => store.update(recipe as never), () => store.read(recipe as never)]) {
        const error = thrown(call)
        expect(error).toBeInstanceOf(TypeError)
        expect(error.code).toBe('ERR_INVALID_ARGUMENT')
      }
    }
    expectIntact(store)
  })
})

describe('functions given to read', () => {
  test('an async one, and one that returns a promise, are ERR_ASYNC_CALLBACK', () => {
    const store = create(value())
    let runs = 0
    const error = thrown(() => store.read(async () => void runs++))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.code).toBe('ERR_ASYNC_CALLBACK')
    expect(runs).toBe(0)
    expect(thrown(() => store.read(() => Promise.resolve(1))).code).toBe('ERR_ASYNC_CALLBACK')
    expectIntact(store)
  })

  test('a write inside read is ERR_IN_READ_SECTION, and the read is left properly', () => {
    const store = create(value())
    const writes = [
      () => store.set(['n'], 5),
      () => store.update(() => {}),
      () => store.delete(['n']),
      () => store.replace(value()),
      () => store.synchronizeSync(1),
    ]
    for (const write of writes) {
      expect(thrown(() => store.read(() => write())).code).toBe('ERR_IN_READ_SECTION')
      expect(store.read(() => store.read(() => thrown(write)).code)).toBe('ERR_IN_READ_SECTION')
      expect(thrown(() => store.read(() => store.read(() => write()))).code).toMatch(/IN_READ/)
    }
    expectIntact(store)
  })

  test('waiting for readers inside read rejects', async () => {
    const store = create(value())
    const waiting = store.read(() => ({ promise: store.synchronize() }))
    await expect(waiting.promise).rejects.toMatchObject({ code: 'ERR_IN_READ_SECTION' })
    expectIntact(store)
  })

  test('one that throws is left properly', () => {
    const store = create(value())
    for (let n = 0; n < 100; n++) {
      expect(thrown(() => store.read(() => expect.fail(`${n}`))).message).toBe(`${n}`)
    }
    expectIntact(store)
  })
})

test('a listener that throws is an uncaught exception, after the others ran', async () => {
  const store = create(value())
  const usual = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  const events: string[] = []
  const mine = new RangeError('of a listener')
  const caught = new Promise((resolve) => {
    process.once('uncaughtException', (error) => {
      events.push('uncaught')
      resolve(error)
    })
  })
  store.subscribe(() => {
    events.push('first')
    throw mine
  })
  store.subscribe(({ version }) => void events.push(`second ${version}`))
  store.set(['n'], 2)
  expect(events).toEqual([])
  const error = await caught
  for (const listener of usual) process.on('uncaughtException', listener)
  expect(error).toBe(mine)
  expect(events).toEqual(['first', 'second 2', 'uncaught'])
  store.set(['n'], 1)
  expect(store.version).toBe(3)
})
