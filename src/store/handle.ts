/**
 * Handles: what a thread sends to another so that it can open the same store.
 *
 * A handle is a plain structured-cloneable object around the heap's SharedArrayBuffer. It says
 * nothing that the heap does not say itself, so a damaged one is found out by comparing.
 */

import { RootswapError } from '../errors.ts'
import { readHeader } from '../memory/header.ts'
import { CELL_GENERATION, CELL_NAMED, CELL_STATE, IDENTITY_AT } from '../memory/layout.ts'
import { type Memory, memoryOf } from '../memory/memory.ts'
import { Words } from '../memory/words.ts'
import { RootCell } from '../versions/root.ts'

declare const carried: unique symbol

export interface HeapHandle {
  readonly rootswap: 'heap'
  readonly buffer: SharedArrayBuffer
  /** Two numbers that tell heaps apart. */
  readonly identity: readonly [number, number]
}

export interface StoreHandle<T> {
  readonly rootswap: 'store'
  readonly buffer: SharedArrayBuffer
  readonly identity: readonly [number, number]
  readonly store: number
  readonly generation: number
  readonly [carried]?: (value: T) => T
}

export function heapHandle(memory: Memory): HeapHandle {
  return { rootswap: 'heap', buffer: memory.words.buffer, identity: identityOf(memory) }
}

export function storeHandle<T>(memory: Memory, cell: RootCell): StoreHandle<T> {
  return {
    rootswap: 'store',
    buffer: memory.words.buffer,
    identity: identityOf(memory),
    store: cell.index,
    generation: memory.words.load(cell.at + CELL_GENERATION),
  }
}

export function identityOf(memory: Memory): [number, number] {
  return [memory.m[IDENTITY_AT] as number, memory.m[IDENTITY_AT + 1] as number]
}

/** Tells heaps apart: buffers that arrive by message are new objects each time. */
export function identityKey(identity: readonly [number, number]): string {
  return `${identity[0]}:${identity[1]}`
}

/** Checks a handle of either kind; writes nothing. Throws `ERR_BAD_HANDLE` naming the field. */
export function memoryOfHandle(handle: unknown, kind: 'heap' | 'store'): Memory {
  if (typeof handle !== 'object' || handle === null) {
    throw bad('handle', `it is ${handle === null ? 'null' : typeof handle}, not an object`)
  }
  const found = handle as Partial<HeapHandle>
  if ((found as { rootswap?: unknown }).rootswap !== kind) throw bad('rootswap', wrongKind(handle))
  if (Object.prototype.toString.call(found.buffer) !== '[object SharedArrayBuffer]') {
    throw bad('buffer', 'it is not a SharedArrayBuffer')
  }
  const buffer = found.buffer as SharedArrayBuffer
  if (buffer.byteLength % 8 !== 0 || buffer.byteLength === 0) {
    throw bad('buffer', `its length of ${buffer.byteLength} bytes is no heap's`)
  }
  const words = new Words(buffer)
  const memory = memoryOf(words, readHeader(words))
  const identity = identityOf(memory)
  if (!Array.isArray(found.identity) || identityKey(identity) !== found.identity.join(':')) {
    throw bad('identity', `the heap is ${identity.join(':')}`)
  }
  return memory
}

/** The root cell that a store's handle names. */
export function cellOfHandle(memory: Memory, handle: unknown): RootCell {
  const { store, generation } = handle as Partial<StoreHandle<unknown>>
  if (!Number.isInteger(store) || (store as number) < 0) throw bad('store', `it is ${store}`)
  if ((store as number) >= memory.layout.cells) {
    throw bad('store', `it is ${store}, the heap has ${memory.layout.cells}`)
  }
  const cell = new RootCell(memory, store as number)
  if (memory.words.load(cell.at + CELL_STATE) !== CELL_NAMED) {
    throw bad('store', `the heap has no store ${store}`)
  }
  const found = memory.words.load(cell.at + CELL_GENERATION)
  if (found !== generation) {
    throw bad('generation', `it is ${generation}; store ${store} is of generation ${found}`)
  }
  return cell
}

function wrongKind(handle: object): string {
  const { rootswap } = handle as { rootswap?: unknown }
  if (rootswap === 'heap') return "it is a heap's handle; a store's is needed"
  if (rootswap === 'store') return "it is a store's handle; a heap's is needed"
  return 'it is not a handle; send store.handle, not the store itself'
}

function bad(field: string, why: string): RootswapError {
  return new RootswapError('ERR_BAD_HANDLE', `not a usable handle: ${field}: ${why}`, { field })
}
