/**
 * A block of bytes with a count in front of them: what `shared_ptr<byte[]>` is in C++. Any thread
 * that has its handle may hold it; the last release frees it, and a thread's holds end with it.
 *
 * The count says who may free. It does not order accesses to the bytes: that is up to their users.
 */

import { rangeError, RootswapError, typeError } from '../errors.ts'
import { allocateCounted, COUNTED_BYTES, COUNTED_SERIAL, countedData } from '../memory/counted.ts'
import type { Memory } from '../memory/memory.ts'
import type { Offset } from '../memory/words.ts'
import { type Attachment, attach } from './attachment.ts'
import { type BlockHandle, blockHandle, memoryOfHandle } from './handle.ts'

/** Slices of reclaiming that a release pays for at most. */
const SLICES_PER_RELEASE = 2
/** The longest block: its bytes are counted in 31 bits. */
const BYTES_MAX = 2 ** 31 - 64

export class RcBlock {
  /** Bytes of data. */
  readonly byteLength: number
  readonly #attachment: Attachment
  readonly #block: Offset
  readonly #serial: number
  #bytes: Uint8Array | undefined
  /** Releases that this object still owes. */
  #uses = 1

  private constructor(attachment: Attachment, block: Offset, serial: number) {
    this.#attachment = attachment.use()
    this.#block = block
    this.#serial = serial
    this.byteLength = attachment.memory.m[block + COUNTED_BYTES] as number
  }

  /** A new block of zeros with a count of 1; for `heap.allocate`. */
  static allocate(attachment: Attachment, byteLength: number): RcBlock {
    if (!Number.isInteger(byteLength)) {
      throw typeError('ERR_INVALID_ARGUMENT', `byteLength is ${byteLength}, not a whole number`)
    }
    if (byteLength < 0 || byteLength > BYTES_MAX) {
      throw rangeError(`byteLength is ${byteLength}; it must be from 0 to ${BYTES_MAX}`)
    }
    const { allocator, holds } = attachment.thread
    return inDraft(attachment, () => {
      holds.reserve(1)
      const block = allocateCounted(allocator, 0, byteLength)
      const data = countedData(attachment.memory.m, block)
      attachment.memory.m.fill(0, data, data + Math.ceil(byteLength / 4))
      holds.expect()
      holds.adopt(block)
      const serial = holds.serial(block)
      holds.publishDraft()
      holds.commit()
      return new RcBlock(attachment, block, serial)
    })
  }

  /**
   * The block that a handle names, with a hold of this thread's own. Throws `ERR_BAD_HANDLE`;
   * `ERR_CLOSED` when nobody holds it any more; `ERR_RECLAIM_STALLED`, with nothing changed.
   */
  static open(handle: BlockHandle): RcBlock {
    return attached(memoryOfHandle(handle, 'block'), (attachment) => {
      const block = openBlock(attachment, handle)
      return new RcBlock(attachment, block, handle.serial)
    })
  }

  /** For the package: a block that this thread holds already, once for this object. */
  static held(attachment: Attachment, block: Offset): RcBlock {
    return new RcBlock(attachment, block, attachment.memory.m[block + COUNTED_SERIAL] as number)
  }

  /** For the package: where a held block of the attachment's heap is; 0 if it is another heap's.
   *  Throws `ERR_CLOSED`. */
  static offsetIn(attachment: Attachment, block: RcBlock): Offset {
    block.#expectHeld()
    return block.#attachment === attachment ? block.#block : 0
  }

  /** Send this to another thread, which calls `RcBlock.open(handle)` while somebody holds it. */
  get handle(): BlockHandle {
    this.#expectHeld()
    return blockHandle(this.#attachment.memory, 'block', this.#block, this.#serial)
  }

  /** The bytes, shared with all that hold the block. Throws `ERR_CLOSED` after the release. */
  get bytes(): Uint8Array {
    this.#expectHeld()
    if (this.#bytes !== undefined) return this.#bytes
    const { m, words } = this.#attachment.memory
    const first = countedData(m, this.#block) * 4
    return (this.#bytes = words.bytes.subarray(first, first + this.byteLength))
  }

  /** Holders and references, in all threads, at this moment. Throws `ERR_RECLAIM_STALLED`. */
  get count(): number {
    this.#expectHeld()
    return atomically(this.#attachment, () => this.#attachment.thread.holds.count(this.#block))
  }

  /** Has this object been released as often as it was retained? */
  get isReleased(): boolean {
    return this.#uses === 0
  }

  /** One more hold, that needs a release of its own. Throws `RangeError` where the count has no
   *  room, `ERR_RECLAIM_STALLED`; then nothing is changed. */
  retain(): this {
    this.#expectHeld()
    atomically(this.#attachment, () => this.#attachment.thread.holds.retain(this.#block))
    this.#uses++
    return this
  }

  /** Ends one hold; the last one of all frees the block. Never throws; after the last release of
   *  this object it does nothing. */
  release(): void {
    if (this.#uses === 0) return
    this.#uses--
    if (this.#uses === 0) this.#bytes = undefined
    releaseBlock(this.#attachment, this.#block)
    if (this.#uses === 0) this.#attachment.release()
  }

  /** For the package: one hold of this object has become another's. */
  letGo(): void {
    this.#uses--
    if (this.#uses > 0) return
    this.#bytes = undefined
    this.#attachment.release()
  }

  [Symbol.dispose](): void {
    this.release()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    const state = this.#uses === 0 ? 'released' : `holds: ${this.#uses}`
    return `RcBlock { byteLength: ${this.byteLength}, ${state} }`
  }

  #expectHeld(): void {
    if (this.#uses === 0) throw new RootswapError('ERR_CLOSED', 'the block is released')
  }
}

/** Runs `open` on this thread's attachment to a heap, which is given up again if nothing of what
 *  `open` makes uses it. */
export function attached<T>(memory: Memory, open: (attachment: Attachment) => T): T {
  const attachment = attach(memory, '').use()
  try {
    return open(attachment)
  } finally {
    attachment.release()
  }
}

/**
 * Runs `build` in a draft of its own: what it allocates is published by its transaction, or given
 * back. Throws `ERR_IN_UPDATE` while a value is being copied in.
 */
export function inDraft<T>(attachment: Attachment, build: () => T): T {
  if (attachment.building) {
    throw new RootswapError('ERR_IN_UPDATE', 'a block is allocated while a value is copied in')
  }
  const { thread } = attachment
  const { allocator, holds } = thread
  attachment.use()
  try {
    allocator.begin()
    return build()
  } catch (error) {
    thread.settle()
    throw error
  } finally {
    // An error may have come after the transaction that published.
    if (holds.isDraftPublished) allocator.end()
    else allocator.abort()
    attachment.release()
  }
}

/** Runs a transaction of the thread's holds. Throws `ERR_RECLAIM_STALLED`, with nothing changed. */
export function atomically<T>(attachment: Attachment, change: () => T): T {
  const { thread } = attachment
  try {
    thread.holds.reserve(1)
    thread.holds.expect()
    const result = change()
    thread.holds.commit()
    return result
  } catch (error) {
    thread.settle()
    throw error
  }
}

/** One more hold of what a handle names. Throws `ERR_BAD_HANDLE`, `ERR_CLOSED`. */
export function openBlock(attachment: Attachment, handle: BlockHandle<string>): Offset {
  const { block, serial, rootswap } = handle
  if (!Number.isInteger(block) || !Number.isInteger(serial)) {
    const field = Number.isInteger(block) ? 'serial' : 'block'
    throw new RootswapError('ERR_BAD_HANDLE', `not a usable handle: ${field} is no number`, {
      field,
    })
  }
  const { holds } = attachment.thread
  const found = atomically(attachment, () => {
    const current = holds.isCurrent(block, serial)
    if (current) holds.retain(block)
    return current
  })
  if (found) return block
  throw new RootswapError('ERR_CLOSED', `nobody holds the ${rootswap} of this handle any more`)
}

/** One hold less, now or as soon as the lock is to be had; never throws. */
export function releaseBlock(attachment: Attachment, block: Offset): void {
  if (attachment.isClosed) return // the slot is given back, and with it all that it held
  const { thread } = attachment
  try {
    const end = thread.holds.releaseSoon(block)
    if (end === 'freed') thread.reclaimer.attempt(SLICES_PER_RELEASE)
    else if (end === 'later') attachment.catchUpSoon()
  } catch {
    thread.settle() // a stack that overflowed: the hold ends with the thread
  }
}

/** Runs an operation of a tool; after an error, puts right what it unwound past. */
export function settling<T>(attachment: Attachment, run: () => T, settle: () => void): T {
  try {
    return run()
  } catch (error) {
    attachment.thread.settle()
    settle()
    throw error
  }
}
