/**
 * `Rcu`: the mechanism on its own, for people who build their own structures. What liburcu calls
 * `rcu_read_lock`, `synchronize_rcu`, `call_rcu`, in the terms of JavaScript; docs/rcu.md has the
 * whole table.
 *
 * **Invariants.** Every `Rcu` of a heap, in every thread, is of the heap's one domain.
 *
 * **Ordering.** What a thread wrote before it asked for a grace period is seen by every read that
 * begins after; what a reader did inside happens before the wait's return. See grace.ts.
 *
 * **Progress.** Reading is wait-free. What waits, waits for readers, and for nobody else.
 *
 * **Crash.** A dead thread's readers count for nothing once it is reaped; see grace.ts.
 */

import { RootswapError, typeError } from '../errors.ts'
import type { Memory } from '../memory/memory.ts'
import type { RcBlock } from '../store/block.ts'
import type { Heap } from '../store/contract.ts'
import { identityOf, memoryOfHandle, memoryOfHeap } from '../store/handle.ts'
import { functionOf, signalOf, type SignalOptions, timeoutOf } from '../store/wait-arguments.ts'
import { retireBlock } from './block.ts'
import type { Flavor, ReaderCore } from './reader.ts'
import { Session } from './session.ts'

export type { Flavor } from './reader.ts'

/** Names a heap's domain to another thread; structured-cloneable. */
export interface RcuHandle {
  readonly rootswap: 'rcu'
  readonly buffer: SharedArrayBuffer
  readonly identity: readonly [number, number]
}

export interface RegisterOptions {
  /** 'section' (default): reads are between `lock` and `unlock`. 'qsbr': reads are everywhere but
   *  in `quiescent`, which must be called again and again, and while offline. */
  readonly flavor?: Flavor
  /** Names the reader in errors; up to 39 bytes are kept. */
  readonly label?: string
}

export interface RcuStats {
  /** Grace periods since the domain was made; wraps at 2^32. */
  readonly gracePeriods: number
  /** Callbacks of this thread that have not run. */
  readonly deferred: number
  /** Callbacks that died with their threads. */
  readonly lostCallbacks: number
  /** Blocks that wait for a grace period. */
  readonly retired: number
}

export class Rcu implements Disposable {
  readonly handle: RcuHandle
  readonly #session: Session
  readonly #readers = new Set<RcuReader>()
  #closed = false

  private constructor(memory: Memory) {
    const { buffer } = memory.words
    this.handle = { rootswap: 'rcu', buffer, identity: identityOf(memory) }
    this.#session = Session.open(memory, (session) => session)
  }

  /** The domain of a heap; made if there is none. Throws `ERR_HEAP_FULL`, `ERR_CLOSED`. */
  static create(heap: Heap): Rcu {
    return new Rcu(memoryOfHeap(heap))
  }

  /** The same in another thread. Throws `ERR_BAD_HANDLE`, `ERR_TOO_MANY_THREADS`. */
  static open(handle: RcuHandle): Rcu {
    return new Rcu(memoryOfHandle(handle, 'rcu'))
  }

  /** Registers a reader of the calling thread; any number is fine. One of flavor qsbr is online. */
  register(options: RegisterOptions = {}): RcuReader {
    this.#expectOpen()
    const { flavor = 'section', label = '' } = options
    if (flavor !== 'section' && flavor !== 'qsbr') {
      const message = `flavor must be 'section' or 'qsbr', not ${String(flavor)}`
      throw typeError('ERR_INVALID_ARGUMENT', message, { argument: 'flavor' })
    }
    if (typeof label !== 'string') {
      throw typeError('ERR_INVALID_ARGUMENT', `label must be a string, not ${typeof label}`, {
        argument: 'label',
      })
    }
    const { domain, attachment } = this.#session
    const core = attachment.run(() => domain.register(flavor, label))
    const reader = new RcuReader(core, label, () => {
      this.#readers.delete(reader)
      domain.unregister(core)
    })
    this.#readers.add(reader)
    return reader
  }

  /**
   * Waits until every reader that is inside now has left once. Waits at the same time share one
   * grace period. Throws `ERR_IN_READ_SECTION`, `ERR_CLOSED`, the signal's reason. While it waits,
   * each turn of this thread's event loop is a quiescent state of the thread's own qsbr readers.
   */
  async synchronize(options: SignalOptions = {}): Promise<void> {
    const signal = signalOf(options)
    signal?.throwIfAborted()
    this.#expectOutside('synchronize')
    await this.#session.wait(this.#session.domain.grace.next(), signal)
  }

  /** As `synchronize`, blocking the thread; its own qsbr readers are offline meanwhile. Throws
   *  `ERR_TIMEOUT` with the readers that did not move; `ERR_IN_READ_SECTION` also where a reader of
   *  this thread holds it up that another copy of the package has registered. */
  synchronizeSync(timeoutMs?: number): void {
    const limit = timeoutMs === undefined ? Infinity : timeoutOf(timeoutMs)
    this.#expectOutside('synchronizeSync')
    const { domain } = this.#session
    if (domain.tally.online === 0) {
      const cookie = domain.grace.pass(true)
      return cookie === undefined ? undefined : this.#session.waitSync(cookie, limit)
    }
    const cookie = domain.grace.next()
    const online = [...domain.readers].filter((reader) => reader.isOnline)
    for (const reader of online) reader.offline()
    // Also when the wait ends by its limit: not a user's callback, but the same duty.
    try {
      this.#session.waitSync(cookie, limit)
    } finally {
      for (const reader of online) reader.online()
    }
  }

  /**
   * Runs `fn` in this thread, in a task of its own, after a grace period; in the order of calls.
   * Throws `ERR_RECLAIM_STALLED` when a million wait. From ten thousand on a call runs up to two
   * ripe ones itself, unless it is made inside a section.
   */
  defer(fn: () => void): void {
    this.#expectOpen()
    this.#session.defer(functionOf('fn', fn))
  }

  /**
   * Gives this thread's hold of a block to the domain, which releases it after a grace period,
   * whatever becomes of this thread. The block object is released by it. Throws `ERR_CLOSED` when
   * it was released before, `ERR_HEAP_FULL`, `ERR_RECLAIM_STALLED`; then it still is the caller's.
   */
  retire(block: RcBlock): void {
    this.#expectOpen()
    retireBlock(this.#session, block)
  }

  /** Every callback deferred before the call, in any thread, has run, or died with its thread; and
   *  every block retired before it is free. Throws as `synchronize`, and `ERR_HEAP_FULL`. */
  async barrier(options: SignalOptions = {}): Promise<void> {
    const signal = signalOf(options)
    signal?.throwIfAborted()
    this.#expectOutside('barrier')
    await this.#session.barrier(signal)
  }

  /** A cookie of the grace period that begins after this call: good for 2^31 grace periods. */
  startPoll(): number {
    this.#expectOpen()
    return this.#session.domain.grace.next()
  }

  /** Whether that grace period is over; never waits, and leads it on. */
  poll(cookie: number): boolean {
    this.#expectOpen()
    if (!Number.isInteger(cookie) || cookie !== (cookie | 0)) {
      const message = `${String(cookie)} is no cookie of startPoll`
      throw typeError('ERR_INVALID_ARGUMENT', message, { argument: 'cookie' })
    }
    const { domain } = this.#session
    if (this.#session.step(cookie, false)) return true
    return domain.grace.passOver() && this.#session.step(cookie, false)
  }

  stats(): RcuStats {
    this.#expectOpen()
    this.#session.sweep()
    const { domain, pendingDeferred } = this.#session
    return {
      gracePeriods: domain.grace.over,
      deferred: pendingDeferred,
      lostCallbacks: domain.lost,
      retired: domain.retired.waiting,
    }
  }

  /** Ends this thread's use of this object: its readers are unregistered. Callbacks that it
   *  deferred still run. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const reader of this.#readers) reader.unregister()
    this.#session.release()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    if (this.#closed) return 'Rcu { closed }'
    const { over } = this.#session.domain.grace
    return `Rcu { gracePeriods: ${over}, readers: ${this.#readers.size} }`
  }

  #expectOpen(): void {
    if (this.#closed) throw new RootswapError('ERR_CLOSED', 'the Rcu is closed in this thread')
  }

  #expectOutside(what: string): void {
    this.#expectOpen()
    this.#session.expectOutside(what)
  }
}

/** A registered reader; belongs to the thread that registered it, and is not sent to others. */
export class RcuReader implements Disposable {
  readonly label: string
  readonly #core: ReaderCore
  readonly #unregister: () => void

  constructor(core: ReaderCore, label: string, unregister: () => void) {
    this.#core = core
    this.label = label
    this.#unregister = unregister
  }

  get flavor(): Flavor {
    return this.#core.flavor
  }

  /** Begins a section, or goes one deeper. Throws `ERR_CLOSED`, `ERR_RCU_MISUSE`. */
  lock(): void {
    this.#core.lock()
  }

  /** Ends the innermost section. Throws `ERR_RCU_MISUSE` without a lock. */
  unlock(): void {
    this.#core.unlock()
  }

  /** Runs a synchronous function inside a section. Throws `ERR_ASYNC_CALLBACK`. */
  read<R>(fn: () => R): R {
    if (typeof fn !== 'function' || fn[Symbol.toStringTag as never] === 'AsyncFunction') {
      throw refused(fn)
    }
    this.#core.lock()
    // The user's callback may throw.
    try {
      const result = fn()
      if (typeof result === 'object' && typeof (result as never)?.['then'] === 'function') {
        throw typeError('ERR_ASYNC_CALLBACK', 'the function given to read returned a promise')
      }
      return result
    } finally {
      this.#core.unlock()
    }
  }

  /** qsbr: this thread holds nothing that it read before. Throws `ERR_RCU_MISUSE` inside a read. */
  quiescent(): void {
    this.#core.quiescent()
  }

  /** qsbr: from now on this reader holds nothing and reads nothing, until `online`. */
  offline(): void {
    this.#core.offline()
  }

  online(): void {
    this.#core.online()
  }

  /** Ends the registration. Idempotent. */
  unregister(): void {
    this.#unregister()
  }

  [Symbol.dispose](): void {
    this.unregister()
  }
}

function refused(fn: unknown): TypeError {
  if (typeof fn === 'function') {
    return typeError('ERR_ASYNC_CALLBACK', 'read takes a synchronous function')
  }
  return typeError('ERR_INVALID_ARGUMENT', `read takes a function, not ${typeof fn}`)
}
