/** How a program gets a store: made here, or opened by handle or by name. */

import { RootswapError, typeError } from '../errors.ts'
import { attach } from './attachment.ts'
import { cellOfHandle, memoryOfHandle, type StoreHandle } from './handle.ts'
import type { Heap, Store } from './contract.ts'
import { OpenHeap } from './heap.ts'
import { findName } from './names.ts'
import { type HeapOptions, type NewStoreOptions, type ThreadOptions, text } from './options.ts'
import { onStallOf } from './stalls.ts'
import type { OpenStore } from './store.ts'
import { optionsOf } from './wait-arguments.ts'

/** Names of shared stores and the types of their values; a program declares its own:
 *  `declare module 'rootswap' { interface Register { config: AppConfig } }`. */
// oxlint-disable-next-line no-empty-object-type
export interface Register {}

export interface StoreOptions extends HeapOptions, NewStoreOptions, ThreadOptions {
  /** The heap to put the store into; by default it gets one of its own. */
  readonly heap?: Heap
}

/**
 * A new store. The value is copied in: later changes of the argument are not seen.
 *
 * Throws `ERR_UNSUPPORTED_VALUE` with the path, `ERR_HEAP_FULL`, `TypeError`, `RangeError`.
 */
export function createStore<T>(initial: T, options: StoreOptions = {}): Store<T> {
  const { heap: given } = optionsOf(options)
  if (given !== undefined) return heapOf(given).createStore(initial, options)
  const heap = OpenHeap.create(options)
  let store: OpenStore | undefined
  try {
    store = heap.newStore(initial, options).ownHeap()
    return store as unknown as Store<T>
  } finally {
    if (store === undefined) heap.close()
  }
}

function heapOf(heap: Heap): Heap {
  const { createStore: create } = (heap ?? {}) as Partial<Heap>
  if (typeof create === 'function') return heap
  throw typeError('ERR_INVALID_ARGUMENT', 'options.heap is not a heap', { argument: 'heap' })
}

/** The store behind a name that its creator shared, or behind a handle, in any thread. */
export function openStore<N extends keyof Register & string>(
  name: N,
  options?: ThreadOptions,
): Store<Register[N]>
export function openStore<T>(handle: StoreHandle<T>, options?: ThreadOptions): Store<T>
export function openStore<T = unknown>(
  name: [keyof Register] extends [never] ? string : never,
  options?: ThreadOptions,
): Store<T>
export function openStore(from: unknown, options: ThreadOptions = {}): unknown {
  const handle = typeof from === 'string' ? findName(from) : from
  if (handle === undefined) {
    throw new RootswapError(
      'ERR_BAD_HANDLE',
      `no store named '${String(from)}' is shared with this thread; create it with ` +
        "{ name, share: true } before the thread starts, or send the store's handle",
      { field: 'name', name: from },
    )
  }
  const { label: given } = optionsOf(options)
  const onStall = onStallOf(options)
  const label = given === undefined ? '' : text('label', given)
  const memory = memoryOfHandle(handle, 'store')
  const cell = cellOfHandle(memory, handle)
  const { generation } = handle as StoreHandle<unknown>
  const attachment = attach(memory, label)
  const heap = OpenHeap.of(attachment)
  let store: OpenStore | undefined
  try {
    store = heap.openCell(cell, generation).ownHeap()
    attachment.stalls.decide(onStall)
    return store
  } finally {
    if (store === undefined) heap.close()
  }
}
