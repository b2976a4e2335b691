/**
 * A schedule: one execution, as one short line.
 *
 *     writer*12 reader*3 !writer reader
 *
 * Words are followed from left to right; each says who runs next and for how many **steps** (atomic
 * accesses and rests; plain accesses where the scenario made them steps).
 *
 *     name*n    runs for n steps, then makes way before its next one
 *     name      runs until it ends, blocks or rests
 *     !name     crashes where it stands: before its next step, or at its end
 *     ~name*n   its `wait` times out; it runs on for n steps
 *     ?name*n   its `wait` wakes up spuriously; it runs on for n steps
 *     +name     all others freeze for good; it runs to its end
 *
 * After the last word, and where a word is not possible, the running thread goes on as long as it
 * can, and then the first in the order of the scenario.
 */

import { rangeError } from '../errors.ts'

export const Action = { run: 0, crash: 1, timeout: 2, spurious: 3, solo: 4 } as const
export type Action = (typeof Action)[keyof typeof Action]

const signs = ['', '!', '~', '?', '+']

export interface Segment {
  action: Action
  thread: number
  /** `Infinity`: as far as it goes. */
  steps: number
}

export function formatSchedule(segments: readonly Segment[], names: readonly string[]): string {
  return segments
    .map(({ action, thread, steps }) => {
      const count = action === Action.crash || steps === Infinity ? '' : `*${steps}`
      return `${signs[action] ?? ''}${names[thread] ?? ''}${count}`
    })
    .join(' ')
}

export function parseSchedule(schedule: string, names: readonly string[]): Segment[] {
  const words = schedule.trim().split(/\s+/)
  return words
    .filter((word) => word !== '')
    .map((word) => {
      const match = /^([!~?+]?)([\w.-]+)(?:\*(\d+))?$/.exec(word)
      const thread = names.indexOf(match?.[2] ?? '')
      if (!match || thread < 0) {
        throw rangeError(
          `schedule: ${JSON.stringify(word)} is not of the form name*steps, !name, ~name*steps, ` +
            `?name*steps or +name with a thread of this scenario (${names.join(', ')})`,
        )
      }
      const steps = match[3] === undefined ? Infinity : Number(match[3])
      return { action: signs.indexOf(match[1] ?? '') as Action, thread, steps }
    })
}

/** An option of a decision, packed: an action and its thread. */
export function option(action: Action, thread: number): number {
  return (action << 8) | thread
}

export function actionOf(packed: number): Action {
  return (packed >> 8) as Action
}

export function threadOf(packed: number): number {
  return packed & 255
}

/** The options of one decision; the first is to go on as before. */
export class Options {
  readonly #packed = new Int32Array(256)
  count = 0

  clear(): void {
    this.count = 0
  }

  add(action: Action, thread: number): void {
    this.#packed[this.count++] = option(action, thread)
  }

  at(index: number): number {
    return this.#packed[index]!
  }

  find(action: Action, thread: number): number {
    return this.#packed.subarray(0, this.count).indexOf(option(action, thread))
  }
}

/** Who decides what runs next. */
export interface Strategy {
  /** Whether orders may be left out that are equivalent to one which is tried. */
  readonly reduces: boolean
  readonly preemptionsMax: number
  /** The index of an option; negative: the options are not those of the execution before. */
  choose(options: Options): number
  /** A thread has made a step. */
  stepped(thread: number): void
}

/** Follows a schedule. */
export class Directed implements Strategy {
  readonly reduces = false
  readonly preemptionsMax = Infinity
  readonly #segments: readonly Segment[]
  #at = -1
  #remaining = 0

  constructor(segments: readonly Segment[]) {
    this.#segments = segments
  }

  choose(options: Options): number {
    const current = this.#segments[this.#at]
    if (current !== undefined && this.#remaining > 0) {
      const same = options.find(Action.run, current.thread)
      if (same >= 0) return same
    }
    const next = this.#segments[this.#at + 1]
    if (next === undefined) return 0
    const index = options.find(next.action, next.thread)
    if (index < 0) return 0
    this.#at++
    this.#remaining = next.steps
    return index
  }

  stepped(thread: number): void {
    if (this.#segments[this.#at]?.thread === thread) this.#remaining--
  }
}
