/**
 * Who may run next, and what need not be tried.
 *
 * A decision is made before each step of the running thread (go on, make way to another thread, a
 * *preemption*; crash) and, for free, whenever the running thread has ended, crashed, blocked or
 * begun to rest. A strategy picks from the options that are put together here.
 *
 * **What is left out.** Two executions in which only steps that commute change places are
 * equivalent (the same results, races and end). For the exhaustive search, and there only:
 *
 * 1. A thread makes way before an access only if another unfinished thread accesses that word in
 *    conflict, in any execution seen so far. Otherwise it might as well make way later: the access
 *    commutes with everything in between. When the executions have shown a conflict that was not
 *    known, the search of that number of preemptions is repeated, until the rule was applied with
 *    all conflicts which the executions contain.
 * 2. A thread that made way before an access x sleeps until another thread has made an access that
 *    conflicts with x. Resumed earlier, x could change places with all that happened in between,
 *    which gives an execution that makes way after x: with no more preemptions, and tried before,
 *    since going on is the first option. Of all equivalent executions within the bound the first in
 *    the order of the search is never left out; so the bound on preemptions stays exact.
 *
 * Words that `always` reads conflict with each other when written, since there the order of two
 * writes is visible. (Classical sleep sets, over threads that were not preempted, would be unsound
 * here: the equivalent execution may need one more preemption.)
 *
 * **A crash** is an option before the first plain store after a step and before each step that may
 * write: between two of these a thread leaves the same memory behind. At a thread's end it is one
 * only where another thread can tell.
 *
 * **A resting thread** is resumed when a word that it had read since its last rest but one has
 * changed, or when no other thread can run; the budgets `impatience`, `timeouts` and `spurious`
 * allow it to go on, a time-out to fire and a `wait` to wake up for no reason while others could
 * run.
 */

import { Access } from './access.ts'
import { Conflicts } from './conflicts.ts'
import type { Limits } from './scenario.ts'
import { Action, Options, actionOf, option, threadOf } from './schedule.ts'
import type { Segment, Strategy } from './schedule.ts'
import type { Slots } from './slots.ts'
import { Status } from './thread.ts'
import type { LogicalThread } from './thread.ts'

/** Results of `wait` in a log. */
export const WaitCode = { ok: 0, notEqual: 1, timedOut: 2 } as const

export type Outcome = 'ended' | 'pruned' | 'deadlock' | 'stuck' | 'diverged'

/** Sees decisions that are no accesses, for the trace. */
export type Told = (thread: LogicalThread, note: string) => void

export class Scheduler {
  readonly threads: readonly LogicalThread[]
  readonly limits: Limits
  readonly conflicts: Conflicts
  readonly #options = new Options()
  readonly #told: Told
  strategy!: Strategy

  /** Counts what changed shared words. */
  changes = 0
  /** The last option was left out for the number of preemptions only. */
  boundHit = false
  crashes = 0
  segments: Segment[] = []
  /** The only thread that still runs, or undefined. */
  solo: LogicalThread | undefined
  soloFrom = 0
  steps = 0
  crashQueries = 0

  #preemptions = 0
  #timeouts = 0
  #spurious = 0
  #impatience = 0
  #forced = false
  #diverged = false
  #soloCheckedAt = 0
  #next: LogicalThread | undefined

  constructor(threads: readonly LogicalThread[], limits: Limits, slots: Slots, told: Told) {
    this.threads = threads
    this.limits = limits
    this.conflicts = new Conflicts(threads, slots)
    this.#told = told
  }

  reset(strategy: Strategy): void {
    this.strategy = strategy
    this.changes = 0
    this.crashes = 0
    this.segments = []
    this.solo = undefined
    this.steps = 0
    this.crashQueries = 0
    this.#preemptions = 0
    this.#timeouts = 0
    this.#spurious = 0
    this.#impatience = 0
    this.conflicts.sleepers = 0
    this.#diverged = false
    this.#soloCheckedAt = 0
    this.#next = undefined
    for (const thread of this.threads) thread.reset()
  }

  /** The thread to be resumed, or how the execution has ended. */
  take(): LogicalThread | Outcome {
    for (;;) {
      // Each round crashes a thread or leaves the loop.
      if (this.#diverged) return 'diverged'
      const chosen = this.#next
      if (chosen !== undefined) {
        this.#next = undefined
        return chosen
      }
      const outcome = this.#choose()
      if (outcome !== undefined) return outcome
    }
  }

  /** Before a step of the running thread: whether it goes on. */
  atPoint(thread: LogicalThread): boolean {
    const arrived = !thread.granted
    thread.granted = false
    if (this.solo !== undefined) return true
    const options = this.#options
    options.clear()
    options.add(Action.run, thread.index)
    if (thread.writes && !thread.crashOffered && this.#mayCrash(thread)) {
      options.add(Action.crash, thread.index)
    }
    thread.crashOffered = false
    if (arrived) {
      if (this.#mayMakeWay(thread)) this.#addRunnable(thread)
      this.#addSolos()
    }
    if (options.count === 1 && this.strategy.reduces) return true
    const chosen = this.#pick()
    if (chosen === option(Action.run, thread.index)) return true
    this.#leave(thread, chosen)
    return false
  }

  /** The running thread has come to its end; it may still count as crashed. */
  atEnd(thread: LogicalThread): void {
    thread.status = Status.ended
    if (this.solo !== undefined || !this.#mayCrash(thread)) return
    const tells =
      this.conflicts.knownAsked ||
      !this.strategy.reduces ||
      this.threads.some((other) => other.waitsForCrash && other.waitsFor === thread.index)
    if (!tells) return
    this.#options.clear()
    this.#options.add(Action.run, thread.index)
    this.#options.add(Action.crash, thread.index)
    const chosen = this.#pick()
    if (actionOf(chosen) === Action.crash) this.#apply(chosen)
  }

  /** A step was made: it counts, and may wake threads that sleep. */
  stepped(thread: LogicalThread, wrote: boolean): void {
    this.steps++
    const segment = this.segments[this.segments.length - 1]
    if (segment !== undefined) segment.steps++
    this.strategy.stepped(thread.index)
    if (thread.slot === 0) return
    this.conflicts.learn(thread)
    this.conflicts.wake(thread.slot, wrote)
    if (thread.kind !== Access.store) this.conflicts.read(thread)
  }

  /** A word has got a new value. */
  changed(slot: number): void {
    this.changes++
    this.conflicts.changed(slot)
  }

  /** A thread asks whether another has crashed. */
  askedCrashed(): void {
    this.crashQueries++
    this.conflicts.asked = true
  }

  /** Wakes all that wait on the word; the machine orders them. */
  notified(slot: number): LogicalThread[] {
    const woken = this.threads.filter(
      (thread) => thread.status === Status.blocked && thread.slot === slot,
    )
    for (const thread of woken) this.#endWait(thread, WaitCode.ok)
    return woken
  }

  #choose(): Outcome | undefined {
    const options = this.#options
    options.clear()
    this.#forced = false
    if (this.solo !== undefined) this.#addForced(this.solo)
    else {
      this.#addRunnable(undefined)
      if (options.count === 0 && this.conflicts.sleepers > 0) return 'pruned'
      if (options.count === 0) {
        this.#forced = true
        for (const thread of this.threads) this.#addForced(thread)
      }
    }
    if (options.count === 0) return this.#outcome()
    this.#apply(this.#pick())
    return undefined
  }

  #outcome(): Outcome {
    if (this.solo !== undefined) return this.solo.done ? 'ended' : 'stuck'
    const blocked = this.threads.some((thread) => thread.status === Status.blocked)
    return blocked ? 'deadlock' : 'ended'
  }

  /** What can run with no change to wait for: only when nothing else can. */
  #addForced(thread: LogicalThread): void {
    const { status, index } = thread
    if (status === Status.blocked) {
      if (thread.timeoutMs !== Infinity) this.#options.add(Action.timeout, index)
    } else if (status === Status.ready) {
      if (this.#mayStart(thread) || this.solo !== undefined) this.#options.add(Action.run, index)
    } else if (!thread.done) this.#options.add(Action.run, index)
  }

  #addRunnable(except: LogicalThread | undefined): void {
    const options = this.#options
    for (const thread of this.threads) {
      if (thread === except) continue
      const { index } = thread
      switch (thread.status) {
        case Status.ready:
          if (this.#mayStart(thread)) options.add(Action.run, index)
          break
        case Status.preempted:
          if (!thread.asleep) options.add(Action.run, index)
          if (thread.crashQueries !== this.crashQueries && this.#mayCrash(thread)) {
            options.add(Action.crash, index)
          }
          break
        case Status.woken:
          options.add(Action.run, index)
          break
        case Status.resting:
          if (thread.stirred || this.#impatience < this.limits.impatience) {
            options.add(Action.run, index)
          }
          break
        case Status.blocked:
          this.#addWakeUps(thread)
          break
        default:
      }
    }
  }

  #addWakeUps(thread: LogicalThread): void {
    const { timeouts, spurious } = this.limits
    if (thread.timeoutMs !== Infinity && this.#timeouts < timeouts) {
      this.#options.add(Action.timeout, thread.index)
    }
    if (this.#spurious < spurious) this.#options.add(Action.spurious, thread.index)
  }

  /** Progress: from here each thread that promises it must reach its end alone. */
  #addSolos(): void {
    if (this.#soloCheckedAt === this.changes) return
    this.#soloCheckedAt = this.changes
    for (const thread of this.threads) {
      const able = thread.status !== Status.ready || this.#mayStart(thread)
      if (thread.progress > 0 && !thread.done && able) {
        this.#options.add(Action.solo, thread.index)
      }
    }
  }

  #mayStart(thread: LogicalThread): boolean {
    if (thread.waitsFor < 0) return true
    const { status } = this.threads[thread.waitsFor]!
    return status === (thread.waitsForCrash ? Status.crashed : Status.ended)
  }

  #mayCrash(thread: LogicalThread): boolean {
    return thread.mayCrash && this.crashes < this.limits.crashes
  }

  #mayMakeWay(thread: LogicalThread): boolean {
    if (this.strategy.reduces && !this.#isContended(thread)) return false
    if (this.#preemptions < this.strategy.preemptionsMax) return true
    this.boundHit = true
    return false
  }

  #isContended(thread: LogicalThread): boolean {
    if (thread.kind === Access.crashed) return this.crashes < this.limits.crashes
    return this.conflicts.isContended(thread)
  }

  #pick(): number {
    const index = this.strategy.choose(this.#options)
    if (index >= 0) return this.#options.at(index)
    this.#diverged = true
    return -1
  }

  /** The running thread makes way, or crashes. */
  #leave(thread: LogicalThread, chosen: number): void {
    if (actionOf(chosen) !== Action.crash || threadOf(chosen) !== thread.index) {
      this.#preemptions++
      thread.status = Status.preempted
      thread.crashOffered = true
      thread.crashQueries = this.crashQueries
      if (this.strategy.reduces && thread.kind !== Access.pause) {
        this.conflicts.sleep(thread)
      }
    }
    this.#apply(chosen)
  }

  #apply(chosen: number): void {
    if (chosen < 0) return
    const action = actionOf(chosen)
    const thread = this.threads[threadOf(chosen)]!
    this.#record(action, thread)
    if (action === Action.crash) {
      this.#crash(thread)
      return
    }
    if (thread.status === Status.resting) {
      const idle = !thread.stirred && !this.#forced && !this.solo
      if (idle) this.#impatience++
    }
    if (action === Action.timeout) {
      if (!this.#forced && !this.solo) this.#timeouts++
      this.conflicts.wake(thread.slot, true)
      this.#endWait(thread, WaitCode.timedOut)
      this.#told(thread, 'time-out')
    } else if (action === Action.spurious) {
      this.#spurious++
      this.#endWait(thread, WaitCode.ok)
      this.#told(thread, 'wakes up spuriously')
    } else if (action === Action.solo) {
      this.solo = thread
      this.soloFrom = this.steps
      this.#told(thread, 'all others freeze')
      if (thread.status === Status.blocked) return
    }
    this.conflicts.rouse(thread)
    this.#next = thread
  }

  #endWait(thread: LogicalThread, code: number): void {
    thread.status = Status.woken
    thread.amend(code)
  }

  #crash(thread: LogicalThread): void {
    thread.status = Status.crashed
    this.crashes++
    this.conflicts.rouse(thread)
    this.#told(thread, 'crashes')
    this.conflicts.wakeAskers()
  }

  #record(action: Action, thread: LogicalThread): void {
    const last = this.segments[this.segments.length - 1]
    if (action === Action.run && last?.thread === thread.index && last.action !== Action.crash) {
      return
    }
    this.segments.push({ action, thread: thread.index, steps: 0 })
  }
}
