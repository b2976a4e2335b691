/**
 * `explore(scenario)`: runs the threads of a scenario in every order that matters.
 *
 * The shipped code reaches shared memory through a `Words` and its `m` only. Given the instrumented
 * `Words` of this folder, the explorer sees each access, decides after it which thread goes on, and
 * so runs the real code, in one real thread, through one interleaving after the other:
 *
 *     scenario.ts    what is explored, with which bounds
 *     words.ts       the instrumented memory; views.ts plain accesses, memories.ts its beginning
 *     thread.ts      how a function is left and entered again
 *     machine.ts     one execution; stepping.ts what is checked around each access
 *     scheduler.ts   who may run next, and what need not be tried; conflicts.ts why
 *     search.ts      all orders; random.ts some of them; schedule.ts a given one
 *     clocks.ts      races; shadow.ts blocks; linearizable.ts recordings
 *
 * Every `Atomics` operation is sequentially consistent, and plain accesses are required to be free
 * of races; so interleavings at atomic operations, plus the race detector, are all there is to
 * explore. The search goes through all executions without a preemption, then with one, with two,
 * ... It is exhaustive up to that bound or says that it is not. Then come random executions, if
 * wanted.
 *
 * **Limits.** What code reaches other than through the port (time, random numbers, promises, views
 * of its own) is not explored. A permitted race is explored as if it were sequentially consistent.
 * A resting thread goes on only when a word that it has read has changed (see scheduler.ts).
 */

import { withMachine } from './active.ts'
import { Access } from './access.ts'
import { ExplorationFailed, NotExhausted } from './failure.ts'
import type { Failure } from './failure.ts'
import { Machine } from './machine.ts'
import { minimise, trimmed } from './minimise.ts'
import { RandomNumbers, RandomPriorities } from './random.ts'
import type { Control, ExplorationResult, Scenario } from './scenario.ts'
import { Directed, formatSchedule, parseSchedule } from './schedule.ts'
import type { Segment, Strategy } from './schedule.ts'
import { DepthFirst } from './search.ts'
import type { LogicalThread } from './thread.ts'
import { formatTrace } from './trace.ts'

/** Throws `ExplorationFailed` with the smallest failing schedule it can find. */
export function explore<S>(scenario: Scenario<S>): ExplorationResult {
  const exploration = new Exploration(scenario as Scenario<unknown>)
  return withMachine(exploration.machine, () => exploration.run())
}

/** Throws unless the search was exhaustive up to its bound. */
export function expectExhausted(result: ExplorationResult): void {
  if (result.exhausted) return
  throw new NotExhausted(
    `not exhausted: ${result.executions} executions in ${result.seconds.toFixed(1)} s covered ` +
      `${result.preemptions < 0 ? 'no number of' : `up to ${result.preemptions}`} preemptions; ` +
      'allow more seconds or executions, or fewer preemptions',
  )
}

class Exploration {
  readonly machine: Machine
  readonly #scenario: Scenario<unknown>
  readonly #names: readonly string[]
  readonly #began = performance.now()
  readonly #deadline: number
  #executions = 0
  #pruned = 0
  #random = 0
  #steps = 0
  #longest = 0
  #crashes = 0
  #covered = -1
  #complete = false

  constructor(scenario: Scenario<unknown>) {
    this.machine = new Machine(scenario)
    this.#scenario = scenario
    this.#names = this.machine.threads.map((thread) => thread.name)
    this.#deadline = this.#began + (scenario.seconds ?? Infinity) * 1_000
    for (const thread of this.machine.threads) thread.control = controlOf(this.machine, thread)
  }

  run(): ExplorationResult {
    const { schedule, preemptions = 2, random = 0 } = this.#scenario
    if (schedule !== undefined) {
      this.#execute(new Directed(parseSchedule(schedule, this.#names)))
      return this.#result(false)
    }
    let exhausted = true
    for (let bound = 0; bound <= preemptions && exhausted && !this.#complete; bound++) {
      exhausted = this.#search(bound)
      if (exhausted) this.#covered = bound
    }
    const { seed = 1, depth = 3 } = this.#scenario
    const numbers = new RandomNumbers(seed)
    for (; this.#random < random && !this.#isLate(); this.#random++) {
      const { machine } = this
      const plan = { threads: this.#names.length, depth, longest: this.#longest }
      this.#execute(new RandomPriorities(numbers, { ...plan, crashes: machine.limits.crashes }))
    }
    return this.#result(exhausted)
  }

  /** All executions with up to `bound` preemptions; false when time or executions ran out. */
  #search(bound: number): boolean {
    const { scheduler } = this.machine
    let learnt = false
    do {
      // Repeated only when a conflict was learnt, of which there are finitely many.
      const strategy = new DepthFirst(bound)
      scheduler.boundHit = false
      do {
        if (this.#isSpent()) return false
        this.#execute(strategy)
      } while (strategy.advance())
      learnt = scheduler.conflicts.grown
    } while (scheduler.conflicts.adopt(bound))
    this.#complete = !scheduler.boundHit && !learnt
    return true
  }

  #isSpent(): boolean {
    return this.#executions >= (this.#scenario.executions ?? Infinity) || this.#isLate()
  }

  #execute(strategy: Strategy): void {
    const { machine } = this
    const outcome = machine.run(strategy)
    const { steps } = machine.scheduler
    this.#steps += steps
    this.#longest = Math.max(this.#longest, steps)
    this.#crashes += machine.scheduler.crashes
    if (outcome === 'pruned') this.#pruned++
    else this.#executions++
    if (machine.failure !== undefined) this.#report(machine.failure)
  }

  #report(failure: Failure): never {
    const { machine } = this
    const found = machine.scheduler.segments
    machine.run(new Directed(found))
    if (!alike(machine.failure, failure)) this.#tell(nondeterministic(failure, machine), found)
    const least = minimise(machine, found)
    machine.run(new Directed(least))
    const schedule = trimmed(machine, least)
    machine.run(new Directed(schedule), true)
    return this.#tell(machine.failure ?? nondeterministic(failure, machine), schedule)
  }

  #tell(failure: Failure, segments: readonly Segment[]): never {
    const { machine } = this
    const trace = formatTrace({
      events: machine.recorder.events ?? [],
      names: this.#names,
      slots: machine.slots,
      shown: failure.slots,
    })
    const schedule = formatSchedule(segments, this.#names)
    throw new ExplorationFailed({ failure, schedule, trace, executions: this.#executions })
  }

  /** Looking at the clock for each execution would cost more than a short one. */
  #isLate(): boolean {
    return (this.#executions & 15) === 0 && performance.now() > this.#deadline
  }

  #result(exhausted: boolean): ExplorationResult {
    return {
      executions: this.#executions,
      pruned: this.#pruned,
      exhausted,
      preemptions: this.#covered,
      complete: this.#complete,
      random: this.#random,
      steps: this.#steps,
      longest: this.#longest,
      crashes: this.#crashes,
      seconds: (performance.now() - this.#began) / 1_000,
    }
  }
}

function alike(left: Failure | undefined, right: Failure): boolean {
  return left?.kind === right.kind
}

function nondeterministic(failure: Failure, machine: Machine): Failure {
  const again = machine.failure
  return {
    kind: 'nondeterminism',
    reason:
      `an execution failed with ${failure.kind} (${failure.reason}); the same schedule again ` +
      `${again ? `fails with ${again.kind} (${again.reason})` : 'passes'}: the code depends on ` +
      'something other than the words',
    cause: failure.cause,
    slots: failure.slots,
  }
}

function controlOf(machine: Machine, thread: LogicalThread): Control {
  return {
    name: thread.name,
    rest: () => machine.rest(),
    crashed: (name) => machine.askCrashed(name),
    operation(name, argument, run) {
      const { recorder } = machine
      if (machine.once(Access.invoke)) {
        thread.operation = recorder.begin(thread.name, name, argument)
      }
      const result = run()
      if (machine.once(Access.respond)) {
        recorder.finish(thread.operation, result)
        thread.operation = -1
      }
      return result
    },
  }
}
