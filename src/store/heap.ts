/** A heap: one SharedArrayBuffer in which several stores and low-level tools may live. */

import { RootswapError, typeError } from '../errors.ts'
import { cellsInUse } from '../reclaim/cells.ts'
import { type VerifyReport, verifyHeap } from '../reclaim/verify.ts'
import type { Codec } from '../values/codec.ts'
import { openCell } from '../versions/branch.ts'
import { nameCell, RootCell } from '../versions/root.ts'
import { type Attachment, attach, createAttachment } from './attachment.ts'
import { RcBlock } from './block.ts'
import { endedError, type HeapHandle, heapHandle, memoryOfHandle } from './handle.ts'
import { setLocalName, shareName } from './names.ts'
import {
  type HeapOptions,
  historyOf,
  resolveHeapOptions,
  type NewStoreOptions,
  type ThreadOptions,
  text,
} from './options.ts'
import { type HeapStats, heapStats } from './stats.ts'
import type { Heap as HeapContract, Store, ThreadReport } from './contract.ts'
import { OpenStore } from './store.ts'
import { orGiveUp } from './shortage.ts'
import { onStallOf } from './stalls.ts'
import { nameOfStore, reportThreads } from './threads.ts'
import { optionsOf } from './wait-arguments.ts'

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
  static create(options: HeapOptions & ThreadOptions = {}, seed?: number): OpenHeap {
    const label = labelOf(options)
    const onStall = onStallOf(options)
    const attachment = createAttachment(resolveHeapOptions(options), label, seed)
    attachment.stalls.decide(onStall)
    return new OpenHeap(attachment)
  }

  /** The heap behind a handle. Throws `ERR_BAD_HANDLE`, `ERR_TOO_MANY_THREADS`. */
  static open(handle: HeapHandle, options: ThreadOptions = {}): OpenHeap {
    const label = labelOf(options)
    const onStall = onStallOf(options)
    const attachment = attach(memoryOfHandle(handle, 'heap'), label)
    attachment.stalls.decide(onStall)
    return new OpenHeap(attachment)
  }

  /** The heap of an attachment; for the store that opens it. */
  static of(attachment: Attachment): OpenHeap {
    return new OpenHeap(attachment)
  }

  /** A new store in this heap; the value is copied in. Throws `TypeError` where the heap has a
   *  store of that name; of two threads that create one at the same time both may succeed. */
  createStore<T>(initial: T, options: NewStoreOptions = {}): Store<T> {
    return this.newStore(initial, options) as unknown as Store<T>
  }

  /** As `createStore`, without the types. */
  newStore(initial: unknown, options: NewStoreOptions): OpenStore {
    optionsOf(options)
    this.#expectOpen()
    const name = options.name === undefined ? '' : text('name', options.name)
    const history = historyOf(options.history)
    if (name !== '' && this.stores().includes(name)) {
      const message = `the heap has a store named '${name}' already: open it, or use another`
      throw typeError('ERR_INVALID_ARGUMENT', message, { argument: 'name', name })
    }
    const attachment = this.#attachment
    const { recipes, readDepth, building } = attachment
    if (readDepth > 0 || recipes.includes(1) || building) {
      throw new RootswapError('ERR_IN_UPDATE', 'a store is created inside a recipe or read(fn)')
    }
    attachment.use() // an accessor of the value may close what holds the heap open
    try {
      const cell = orGiveUp(attachment, () => this.#newCell(initial, name, history))
      return this.#named(cell, name, options)
    } finally {
      attachment.release()
    }
  }

  #newCell(initial: unknown, name: string, history: number): RootCell {
    const attachment = this.#attachment
    const { codec, thread } = attachment
    let cell: RootCell | undefined
    try {
      thread.allocator.begin()
      attachment.building = true
      codec.encoder.births = 1
      const word = codec.encoder.encode(initial)
      this.#expectOpen()
      const nameWord = name === '' ? 0 : codec.encoder.encode(name)
      return (cell = nameCell(thread, { root: word, nameWord, history }))
    } catch (error) {
      thread.settle()
      throw error
    } finally {
      attachment.building = false
      if (cell === undefined) thread.abandonDraft()
      else thread.allocator.end()
    }
  }

  /** A store whose root `build` makes in a draft that stays open meanwhile: nobody else may use
   *  the heap yet. */
  async buildStore(
    build: (codec: Codec) => Promise<number>,
    options: NewStoreOptions,
  ): Promise<OpenStore> {
    const name = options.name === undefined ? '' : text('name', options.name)
    const history = historyOf(options.history)
    const { codec, thread } = this.#attachment
    let cell: RootCell | undefined
    thread.allocator.begin()
    try {
      codec.encoder.reset()
      codec.encoder.births = 1
      const word = await build(codec)
      const nameWord = name === '' ? 0 : codec.encoder.encode(name)
      cell = nameCell(thread, { root: word, nameWord, history })
    } finally {
      if (cell === undefined) thread.abandonDraft()
      else thread.allocator.end()
    }
    return this.#named(cell, name, options)
  }

  #named(cell: RootCell, name: string, options: NewStoreOptions): OpenStore {
    const store = new OpenStore(this, this.#attachment, cell, name)
    if (name === '') return store
    if (options.share === true) shareName(name, store.handle)
    else setLocalName(name, store.handle)
    return store
  }

  /** A block of zeros with a count of 1. Throws `ERR_HEAP_FULL`, `ERR_RECLAIM_STALLED`. */
  allocate(byteLength: number): RcBlock {
    this.#expectOpen()
    return RcBlock.allocate(this.#attachment, byteLength)
  }

  /** A store of this heap by its name. Throws `ERR_BAD_HANDLE` when there is none. */
  openStore<T = unknown>(name: string): Store<T> {
    this.#expectOpen()
    for (const cell of this.#cells()) {
      const { generation } = cell
      if (nameOfStore(this.#attachment, cell) !== name) continue
      if (!this.#enter(cell, generation)) continue
      return new OpenStore(this, this.#attachment, cell, name) as unknown as Store<T>
    }
    const message = `the heap has no store named '${name}'`
    throw new RootswapError('ERR_BAD_HANDLE', message, { field: 'name', name })
  }

  /** Opens a root cell of this heap. Throws `ERR_BAD_HANDLE` for a branch that has ended. */
  openCell(cell: RootCell, generation: number): OpenStore {
    if (!this.#enter(cell, generation)) throw endedError()
    return new OpenStore(this, this.#attachment, cell, nameOfStore(this.#attachment, cell))
  }

  /** The heap once more, for a store that outlives what this one was opened for. */
  again(): OpenHeap {
    return new OpenHeap(this.#attachment)
  }

  #enter(cell: RootCell, generation: number): boolean {
    const { thread, maxWaitMs } = this.#attachment
    try {
      return openCell(thread, cell, generation, maxWaitMs)
    } catch (error) {
      thread.settle()
      throw error
    }
  }

  /** Names of the stores, '' for those without. */
  stores(): string[] {
    this.#expectOpen()
    return this.#cells().map((cell) => nameOfStore(this.#attachment, cell))
  }

  /** With a root cell, the oldest snapshot is of its store. */
  stats(cell?: number): HeapStats {
    this.#expectOpen()
    const { memory, thread } = this.#attachment
    try {
      return heapStats(memory, thread, cell)
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
    const { thread } = this.#attachment
    try {
      return reportThreads(this.#attachment)
    } catch (error) {
      thread.settle()
      throw error
    }
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
    for (let index = 0, count = cellsInUse(memory); index < count; index++) {
      const cell = new RootCell(memory, index)
      if (cell.isNamed()) cells.push(cell)
    }
    return cells
  }

  #expectOpen(): void {
    if (this.#closed) throw new RootswapError('ERR_CLOSED', 'the heap is closed in this thread')
  }
}

function labelOf(options: ThreadOptions): string {
  const { label } = optionsOf(options)
  return label === undefined ? '' : text('label', label)
}

export type Heap = HeapContract
/** How a program makes a heap, or opens one in another thread. */
export const Heap: {
  /** A new heap. Throws `TypeError`, `RangeError`, `ERR_HEAP_FULL` for options that can not be. */
  create(options?: HeapOptions & ThreadOptions): Heap
  /** The heap behind a handle. Throws `ERR_BAD_HANDLE`, `ERR_TOO_MANY_THREADS`. */
  open(handle: HeapHandle, options?: ThreadOptions): Heap
} = OpenHeap
