/**
 * `RcuPointer` as a program sees it; how it works is in pointer.ts.
 *
 * **Invariants.** A thread that has the pointer open several times is one owner of blocks: its
 * objects share what they know of them.
 *
 * **Ordering.** As pointer.ts says.
 *
 * **Progress.** As pointer.ts says. `load` outside of a section takes the lock, inside it does not.
 *
 * **Crash.** As pointer.ts says.
 */

import { nodeOf, referenceTo, TAG_NODE } from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import { RcBlock } from '../store/block.ts'
import type { Heap } from '../store/contract.ts'
import type { BlockHandle } from '../store/handle.ts'
import { functionOf } from '../store/wait-arguments.ts'
import { Anchor, type AnyBlock } from './anchored.ts'
import { BorrowedBlock } from './block.ts'
import { makePointer, PointerCore } from './pointer.ts'
import type { Tally } from './reader.ts'
import type { Tidied } from './session.ts'

export type RcuPointerHandle = BlockHandle<'rcu-pointer'>

export class RcuPointer implements Disposable, Tidied {
  readonly handle: RcuPointerHandle
  readonly #anchor: Anchor<'rcu-pointer'>
  readonly #core: PointerCore
  readonly #tally: Tally
  /** The block objects stored last, and their references: good while nothing was forgotten. */
  #last: AnyBlock | undefined
  #lastReference = 0
  #before: AnyBlock | undefined
  #beforeReference = 0
  #forgotten = -1
  /** What `load` borrowed last: a reader follows the same pointer again and again. */
  #borrowed: BorrowedBlock | undefined
  #borrowedReference = 0
  /** And the one before: writers often have two blocks in turn. */
  #earlier: BorrowedBlock | undefined
  #earlierReference = 0
  #stores = 0
  #storesSeen = 0

  private constructor(anchor: Anchor<'rcu-pointer'>) {
    const { session } = anchor
    this.#anchor = anchor
    this.handle = anchor.handle
    const open = session.pointers.get(anchor.block)
    this.#core = open?.core ?? new PointerCore(anchor.thread, anchor.block, session.domain.retired)
    session.pointers.set(anchor.block, { core: this.#core, users: (open?.users ?? 0) + 1 })
    this.#tally = session.domain.tally
    session.tidied.add(this)
  }

  /** A pointer to nothing. Throws `ERR_HEAP_FULL`, `ERR_RECLAIM_STALLED`. */
  static create(heap: Heap): RcuPointer {
    return new RcuPointer(Anchor.create(heap, 'rcu-pointer', makePointer))
  }

  /** Throws `ERR_BAD_HANDLE`; `ERR_CLOSED` when no thread has it open any more. */
  static open(handle: RcuPointerHandle): RcuPointer {
    return new RcuPointer(Anchor.open(handle, 'rcu-pointer'))
  }

  /**
   * The block that the pointer names now. Inside a section (or while a qsbr reader of this thread
   * is online): borrowed, readable until the section ends, without any lock. Outside: an `RcBlock`
   * that this thread holds, and that it has to release.
   */
  load(): BorrowedBlock | RcBlock | undefined {
    if (this.#tally.active > 0) return this.borrow()
    this.#anchor.expectOpen()
    return this.hold()
  }

  /** As `load` inside a section; the caller sees to it that it is inside. */
  borrow(): BorrowedBlock | undefined {
    const reference = this.#core.load()
    if (reference === this.#borrowedReference) {
      const borrowed = this.#borrowed
      if (borrowed === undefined || BorrowedBlock.isSame(borrowed)) return borrowed
    }
    return this.#borrow(reference)
  }

  /** The block that the pointer names, held by this thread; `release` it. */
  hold(): RcBlock | undefined {
    const found = this.#anchor.transaction(0, () => this.#core.hold())
    return this.#held(found)
  }

  /** Names a block, or none. The pointer counts it by itself: the caller's hold stays the caller's.
   *  Throws `TypeError`, `ERR_CLOSED`, `ERR_HEAP_FULL`, `ERR_RECLAIM_STALLED`. */
  store(block: AnyBlock | undefined): void {
    this.#stores++
    if (this.#core.forgotten === this.#forgotten && block !== undefined) {
      if (block === this.#last) return this.#core.storeMine(this.#lastReference)
      if (block === this.#before) return this.#core.storeMine(this.#beforeReference)
    }
    this.#store(block)
  }

  /** As `store`; returns what the pointer named before, held by this thread. */
  exchange(block: AnyBlock | undefined): RcBlock | undefined {
    const offset = this.#offsetOf(block)
    const { found } = this.#replace(offset, undefined, true)
    this.#remember(block, offset)
    return this.#held(found)
  }

  /** Names `block` if the pointer names `expected`, which the caller holds or has borrowed; whether
   *  it did. */
  compareExchange(expected: AnyBlock | undefined, block: AnyBlock | undefined): boolean {
    const offset = this.#offsetOf(block)
    const { swapped } = this.#replace(offset, this.#offsetOf(expected), false)
    if (swapped) this.#remember(block, offset)
    return swapped
  }

  /**
   * Names what `fn` makes of what the pointer names; `fn` runs again if another thread was first.
   * What it is given is held meanwhile; what it returns is the caller's to release. Returns that.
   */
  update<B extends AnyBlock | undefined>(fn: (current: RcBlock | undefined) => B): B {
    functionOf('fn', fn)
    for (;;) {
      // bound: a turn that failed means that another thread changed the pointer
      const current = this.hold()
      // The user's callback may throw.
      try {
        const next = fn(current)
        if (this.compareExchange(current, next)) return next
      } finally {
        current?.release()
      }
    }
  }

  /** For the session: gives up what is not named; when idle, only if nothing was stored lately.
   *  Whether it is to be tried again. Throws `ERR_HEAP_FULL`. */
  tidy(idle: boolean): boolean {
    const quiet = this.#stores === this.#storesSeen
    this.#storesSeen = this.#stores
    if (!this.#core.isUntidy) return false
    if (idle && !quiet) return true
    return !this.#core.tidy()
  }

  /** Idempotent. The pointer ends when no thread has it open. */
  close(): void {
    const { session, isClosed } = this.#anchor
    if (isClosed) return
    session.tidied.delete(this)
    const users = (session.pointers.get(this.#anchor.block)?.users ?? 1) - 1
    if (users > 0) session.pointers.set(this.#anchor.block, { core: this.#core, users })
    else {
      if (!session.attachment.isClosed) session.attachment.run(() => this.#core.leave())
      session.pointers.delete(this.#anchor.block)
    }
    this.#forgotten = -1
    this.#borrowed = undefined
    this.#borrowedReference = -1
    this.#earlier = undefined
    this.#earlierReference = -1
    this.#anchor.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    if (this.#anchor.isClosed) return 'RcuPointer { closed }'
    return `RcuPointer { block: ${nodeOf(this.#core.load()) || 'none'} }`
  }

  #borrow(reference: number): BorrowedBlock | undefined {
    const found = this.#earlierReference === reference ? this.#earlier : undefined
    this.#earlier = this.#borrowed
    this.#earlierReference = this.#borrowedReference
    this.#borrowedReference = reference
    if (found !== undefined && BorrowedBlock.isSame(found)) this.#borrowed = found
    else this.#borrowed = this.#newlyBorrowed(reference)
    return this.#borrowed
  }

  #newlyBorrowed(reference: number): BorrowedBlock | undefined {
    this.#anchor.expectOpen()
    const { memory } = this.#anchor.thread
    return reference === 0 ? undefined : new BorrowedBlock(memory, nodeOf(reference))
  }

  #store(block: AnyBlock | undefined): void {
    const offset = this.#offsetOf(block)
    this.#replace(offset, undefined, false)
    this.#remember(block, offset)
  }

  #replace(offset: Offset, expected: Offset | undefined, hold: boolean) {
    const { session } = this.#anchor
    this.#anchor.expectOpen()
    this.#stores++
    const result = session.attachment.run(() => this.#core.replace(offset, expected, hold))
    session.attend()
    return result
  }

  #remember(block: AnyBlock | undefined, offset: Offset): void {
    const fresh = this.#forgotten !== this.#core.forgotten
    this.#before = fresh ? undefined : this.#last
    this.#beforeReference = this.#lastReference
    this.#last = undefined
    this.#forgotten = this.#core.forgotten
    if (block === undefined || !this.#core.isMine(offset)) return
    this.#last = block
    this.#lastReference = referenceTo(offset, TAG_NODE)
  }

  #offsetOf(block: AnyBlock | undefined): Offset {
    return block === undefined ? 0 : this.#anchor.offsetOf(block)
  }

  #held(found: Offset): RcBlock | undefined {
    return found === 0 ? undefined : RcBlock.held(this.#anchor.session.attachment, found)
  }
}
