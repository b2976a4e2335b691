/**
 * What one thread does for RCU in one heap, whatever of it is open: waiting for grace periods,
 * running its deferred callbacks, giving up to reclaiming what any thread retired.
 *
 * **Invariants.** One session per heap and thread, shared by all that the thread has open; the last
 * close ends it, once its callbacks have run. Callbacks run in tasks of their own, or inside the
 * call of `defer` that finds too many, and never inside a section of this thread.
 *
 * **Ordering.** As grace.ts and retired.ts say. A callback's cookie is taken when it is deferred.
 *
 * **Progress.** Nothing here waits, but for the waiting forms, which wait for readers. What a task
 * does when the thread is idle tries the lock; where another thread has it, or `verify` goes on, or
 * the heap is full, it is left for a later task, and callbacks run meanwhile. A callback that is
 * ripe is run in the order in which callbacks came. A blocking wait for a reader of this very
 * thread would never end, and is refused, whichever copy of the package the reader is of.
 *
 * **Crash.** Callbacks are closures: they die with their thread. Its entry says how many.
 */

import { channel } from 'node:diagnostics_channel'
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import { now } from '../atomics-wait-polyfill/request.ts'
import { RootswapError } from '../errors.ts'
import type { Memory } from '../memory/memory.ts'
import type { Offset } from '../memory/words.ts'
import { type Attachment } from '../store/attachment.ts'
import { attached, inDraft } from '../store/block.ts'
import { reportUncaught } from '../store/deliveries.ts'
import { onThreadDeath } from '../store/family.ts'
import { Domain } from './domain.ts'
import type { PointerCore } from './pointer.ts'
import type { ReaderCore } from './reader.ts'
import { slotOfTag } from '../memory/tag.ts'

/** Callbacks that wait before `defer` runs ripe ones itself, and before it refuses more. */
const DEFERRED_MANY = 10_000
export const DEFERRED_MAX = 1_000_000
const RUN_INSIDE = 2
/** Callbacks that one task runs. */
const RUN_PER_TASK = 1_000
/** Looks before the first pause of a millisecond; the longest pause, in milliseconds. */
const EAGER_LOOKS = 64
const PAUSE_MS_MAX = 8
/** Looks of a blocking wait, of a microsecond or more each, before it sleeps. */
const SPINNING_LOOKS = 4
/** Slices of reclaiming that a step pays for. */
const SLICES = 8
/** Milliseconds between tries to sweep what a dead thread left. */
const SWEEP_MS = 5
const SWEEPS = 20
/** Milliseconds in which idle tasks make no bags since the heap was full, and in which they give
 *  nothing up since that failed: the error is told, not again and again, and callbacks run. */
const FULL_MS = 100
const FAILED_MS = 1_000

const leaks = channel('rootswap:leak')
const sessions = new WeakMap<Attachment, Session>()

interface Deferred {
  readonly run: () => void
  readonly cookie: number
}

/** What has something to tidy up when a thread is idle; see pointer.ts. */
export interface Tidied {
  /** Gives up what is not needed; `idle`: only if nothing has happened since the last time. Waits
   *  for no other thread. Whether some has to wait for a grace period, or for the lock. Throws
   *  `ERR_HEAP_FULL`. */
  tidy(idle: boolean): boolean
}

export class Session {
  readonly domain: Domain
  readonly attachment: Attachment
  readonly tidied = new Set<Tidied>()
  /** Pointers that this thread has open, by their anchors; however often, it is one owner. */
  readonly pointers = new Map<Offset, { readonly core: PointerCore; users: number }>()
  readonly #deferred: Deferred[] = []
  #first = 0
  #users = 0
  #closed = false
  /** A callback runs. */
  #running = false
  #own: ReaderCore | undefined
  #timer: NodeJS.Timeout | NodeJS.Immediate | undefined
  /** Looks since something was new. */
  #looks = 0
  #fullUntil = 0
  #failedUntil = 0
  #unwatch: () => void

  private constructor(attachment: Attachment) {
    this.attachment = attachment
    this.domain = attachment.run(() => Domain.join(attachment.thread, this.drafting))
    attachment.use()
    this.#unwatch = onThreadDeath(() => this.#sweepSoon(SWEEPS))
  }

  /** The session of an attachment; each use ends with `release`. */
  private static of(attachment: Attachment): Session {
    let session = sessions.get(attachment)
    if (session === undefined || session.#closed) {
      session = new Session(attachment)
      sessions.set(attachment, session)
    }
    session.#users++
    return session
  }

  /** Opens something of a heap; where that fails nothing of it is left. */
  static open<T>(memory: Memory, work: (session: Session) => T): T {
    return attached(memory, (attachment) => {
      const session = Session.of(attachment)
      // No user's callback: work is ours, and what it throws is passed on.
      try {
        return work(session)
      } catch (error) {
        session.release()
        throw error
      }
    })
  }

  release(): void {
    if (--this.#users > 0) return
    this.#unwatch()
    if (this.pendingDeferred === 0 && !this.#running) this.#end()
    else this.#arm()
  }

  readonly drafting = <T>(build: () => T): T => inDraft(this.attachment, build)

  /** Runs what follows shared links inside a section: the caller's, or one of this session's. */
  reading<T>(work: () => T): T {
    if (this.domain.tally.active > 0) return work()
    const own = (this.#own ??= this.domain.register('section', ''))
    own.lock()
    // No user's callback: but a stack may overflow, and the section must end.
    try {
      return work()
    } finally {
      own.unlock()
    }
  }

  /* ---- waiting ------------------------------------------------------------------------------ */

  /** Throws `ERR_IN_READ_SECTION` where waiting would wait for this thread itself. */
  expectOutside(what: string): void {
    if (this.domain.tally.inside === 0) return
    throw new RootswapError(
      'ERR_IN_READ_SECTION',
      `${what} inside a read section would wait for this section itself; do it after`,
    )
  }

  /** Takes steps until a grace period is over, or one has to be waited for. */
  step(cookie: number, patient: boolean): boolean {
    const { grace } = this.domain
    while (!grace.isOver(cookie)) if (!grace.advance(cookie, patient)) return grace.isOver(cookie)
    return true // bound: two grace periods, of two steps each, and the steps of others
  }

  async wait(cookie: number, signal: AbortSignal | undefined): Promise<void> {
    for (let look = 0; ; look++) {
      // First of all: what is asked for in one task shares a grace period.
      await pause(look, signal)
      for (const reader of this.domain.readers) reader.passIfOnline()
      if (this.step(cookie, false) || (this.#pass(look) && this.step(cookie, false))) return
    }
  }

  /** As `wait`, blocking; readers of flavor qsbr are offline meanwhile. */
  waitSync(cookie: number, timeoutMs: number): void {
    if (this.step(cookie, true)) return
    this.domain.expectOthers() // once is enough: nothing of this thread changes meanwhile
    const { grace } = this.domain
    const deadline = timeoutMs === Infinity ? Infinity : now() + timeoutMs
    for (let look = 0; !this.step(cookie, true); look++) {
      if (this.#pass(look)) continue
      if (deadline !== Infinity && now() >= deadline) throw this.#timedOut(timeoutMs)
      // Beyond some microseconds the reader is likely to need this thread's processor.
      if (look < SPINNING_LOOKS) continue
      this.attachment.endJob()
      grace.sleep(cookie, 1)
    }
  }

  /** Now and then: readers whose threads are gone count for nothing. */
  #pass(look: number): boolean {
    if (look % 16 !== 1) return false
    this.attachment.reapDead()
    return this.domain.grace.passOver()
  }

  /** Threads that hold up the open grace period, as far as this thread has looked. */
  holders(): { slot: number; label: string; flavor: string }[] {
    const { grace, table } = this.domain
    return grace.holders().map((entry: Offset) => {
      const { tag, label, flavor } = table.report(entry)
      return { slot: slotOfTag(tag), label, flavor: flavor === 2 ? 'qsbr' : 'section' }
    })
  }

  #timedOut(timeoutMs: number): RootswapError {
    const holders = this.holders()
    const who = holders.map(({ slot, label }) => (label === '' ? `slot ${slot}` : label))
    return new RootswapError(
      'ERR_TIMEOUT',
      `${holders.length} readers (${who.join(', ')}) did not let the grace period end ` +
        `within ${timeoutMs} ms`,
      { timeoutMs, holders },
    )
  }

  /* ---- callbacks ---------------------------------------------------------------------------- */

  get pendingDeferred(): number {
    return this.#deferred.length - this.#first
  }

  /** Throws `ERR_RECLAIM_STALLED` when readers have held up a million callbacks. */
  defer(run: () => void): void {
    if (this.pendingDeferred >= DEFERRED_MANY) this.#runInside()
    if (this.pendingDeferred >= DEFERRED_MAX) throw this.#tooMany()
    const cookie = this.domain.grace.next()
    this.#looks = 0
    this.#arm(true) // what is deepest comes first: where the stack ends nothing was deferred
    this.domain.noteDeferred()
    this.#deferred.push({ run, cookie })
  }

  /** Something was retired, or left to tidy: it is seen to when this thread is idle. */
  attend(): void {
    this.#looks = 0
    this.#arm()
  }

  #runInside(): void {
    const next = this.#deferred[this.#first] as Deferred
    this.step(next.cookie, false)
    if (this.domain.tally.inside === 0) this.#runRipe(RUN_INSIDE)
  }

  #runRipe(limit: number): void {
    const { grace } = this.domain
    for (let left = limit; left > 0 && this.pendingDeferred > 0; left--) {
      const { run, cookie } = this.#deferred[this.#first] as Deferred
      if (!grace.isOver(cookie)) break
      if (++this.#first > 1_000 && this.#first * 2 > this.#deferred.length) {
        this.#deferred.splice(0, this.#first)
        this.#first = 0
      }
      this.#running = true // it may close what is open: this session goes on until it is counted
      // The user's callback may throw: the others run all the same.
      try {
        run()
      } catch (error) {
        reportUncaught(error)
      } finally {
        this.#running = false
      }
      this.domain.noteRan()
    }
  }

  #tooMany(): RootswapError {
    return new RootswapError(
      'ERR_RECLAIM_STALLED',
      `${this.pendingDeferred} callbacks wait for readers that do not move on`,
      { deferred: this.pendingDeferred, holders: this.holders() },
    )
  }

  /* ---- tasks -------------------------------------------------------------------------------- */

  /** `defers`: a callback is about to wait. */
  #arm(defers = false): void {
    if (this.#closed) return
    // Callbacks keep the thread alive, as a promise does; memory that waits does not.
    const keeps = defers || this.pendingDeferred > 0
    if (this.#timer !== undefined) {
      if (keeps) this.#timer.ref()
      return
    }
    const run = (): void => this.#task()
    if (this.#looks < EAGER_LOOKS) this.#timer = setImmediate(run)
    else
      this.#timer = setTimeout(run, Math.min(1 + ((this.#looks - EAGER_LOOKS) >> 3), PAUSE_MS_MAX))
    if (!keeps) this.#timer.unref()
  }

  #task(): void {
    this.#timer = undefined
    if (this.#closed) return
    this.#looks++
    const next = this.#deferred[this.#first]
    if (next !== undefined) {
      if (!this.step(next.cookie, false)) this.#pass(this.#looks)
      this.#runRipe(RUN_PER_TASK)
    }
    let waiting = true
    // No user's callback: but whatever comes of it, what waits is seen to again.
    try {
      waiting = this.#collectIdle()
    } finally {
      if (this.pendingDeferred > 0 || waiting) this.#arm()
      else if (this.#users === 0) this.#end()
    }
  }

  #collectIdle(): boolean {
    const moment = now()
    if (moment < this.#failedUntil) return true
    this.#failedUntil = moment + FAILED_MS // should the next line throw
    const waiting = this.attachment.run(() => this.collect())
    this.#failedUntil = 0
    return waiting
  }

  /** Gives up what waits for grace periods that are over, and moves on to the next; whether some
   *  still wait. Waits for no other thread. Throws `ERR_HEAP_FULL` where this is not `idle`. */
  collect(idle = true): boolean {
    const waits = this.#tidy(idle)
    if (waits) this.step(this.domain.grace.next(), false)
    const cookie = this.domain.retired.collect(0)
    if (typeof cookie === 'number' && this.step(cookie, false)) this.domain.retired.collect(0)
    this.attachment.thread.reclaimer.attempt(SLICES)
    return waits || cookie !== undefined
  }

  #tidy(idle: boolean): boolean {
    const { retired } = this.domain
    retired.makesBags = !idle || now() >= this.#fullUntil
    let waits = false
    for (const each of this.tidied) {
      // No user's callback: but that the heap is full just now is no error of who is idle.
      try {
        if (each.tidy(idle)) waits = true
      } catch (error) {
        if (!idle || (error as RootswapError).code !== 'ERR_HEAP_FULL') throw error
        this.attachment.thread.settle()
        this.#fullUntil = now() + FULL_MS
        retired.makesBags = false
        waits = true
      }
    }
    return waits
  }

  /** Every callback deferred before, in any thread, has run; every block retired before is free. */
  async barrier(signal: AbortSignal | undefined): Promise<void> {
    const before = this.domain.deferrals()
    const cookie = this.domain.grace.next()
    await this.wait(cookie, signal)
    for (let look = 0; ; look++) {
      const left = before.filter(({ entry, tag, deferred }) => {
        return !this.domain.hasRun(entry, tag, deferred)
      })
      const waiting = this.attachment.run(() => this.collect(false))
      if (left.length === 0 && !waiting) break
      this.attachment.reapDead()
      await pause(look, signal)
    }
    this.sweep()
  }

  /* ---- the dead ----------------------------------------------------------------------------- */

  /** Callbacks that died with their threads are counted, and told of once. */
  sweep(): void {
    const lost = this.attachment.run(() => this.domain.sweep())
    if (lost > 0) leaks.publish({ what: 'deferred callbacks', count: lost })
  }

  #sweepSoon(left: number): void {
    if (left === 0 || this.#closed) return
    this.sweep()
    setTimeout(() => this.#sweepSoon(left - 1), SWEEP_MS).unref()
  }

  #end(): void {
    this.#closed = true
    sessions.delete(this.attachment)
    if (this.#timer !== undefined) clearTimeout(this.#timer as NodeJS.Timeout)
    if (this.attachment.isClosed) return
    this.domain.leave()
    this.attachment.release()
  }
}

async function pause(look: number, signal: AbortSignal | undefined): Promise<void> {
  if (look < EAGER_LOOKS) await immediate()
  else await sleep(Math.min(1 + ((look - EAGER_LOOKS) >> 3), PAUSE_MS_MAX))
  signal?.throwIfAborted()
}
