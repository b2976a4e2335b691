/**
 * `RcuQueue` as a program sees it; how it works is in queue.ts.
 *
 * **Invariants.** One object per thread that has the queue open.
 *
 * **Ordering.** As queue.ts says.
 *
 * **Progress.** As queue.ts says.
 *
 * **Crash.** As queue.ts says.
 */

import { RcBlock } from '../store/block.ts'
import type { Heap } from '../store/contract.ts'
import type { BlockHandle } from '../store/handle.ts'
import { Anchor } from './anchored.ts'
import { itemOf, type RcuValue } from './items.ts'
import { BLOCK, TEXT } from './map-words.ts'
import { makeQueue, QueueCore, TAKEN_MAX } from './queue.ts'

export type RcuQueueHandle = BlockHandle<'rcu-queue'>
/** What comes out of a queue: a block is held by the thread that took it. */
export type RcuTaken = number | string | RcBlock

export class RcuQueue implements Disposable {
  readonly handle: RcuQueueHandle
  readonly #anchor: Anchor<'rcu-queue'>
  readonly #core: QueueCore

  private constructor(anchor: Anchor<'rcu-queue'>) {
    const { session, thread, block } = anchor
    const { retired } = session.domain
    this.#anchor = anchor
    this.handle = anchor.handle
    this.#core = new QueueCore({ thread, anchor: block, retired, drafting: session.drafting })
  }

  /** An empty queue. Throws `ERR_HEAP_FULL`, `ERR_RECLAIM_STALLED`. */
  static create(heap: Heap): RcuQueue {
    return new RcuQueue(Anchor.create(heap, 'rcu-queue', (thread) => makeQueue(thread)))
  }

  /** Throws `ERR_BAD_HANDLE`; `ERR_CLOSED` when no thread has it open any more. */
  static open(handle: RcuQueueHandle): RcuQueue {
    return new RcuQueue(Anchor.open(handle, 'rcu-queue'))
  }

  /** Puts a 32-bit integer, a string or a block at the end. The queue counts a block by itself: the
   *  caller's hold stays the caller's. Throws `TypeError`, `ERR_HEAP_FULL`,
   * `ERR_RECLAIM_STALLED`. */
  enqueue(value: RcuValue): void {
    this.#anchor.expectOpen()
    const item = itemOf(this.#anchor, value)
    this.#anchor.session.attachment.run(() => this.#core.put(item))
  }

  /** The oldest entry, or `undefined` where there is none. Release a block that came out. */
  dequeue(): RcuTaken | undefined {
    return this.#take(1)[0]
  }

  /** All entries that were put in before the call and are not taken by others meanwhile. */
  splice(): RcuTaken[] {
    const all: RcuTaken[] = []
    for (;;) {
      // bound: entries of the queue, and what is put in meanwhile
      const some = this.#take(TAKEN_MAX)
      all.push(...some)
      if (some.length < TAKEN_MAX) return all
    }
  }

  /** Idempotent. The queue ends when no thread has it open. */
  close(): void {
    if (this.#anchor.isClosed) return
    if (!this.#anchor.session.attachment.isClosed) this.#core.leave()
    this.#anchor.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.#anchor.isClosed ? 'RcuQueue { closed }' : 'RcuQueue {}'
  }

  #take(limit: number): RcuTaken[] {
    this.#anchor.expectOpen()
    const { attachment } = this.#anchor.session
    const taken: RcuTaken[] = []
    const count = attachment.run(() => {
      return this.#core.take(limit, (kind, integer, text, block) => {
        if (kind === BLOCK) taken.push(RcBlock.held(attachment, block))
        else taken.push(kind === TEXT ? text : integer)
      })
    })
    if (count > 0) this.#anchor.session.attend()
    return taken
  }
}
