/**
 * A Piscina whose workers find `openStore(name)`.
 *
 * The names are in place before a worker's module is evaluated, because they are part of what the
 * worker is started with: of `workerData`, where this can carry them, so that two pools may give
 * one name to two stores; else they are shared names of the process.
 *
 * A worker of piscina waits for its next task in a blocking wait (`atomics: 'sync'`). There it is
 * in no section and in no read, so it holds up nobody; what it still leases is what the version
 * behind its last `current` alone reaches.
 */

import type { Piscina } from 'piscina'
import { typeError } from '../errors.ts'
import { bindNames, shareName } from '../store/names.ts'
import { loadPeer } from '../store/peer.ts'

type PiscinaOptions = NonNullable<ConstructorParameters<typeof Piscina>[0]>

export interface PoolOptions extends PiscinaOptions {
  /** Stores, by the names under which the workers open them. */
  readonly stores: Readonly<Record<string, { readonly handle: object }>>
}

/**
 * A Piscina with the options given. Throws `TypeError` for stores that are none, and
 * `ERR_INVALID_ARGUMENT` where piscina is not installed.
 *
 * @example
 * const pool = createPool({ filename, stores: { config: store } })
 * // in the worker's module: const config = openStore('config')
 */
export function createPool(poolOptions: PoolOptions): Piscina {
  const { stores, ...options } = poolOptions ?? {}
  const handles = handlesOf(stores)
  const { workerData } = options
  if (isPlain(workerData)) {
    options.workerData = { ...workerData, ...bindNames(handles) }
  } else {
    for (const [name, handle] of Object.entries(handles)) shareName(name, handle)
  }
  return new (loadPiscina())(options)
}

function handlesOf(stores: unknown): Record<string, object> {
  if (typeof stores !== 'object' || stores === null || Array.isArray(stores)) {
    throw typeError('ERR_INVALID_ARGUMENT', 'stores must be an object of stores by name', {
      argument: 'stores',
    })
  }
  const handles: Record<string, object> = {}
  for (const [name, store] of Object.entries(stores)) {
    const handle = (store as { handle?: unknown } | null | undefined)?.handle
    if (typeof handle !== 'object' || handle === null) {
      throw typeError('ERR_INVALID_ARGUMENT', `stores.${name} is not a store`, {
        argument: `stores.${name}`,
      })
    }
    handles[name] = handle
  }
  return handles
}

/** Whether names can be added to it without anybody losing what he passed. */
function isPlain(value: unknown): value is object | undefined {
  if (value === undefined) return true
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function loadPiscina(): typeof Piscina {
  return (loadPeer('rootswap/piscina', 'piscina') as { Piscina: typeof Piscina }).Piscina
}
