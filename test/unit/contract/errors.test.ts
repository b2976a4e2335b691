/** What the contract says of errors: brands, codes, fields. */

import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type * as rootswap from '../../../src/index.ts'
import { createStore, Heap, RootswapError, toJsonPatch } from '../../../src/index.ts'
import { autosave, restoreStore, saveSnapshot } from '../../../src/persist.ts'
import { createPool } from '../../../src/piscina.ts'
import { copiedPackage } from '../../support/copied.ts'
import { thrown } from '../store/inside.ts'

const OPTIONS = { maxBytes: 2 ** 20 }

describe('instanceof RootswapError', () => {
  test('holds across two copies of the package, in both directions', async () => {
    const copied = copiedPackage()
    const entry = copied.entry('index')
    const copy = (await import(/* @vite-ignore */ entry)) as typeof rootswap
    expect(copy.RootswapError).not.toBe(RootswapError)
    const store = createStore({ n: 1 }, OPTIONS)
    const ours = thrown(() => store.set(['a', 'b'] as never, 1 as never))
    const theirs = thrown(() => copy.openStore({} as never))
    expect(ours instanceof copy.RootswapError).toBe(true)
    expect(theirs instanceof RootswapError).toBe(true)
    expect(theirs.code).toBe('ERR_BAD_HANDLE')
    const opened = copy.openStore(store.handle)
    store.set(['n'], 2)
    expect(opened.current).toEqual({ n: 2 })
    opened.close()
    store.close()
    copied.remove()
  })

  test('is false for errors of others, and a derived class has instances of its own', () => {
    class Mine extends RootswapError {}
    const mine = new Mine('ERR_CLOSED', 'mine', { n: 1 })
    const ours = thrown(() => createStore(() => 1, OPTIONS))
    expect(new Error('x') instanceof RootswapError).toBe(false)
    expect(({ code: 'ERR_CLOSED' } as object) instanceof RootswapError).toBe(false)
    expect(mine instanceof Mine && mine instanceof RootswapError).toBe(true)
    expect(ours instanceof RootswapError).toBe(true)
    expect(ours instanceof Mine).toBe(false)
  })
})

describe('wrong arguments are TypeError or RangeError with a code', () => {
  const store = createStore({ n: 1 }, OPTIONS)
  const cases: Record<string, () => unknown> = {
    'options of createStore that are null': () => createStore(1, null as never),
    'options of createStore that are a number': () => createStore(1, 5 as never),
    'a heap that is none': () => createStore(1, { heap: 5 as never }),
    'options of Heap.create': () => Heap.create(5 as never),
    'options of heap.createStore': () => store.heap.createStore(1, 5 as never),
    'options of a write': () => store.set(['n'], 2, 5 as never),
    'options of a write that are null': () => store.update(() => {}, null as never),
    'ifVersion that is no number': () => store.set(['n'], 2, { ifVersion: '1' as never }),
    'ifVersion of a rollback': () => store.rollback(1, { ifVersion: NaN }),
    'patches that are no array': () => toJsonPatch(5 as never),
    'options of createPool': () => createPool(undefined as never),
    'a store to save that is none': () => autosave(5 as never, { file: 'x' }),
    'options of autosave': () => autosave(store, undefined as never),
  }
  for (const [what, call] of Object.entries(cases)) {
    test(what, () => {
      const error = thrown(call)
      expect(error instanceof TypeError || error instanceof RangeError).toBe(true)
      expect(error.code).toBe('ERR_INVALID_ARGUMENT')
      expect(store.version).toBe(1)
    })
  }

  test('a schema of restoreStore that is none, before the file is read', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'rootswap-contract-')), 'saved')
    await saveSnapshot(store, file)
    const schema = { parse: () => 1 } as never
    const error = await restoreStore(file, { schema }).then(undefined, (reason: unknown) => reason)
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument: 'schema' })
  })
})

describe('fields', () => {
  test('ERR_CONFLICT carries both versions, whatever the write', () => {
    const store = createStore({ n: 1, m: 1 }, OPTIONS)
    store.set(['n'], 2)
    const options = { ifVersion: 1 }
    const writes: (() => unknown)[] = [
      () => store.update((draft) => void (draft.n = 3), options),
      () => store.set(['n'], 3, options),
      () => store.delete(['m'], options),
      () => store.replace({ n: 3, m: 1 }, options),
      () => store.applyPatches([{ op: 'replace', path: ['n'], value: 3 }], options),
      () => store.rollback(2, options),
    ]
    for (const write of writes) {
      expect(thrown(write)).toMatchObject({ code: 'ERR_CONFLICT', expectedVersion: 1, version: 2 })
    }
    expect(store.version).toBe(2)
    store.close()
  })

  test('ERR_BAD_HANDLE names the field, also for a name that a heap has not', () => {
    const heap = Heap.create(OPTIONS)
    expect(thrown(() => heap.openStore('none'))).toMatchObject({
      code: 'ERR_BAD_HANDLE',
      field: 'name',
      fields: { name: 'none' },
    })
    heap.close()
  })
})
