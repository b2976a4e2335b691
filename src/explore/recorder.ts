/**
 * What an execution leaves for people to read: the trace, and the recorded operations.
 *
 * An operation begins at the first access that its thread makes in it and ends with its last one:
 * local code before and after could have run at that very moment, so the tightest interval is a
 * real execution too, and the one that a checker can say most about.
 */

import type { TraceEvent } from './access.ts'
import type { Operation } from './linearizable.ts'

interface Recording {
  thread: string
  name: string
  argument: unknown
  result: unknown
  start: number
  end: number
}

export class Recorder {
  /** Undefined: no trace is wanted. */
  events: TraceEvent[] | undefined
  #operations: Recording[] = []
  #time = 0

  reset(tracing: boolean): void {
    this.events = tracing ? [] : undefined
    this.#operations = []
    this.#time = 0
  }

  get history(): Operation[] {
    return this.#operations.filter(({ start }) => start !== Infinity)
  }

  begin(thread: string, name: string, argument: unknown): number {
    const recording = { thread, name, argument, result: undefined, start: Infinity, end: Infinity }
    return this.#operations.push(recording) - 1
  }

  touch(operation: number): void {
    const recording = this.#operations[operation]!
    if (recording.start === Infinity) recording.start = ++this.#time
  }

  finish(operation: number, result: unknown): void {
    this.touch(operation)
    const recording = this.#operations[operation]!
    recording.result = result
    recording.end = ++this.#time
  }
}
