/** What the contract says of history: it is no limbo, and never the reason that a write fails. */

import { describe, expect, test } from 'vitest'
import { createStore } from '../../../src/index.ts'
import { thrown } from '../store/inside.ts'

const text = (n: number): string => `${'x'.repeat(50)}${n}`

describe('history', () => {
  test.each([2 ** 18, 2 ** 20])(
    "'while-memory-lasts' in a heap of %i bytes: no write of many small ones fails",
    (maxBytes) => {
      const store = createStore(text(1), { maxBytes, history: 'while-memory-lasts' })
      const versions = 4 * (maxBytes / 64)
      for (let n = 2; n <= versions; n++) store.replace(text(n))
      expect(store.version).toBe(versions)
      expect(store.rollback(versions - 10).changed).toBe(true)
      expect(store.current).toBe(text(versions - 10))
      expect(thrown(() => store.snapshot(2)).code).toBe('ERR_UNKNOWN_VERSION')
      store.verify()
      store.close()
    },
  )

  test('of a number of versions may keep more than maxLimboBytes', () => {
    const options = { maxBytes: 2 ** 20, maxLimboBytes: 2 ** 12, history: 500 }
    const store = createStore(text(1), options)
    for (let n = 2; n <= 3000; n++) store.replace(text(n))
    expect(store.snapshot(2500).value).toBe(text(2500))
    expect(thrown(() => store.snapshot(2000)).code).toBe('ERR_UNKNOWN_VERSION')
    store.verify()
    store.close()
  })
})
