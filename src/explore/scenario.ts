/**
 * What a person writes down to have code explored.
 *
 * Each thread is a plain synchronous function. It is started again from its beginning whenever it
 * is resumed, and its former accesses answer from a log; so it must construct what it keeps to
 * itself (caches, counters, draft objects) inside the function, and nothing in `shared` but the
 * words may change while threads run. Code that breaks this is reported as 'nondeterminism'.
 */

import type { Operation } from './linearizable.ts'

/** What a thread function gets besides the shared object. */
export interface Control {
  /** The thread's own name. */
  readonly name: string
  /** Waits until another thread has changed a word that was read, or none else can run. */
  rest(): void
  /** Whether a thread has crashed: what its exit event tells; orders after all that it did. */
  crashed(thread: string): boolean
  /** Records an operation for the linearizability checker; see `Ending.history`. */
  operation<R>(name: string, argument: unknown, run: () => R): R
}

export type ThreadFunction<S> = (shared: S, control: Control) => void

export interface ThreadOptions<S> {
  readonly run: ThreadFunction<S>
  /** `'writer crashed'` or `'writer ended'`: the thread may start only then (a reaper). */
  readonly after?: string | undefined
  /** `false`: this thread does not crash. Default true. */
  readonly crash?: boolean | undefined
  /** Overrides `Scenario.progress` for this thread; 0: not checked. */
  readonly progress?: number | undefined
}

/** How an execution came to its end, for `after`. */
export interface Ending {
  readonly crashed: readonly string[]
  /** What `control.operation` recorded; a crashed thread's last operation may be pending. */
  readonly history: readonly Operation[]
}

/** A word was written; for `watch`. */
export interface WriteEvent {
  readonly thread: string
  readonly memory: string
  readonly offset: number
  readonly before: number
  readonly after: number
  readonly atomic: boolean
}

export interface Scenario<S> {
  /** Builds what the threads share, in their main thread before any starts. */
  shared(): S
  /**
   * `'fresh'` (default): `shared()` is called for every execution. `'restore'`: it is called once
   * and the words that were written are put back; for large memories, when the object that
   * `shared()` returns keeps no state of its own.
   */
  readonly memory?: 'fresh' | 'restore' | undefined
  readonly threads: Readonly<Record<string, ThreadFunction<S> | ThreadOptions<S>>>
  /** An invariant: throws if it does not hold. Called after each step that changed a word. */
  always?(shared: S): void
  /** Called when all threads have ended or crashed. */
  after?(shared: S, ending: Ending): void
  /** Blocks of the shadow heap that may be alive at the end; given: every other one is a leak. */
  live?(shared: S): Iterable<number>
  /** Drives the shadow heap by observing words; must not change anything else. */
  watch?(shared: S, write: WriteEvent): void

  /** Preemptions explored exhaustively. Default 2. */
  readonly preemptions?: number | undefined
  /** Threads that may crash in one execution, at any step. Default 0. */
  readonly crashes?: number | undefined
  /** Time-outs that may fire in one execution while other threads could run. Default 1. */
  readonly timeouts?: number | undefined
  /** Spurious wake-ups in one execution. Default 0. */
  readonly spurious?: number | undefined
  /** How often a resting thread may go on although nothing has changed. Default 0. */
  readonly impatience?: number | undefined
  /** From any reached state each thread, alone, ends within this many steps. */
  readonly progress?: number | undefined
  /** An execution of more steps is a livelock. Default 5,000. */
  readonly stepsMax?: number | undefined

  /** The search stops, not exhausted, after so many seconds. */
  readonly seconds?: number | undefined
  /** The search stops, not exhausted, after so many executions. */
  readonly executions?: number | undefined
  /** Executions with random priorities after the exhaustive search. Default 0. */
  readonly random?: number | undefined
  /** Ordering constraints that a random execution aims at (PCT's depth). Default 3. */
  readonly depth?: number | undefined
  readonly seed?: number | undefined
  /** Replays one execution instead of searching. */
  readonly schedule?: string | undefined

  /** Words whose plain stores are steps: points to switch and to crash. */
  steps?(offset: number, memory: string): boolean
  /** The reason why a race on this word is permitted; its plain accesses become steps. */
  permittedRace?(offset: number, memory: string): string | false | undefined
  /** The word's name in traces. */
  nameOf?(offset: number, memory: string): string
}

export interface ExplorationResult {
  /** Executions that ran to their end. */
  readonly executions: number
  /** Executions cut short because an equivalent one is among `executions`. */
  readonly pruned: number
  /** Every execution with up to the wanted number of preemptions was covered. */
  readonly exhausted: boolean
  /** The largest number of preemptions covered exhaustively; -1: not even 0. */
  readonly preemptions: number
  /** No execution was left out for its number of preemptions: more would add nothing. */
  readonly complete: boolean
  /** Of `executions`, those with random priorities. */
  readonly random: number
  readonly steps: number
  readonly longest: number
  readonly crashes: number
  readonly seconds: number
}

/** The scenario with its defaults filled in. */
export interface Limits {
  readonly preemptions: number
  readonly crashes: number
  readonly timeouts: number
  readonly spurious: number
  readonly impatience: number
  readonly progress: number
  readonly stepsMax: number
}

export function limitsOf<S>(scenario: Scenario<S>): Limits {
  return {
    preemptions: scenario.preemptions ?? 2,
    crashes: scenario.crashes ?? 0,
    timeouts: scenario.timeouts ?? 1,
    spurious: scenario.spurious ?? 0,
    impatience: scenario.impatience ?? 0,
    progress: scenario.progress ?? 0,
    stepsMax: scenario.stepsMax ?? 5_000,
  }
}
