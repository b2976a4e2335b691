/**
 * Torture: real threads use a real structure as hard as they can, in ways that are rare elsewhere.
 * Reads are delayed for longer than grace periods, threads come, go and are killed, all stop at
 * once and all go at once; and what every thread meets is checked. It shows what the explorer
 * cannot run: processors, signals, the operating system, the structure as it is shipped.
 *
 * At each quiet point all threads are parked: `verify()` walks the heap, the structure checks
 * itself, and what was recorded since the last quiet point must be linearizable.
 */

import { rangeError } from '../errors.ts'
import { RandomNumbers } from '../explore/random.ts'
import { memoryOfHandle } from '../store/handle.ts'
import { Heap } from '../store/heap.ts'
import {
  Control,
  type Counter,
  counters,
  type LoggedOperation,
  PAUSE,
  RUN,
  STOP,
} from './control.ts'
import type { Member } from './control.ts'
import { Crew } from './crew.ts'
import { type RunCounter, TortureFailed, type TortureReport, vacuous } from './report.ts'
import type { Structure } from './structure.ts'
import { structureOf } from './structures.ts'

export interface TortureOptions {
  /** 'store', 'bank' or 'counter'. */
  readonly structure: string
  /** Default 10. */
  readonly seconds?: number
  /** Threads that read. Default 3. */
  readonly readers?: number
  /** Threads that write. Default 2. */
  readonly writers?: number
  /** Kills threads at random moments. Default false. */
  readonly kill?: boolean
  /** Decides what the threads do, not how they are scheduled. Default: a random one. */
  readonly seed?: number
}

/** Small: so its spans are small too, and freed blocks are soon used again. */
const HEAP_BYTES = 32 * 2 ** 20
/** A loaded machine may stop a thread inside the library for this long. */
const MAX_WAIT_MS = 1000
const PARK_MS_MAX = 30_000
const PARK_MS_DAMAGED = 2000
/** Milliseconds between two events of the run: a kill, a replacement, a quiet point. */
const EVENT_MS = 40
const EVENTS_PER_QUIET = 6
const VIOLATIONS_MAX = 10

/** Rejects with `TortureFailed`; `RangeError` for options that cannot be. */
export async function torture(options: TortureOptions): Promise<TortureReport> {
  const run = new Run(options)
  const report = await run.run()
  if (report.verdict === 'violated') throw new TortureFailed(report)
  return report
}

class Run {
  readonly #structure: Structure
  readonly #options: Required<TortureOptions>
  readonly #numbers: RandomNumbers
  readonly #control = new Control()
  readonly #heap: Heap
  readonly #handle: unknown
  readonly #crew: Crew
  readonly #violations: string[] = []
  readonly #sums = new Map<string, number>()
  #log: LoggedOperation[] = []
  #parting: Promise<void> = Promise.resolve()
  #replacing = false

  constructor(options: TortureOptions) {
    const seed = options.seed ?? Math.floor(Math.random() * 2 ** 31)
    this.#structure = structureOf(options.structure)
    this.#options = {
      structure: this.#structure.name,
      seconds: inRange('seconds', options.seconds ?? 10, 0.1, 1e6),
      readers: inRange('readers', options.readers ?? 3, 1, 32),
      writers: inRange('writers', options.writers ?? 2, 1, 16),
      kill: options.kill ?? false,
      seed,
    }
    this.#numbers = new RandomNumbers(seed)
    this.#heap = Heap.create({
      maxBytes: HEAP_BYTES,
      maxThreads: 256,
      maxWaitMs: MAX_WAIT_MS,
      label: 'torture',
    })
    this.#handle = this.#structure.create(this.#heap)
    this.#crew = new Crew({
      structure: this.#structure.name,
      handle: this.#handle,
      memory: memoryOfHandle(this.#heap.handle, 'heap'),
      control: this.#control,
      seed,
      epoch: process.hrtime.bigint() - 1n,
      ended: (member) => this.#collect(member),
      violation: (what) => this.#violation(what),
    })
  }

  async run(): Promise<TortureReport> {
    const { readers, writers, seconds } = this.#options
    // What goes wrong in this thread's part, the repair of deaths, is a finding like the others.
    const onUncaught = (error: unknown): void => this.#violation(`uncaught: ${String(error)}`)
    process.on('uncaughtException', onUncaught)
    for (let index = 0; index < readers; index++) this.#crew.start('reader')
    for (let index = 0; index < writers; index++) this.#crew.start('writer')
    await this.#quiet()
    const begin = performance.now()
    for (let event = 1; this.#violations.length === 0; event++) {
      await sleep(this.#numbers.below(2 * EVENT_MS))
      if (performance.now() - begin > seconds * 1000) break
      if (event % EVENTS_PER_QUIET === 0) await this.#quiet()
      else await this.#disturb()
    }
    const spent = (performance.now() - begin) / 1000
    await this.#finish()
    process.off('uncaughtException', onUncaught)
    return this.#report(spent)
  }

  async #disturb(): Promise<void> {
    const kind = this.#numbers.below(3)
    if (kind === 0 && !this.#replacing) {
      this.#parting = this.#replace()
    } else if (kind === 1 && this.#options.kill) {
      this.#count('kills')
      await this.#crew.kill(this.#numbers.below(64))
    }
  }

  /** Churn: one at a time, while everything else goes on. */
  async #replace(): Promise<void> {
    this.#count('churn')
    this.#replacing = true
    await this.#crew.replace(this.#numbers.below(64))
    this.#replacing = false
  }

  /** Stutter: everybody stops, the heap is looked at, everybody goes on at once. */
  async #quiet(): Promise<void> {
    this.#control.tell(PAUSE)
    this.#count('stutters')
    if (await this.#crew.parked(() => this.#patience())) {
      for (const member of this.#crew.members) this.#collect(member)
      this.#verify()
    } else this.#violation(`a thread did not park within ${this.#patience()} ms`)
    this.#control.tell(RUN)
  }

  /** In a heap that is known to be damaged some threads never come to rest. */
  #patience(): number {
    return this.#violations.length === 0 ? PARK_MS_MAX : PARK_MS_DAMAGED
  }

  async #finish(): Promise<void> {
    this.#control.tell(STOP)
    let all = await this.#crew.ended(this.#patience())
    await this.#parting
    all = (await this.#crew.ended(this.#patience())) && all
    if (!all) this.#violation('a thread did not end when told to')
    // What a killed thread left may need a second try to be repaired.
    await sleep(20)
    if (this.#violations.length === 0) this.#verify()
  }

  /** Everybody rests: the heap, the structure and the recordings are as they must be. */
  #verify(): void {
    const log = this.#log
    this.#log = []
    try {
      this.#heap.verify()
      this.#count('verifies')
      const wrong = this.#structure.check(this.#handle, log)
      this.#count('checkedOperations', log.length)
      if (wrong !== undefined) this.#violation(`at a quiet point: ${wrong}`)
    } catch (error) {
      this.#violation(`at a quiet point: ${String(error)}`)
    }
  }

  #collect(member: Member): void {
    for (const [counter, more] of Object.entries(member.collect())) {
      const most = counter === 'longestGraceMs'
      const sum = this.#sums.get(counter) ?? 0
      this.#sums.set(counter, most ? Math.max(sum, more) : sum + more)
    }
    this.#log.push(...member.takeLog())
  }

  #count(counter: RunCounter, more = 1): void {
    this.#sums.set(counter, (this.#sums.get(counter) ?? 0) + more)
  }

  #violation(what: string): void {
    if (this.#violations.length < VIOLATIONS_MAX) this.#violations.push(what)
  }

  /** A heap that is damaged, and told so before, may have no numbers to give. */
  #countHeap(): void {
    try {
      const stats = this.#heap.stats()
      this.#count('versions', stats.publishes - 1)
      this.#count('conflicts', stats.conflicts)
      this.#count('rounds', stats.gracePeriods)
    } catch (error) {
      this.#violation(`at the end: ${String(error)}`)
    }
    this.#heap.close()
  }

  #report(seconds: number): TortureReport {
    this.#countHeap()
    const names: (Counter | RunCounter)[] = [
      ...counters,
      ...(['versions', 'conflicts', 'rounds', 'kills', 'churn'] as const),
      ...(['stutters', 'verifies', 'checkedOperations'] as const),
    ]
    const counts = Object.fromEntries(names.map((name) => [name, this.#sums.get(name) ?? 0]))
    const report: TortureReport = {
      structure: this.#structure.name,
      seed: this.#options.seed,
      seconds,
      verdict: 'ok',
      violations: this.#violations,
      counts: counts as TortureReport['counts'],
      killsByPhase: this.#crew.killsByPhase,
    }
    const nothing = vacuous(report)
    if (nothing !== undefined) this.#violation(nothing)
    return { ...report, verdict: this.#violations.length === 0 ? 'ok' : 'violated' }
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

function inRange(name: string, value: number, low: number, high: number): number {
  if (value >= low && value <= high) return value
  throw rangeError(`${name} is ${value}; it must be from ${low} to ${high}`, {
    argument: name,
    value,
  })
}
