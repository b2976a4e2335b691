/**
 * Handles: what a thread sends to another so that it can open the same store.
 *
 * A handle is a plain structured-cloneable object around the heap's SharedArrayBuffer. It says
 * nothing that the heap does not say itself, so a damaged one is found out by comparing.
 */

import { RootswapError, typeError } from '../errors.ts'
import { readHeader } from '../memory/header.ts'
import { IDENTITY_AT } from '../memory/layout.ts'
import { type Memory, memoryOf } from '../memory/memory.ts'
import { type Offset, Words } from '../memory/words.ts'
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
    generation: cell.generation,
  }
}

export function identityOf(memory: Memory): [number, number] {
  return [memory.m[IDENTITY_AT] as number, memory.m[IDENTITY_AT + 1] as number]
}

/** Tells heaps apart: buffers that arrive by message are new objects each time. */
export function identityKey(identity: readonly [number, number]): string {
  return `${identity[0]}:${identity[1]}`
}

/** What names a counted block, or what is built of some, to another thread. */
export interface BlockHandle<K extends string = 'block'> {
  readonly rootswap: K
  readonly buffer: SharedArrayBuffer
  readonly identity: readonly [number, number]
  readonly block: number
  /** Tells it from a later block at the same place. */
  readonly serial: number
}

export function blockHandle<K extends string>(
  memory: Memory,
  rootswap: K,
  block: Offset,
  serial: number,
): BlockHandle<K> {
  const { buffer } = memory.words
  return { rootswap, buffer, identity: identityOf(memory), block, serial }
}

/** Checks a handle of some kind; writes nothing. Throws `ERR_BAD_HANDLE` naming the field. */
export function memoryOfHandle(handle: unknown, kind: string): Memory {
  if (typeof handle !== 'object' || handle === null) {
    throw bad('handle', `it is ${handle === null ? 'null' : typeof handle}, not an object`)
  }
  const found = handle as Partial<HeapHandle>
  if ((found as { rootswap?: unknown }).rootswap !== kind)
    throw bad('rootswap', wrongKind(handle, kind))
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

interface OpenedHeap {
  readonly handle: HeapHandle
  stores(): unknown
}

/** The memory of a heap that this thread has open. Throws `TypeError`, `ERR_CLOSED`. */
export function memoryOfHeap(heap: OpenedHeap): Memory {
  if (typeof (heap as Partial<OpenedHeap> | undefined)?.stores !== 'function') {
    throw typeError('ERR_INVALID_ARGUMENT', 'a heap is needed, as Heap.create or Heap.open gives', {
      argument: 'heap',
    })
  }
  heap.stores() // throws if it is closed
  return memoryOfHandle(heap.handle, 'heap')
}

/** The root cell that a store's handle names. */
export function cellOfHandle(memory: Memory, handle: unknown): RootCell {
  const { store, generation } = handle as Partial<StoreHandle<unknown>>
  if (!Number.isInteger(store) || (store as number) < 0) throw bad('store', `it is ${store}`)
  if ((store as number) >= memory.layout.cells) {
    throw bad('store', `it is ${store}, the heap has ${memory.layout.cells}`)
  }
  const cell = new RootCell(memory, store as number)
  if (!cell.isNamed()) throw bad('store', `the heap has no store ${store}`)
  expectGeneration(cell, generation)
  return cell
}

/** Throws where the cell is another store's by now: that of the handle was a branch, and ended. */
export function expectGeneration(cell: RootCell, generation: unknown): void {
  const found = cell.generation
  if (found === generation) return
  const why = `a branch ends when no thread has it open; place ${cell.index} is now of ${found}`
  throw bad('generation', `it is ${String(generation)}: ${why}`)
}

/** What opening a branch throws that ended meanwhile. */
export function endedError(): RootswapError {
  return bad('generation', 'the branch has ended: no thread had it open any more')
}

function wrongKind(handle: object, kind: string): string {
  const { rootswap } = handle as { rootswap?: unknown }
  if (typeof rootswap === 'string') return `it is a ${rootswap}'s handle; a ${kind}'s is needed`
  return `it is not a handle; send ${kind}.handle, not the ${kind} itself`
}

function bad(field: string, why: string): RootswapError {
  return new RootswapError('ERR_BAD_HANDLE', `not a usable handle: ${field}: ${why}`, { field })
}
