/**
 * Runs executions: performs each access of the running thread on real memory, or answers it from
 * the thread's log.
 *
 * An access is live when the log has no entry for it. Then the scheduler may decide that the thread
 * makes way (the signal is thrown; memory is untouched); else the access is performed, logged,
 * checked for races and against the shadow heap, and the invariants are evaluated. After the signal
 * was thrown every further access throws it again until the thread function is left, so code that
 * catches it (`catch`, `finally`) cannot go on.
 *
 * Outside of thread functions (in `shared`, `always`, `after`) accesses are raw.
 */

import { Access } from './access.ts'
import { ordered } from './clocks.ts'
import { describe } from './failure.ts'
import { WaitCode } from './scheduler.ts'
import type { Outcome } from './scheduler.ts'
import type { Strategy } from './schedule.ts'
import { Flag } from './slots.ts'
import type { Region } from './slots.ts'
import { Stepping } from './stepping.ts'
import { Status, signal } from './thread.ts'
import type { LogicalThread } from './thread.ts'
import type { View } from './views.ts'

export class Machine extends Stepping {
  /** Runs one execution to its end or its failure. */
  run(strategy: Strategy, tracing = false): Outcome | 'failed' {
    this.#begin(strategy, tracing)
    while (this.failure === undefined) {
      // Each round resumes a thread that makes a step, ends or crashes; stepsMax bounds it.
      const next = this.scheduler.take()
      if (typeof next === 'string') return this.#conclude(next)
      this.#resume(next)
    }
    return 'failed'
  }

  load(region: Region, at: number): number {
    const slot = this.enter(region, at)
    const thread = this.current
    if (thread.position < thread.length) return this.replay(thread, Access.load, slot)
    this.point(thread, Access.load, slot, false)
    const value = region.m[at]!
    this.before = this.after = value
    this.append(thread, Access.load, slot, value)
    this.check(thread, slot, false, this.clocks.atomicRead(thread.index, slot))
    this.finish(thread, false)
    return value
  }

  store(region: Region, at: number, value: number): void {
    const slot = this.enter(region, at)
    const thread = this.current
    if (thread.position < thread.length) {
      this.replay(thread, Access.store, slot)
      return
    }
    this.point(thread, Access.store, slot, true)
    this.append(thread, Access.store, slot, 0)
    this.check(thread, slot, true, this.clocks.atomicWrite(thread.index, slot))
    this.#change(region, at, value)
    this.finish(thread, true)
  }

  add(region: Region, at: number, value: number): number {
    const slot = this.enter(region, at)
    const thread = this.current
    if (thread.position < thread.length) return this.replay(thread, Access.add, slot)
    this.point(thread, Access.add, slot, true)
    const before = region.m[at]!
    this.append(thread, Access.add, slot, before)
    this.check(thread, slot, true, this.clocks.atomicReadWrite(thread.index, slot))
    this.#change(region, at, before + value)
    this.finish(thread, true)
    return before
  }

  compareExchange(region: Region, at: number, expected: number, value: number): number {
    const slot = this.enter(region, at)
    const thread = this.current
    if (thread.position < thread.length) return this.replay(thread, Access.compareExchange, slot)
    this.point(thread, Access.compareExchange, slot, true)
    const before = region.m[at]!
    const writes = before === (expected | 0)
    this.append(thread, Access.compareExchange, slot, before)
    const { clocks } = this
    const { index } = thread
    const other = writes ? clocks.atomicReadWrite(index, slot) : clocks.atomicRead(index, slot)
    this.check(thread, slot, writes, other)
    this.before = this.after = before
    if (writes) this.#change(region, at, value)
    this.finish(thread, writes)
    return before
  }

  /** Returns a `WaitCode`. */
  wait(region: Region, at: number, value: number, timeoutMs: number): number {
    const slot = this.enter(region, at)
    const thread = this.current
    if (thread.position < thread.length) return this.replay(thread, Access.wait, slot)
    this.point(thread, Access.wait, slot, true)
    const found = region.m[at]!
    this.before = this.after = found
    const equal = found === (value | 0)
    const blocks = equal && !(timeoutMs <= 0)
    const code = equal ? WaitCode.timedOut : WaitCode.notEqual
    this.append(thread, Access.wait, slot, code)
    this.check(thread, slot, false, this.clocks.atomicRead(thread.index, slot))
    this.finish(thread, blocks && timeoutMs !== Infinity)
    if (!blocks) return code
    thread.timeoutMs = timeoutMs
    thread.status = Status.blocked
    return this.unwind()
  }

  notify(region: Region, at: number): number {
    const slot = this.enter(region, at)
    const thread = this.current
    if (thread.position < thread.length) return this.replay(thread, Access.notify, slot)
    this.point(thread, Access.notify, slot, true)
    const woken = this.scheduler.notified(slot)
    for (const other of woken) this.clocks.join(other.index, thread.index)
    this.before = this.after = woken.length
    this.append(thread, Access.notify, slot, woken.length)
    this.finish(thread, true)
    return woken.length
  }

  /** The thread waits for others. */
  rest(): void {
    if (this.unwinding) throw signal
    const thread = this.current
    if (thread.position < thread.length) {
      this.replay(thread, Access.pause, 0)
      return
    }
    this.limit(thread)
    thread.kind = Access.pause
    thread.slot = 0
    this.append(thread, Access.pause, 0, 0)
    this.finish(thread, false)
    this.putToRest(thread)
  }

  askCrashed(name: string): boolean {
    if (this.unwinding) throw signal
    const thread = this.current
    if (thread.position < thread.length) return this.replay(thread, Access.crashed, 0) === 1
    this.point(thread, Access.crashed, 0, false)
    const other = this.threads.find((candidate) => candidate.name === name)
    const crashed = other?.status === Status.crashed
    if (other && crashed) this.clocks.join(thread.index, other.index)
    this.scheduler.askedCrashed()
    this.before = this.after = Number(crashed)
    this.append(thread, Access.crashed, 0, Number(crashed))
    this.finish(thread, false)
    return crashed
  }

  /** For what is no access and must be done once: whether this is the first time. */
  once(kind: Access): boolean {
    if (this.unwinding) throw signal
    const thread = this.current
    if (thread.position < thread.length) {
      this.replay(thread, kind, 0)
      return false
    }
    this.append(thread, kind, 0, 0)
    return true
  }

  override readElement(view: View, index: number): number {
    if (this.raw) return this.memories.rawRead(view, index)
    const at = view.wordOf(index)
    const slot = this.enter(view.region, at)
    const thread = this.current
    if (thread.position < thread.length) return this.replay(thread, Access.plainRead, slot)
    const permitted = (this.slots.flags[slot]! & Flag.permitted) !== 0
    if (permitted) this.point(thread, Access.plainRead, slot, false)
    const value = view.array[index]!
    this.before = this.after = value
    this.append(thread, Access.plainRead, slot, value)
    if (permitted) this.finish(thread, false)
    else this.#plainly(thread, view, at, false)
    return value
  }

  override writeElement(view: View, index: number, value: number): void {
    if (this.raw) {
      this.memories.rawWrite(view, index, value)
      return
    }
    const at = view.wordOf(index)
    const slot = this.enter(view.region, at)
    const thread = this.current
    if (thread.position < thread.length) {
      this.replay(thread, Access.plainWrite, slot)
      return
    }
    const flags = this.slots.flags[slot]!
    const step = flags !== 0 || (this.limits.crashes > 0 && !thread.dirty)
    if (step) this.point(thread, Access.plainWrite, slot, true)
    this.before = view.array[index]!
    if (view.array.BYTES_PER_ELEMENT === 8) this.enter(view.region, at + 1)
    view.array[index] = value
    this.after = view.array[index]!
    this.append(thread, Access.plainWrite, slot, 0)
    if ((flags & Flag.permitted) === 0) this.#plainly(thread, view, at, true)
    this.changed(thread, slot, false)
    if (step) this.finish(thread, true)
    thread.dirty = true
  }

  /** The words count as written by the running thread: a block is freed, or handed out. */
  touchBlock(region: Region, offset: number, words: number): void {
    const { index, name } = this.current
    for (let at = offset; at < offset + words; at++) {
      const slot = region.slotOf[at] || this.slots.claim(region, at)
      const other = this.clocks.plainWrite(index, slot)
      if (other === ordered) continue
      const reason =
        `${name} frees or is given word ${this.slots.name(slot)}, and nothing orders that after ` +
        `an access by ${this.threads[other]!.name}`
      this.report('use-after-free', reason, [slot])
    }
  }

  #begin(strategy: Strategy, tracing: boolean): void {
    this.failure = undefined
    this.unwinding = false
    this.raw = true
    this.changesSeen = 0
    this.recorder.reset(tracing)
    this.scheduler.reset(strategy)
    this.memories.begin()
    if (this.memories.wantsShared) {
      this.guarded(() => {
        this.shared = this.scenario.shared()
      })
    }
    this.memories.started()
    this.clocks.reset(this.slots.count)
    this.spins.reset(this.slots.count)
  }

  /** Runs a thread from its beginning: through its log, then live until it has to stop. */
  #resume(thread: LogicalThread): void {
    if (thread.status === Status.ready && thread.waitsFor >= 0) {
      this.clocks.join(thread.index, thread.waitsFor)
    }
    this.current = thread
    thread.status = Status.running
    thread.position = 0
    thread.granted = true
    this.unwinding = false
    this.raw = false
    try {
      thread.run(this.shared, thread.control!)
    } catch (cause) {
      if (!this.unwinding) {
        this.failure ??= { kind: 'assertion', reason: describe(cause), cause, slots: [] }
      }
    }
    this.raw = true
    if (this.unwinding || this.failure !== undefined) return
    if (thread.position < thread.length) {
      const reason = `${thread.name}, run again with the same results, ends earlier than before`
      this.report('nondeterminism', reason)
      return
    }
    this.scheduler.atEnd(thread)
  }

  #conclude(outcome: Outcome): Outcome | 'failed' {
    const { scheduler } = this
    const { solo } = scheduler
    const waiting = this.threads
      .filter((thread) => thread.status === Status.blocked)
      .map((thread) => `${thread.name} waits on ${this.slots.name(thread.slot)}`)
      .join(', ')
    if (outcome === 'diverged') {
      this.report('nondeterminism', 'the same decisions did not lead to the same options')
    } else if (outcome === 'deadlock') this.report('deadlock', `nobody can run: ${waiting}`)
    else if (outcome === 'stuck') {
      this.report('livelock', `${solo?.name ?? ''}, alone, cannot go on: ${waiting}`)
    } else if (outcome === 'ended' && solo === undefined) this.#checkEnd()
    return this.failure === undefined ? outcome : 'failed'
  }

  #checkEnd(): void {
    const { after, live } = this.scenario
    if (after !== undefined) {
      const crashed = this.threads.filter((thread) => thread.status === Status.crashed)
      const ending = {
        crashed: crashed.map((thread) => thread.name),
        history: this.recorder.history,
      }
      this.guarded(() => this.scenario.after?.(this.shared, ending))
    }
    if (live === undefined || this.failure !== undefined) return
    this.guarded(() => {
      const alive = new Set(this.scenario.live?.(this.shared))
      const leaked = this.memories.list.flatMap(({ shadow }) => shadow.leaked(alive))
      if (leaked.length > 0) this.report('leak', `nobody frees ${leaked.join(', ')}`)
    })
  }

  #change(region: Region, at: number, value: number): void {
    this.before = region.m[at]!
    region.m[at] = value
    this.after = region.m[at]!
    this.changed(this.current, this.current.slot, true)
  }

  #plainly(thread: LogicalThread, view: View, at: number, writes: boolean): void {
    const last = view.array.BYTES_PER_ELEMENT === 8 ? at + 1 : at
    for (let word = at; word <= last; word++) {
      const slot = this.enter(view.region, word)
      const { clocks } = this
      const { index } = thread
      const other = writes ? clocks.plainWrite(index, slot) : clocks.plainRead(index, slot)
      this.check(thread, slot, writes, other)
      if (thread.operation >= 0) this.recorder.touch(thread.operation)
      if (this.recorder.events !== undefined) this.tracePlain(thread, slot, writes)
    }
  }
}
