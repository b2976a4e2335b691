/**
 * What every structure of `rootswap/rcu` is for a program: an anchor block that each thread that
 * has the structure open holds, and a handle that names it.
 *
 * **Invariants.** While a thread has a structure open it holds the anchor, and what the anchor
 * references lives. Closing gives the hold to the domain: what readers of this thread may still see
 * stays for a grace period.
 *
 * **Ordering.** The anchor is whole before its handle exists.
 *
 * **Progress.** Creating, opening and closing are transactions under the lock.
 *
 * **Crash.** A dead thread's holds are released when it is reaped; the structure stays while any
 * other thread has it open.
 */

import { RootswapError } from '../errors.ts'
import type { Offset } from '../memory/words.ts'
import { openBlock, RcBlock } from '../store/block.ts'
import type { Heap } from '../store/contract.ts'
import { type BlockHandle, blockHandle, memoryOfHandle, memoryOfHeap } from '../store/handle.ts'
import type { HeapThread } from '../reclaim/thread.ts'
import { notABlock, BorrowedBlock } from './block.ts'
import { Session } from './session.ts'

/** What a structure can hold as a block: one that this thread holds, or one that it borrowed. */
export type AnyBlock = RcBlock | BorrowedBlock

export class Anchor<K extends string> {
  readonly session: Session
  readonly block: Offset
  readonly handle: BlockHandle<K>
  #closed = false

  private constructor(session: Session, block: Offset, handle: BlockHandle<K>) {
    this.session = session
    this.block = block
    this.handle = handle
  }

  /** Throws `ERR_HEAP_FULL`, `ERR_RECLAIM_STALLED`, `ERR_CLOSED`. */
  static create<K extends string>(
    heap: Heap,
    kind: K,
    make: (thread: HeapThread) => Offset,
  ): Anchor<K> {
    return Session.open(memoryOfHeap(heap), (session) => {
      const { thread, memory } = session.attachment
      const { holds } = thread
      const [block, serial] = session.drafting(() => {
        holds.reserve(1)
        const block = make(thread)
        holds.expect()
        holds.adopt(block)
        const serial = holds.serial(block)
        holds.publishDraft()
        holds.commit()
        return [block, serial] as const
      })
      return new Anchor(session, block, blockHandle(memory, kind, block, serial))
    })
  }

  /** Throws `ERR_BAD_HANDLE`; `ERR_CLOSED` when no thread has it open any more. */
  static open<K extends string>(handle: BlockHandle<K>, kind: K): Anchor<K> {
    return Session.open(memoryOfHandle(handle, kind), (session) => {
      return new Anchor(session, openBlock(session.attachment, handle), handle)
    })
  }

  get thread(): HeapThread {
    return this.session.attachment.thread
  }

  get isClosed(): boolean {
    return this.#closed
  }

  expectOpen(): void {
    if (!this.#closed) return
    const what = this.handle.rootswap
    throw new RootswapError('ERR_CLOSED', `the ${what} is closed in this thread`)
  }

  /** Runs a transaction that may retire up to `blocks` blocks. */
  transaction<T>(blocks: number, change: () => T): T {
    this.expectOpen()
    const { attachment, domain } = this.session
    const result = attachment.run(() => domain.retired.transaction(blocks, change))
    this.session.attend()
    return result
  }

  /** Where a block is, that is to be stored here. Throws `TypeError`, `ERR_CLOSED`. */
  offsetOf(block: AnyBlock): Offset {
    const { attachment } = this.session
    if (block instanceof RcBlock) return RcBlock.offsetIn(attachment, block) || this.#foreign(block)
    if (!(block instanceof BorrowedBlock)) throw notABlock(block)
    return BorrowedBlock.offsetIn(attachment.memory, block) || this.#foreign(block)
  }

  /** Gives the hold up. Idempotent. */
  close(): void {
    if (this.#closed) return
    const { attachment, domain } = this.session
    const { holds } = attachment.thread
    if (!attachment.isClosed) {
      attachment.run(() => {
        domain.retired.transaction(1, () => holds.moveIn(this.block, domain.retired.slot()))
      })
      this.session.attend()
    }
    this.#closed = true
    this.session.release()
  }

  #foreign(block: AnyBlock): never {
    throw notABlock(block)
  }
}
