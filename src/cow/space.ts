/**
 * Address spaces: memory as a process has it, in segments and pages, that `fork` shares until one
 * side writes. Each space is one thread's at a time; parents and children run in any threads.
 *
 * **Invariants.** As cow/tree.ts and cow/kernel.ts say.
 *
 * **Ordering.** As they say: what a thread wrote before it passed a handle on is read by the other.
 *
 * **Progress.** Reads and writes of pages of one's own do not wait; faults, forks, `brk`, `exec`
 * and `exit` wait for the heap's lock, and for a child, at most `maxWaitMs`.
 *
 * **Crash.** What a thread held is released when it dies; a space that nobody holds is freed.
 */

import { RootswapError, typeError } from '../errors.ts'
import type { Offset } from '../memory/words.ts'
import type { Attachment } from '../store/attachment.ts'
import { attached, inDraft, openBlock, releaseBlock, settling } from '../store/block.ts'
import type { Heap } from '../store/contract.ts'
import { type BlockHandle, blockHandle, memoryOfHandle } from '../store/handle.ts'
import { optionsOf } from '../store/wait-arguments.ts'
import { expectPageBytes, planImage, type Segments } from './image.ts'
import { SpaceKernel } from './kernel.ts'
import { GROWS_DOWN, WRITABLE } from './record.ts'
import { SEGMENT_NAMES, type SegmentName, type SpaceStats } from './segments.ts'
import { SegmentView } from './view.ts'

export type SpaceHandle = BlockHandle<'space'>

export interface SpaceOptions {
  /** A power of two from 64 to 65,536. Default 4096. */
  readonly pageBytes?: number
  readonly segments: Segments
}

export interface Segment {
  readonly address: number
  readonly byteLength: number
  readonly writable: boolean
}

export type PageState = 'own' | 'shared' | 'none'

export interface ForkOptions {
  /** The parent's first write to a shared page waits, for at most `maxWaitMs`, until the child
   *  writes, execs or exits: a child that execs at once then costs no copies. */
  readonly childFirst?: boolean
}

/** Slices of reclaiming after a release of pages: an image of a gigabyte has so many. */
const SLICES_PER_EXIT = 4096

export class AddressSpace {
  readonly pageBytes: number
  readonly #attachment: Attachment
  readonly #block: Offset
  readonly #serial: number
  readonly #kernel: SpaceKernel
  readonly #settle: () => void
  #released = false

  private constructor(attachment: Attachment, block: Offset) {
    this.#attachment = attachment.use()
    this.#block = block
    this.#serial = attachment.memory.m[block + 2] as number
    this.#kernel = new SpaceKernel(attachment.thread, block, (build) => inDraft(attachment, build))
    this.#settle = () => this.#kernel.settle()
    this.pageBytes = this.#kernel.record.pageBytes
  }

  /** A new space. Throws `TypeError`, `RangeError`, `ERR_HEAP_FULL`, `ERR_RECLAIM_STALLED`. */
  static create(heap: Pick<Heap, 'handle'>, options: SpaceOptions): AddressSpace {
    const { pageBytes = 4096, segments } = optionsOf(options)
    expectPageBytes(pageBytes)
    const image = planImage(pageBytes, segments)
    return attached(memoryOfHandle(heap.handle, 'heap'), (attachment) => {
      const { thread } = attachment
      const block = inDraft(attachment, () => SpaceKernel.create(thread, pageBytes, image))
      return new AddressSpace(attachment, block)
    })
  }

  /** The space that a handle names. Throws `ERR_BAD_HANDLE`; `ERR_CLOSED` when nobody holds it. */
  static open(handle: SpaceHandle): AddressSpace {
    return attached(memoryOfHandle(handle, 'space'), (attachment) => {
      return new AddressSpace(attachment, openBlock(attachment, handle))
    })
  }

  /** Send this to another thread, which calls `AddressSpace.open(handle)`. */
  get handle(): SpaceHandle {
    this.#expectHeld()
    return blockHandle(this.#attachment.memory, 'space', this.#block, this.#serial)
  }

  segment(name: SegmentName): Segment {
    const index = SEGMENT_NAMES.indexOf(name)
    if (index < 0) throw typeError('ERR_INVALID_ARGUMENT', `there is no segment '${name}'`)
    const place = this.#run(() => this.#kernel.segment(index))
    const { regionPage, regionBytes, byteLength, flags } = place
    const below = (flags & GROWS_DOWN) === 0 ? 0 : regionBytes - byteLength
    const address = regionPage * this.pageBytes + below
    return { address, byteLength, writable: (flags & WRITABLE) !== 0 }
  }

  /** A copy of bytes of one segment. Throws `RangeError` with address and segment. */
  read(address: number, length: number): Uint8Array {
    expectLength(length)
    return this.#run(() => this.#kernel.read(address, length))
  }

  /** Writes bytes of one segment, across pages; a write just below the stack lets it grow. Throws
   *  `RangeError` with address and segment; `ERR_CONFLICT` while another thread writes;
   *  `ERR_TIMEOUT` while a child of `vfork` runs; `ERR_HEAP_FULL`. */
  write(address: number, bytes: Uint8Array): void {
    if (!(bytes instanceof Uint8Array)) {
      throw typeError('ERR_INVALID_ARGUMENT', 'what is written is a Uint8Array')
    }
    this.#run(() => this.#kernel.write(address, bytes))
  }

  /** A segment as a DataView: offsets count from its first byte. */
  view(name: SegmentName): SegmentView {
    this.segment(name)
    return new SegmentView(this, name)
  }

  /** Sets how many bytes the heap has. Throws `RangeError` beyond its `maxByteLength`. */
  brk(byteLength: number): void {
    this.#run(() => this.#kernel.brk(byteLength))
  }

  /** A child that shares every page with this space, until either side writes it. */
  fork({ childFirst = false }: ForkOptions = {}): AddressSpace {
    return this.#run(() => this.#child(this.#kernel.fork(childFirst ? 'first' : 'none')))
  }

  /** A child that runs in these very pages until it execs or exits; this space's writes wait. */
  vfork(): AddressSpace {
    return this.#run(() => this.#child(this.#kernel.fork('vfork')))
  }

  /** Replaces the image; the old one's shared pages are let go of uncopied. */
  exec({ segments }: { readonly segments: Segments }): void {
    const image = planImage(this.pageBytes, segments)
    this.#run(() => this.#kernel.exec(image))
    this.#attachment.thread.reclaimer.attempt(SLICES_PER_EXIT)
  }

  /** Ends the space for all threads that have it, and this thread's hold. */
  exit(): void {
    this.#run(() => this.#kernel.exit())
    this.release()
    if (!this.#attachment.isClosed) this.#attachment.thread.reclaimer.attempt(SLICES_PER_EXIT)
  }

  /** For each page of a segment's room: is it this space's own, shared, or not there (zeros)? */
  pages(name: SegmentName): PageState[] {
    const index = SEGMENT_NAMES.indexOf(name)
    const { byteLength } = this.segment(name)
    return this.#run(() => {
      const { regionBytes, flags } = this.#kernel.segment(index)
      const bytes = (flags & GROWS_DOWN) === 0 ? byteLength : regionBytes
      const states = Array<PageState>(Math.ceil(bytes / this.pageBytes)).fill('none')
      this.#kernel.eachPage(index, (shared, page) => (states[page] = shared ? 'shared' : 'own'))
      return states
    })
  }

  stats(): SpaceStats {
    return this.#run(() => this.#kernel.stats())
  }

  /** Ends this thread's hold; the space goes with the last one. Never throws; idempotent. */
  release(): void {
    if (this.#released) return
    this.#released = true
    releaseBlock(this.#attachment, this.#block)
    this.#attachment.release()
  }

  get isReleased(): boolean {
    return this.#released
  }

  [Symbol.dispose](): void {
    this.release()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `AddressSpace { pageBytes: ${this.pageBytes}, released: ${this.#released} }`
  }

  #child(block: Offset): AddressSpace {
    return new AddressSpace(this.#attachment, block)
  }

  #run<T>(operation: () => T): T {
    this.#expectHeld()
    return settling(this.#attachment, operation, this.#settle)
  }

  #expectHeld(): void {
    if (!this.#released) return
    throw new RootswapError('ERR_CLOSED', 'the address space is released')
  }
}

function expectLength(length: number): void {
  if (Number.isInteger(length) && length >= 0) return
  throw typeError('ERR_INVALID_ARGUMENT', `length is ${length}, not a whole number`)
}
