/** A heap: one SharedArrayBuffer in which several stores and low-level tools may live. */

import { RootswapError } from '../errors.ts'
import { CELL_NAME, CELL_NAMED, CELL_STATE } from '../memory/layout.ts'
import { reportSlots } from '../reclaim/slots.ts'
import { type VerifyReport, verifyHeap } from '../reclaim/verify.ts'
import type { Source } from '../values/decode-cells.ts'
import { nameCell, RootCell } from '../versions/root.ts'
import { type Attachment, attach, createAttachment } from './attachment.ts'
import { isWatched } from './family.ts'
import { type HeapHandle, heapHandle, memoryOfHandle } from './handle.ts'
import { setLocalName, shareName } from './names.ts'
import {
  type HeapOptions,
  resolveHeapOptions,
  type StoreOptions,
  type ThreadOptions,
  text,
} from './options.ts'
import { type HeapStats, heapStats } from './stats.ts'
import type { Heap as HeapContract, Store, ThreadReport } from './contract.ts'
import { OpenStore } from './store.ts'

/** Milliseconds that `verify` waits for drafts and for the lock, beside the heap's own limit. */
const VERIFY_WAIT_MS = 5000

export class OpenHeap implements HeapContract {
  readonly handle: HeapHandle
  readonly #attachment: Attachment
  #closed = false

  private constructor(attachment: Attachment) {
    this.#attachment = attachment.use()
    this.handle = heapHandle(attachment.memory)
  }

  /** A new heap. Throws `TypeError`, `RangeError`, `ERR_HEAP_FULL` for options that can not be. */
  static create(options: HeapOptions & ThreadOptions = {}): OpenHeap {
    const label = labelOf(options)
    return new OpenHeap(createAttachment(resolveHeapOptions(options), label))
  }

  /** The heap behind a handle. Throws `ERR_BAD_HANDLE`, `ERR_TOO_MANY_THREADS`. */
  static open(handle: HeapHandle, options: ThreadOptions = {}): OpenHeap {
    return new OpenHeap(attach(memoryOfHandle(handle, 'heap'), labelOf(options)))
  }

  /** The heap of an attachment; for the store that opens it. */
  static of(attachment: Attachment): OpenHeap {
    return new OpenHeap(attachment)
  }

  /** A new store in this heap; the value is copied in. */
  createStore<T>(initial: T, options: StoreOptions = {}): Store<T> {
    return this.newStore(initial, options) as unknown as Store<T>
  }

  /** As `createStore`, without the types. */
  newStore(initial: unknown, options: StoreOptions): OpenStore {
    this.#expectOpen()
    const name = options.name === undefined ? '' : text('name', options.name)
    const attachment = this.#attachment
    const { codec, thread, recipes, readDepth, building } = attachment
    if (readDepth > 0 || recipes.includes(1) || building) {
      throw new RootswapError('ERR_IN_UPDATE', 'a store is created inside a recipe or read(fn)')
    }
    let cell: RootCell | undefined
    attachment.use() // an accessor of the value may close what holds the heap open
    try {
      thread.allocator.begin()
      attachment.building = true
      codec.encoder.births = 1
      const word = codec.encoder.encode(initial)
      this.#expectOpen()
      cell = nameCell(thread, word, name === '' ? 0 : codec.encoder.encode(name))
    } catch (error) {
      thread.settle()
      throw error
    } finally {
      attachment.building = false
      if (cell === undefined) thread.allocator.abort()
      else thread.allocator.end()
      attachment.release()
    }
    const store = new OpenStore(this, this.#attachment, cell, name)
    if (name !== '') {
      if (options.share === true) shareName(name, store.handle)
      else setLocalName(name, store.handle)
    }
    return store
  }

  /** A store of this heap by its name. Throws `ERR_BAD_HANDLE` when there is none. */
  openStore<T = unknown>(name: string): Store<T> {
    this.#expectOpen()
    for (const cell of this.#cells()) {
      if (this.#nameOf(cell) === name) return this.openCell(cell) as unknown as Store<T>
    }
    throw new RootswapError('ERR_BAD_HANDLE', `the heap has no store named '${name}'`, { name })
  }

  /** Opens a root cell of this heap. */
  openCell(cell: RootCell): OpenStore {
    return new OpenStore(this, this.#attachment, cell, this.#nameOf(cell))
  }

  /** Names of the stores, '' for those without. */
  stores(): string[] {
    this.#expectOpen()
    return this.#cells().map((cell) => this.#nameOf(cell))
  }

  stats(): HeapStats {
    this.#expectOpen()
    const { memory, thread } = this.#attachment
    try {
      return heapStats(memory, thread)
    } catch (error) {
      thread.settle()
      throw error
    }
  }

  /** Walks the whole heap while writers pause. Throws `ERR_CORRUPT_HEAP`, `ERR_TIMEOUT`. */
  verify(): VerifyReport {
    this.#expectOpen()
    const { thread } = this.#attachment
    try {
      return verifyHeap(thread.reclaimer, VERIFY_WAIT_MS)
    } catch (error) {
      thread.settle()
      throw error
    }
  }

  threads(): ThreadReport[] {
    this.#expectOpen()
    return reportSlots(this.#attachment.memory).map(({ slot, threadId, label, watched }) => {
      return { slot, threadId, label, watched: watched || isWatched(threadId) }
    })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#attachment.release()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    const { capacity } = this.#attachment.memory.layout
    const state = this.#closed ? 'closed' : `stores: ${this.#cells().length}`
    return `Heap { maxBytes: ${capacity * 4}, ${state} }`
  }

  #cells(): RootCell[] {
    const { memory } = this.#attachment
    const cells: RootCell[] = []
    for (let index = 0; index < memory.layout.cells; index++) {
      const cell = new RootCell(memory, index)
      if (memory.words.load(cell.at + CELL_STATE) === CELL_NAMED) cells.push(cell)
    }
    return cells
  }

  #nameOf(cell: RootCell): string {
    const { memory, decoder } = this.#attachment
    const word = memory.m[cell.at + CELL_NAME] as number
    return word === 0 ? '' : (decoder.decodeWhole(word, PERMANENT) as string)
  }

  #expectOpen(): void {
    if (this.#closed) throw new RootswapError('ERR_CLOSED', 'the heap is closed in this thread')
  }
}

/** A store's name lives as long as its cell. */
const PERMANENT: Source = { era: -1, check: () => {} }

function labelOf(options: ThreadOptions): string {
  return options.label === undefined ? '' : text('label', options.label)
}

export type Heap = HeapContract
/** How a program makes a heap, or opens one in another thread. */
export const Heap: {
  /** A new heap. Throws `TypeError`, `RangeError`, `ERR_HEAP_FULL` for options that can not be. */
  create(options?: HeapOptions & ThreadOptions): Heap
  /** The heap behind a handle. Throws `ERR_BAD_HANDLE`, `ERR_TOO_MANY_THREADS`. */
  open(handle: HeapHandle, options?: ThreadOptions): Heap
} = OpenHeap
