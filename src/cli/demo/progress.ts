/**
 * What the workers tell the main thread while they are busy: a row of counters for each, in a
 * small SharedArrayBuffer of the demo's own. Only the row's worker writes its counters; only the
 * main thread writes its requests.
 */

import { Words } from '../../memory/words.ts'
import { micros } from './clock.ts'

const STOP = 0
const ROW_WORDS = 16

/** Words of a row. The two doubles are at even offsets. */
const STATE = 0
const THREAD = 1
const READS = 2
const TORN = 3
const COMMITS = 4
const PROBE = 5
const VICTIM = 6
/** KiB that the worker's heap grew by while it read. */
const HEAP = 7
const PROBE_AT = 8
const BEGAN_AT = 10
const ENDED_AT = 12

const MUST_STOP = 1
const MAY_LEAVE = 2

const UNUSED = 0
const WORKING = 1
/** Inside `read(fn)`, and staying there until the thread is killed. */
const HELD_IN_READ = 2
const ENDED = 3
/** At rest, with everything in memory that it read. */
const KEEPING = 4

export class Progress {
  readonly buffer: SharedArrayBuffer
  readonly rows: ProgressRow[]
  readonly #words: Words

  constructor(rows: number) {
    this.buffer = new SharedArrayBuffer((rows + 1) * ROW_WORDS * 4)
    this.#words = new Words(this.buffer)
    this.rows = Array.from({ length: rows }, (_, index) => new ProgressRow(this.#words, index))
  }

  /** Asks every worker to finish its work, and to keep what it has in memory. */
  stop(): void {
    this.#words.store(STOP, MUST_STOP)
  }

  /** Lets the workers go. */
  release(): void {
    this.#words.store(STOP, MAY_LEAVE)
  }

  get tornReads(): number {
    return this.rows.reduce((sum, row) => sum + row.tornReads, 0)
  }
}

export class ProgressRow {
  readonly #words: Words
  readonly #at: number

  constructor(words: Words, index: number) {
    this.#words = words
    this.#at = (index + 1) * ROW_WORDS
  }

  /** The row as a worker gets it. */
  static of(buffer: SharedArrayBuffer, index: number): ProgressRow {
    return new ProgressRow(new Words(buffer), index)
  }

  // --- the worker's side

  begin(threadId: number): void {
    this.#setTime(BEGAN_AT, micros())
    this.#words.store(this.#at + THREAD, threadId)
    this.#words.store(this.#at + STATE, WORKING)
  }

  get mustStop(): boolean {
    return this.#words.load(STOP) !== 0 // must stop, or may leave at once
  }

  get mayLeave(): boolean {
    return this.#words.load(STOP) === MAY_LEAVE
  }

  get isVictim(): boolean {
    return this.#words.load(this.#at + VICTIM) !== 0
  }

  addReads(reads: number, torn: number): void {
    this.#words.add(this.#at + READS, reads)
    if (torn > 0) this.#words.add(this.#at + TORN, torn)
  }

  addCommit(): void {
    this.#words.add(this.#at + COMMITS, 1)
  }

  /** The worker has read a version with this probe. The time is stored first: who sees the probe
   *  sees its time. */
  see(probe: number): void {
    this.#setTime(PROBE_AT, micros())
    this.#words.store(this.#at + PROBE, probe)
  }

  holdInRead(): void {
    this.#setTime(ENDED_AT, micros())
    this.#words.store(this.#at + STATE, HELD_IN_READ)
  }

  end(): void {
    this.#setTime(ENDED_AT, micros())
    this.#words.store(this.#at + STATE, ENDED)
  }

  /** The worker collected its garbage: by so much has its heap grown since it began. */
  keep(heapBytes: number): void {
    this.#words.store(this.#at + HEAP, Math.max(0, heapBytes) >> 10)
    this.#words.store(this.#at + STATE, KEEPING)
  }

  // --- the main thread's side

  get isUsed(): boolean {
    return this.#words.load(this.#at + STATE) !== UNUSED
  }

  get isWorking(): boolean {
    return this.#words.load(this.#at + STATE) === WORKING
  }

  get isHeldInRead(): boolean {
    return this.#words.load(this.#at + STATE) === HELD_IN_READ
  }

  get isKeeping(): boolean {
    return this.#words.load(this.#at + STATE) === KEEPING
  }

  get heapBytes(): number {
    return this.#words.load(this.#at + HEAP) * 1024
  }

  get threadId(): number {
    return this.#words.load(this.#at + THREAD)
  }

  /** Modulo 2^32, which is enough for an hour at a million reads a second. */
  get reads(): number {
    return this.#words.load(this.#at + READS) >>> 0
  }

  get tornReads(): number {
    return this.#words.load(this.#at + TORN) >>> 0
  }

  get commits(): number {
    return this.#words.load(this.#at + COMMITS) >>> 0
  }

  get probe(): number {
    return this.#words.load(this.#at + PROBE)
  }

  get probeSeenAt(): number {
    return this.#time(PROBE_AT)
  }

  get beganAt(): number {
    return this.#time(BEGAN_AT)
  }

  /** How long the worker has been at work, in seconds. */
  get workedSeconds(): number {
    if (!this.isUsed) return 0
    return ((this.isWorking ? micros() : this.#time(ENDED_AT)) - this.beganAt) / 1e6
  }

  makeVictim(): void {
    this.#words.store(this.#at + VICTIM, 1)
  }

  #time(offset: number): number {
    return this.#words.doubles[(this.#at + offset) >> 1] as number
  }

  #setTime(offset: number, time: number): void {
    this.#words.doubles[(this.#at + offset) >> 1] = time
  }
}
