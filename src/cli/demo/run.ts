/**
 * The demo: one copy of 20 MB in shared memory, a pool of workers that read it as fast as they can,
 * two threads that update it, a configuration file that changes twenty times, and a worker that is
 * killed in the middle of it all. At the end everything is counted.
 */

import { createStore } from '../../store/open.ts'
import type { Store } from '../../store/contract.ts'
import { micros, pause } from './clock.ts'
import { checkHeap, countLostUpdates } from './checks.ts'
import { editLive, EDIT_COUNT, INVALID_COUNT } from './config-edits.ts'
import { ConfigFile } from './config-file.ts'
import { countCommit, type DemoDocument, makeDocument, samplePaths } from './document.ts'
import { configFile, loadConfig, loadData } from './files.ts'
import { measurePrivateCopy, residentBytes } from './memory.ts'
import { DemoPool, FLAGS } from './pool.ts'
import { Publisher } from './publisher.ts'
import { type DemoSubject, duration, megabytes, percentiles, type Summary } from './summary.ts'

export interface DemoOptions {
  readonly data: string | undefined
  readonly seconds: number
  readonly workers: number
}

/** Where the demo shows what it does. */
export interface DemoView {
  say(text: string): void
  /** Called ten times a second while it runs. */
  show(demo: RunningDemo, seconds: number): void
}

/** What `--self-test` does wrong on purpose. */
export interface Faults {
  /** While the workers read. */
  during(demo: RunningDemo, signal: AbortSignal): Promise<void>
  /** When they have ended. */
  afterwards(demo: RunningDemo): void
}

export interface RunningDemo {
  readonly store: Store<DemoDocument>
  readonly pool: DemoPool
  readonly publisher: Publisher
  readonly config: ConfigFile
  readonly subject: DemoSubject
}

interface Prepared {
  readonly store: Store<DemoDocument>
  readonly subject: DemoSubject
}

/** Paths that each worker looks up. */
const SAMPLE = 4000
const SHOW_EVERY_MS = 100

/** Runs the whole demo. The signal ends it early; then what was left undone is no problem. */
export async function runDemo(
  options: DemoOptions,
  view: DemoView,
  signal: AbortSignal,
  faults?: Faults,
): Promise<Summary> {
  const prepared = await prepare(options.data, view)
  const failure = new Failure(signal)
  const demo = start(prepared, options.workers, failure)
  try {
    await demo.pool.started(failure.signal)
    view.say(`${options.workers} workers read it, one more and the main thread write it`)
    const publishedSeconds = await live(demo, options, { view, failure, faults })
    await demo.pool.rest(failure.signal)
    const memoryBytes = await residentBytes()
    await demo.pool.close()
    failure.throwIfFailed()
    faults?.afterwards(demo)
    view.say('counting')
    const measured = { publishedSeconds, memoryBytes, interrupted: signal.aborted }
    return summarise(demo, options, measured)
  } finally {
    await demo.pool.close()
    demo.config.close()
    demo.store.close()
  }
}

/** Loads the data into a store. Here it is parsed once; no other thread ever does. */
async function prepare(data: string | undefined, view: DemoView): Promise<Prepared> {
  const { file, title, bytes, value } = loadData(data)
  view.say(`${title}, ${megabytes(bytes)} of JSON`)
  const privateCopyBytes = await measurePrivateCopy(file)
  view.say(`a private copy of it takes ${megabytes(privateCopyBytes)} in each worker`)
  const config = loadConfig()
  const begin = micros()
  const store = createStore(makeDocument(value, config), { label: 'main' })
  view.say(`one shared copy was made in ${duration(micros() - begin)}`)
  return { store, subject: { title, bytes, privateCopyBytes, sample: samplePaths(value, SAMPLE) } }
}

function start({ store, subject }: Prepared, workers: number, failure: Failure): RunningDemo {
  const config = new ConfigFile(configFile(), (next) => {
    store.update((draft) => {
      draft.config = next
      countCommit(draft, 'config')
    })
  })
  try {
    const pool = new DemoPool(store, workers, subject.sample, (error) => failure.is(error))
    const flags = subject.sample.flags.slice(0, FLAGS)
    const publisher = new Publisher(store, flags, pool.readers)
    return { store, pool, publisher, config, subject }
  } catch (error) {
    config.close() // or its watcher would keep the process alive
    store.close()
    throw error
  }
}

interface Surroundings {
  readonly view: DemoView
  readonly failure: Failure
  readonly faults: Faults | undefined
}

/** Everything at once, for the given time. Returns how long it was, in seconds. */
async function live(
  demo: RunningDemo,
  { seconds }: DemoOptions,
  { view, failure, faults }: Surroundings,
): Promise<number> {
  const begin = micros()
  const elapsed = (): number => (micros() - begin) / 1e6
  const over = new AbortController()
  const end = AbortSignal.any([failure.signal, over.signal])
  const background = [demo.publisher.run(end), showAll(demo, view, { elapsed, end })]
  for (const task of background) task.catch((error: unknown) => failure.is(error))
  try {
    await Promise.all([
      pause(seconds * 1000, end),
      editLive(demo.config, seconds * 900, end),
      killOne(demo, seconds * 500, end),
      faults?.during(demo, end),
    ])
  } finally {
    over.abort()
    await Promise.allSettled(background)
  }
  view.show(demo, elapsed())
  return elapsed()
}

async function killOne(demo: RunningDemo, afterMs: number, signal: AbortSignal): Promise<void> {
  await pause(afterMs, signal)
  if (signal.aborted) return
  demo.publisher.mustNotWait = true
  await demo.pool.killReader(signal)
  demo.publisher.mustNotWait = false
}

async function showAll(
  demo: RunningDemo,
  view: DemoView,
  { elapsed, end }: { elapsed: () => number; end: AbortSignal },
): Promise<void> {
  while (!end.aborted) {
    view.show(demo, elapsed())
    await pause(SHOW_EVERY_MS, end)
  }
}

interface Measured {
  readonly publishedSeconds: number
  readonly memoryBytes: number
  readonly interrupted: boolean
}

function summarise(demo: RunningDemo, options: DemoOptions, measured: Measured): Summary {
  const { store, pool, publisher, config, subject } = demo
  const { conflicts } = store.stats()
  const commits = { main: publisher.commits, config: config.applied, worker: pool.writer.commits }
  const publishes = commits.main + commits.config + commits.worker
  const readers = pool.readers.filter((row) => row.isUsed)
  const checks = sum(readers.map((row) => row.reads))
  const workedSeconds = sum(readers.map((row) => row.workedSeconds))
  const lostUpdates = countLostUpdates(store, commits)
  const { leakedBlocks, damages, liveBytes } = checkHeap(store)
  const summary = {
    readsPerSecond: Math.round(checks / Math.max(1e-3, workedSeconds)),
    readsPerSecondByWorker: readers.map((row) => Math.round(row.reads / row.workedSeconds)),
    checks,
    publishes,
    publishesPerSecond: Math.round(publishes / measured.publishedSeconds),
    conflicts,
    propagationMicros: percentiles(publisher.propagationMicros),
    gracePeriodMicros: percentiles(publisher.gracePeriodMicros),
    memoryBytes: measured.memoryBytes,
    privateCopiesBytes: subject.privateCopyBytes * options.workers,
    storeBytes: liveBytes,
    decodedBytes: mean(readers.filter((row) => row.isKeeping).map((row) => row.heapBytes)),
    dataBytes: subject.bytes,
    tornReads: pool.progress.tornReads,
    lostUpdates,
    leakedBlocks,
    reloadsApplied: config.applied,
    reloadsRejected: config.rejected,
    workersKilled: pool.workersKilled,
    workers: options.workers,
    interrupted: measured.interrupted,
    seconds: Math.round(measured.publishedSeconds * 10) / 10,
  }
  const undone = measured.interrupted ? [] : problemsOfWork(summary)
  return { ...summary, problems: [...problemsOfZeros(summary), ...damages, ...undone] }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0)
}

function mean(numbers: readonly number[]): number {
  return Math.round(sum(numbers) / Math.max(1, numbers.length))
}

type Counted = Omit<Summary, 'problems'>

function problemsOfZeros({ tornReads, lostUpdates, leakedBlocks }: Counted): string[] {
  const zeros = {
    'torn reads': tornReads,
    'lost updates': lostUpdates,
    'leaked blocks': leakedBlocks,
  }
  const wrong = Object.entries(zeros).filter(([, found]) => found !== 0)
  return wrong.map(([name, found]) => `${found} ${name}`)
}

/** What a run that was not interrupted must have done. */
function problemsOfWork(summary: Counted): string[] {
  const expected = EDIT_COUNT - INVALID_COUNT
  const problems: string[] = []
  const { reloadsApplied, reloadsRejected, workersKilled, checks } = summary
  if (reloadsApplied !== expected || reloadsRejected !== INVALID_COUNT) {
    problems.push(
      `${reloadsApplied} reloads applied and ${reloadsRejected} rejected, ` +
        `not ${expected} and ${INVALID_COUNT}`,
    )
  }
  if (workersKilled !== 1) problems.push(`${workersKilled} workers killed, not 1`)
  if (checks === 0) problems.push('no read was checked')
  return problems
}

/** The first error of a worker or of a background task; it ends the run. */
class Failure {
  readonly signal: AbortSignal
  readonly #controller = new AbortController()
  #error: unknown

  constructor(interrupt: AbortSignal) {
    this.signal = AbortSignal.any([interrupt, this.#controller.signal])
  }

  is(error: unknown): void {
    this.#error ??= error
    this.#controller.abort()
  }

  throwIfFailed(): void {
    if (this.#error !== undefined) throw this.#error
  }
}
