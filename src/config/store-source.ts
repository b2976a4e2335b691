/** What a service reads: a store, or a configuration that follows its files. */

import { typeError } from '../errors.ts'
import type { Store } from '../store/contract.ts'
import type { StoreHandle } from '../store/handle.ts'
import type { Config } from './watched.ts'

export type StoreSource<T = unknown> = Store<T> | Config<T>

/** A source of any type of value: with `T` a parameter, no source would fit `StoreSource`. */
export interface AnySource {
  readonly handle: object
  readonly version: number
  snapshot(): object
}

/** The type of a source's value. */
export type ValueOf<S> = S extends { readonly handle: StoreHandle<infer T> } ? T : never

export function isConfig(source: StoreSource): source is Config<unknown> {
  return 'entries' in source && 'store' in source
}

export function storeOf(source: StoreSource): Store<unknown> {
  return isConfig(source) ? source.store : source
}

/** The source, without the type of its value. Throws `TypeError` for what is none. */
export function sourceOf(given: unknown): StoreSource {
  const found = given as Partial<Store<unknown>> | null | undefined
  if (typeof found?.snapshot === 'function' && typeof found.subscribe === 'function') {
    return found as StoreSource
  }
  throw typeError(
    'ERR_INVALID_ARGUMENT',
    'the source must be a store or a watched configuration of this thread, not a handle',
    { argument: 'source' },
  )
}
