/** What the tests of branches begin with. */

import { createStore, type RootswapError, type Store } from '../../../src/index.ts'

export const small = { maxBytes: 4 * 2 ** 20 }
export const initial = {
  limits: { rate: 10, burst: 20 },
  hosts: ['a', 'b'],
  big: ['x'.repeat(100)],
}
export type Config = typeof initial

export const make = (options: object = {}): Store<Config> =>
  createStore(initial, { ...small, ...options })

export function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    return (error as RootswapError).code
  }
  return 'nothing thrown'
}

/** Reclaims what can be, and says what is left. */
export function left(store: Store<never> | Store<Config>) {
  store.synchronizeSync()
  return store.verify()
}
