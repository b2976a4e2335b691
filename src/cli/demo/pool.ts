/** The piscina pool of the demo: its readers, its writer, and the one that is killed. */

import { once } from 'node:events'
import type { Piscina } from 'piscina'
import { RootswapError } from '../../errors.ts'
import { createPool } from '../../piscina/pool.ts'
import type { Store } from '../../store/contract.ts'
import { pause } from './clock.ts'
import type { DemoDocument, PathSample } from './document.ts'
import { workerFile } from './files.ts'
import { Progress, type ProgressRow } from './progress.ts'
import type { ReaderTask, WriterTask } from './tasks.ts'

/** Paths that a worker looks at all the time. */
const FAVOURITES = 200
/** Booleans that writers turn around. */
export const FLAGS = 400
const START_WITHIN_MS = 30_000

export class DemoPool {
  readonly progress: Progress
  workersKilled = 0
  readonly #pool: Piscina
  readonly #sample: PathSample
  readonly #running = new Set<Promise<unknown>>()
  readonly #failed: (error: unknown) => void
  #readers = 0

  /** `failed` is called when a worker fails that nobody killed. */
  constructor(
    store: Store<DemoDocument>,
    workers: number,
    sample: PathSample,
    failed: (error: unknown) => void,
  ) {
    this.#sample = sample
    this.#failed = failed
    // One more row for the reader that takes the killed one's place, one for the writer.
    this.progress = new Progress(workers + 2)
    this.#pool = createPool({
      stores: { demo: store },
      minThreads: workers + 1,
      maxThreads: workers + 1,
    })
    this.#startWriter(workers + 1)
    for (let count = 0; count < workers; count++) this.#startReader()
  }

  /** Rows of readers: the killed one's, and its successor's, are among them. */
  get readers(): ProgressRow[] {
    return this.progress.rows.slice(0, -1)
  }

  get writer(): ProgressRow {
    return this.progress.rows.at(-1) as ProgressRow
  }

  /** Resolves when every worker is at work. */
  async started(signal: AbortSignal): Promise<void> {
    const expected = [...this.readers.slice(0, this.#readers), this.writer]
    for (let waited = 0; !expected.every((row) => row.isWorking); waited += 5) {
      if (signal.aborted) return
      if (waited > START_WITHIN_MS) {
        throw new RootswapError('ERR_TIMEOUT', 'the workers did not start')
      }
      await pause(5, signal)
    }
  }

  /**
   * Kills a reader in the middle of a read: it is asked to stay in one, says that it is inside,
   * and is terminated there. Its section stays open until the others give its slot back.
   */
  async killReader(signal: AbortSignal): Promise<void> {
    const [victim] = this.readers
    const thread = this.#pool.threads.find(({ threadId }) => threadId === victim?.threadId)
    if (victim === undefined || thread === undefined) return
    victim.makeVictim()
    while (!victim.isHeldInRead && !signal.aborted) await pause(1, signal)
    if (!victim.isHeldInRead) return // interrupted
    await Promise.all([once(thread, 'exit'), thread.terminate()])
    if (victim.isHeldInRead) this.workersKilled++ // else it came out of its read before
    if (!signal.aborted) this.#startReader()
  }

  /** Ends the work; resolves when every reader has collected its garbage and rests. */
  async rest(signal: AbortSignal): Promise<void> {
    this.progress.stop()
    const readers = this.readers.filter((row) => row.isUsed && !row.isHeldInRead)
    while (!readers.every((row) => row.isKeeping) && !signal.aborted) await pause(5, signal)
  }

  /** Ends all tasks and threads. May be called again. */
  async close(): Promise<void> {
    this.progress.release()
    await Promise.all(this.#running)
    await this.#pool.destroy()
  }

  #startReader(): void {
    const row = this.#readers++
    const { leaves } = this.#sample
    const favourites = leaves.slice(0, FAVOURITES)
    const task: ReaderTask = {
      progress: this.progress.buffer,
      row,
      paths: leaves,
      favourites,
    }
    this.#run('demo-reader', task, row)
  }

  #startWriter(row: number): void {
    const flags = this.#sample.flags.slice(0, FLAGS)
    const task: WriterTask = { progress: this.progress.buffer, row, flags }
    this.#run('demo-writer', task, row)
  }

  #run(name: string, task: ReaderTask | WriterTask, row: number): void {
    const filename = workerFile(name).href
    const running = this.#pool.run(task, { filename }).catch((error: unknown) => {
      if (this.progress.rows[row]?.isHeldInRead !== true) this.#failed(error)
    })
    this.#running.add(running)
  }
}
