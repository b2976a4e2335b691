/**
 * How a found fault is reported: one error that carries everything needed to see it again. Its
 * message ends with the call that replays it; the schedule is the smallest that was found.
 */

export type FailureKind =
  | 'assertion'
  | 'race'
  | 'deadlock'
  | 'livelock'
  | 'use-after-free'
  | 'double-free'
  | 'leak'
  | 'nondeterminism'

/** What went wrong in one execution, before it is minimised and told. */
export interface Failure {
  readonly kind: FailureKind
  readonly reason: string
  readonly cause: unknown
  /** Slots of the words that the fault is about: their plain accesses are shown in the trace. */
  readonly slots: readonly number[]
}

export interface FailureReport {
  readonly failure: Failure
  readonly schedule: string
  readonly trace: string
  readonly executions: number
}

export class ExplorationFailed extends Error {
  readonly kind: FailureKind
  /** One line without the trace. */
  readonly reason: string
  /** Replays the fault: `explore({ ...scenario, schedule })`. */
  readonly schedule: string
  /** One column per thread, one row per access. */
  readonly trace: string
  /** Executions that were run until the fault was found. */
  readonly executions: number

  constructor(report: FailureReport) {
    const { failure, schedule, trace, executions } = report
    super(
      `${failure.kind}: ${failure.reason}\n` +
        `found in execution ${executions}\n\n${trace}\n\n` +
        `replay: explore({ ...scenario, schedule: ${JSON.stringify(schedule)} })`,
      { cause: failure.cause },
    )
    this.name = 'ExplorationFailed'
    this.kind = failure.kind
    this.reason = failure.reason
    this.schedule = schedule
    this.trace = trace
    this.executions = executions
  }
}

/** An exploration that ended before it had tried everything was read as a pass. */
export class NotExhausted extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'NotExhausted'
  }
}

/** What is thrown and caught by a failed execution: the words of an error, or the value itself. */
export function describe(cause: unknown): string {
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
}
