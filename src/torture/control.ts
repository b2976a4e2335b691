/**
 * The words that the threads of a torture run share beside the heap under test: what all are told
 * to do, the ages of elements, and a block per thread with its phase, its counters and its log.
 *
 * A thread's block survives the thread: that is how the run knows what a killed one was doing.
 */

import { Words } from '../memory/words.ts'

/* What all threads are told. */
const COMMAND_AT = 0
const NEXT_ID_AT = 16
/** Nobody changes it: waiting for it is a pause. */
const NEVER_AT = 32
const BLOCKS_AT = 64
const BLOCK_WORDS = 64

export const FIRST_ID = 1024

export const RUN = 0
export const PAUSE = 1
export const STOP = 2

const STATE = 0
const PHASE = 1
const END = 2
const LOGGED = 3
const COUNTERS = 8

export const ABSENT = 0
export const RUNNING = 1
export const PARKED = 2

/** Threads at a time; a block is used again after its thread has ended. */
export const MEMBERS_MAX = 64

/** What a thread is doing, for the report of kills. */
export const phases = [
  'starting',
  'reading',
  'delayed in a read',
  'delayed in a section',
  'updating',
  'waiting for readers',
  'holding a snapshot',
  'parked',
  'leaving',
] as const
export type Phase = (typeof phases)[number]

/** Counted by the threads, collected at quiet points. */
export const counters = [
  'reads',
  'gets',
  'dwells',
  'snapshots',
  'updates',
  'gracePeriods',
  'longestGraceMs',
  'delays',
  'age0',
  'age1',
  'agedTooFar',
  'refused',
  'operations',
] as const
export type Counter = (typeof counters)[number]

const AGES_AT = BLOCKS_AT + MEMBERS_MAX * BLOCK_WORDS
/** Ids in use at a time are few: an id comes back to the same word after 65,536 others. */
const AGES = 1 << 16
const LOGS_AT = AGES_AT + AGES
/** Operations that a thread records between two quiet points. */
export const LOGGED_MAX = 256
/** Code, argument, result, unused, start and end as float64. */
const ENTRY_WORDS = 8
const LOG_WORDS = LOGGED_MAX * ENTRY_WORDS
const CONTROL_WORDS = LOGS_AT + MEMBERS_MAX * LOG_WORDS

/** An operation as it stands in a log; `end` is `Infinity` where the thread died in it. */
export interface LoggedOperation {
  readonly member: number
  readonly code: number
  readonly result: number
  readonly start: number
  readonly end: number
}

export class Control {
  readonly words: Words

  constructor(buffer = new SharedArrayBuffer(CONTROL_WORDS * 4)) {
    this.words = new Words(buffer)
  }

  get command(): number {
    return this.words.load(COMMAND_AT)
  }

  tell(command: number): void {
    this.words.store(COMMAND_AT, command)
    this.words.notify(COMMAND_AT)
  }

  /** Blocks while the command stands. */
  awaitOther(command: number): void {
    while (this.command === command) this.words.wait(COMMAND_AT, command, 20)
  }

  pause(milliseconds: number): void {
    this.words.wait(NEVER_AT, 0, milliseconds)
  }

  /** An element that no document has had yet; those below `FIRST_ID` are a first document's. */
  newId(): number {
    const id = this.words.add(NEXT_ID_AT, 1) + FIRST_ID
    this.words.store(ageAt(id), 0)
    return id
  }

  ageOf(id: number): number {
    return this.words.load(ageAt(id))
  }

  /** A grace period passed since the element was removed, or (the first time) it was removed. */
  older(id: number): number {
    return this.words.add(ageAt(id), 1) + 1
  }
}

function ageAt(id: number): number {
  return AGES_AT + (id & (AGES - 1))
}

/** One thread's block. */
export class Member {
  readonly index: number
  readonly #words: Words
  readonly #at: number
  readonly #logAt: number

  constructor(control: Control, index: number) {
    this.index = index
    this.#words = control.words
    this.#at = BLOCKS_AT + index * BLOCK_WORDS
    this.#logAt = LOGS_AT + index * LOG_WORDS
  }

  get state(): number {
    return this.#words.load(this.#at + STATE)
  }

  set state(state: number) {
    this.#words.store(this.#at + STATE, state)
  }

  get phase(): Phase {
    return phases[this.#words.load(this.#at + PHASE)] ?? 'starting'
  }

  set phase(phase: Phase) {
    this.#words.store(this.#at + PHASE, phases.indexOf(phase))
  }

  /** It is this thread's turn to go, and another's to come. */
  get mustEnd(): boolean {
    return this.#words.load(this.#at + END) === 1
  }

  askToEnd(): void {
    this.#words.store(this.#at + END, 1)
  }

  clear(): void {
    this.#words.m.fill(0, this.#at, this.#at + BLOCK_WORDS)
  }

  count(counter: Counter, more = 1): void {
    const { m } = this.#words
    const at = this.#at + COUNTERS + counters.indexOf(counter)
    m[at] = (m[at] as number) + more
  }

  highest(counter: Counter, value: number): void {
    const { m } = this.#words
    const at = this.#at + COUNTERS + counters.indexOf(counter)
    m[at] = Math.max(m[at] as number, value)
  }

  /** While the thread is parked or dead: its counters, which begin again at 0. */
  collect(): Record<Counter, number> {
    const { m } = this.#words
    const first = this.#at + COUNTERS
    const found = counters.map((counter, index) => [counter, m[first + index] as number])
    m.fill(0, first, first + counters.length)
    return Object.fromEntries(found) as Record<Counter, number>
  }

  get logIsFull(): boolean {
    return (this.#words.m[this.#at + LOGGED] as number) >= LOGGED_MAX
  }

  /** Writes down an operation that begins; `finish` completes it. */
  begin(code: number, start: number): number {
    const { m, doubles } = this.#words
    const count = m[this.#at + LOGGED] as number
    const entry = this.#logAt + count * ENTRY_WORDS
    m[entry] = code
    doubles[(entry >> 1) + 2] = start
    doubles[(entry >> 1) + 3] = Infinity
    this.#words.store(this.#at + LOGGED, count + 1)
    return entry
  }

  finish(entry: number, result: number, end: number): void {
    const { m, doubles } = this.#words
    m[entry + 1] = result
    doubles[(entry >> 1) + 3] = end
  }

  /** While the thread is parked or dead: its log, which begins again. */
  takeLog(): LoggedOperation[] {
    const { m, doubles } = this.#words
    const count = m[this.#at + LOGGED] as number
    m[this.#at + LOGGED] = 0
    return Array.from({ length: count }, (_, index) => {
      const entry = this.#logAt + index * ENTRY_WORDS
      return {
        member: this.index,
        code: m[entry] as number,
        result: m[entry + 1] as number,
        start: doubles[(entry >> 1) + 2] as number,
        end: doubles[(entry >> 1) + 3] as number,
      }
    })
  }
}
