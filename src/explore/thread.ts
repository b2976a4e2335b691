/**
 * A logical thread: its function, its log, and where it stands.
 *
 * JavaScript cannot suspend a synchronous function from inside a call, so a thread that has to make
 * way is left by throwing a private signal and entered again later from its beginning. The log
 * makes that invisible: every access that was already performed answers with its logged result and
 * does not touch memory, so the function arrives where it was left with the same local state.
 */

import { rangeError, typeError } from '../errors.ts'
import { Access } from './access.ts'
import type { Control, Scenario, ThreadFunction, ThreadOptions } from './scenario.ts'

/** Thrown to leave a thread function; never seen outside of the explorer. */
export const signal: object = Object.freeze({ explorer: 'leaves the thread function' })

export const Status = {
  /** Not started; may have to wait for another thread's end. */
  ready: 0,
  running: 1,
  /** Made way before an access. */
  preempted: 2,
  /** Rests until another thread changes a word that it has read. */
  resting: 3,
  /** In `wait`. */
  blocked: 4,
  /** Its `wait` is over; not yet resumed. */
  woken: 5,
  ended: 6,
  crashed: 7,
} as const

export type Status = (typeof Status)[keyof typeof Status]

/** The largest number of threads: they are bits of a word. */
const threadsMax = 30

export class LogicalThread {
  readonly index: number
  readonly name: string
  readonly run: ThreadFunction<unknown>
  readonly mayCrash: boolean
  readonly progress: number
  /** The thread whose end starts this one, or -1. */
  waitsFor = -1
  waitsForCrash = false
  control: Control | undefined

  status: Status = Status.ready
  /** The next live access was already decided on. */
  granted = false
  /** A crash at the next access was already offered. */
  crashOffered = false
  /** Preempted, and no access since conflicts with its pending one: resuming it adds nothing. */
  asleep = false
  /** Found to read the same again and again: rests at its next access. */
  spinning = false
  /** Wrote plainly since its last step. */
  dirty = false
  /** The access before which it stands. */
  kind: Access = Access.load
  slot = 0
  writes = false
  timeoutMs = 0
  /** Rests, and a word that it had read has changed since. */
  stirred = false
  /** Counts its rests, over all executions. */
  interval = 2
  crashQueries = 0
  /** The recorded operation it is in, or -1. */
  operation = -1

  position = 0
  length = 0
  #codes = new Int32Array(256)
  #results = new Float64Array(256)

  constructor(index: number, name: string, options: ThreadOptions<unknown>) {
    this.index = index
    this.name = name
    this.run = options.run
    this.mayCrash = options.crash ?? true
    this.progress = options.progress ?? 0
  }

  reset(): void {
    this.status = Status.ready
    this.asleep = false
    this.spinning = false
    this.dirty = false
    this.crashOffered = false
    this.operation = -1
    this.length = 0
    // More than a rest looks back: what was read in another execution does not count.
    this.interval += 3
  }

  get done(): boolean {
    return this.status >= Status.ended
  }

  append(code: number, result: number): void {
    const at = this.length++
    if (at === this.#codes.length) this.#grow()
    this.#codes[at] = code
    this.#results[at] = result
    this.position = this.length
  }

  /** The code of the entry to be replayed next. */
  get code(): number {
    return this.#codes[this.position]!
  }

  get result(): number {
    return this.#results[this.position]!
  }

  /** Sets the result of the last entry: a wait that has come to its end. */
  amend(result: number): void {
    this.#results[this.length - 1] = result
  }

  #grow(): void {
    const codes = new Int32Array(this.#codes.length * 2)
    const results = new Float64Array(codes.length)
    codes.set(this.#codes)
    results.set(this.#results)
    this.#codes = codes
    this.#results = results
  }
}

/** The threads of a scenario, in the order in which they are written down. */
export function threadsOf<S>(scenario: Scenario<S>): LogicalThread[] {
  const names = Object.keys(scenario?.threads ?? {})
  if (names.length === 0 || names.length > threadsMax) {
    throw rangeError(`a scenario has 1 to ${threadsMax} threads, not ${names.length}`)
  }
  const threads = names.map((name, index) => {
    if (!/^[\w.-]+$/.test(name)) {
      throw rangeError(`thread name ${JSON.stringify(name)}: use letters, digits, "_", "-", "."`)
    }
    const given = scenario.threads[name]!
    const options = typeof given === 'function' ? { run: given } : given
    expectSynchronous(name, options.run)
    const progress = options.progress ?? scenario.progress
    return new LogicalThread(index, name, { ...options, progress } as ThreadOptions<unknown>)
  })
  for (const thread of threads) {
    const given = scenario.threads[thread.name]!
    if (typeof given !== 'function' && given.after !== undefined) link(thread, given.after, names)
  }
  return threads
}

/** What goes on in a promise is never explored: it would read as a pass. */
function expectSynchronous(name: string, run: unknown): void {
  const tag = Object.prototype.toString.call(run)
  if (tag === '[object Function]') return
  const found = typeof run === 'function' ? tag.slice(8, -1) : typeof run
  throw typeError('ERR_INVALID_ARGUMENT', `thread ${name} is no plain function: ${found}`, {
    argument: `threads.${name}`,
  })
}

function link(thread: LogicalThread, after: string, names: readonly string[]): void {
  const [name = '', event = ''] = after.split(' ')
  thread.waitsFor = names.indexOf(name)
  thread.waitsForCrash = event === 'crashed'
  if (thread.waitsFor < 0 || (event !== 'crashed' && event !== 'ended')) {
    throw rangeError(
      `after: ${JSON.stringify(after)}: write '<thread> crashed' or '<thread> ended', ` +
        `the thread one of ${names.join(', ')}`,
    )
  }
}
