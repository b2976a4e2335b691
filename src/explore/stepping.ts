/**
 * What surrounds every access of a running thread: the replay from the log, the decision before a
 * step, and the checks after it. `Machine` adds the accesses themselves.
 */

import { Access, accessName } from './access.ts'
import { Clocks, ordered } from './clocks.ts'
import { describe } from './failure.ts'
import type { Failure, FailureKind } from './failure.ts'
import { Memories } from './memories.ts'
import { Recorder } from './recorder.ts'
import { limitsOf } from './scenario.ts'
import type { Limits, Scenario } from './scenario.ts'
import { Scheduler } from './scheduler.ts'
import { Shade, Slots } from './slots.ts'
import type { Region } from './slots.ts'
import { Spins } from './spins.ts'
import { Status, signal, threadsOf } from './thread.ts'
import type { LogicalThread } from './thread.ts'
import type { ElementAccess, View } from './views.ts'

export abstract class Stepping implements ElementAccess {
  readonly scenario: Scenario<unknown>
  readonly limits: Limits
  readonly threads: readonly LogicalThread[]
  readonly slots: Slots
  readonly clocks: Clocks
  readonly scheduler: Scheduler
  readonly recorder = new Recorder()
  readonly memories: Memories
  protected readonly spins: Spins

  shared: unknown
  current!: LogicalThread
  failure: Failure | undefined
  /** Accesses belong to no thread. */
  raw = true
  unwinding = false
  /** The word's value before and after the access in progress. */
  protected before = 0
  protected after = 0
  protected changesSeen = 0

  constructor(scenario: Scenario<unknown>) {
    this.scenario = scenario
    this.limits = limitsOf(scenario)
    this.threads = threadsOf(scenario)
    this.slots = new Slots(this.threads.length, scenario)
    this.clocks = new Clocks(this.threads.length)
    this.spins = new Spins(this.threads.length)
    this.memories = new Memories(this, this.slots, scenario.memory === 'restore')
    this.scheduler = new Scheduler(this.threads, this.limits, this.slots, (thread, note) => {
      this.trace(thread, note)
    })
    this.memories.observe = (slot) => this.scheduler.conflicts.observe(slot)
  }

  abstract readElement(view: View, index: number): number
  abstract writeElement(view: View, index: number, value: number): void

  /** Ends the execution with a failure and leaves the thread function. */
  fail(kind: FailureKind, reason: string, slots: readonly number[] = []): never {
    this.report(kind, reason, slots)
    this.unwind()
  }

  /** Notes the first failure of the execution. */
  report(kind: FailureKind, reason: string, slots: readonly number[] = []): void {
    this.failure ??= { kind, reason, cause: undefined, slots }
  }

  /** Runs a function of the scenario over raw memory; what it throws is a failed assertion. */
  guarded(run: () => void): void {
    this.raw = true
    try {
      run()
    } catch (cause) {
      this.failure ??= { kind: 'assertion', reason: describe(cause), cause, slots: [] }
    }
  }

  protected enter(region: Region, at: number): number {
    if (this.unwinding) throw signal
    return region.slotOf[at] || this.slots.claim(region, at)
  }

  /** Leaves the running thread function. */
  unwind(): never {
    this.unwinding = true
    throw signal
  }

  protected replay(thread: LogicalThread, kind: Access, slot: number): number {
    if (thread.code !== ((slot << 4) | kind)) {
      const was = accessName((thread.code & 15) as Access)
      this.fail(
        'nondeterminism',
        `${thread.name}, run again with the same results, does ${accessName(kind)} ` +
          `${this.slots.name(slot)} where it did ${was} ${this.slots.name(thread.code >> 4)}`,
      )
    }
    const { result } = thread
    thread.position++
    return result
  }

  protected append(thread: LogicalThread, kind: Access, slot: number, result: number): void {
    thread.append((slot << 4) | kind, result)
  }

  /** Before a step: returns if the thread goes on. */
  protected point(thread: LogicalThread, kind: Access, slot: number, writes: boolean): void {
    if (thread.spinning && !thread.granted) this.putToRest(thread)
    this.limit(thread)
    thread.kind = kind
    thread.slot = slot
    thread.writes = writes
    if (!this.scheduler.atPoint(thread)) this.unwind()
  }

  /** An execution, or a thread that runs alone, has an end. */
  protected limit(thread: LogicalThread): void {
    const { scheduler } = this
    if (scheduler.steps >= this.limits.stepsMax) {
      this.fail('livelock', `the execution goes on after ${scheduler.steps} steps`)
    }
    if (scheduler.solo !== undefined && scheduler.steps - scheduler.soloFrom >= thread.progress) {
      this.fail(
        'livelock',
        `${thread.name}, alone, does not reach its end within ${thread.progress} steps`,
      )
    }
  }

  protected putToRest(thread: LogicalThread): never {
    thread.spinning = false
    thread.status = Status.resting
    this.scheduler.conflicts.rests(thread)
    this.unwind()
  }

  /** Checks an access just made against the shadow heap and for races. */
  protected check(thread: LogicalThread, slot: number, writes: boolean, other: number): void {
    if (this.memories.shadowed) {
      const shade = this.slots.regionOf[slot]!.shade[this.slots.offsetOf[slot]!]
      if (shade === Shade.freed) this.#misuse('use-after-free', 'accesses freed word', slot)
      if (shade === Shade.published && writes) {
        this.#misuse('assertion', 'writes to published word', slot)
      }
    }
    if (other === ordered) return
    this.fail(
      'race',
      `${thread.name} and ${this.threads[other]!.name} access ${this.slots.name(slot)}, ` +
        'one plainly and one writing, and nothing orders the two',
      [slot],
    )
  }

  /** After a step. */
  protected finish(thread: LogicalThread, wrote: boolean): void {
    const { scheduler } = this
    scheduler.stepped(thread, wrote)
    thread.dirty = false
    if (thread.operation >= 0) this.recorder.touch(thread.operation)
    if (this.recorder.events !== undefined) this.trace(thread, '')
    if (scheduler.changes === this.changesSeen) {
      if (thread.slot !== 0 && this.spins.read(thread.index, thread.slot, scheduler.changes)) {
        thread.spinning = true
      }
      return
    }
    this.changesSeen = scheduler.changes
    const { always } = this.scenario
    if (always === undefined) return
    this.memories.observing = true
    this.guarded(() => this.scenario.always?.(this.shared))
    this.memories.observing = false
    this.raw = false
    if (this.failure !== undefined) this.unwind()
  }

  /** A word has got a new value. */
  protected changed(thread: LogicalThread, slot: number, atomic: boolean): void {
    if (this.before !== this.after) this.scheduler.changed(slot)
    if (this.scenario.watch === undefined) return
    const event = {
      thread: thread.name,
      memory: this.slots.regionOf[slot]!.name,
      offset: this.slots.offsetOf[slot]!,
      before: this.before,
      after: this.after,
      atomic,
    }
    this.guarded(() => this.scenario.watch?.(this.shared, event))
    this.raw = false
    if (this.failure !== undefined) this.unwind()
  }

  protected trace(thread: LogicalThread, note: string): void {
    this.recorder.events?.push({
      step: this.scheduler.steps,
      thread: thread.index,
      kind: thread.kind,
      slot: thread.slot,
      before: this.before,
      after: this.after,
      note,
    })
  }

  protected tracePlain(thread: LogicalThread, slot: number, writes: boolean): void {
    this.recorder.events?.push({
      step: this.scheduler.steps,
      thread: thread.index,
      kind: writes ? Access.plainWrite : Access.plainRead,
      slot,
      before: this.before,
      after: this.after,
      note: '',
    })
  }

  #misuse(kind: FailureKind, what: string, slot: number): never {
    this.fail(kind, `${this.current.name} ${what} ${this.slots.name(slot)}`, [slot])
  }
}
