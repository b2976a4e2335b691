import { readFileSync } from 'node:fs'
import { deepStrictEqual } from 'node:assert'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as v from 'valibot'
import { createStore, Heap, type Store } from '../../src/index.ts'
import { restoreStore, saveSnapshot } from '../../src/persist.ts'
import { everything, Stage } from './stage.ts'

const stage = new Stage()

/** A private copy, views of Maps and Sets included. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  // Two invalid dates are not equal to Node 20's assert.
  if (value instanceof Date && Number.isNaN(value.getTime())) return 'Invalid Date'
  if (value instanceof Date || value instanceof ArrayBuffer || ArrayBuffer.isView(value))
    return value
  const view = value as ReadonlyMap<unknown, unknown> & ReadonlySet<unknown>
  if (typeof view.forEach !== 'function') {
    const copy: Record<string, unknown> = Object.create(null)
    for (const [key, child] of Object.entries(value)) copy[key] = plain(child)
    return copy
  }
  if (typeof view.get !== 'function') return new Set(view.values())
  return new Map([...view.entries()].map(([key, child]) => [key, plain(child)]))
}

function expectSame(found: Pick<Store<unknown>, 'current' | 'verify'>, wanted: unknown): void {
  deepStrictEqual(plain(found.current), plain(wanted))
  expect(orders(found.current)).toEqual(orders(wanted))
  found.verify()
}

/** The keys of everything, in order, at every depth. */
function orders(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(orders)
  if (value instanceof Date || value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return 0
  if (typeof value !== 'object' || value === null) return 0
  const { forEach } = value as Partial<Map<unknown, unknown>>
  if (typeof forEach !== 'function') {
    return Object.entries(value).map(([key, child]) => [key, orders(child)])
  }
  const entries: unknown[] = []
  const visit = (child: unknown, key: unknown): void => void entries.push([key, orders(child)])
  forEach.call(value, visit)
  return entries
}

describe('a whole version', () => {
  test('comes back: every type, every kind of node, in order', async () => {
    using store = createStore(everything())
    const saved = await saveSnapshot(store, stage.at('all'))
    expect(saved).toMatchObject({ file: stage.at('all'), version: 1, since: 0 })
    expect(saved.bytes).toBe(readFileSync(stage.at('all')).length)
    expect(stage.files).toEqual(['all'])
    using back = await restoreStore<unknown>(stage.at('all'))
    expect(back.version).toBe(1)
    expectSame(back, everything())
  })

  test('answers get for each key of a Map, whatever the value is', async () => {
    const values = new Map(
      Array.from({ length: 5000 }, (_, n) => [`k${n}`, [n, `text ${n}`, n / 3, { n }][n & 3]]),
    )
    using store = createStore(values)
    await saveSnapshot(store, stage.at('map'))
    using back = await restoreStore<Map<string, unknown>>(stage.at('map'))
    for (const [key, value] of values) expect(back.get(key)).toEqual(value)
    for (let n = 3; n < 5000; n += 4) expect(back.get(`k${n}`, 'n' as never)).toBe(n)
  })

  test('can be written, saved and restored again', async () => {
    using store = createStore(everything())
    await saveSnapshot(store, stage.at('one'))
    using back = await restoreStore<Record<string, unknown>>(stage.at('one'))
    back.update((draft) => {
      ;(draft['map'] as Map<unknown, unknown>).set('user:5', 'new').delete('user:6')
      ;(draft['list'] as number[]).splice(100, 50, -1)
      ;(draft['table'] as Record<string, unknown>)['added'] = { n: -1 }
    })
    back.verify()
    await saveSnapshot(back, stage.at('two'))
    using again = await restoreStore<unknown>(stage.at('two'))
    expectSame(again, back.current)
  })

  test.each([1, 'text', null, undefined, 7n, [], {}, new Map(), new Date(5), 'é'.repeat(99)])(
    'may be %o alone',
    async (value) => {
      using store = createStore<unknown>(value)
      await saveSnapshot(store, stage.at('alone'))
      using back = await restoreStore<unknown>(stage.at('alone'))
      expectSame(back, value)
    },
  )

  test('is the one that was newest at the call, whatever is published meanwhile', async () => {
    const rows = 20_000
    using store = createStore({ sum: rows, rows: Array.from({ length: rows }, () => ({ n: 1 })) })
    const saving = saveSnapshot(store, stage.at('busy'))
    const begun = store.version
    for (let turn = 0; turn < 400; turn++) {
      store.update((draft) => {
        const row = draft.rows[(turn * 37) % rows] as { n: number }
        row.n++
        draft.sum++
      })
      if (turn % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    }
    expect((await saving).version).toBe(begun)
    using back = await restoreStore<{ sum: number; rows: { n: number }[] }>(stage.at('busy'))
    expect(back.current.sum).toBe(rows)
    expect(back.current.rows.reduce((sum, { n }) => sum + n, 0)).toBe(rows)
    await store.drained(store.version)
    expect(store.stats().snapshots).toBe(0)
    store.verify()
  })

  test('takes the place of the file before it', async () => {
    using store = createStore({ n: 1 })
    await saveSnapshot(store, stage.at('file'))
    store.set(['n'], 2)
    await saveSnapshot(store, stage.at('file'))
    using back = await restoreStore<{ n: number }>(stage.at('file'))
    expect(back.current).toEqual({ n: 2 })
    expect(stage.files).toEqual(['file'])
  })

  test('any value', async () => {
    const value = fc.anything({ withBigInt: true, withDate: true, withMap: false, withSet: false })
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.string({ unit: 'binary' }), value), async (value) => {
        using store = createStore<unknown>(value)
        await saveSnapshot(store, stage.at('any'))
        using back = await restoreStore<unknown>(stage.at('any'))
        expectSame(back, store.current)
      }),
      { numRuns: 15 },
    )
  })
})

describe('since', () => {
  interface Doc {
    rows: { n: number; tag: string }[]
    map: Map<string, { n: number } | string>
    shared: { deep: { n: number[] } }
  }
  const document = (): Doc => ({
    rows: Array.from({ length: 3000 }, (_, n) => ({ n, tag: `tag ${n}` })),
    map: new Map(Array.from({ length: 3000 }, (_, n) => [`k${n}`, { n }])),
    shared: { deep: { n: [1, 2, 3] } },
  })

  function edit(store: Store<Doc>, seed: number): void {
    store.update((draft) => {
      const { rows, map } = draft
      for (let turn = 0; turn < 20; turn++) {
        const at = (seed * 131 + turn * 977) % rows.length
        if (turn % 4 === 0) rows.splice(at, 1, { n: seed, tag: 'new' }, { n: -seed, tag: '☃' })
        else if (turn % 4 === 1) map.set(`k${at}`, turn % 8 === 1 ? `text ${seed}` : { n: seed })
        else if (turn % 4 === 2) map.delete(`k${at}`)
        else rows.push(rows.shift() as { n: number; tag: string })
      }
      if (seed % 3 === 0) draft.shared = { deep: draft.shared.deep }
    })
  }

  test('a chain of files gives the newest version, and each holds only what is new', async () => {
    using store = createStore(document())
    const files = [stage.at('0')]
    let last = await saveSnapshot(store, files[0] as string)
    const whole = last.bytes
    for (let step = 1; step <= 6; step++) {
      for (let turn = 0; turn < step; turn++) edit(store, step * 10 + turn)
      files.push(stage.at(`${step}`))
      last = await saveSnapshot(store, files.at(-1) as string, { since: last.version })
      expect(last.bytes).toBeLessThan(whole / 2)
      using back = await restoreStore<Doc>(files)
      expectSame(back, store.current)
    }
  })

  test('after a rollback or an adoption the save holds all, and says so', async () => {
    using store = createStore(document(), { history: 5 })
    edit(store, 1)
    const first = await saveSnapshot(store, stage.at('first'))
    store.rollback(1)
    const rolled = await saveSnapshot(store, stage.at('rolled'), { since: first.version })
    expect(rolled.since).toBe(0)
    edit(store, 2)
    const after = await saveSnapshot(store, stage.at('after'), { since: rolled.version })
    expect(after.since).toBe(rolled.version)
    using branch = store.fork()
    edit(branch, 3)
    edit(branch, 4)
    const aside = await saveSnapshot(branch, stage.at('aside'))
    store.adopt(branch)
    const adopted = await saveSnapshot(store, stage.at('adopted'), { since: after.version })
    expect(adopted.since).toBe(0)
    edit(store, 5)
    await saveSnapshot(store, stage.at('last'), { since: adopted.version })
    using back = await restoreStore<Doc>(['adopted', 'last'].map((name) => stage.at(name)))
    expectSame(back, store.current)
    edit(branch, 6)
    await saveSnapshot(branch, stage.at('aside since'), { since: aside.version })
    const mixed = restoreStore(['first', 'aside since'].map((name) => stage.at(name)))
    await expect(mixed).rejects.toMatchObject({ code: 'ERR_CORRUPT_FILE' })
    using kept = await restoreStore<Doc>(['aside', 'aside since'].map((name) => stage.at(name)))
    expectSame(kept, branch.current)
    store.verify()
  })

  test('nothing new is next to nothing', async () => {
    using store = createStore(document())
    await saveSnapshot(store, stage.at('0'))
    const saved = await saveSnapshot(store, stage.at('1'), { since: 1 })
    expect(saved.nodes).toBe(0)
    using back = await restoreStore<Doc>([stage.at('0'), stage.at('1')])
    expectSame(back, document())
  })

  test('files that do not follow each other are refused, and say why', async () => {
    using store = createStore(document())
    using other = createStore(document())
    await saveSnapshot(store, stage.at('1'))
    await saveSnapshot(other, stage.at('other'))
    edit(store, 1)
    await saveSnapshot(store, stage.at('2'), { since: 1 })
    edit(store, 2)
    await saveSnapshot(store, stage.at('3'), { since: 2 })
    for (const names of [['2'], ['1', '3'], ['2', '3'], ['other', '2'], ['1', '3', '2']]) {
      const restoring = restoreStore(names.map((name) => stage.at(name)))
      await expect(restoring).rejects.toMatchObject({ code: 'ERR_CORRUPT_FILE', offset: 0 })
    }
    using back = await restoreStore<Doc>(['other', '1', '2', '3'].map((name) => stage.at(name)))
    expectSame(back, store.current)
  })

  test('a version that cannot have been saved is a RangeError', async () => {
    using store = createStore({ n: 1 })
    for (const since of [0, 2, -1, 1.5, NaN]) {
      const saving = saveSnapshot(store, stage.at('x'), { since })
      await expect(saving).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    }
    expect(stage.files).toEqual([])
    store.verify()
  })
})

describe('restoring', () => {
  test('into a heap that exists, under a name', async () => {
    using store = createStore(everything())
    await saveSnapshot(store, stage.at('file'))
    using heap = Heap.create()
    using back = await restoreStore<unknown>(stage.at('file'), { heap, name: 'again' })
    expect(heap.stores()).toEqual(['again'])
    expectSame(back, everything())
  })

  test('what the schema returns is the value; what it refuses is an error', async () => {
    using store = createStore({ port: 80, host: 'a' })
    await saveSnapshot(store, stage.at('file'))
    const schema = v.object({
      port: v.number(),
      host: v.string(),
      tls: v.optional(v.boolean(), true),
    })
    using back = await restoreStore<unknown>(stage.at('file'), { schema })
    expect(back.current).toEqual({ port: 80, host: 'a', tls: true })
    const strict = v.object({ port: v.string() })
    await expect(restoreStore(stage.at('file'), { schema: strict })).rejects.toMatchObject({
      code: 'ERR_INVALID_VALUE',
      issues: [{ path: ['port'] }],
    })
  })

  test('a heap that is too small is ERR_HEAP_FULL', async () => {
    using store = createStore(everything())
    await saveSnapshot(store, stage.at('file'))
    const restoring = restoreStore(stage.at('file'), { maxBytes: 2 ** 18 })
    await expect(restoring).rejects.toMatchObject({ code: 'ERR_HEAP_FULL' })
  })

  test('wrong arguments, and files that are not there', async () => {
    for (const files of [[], '', [''], [1], undefined, {}]) {
      const restoring = restoreStore(files as string[])
      await expect(restoring).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    }
    await expect(restoreStore(stage.at('none'))).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(restoreStore(stage.folder)).rejects.toThrow()
  })
})
