/**
 * The demo's reading worker, a piscina task: looks up real values as fast as it can, and checks
 * with every read that what it sees is of one version.
 */

import { setImmediate, setTimeout } from 'node:timers/promises'
import { threadId } from 'node:worker_threads'
import { type DemoDocument, follow, type Path, pick, TOTAL } from '../src/cli/demo/document.ts'
import { ProgressRow } from '../src/cli/demo/progress.ts'
import { collectGarbage, heapBytes } from '../src/cli/demo/memory.ts'
import type { ReaderTask } from '../src/cli/demo/tasks.ts'
import { type Immutable, openStore, type Store } from '../src/index.ts'

/** Reads between two turns of the event loop. */
const READS_PER_TURN = 1000

export default async function read(task: ReaderTask): Promise<void> {
  const row = ProgressRow.of(task.progress, task.row)
  const store = openStore<DemoDocument>('demo', { label: `reader ${task.row + 1}` })
  const reader = new Reader(store, task, row)
  await collectGarbage()
  const idleBytes = heapBytes()
  row.begin(threadId)
  while (!row.mustStop) {
    reader.readMany(READS_PER_TURN)
    if (row.isVictim) reader.readUntilKilled()
    await setImmediate()
  }
  row.end()
  await collectGarbage()
  row.keep(heapBytes() - idleBytes)
  while (!row.mayLeave) await setTimeout(2)
  store.close()
}

class Reader {
  readonly #store: Store<DemoDocument>
  readonly #task: ReaderTask
  readonly #row: ProgressRow
  #probe = 0
  #torn = 0

  constructor(store: Store<DemoDocument>, task: ReaderTask, row: ProgressRow) {
    this.#store = store
    this.#task = task
    this.#row = row
  }

  readMany(reads: number): void {
    this.#torn = 0
    for (let index = 0; index < reads; index++) {
      if (index % 100 === 0) this.#store.read((value) => this.#readOne(value, index))
      else this.#readOne(this.#store.current, index)
    }
    this.#row.addReads(reads, this.#torn)
  }

  /** Stays inside `read(fn)`, where reclaiming has to wait for it, until the thread is killed;
   *  or until everybody is to stop, should nobody have come to kill it. */
  readUntilKilled(): void {
    this.#store.read((value) => {
      this.#row.holdInRead()
      for (let index = 0; !this.#row.mustStop; index++) this.#readOne(value, index)
    })
  }

  /** The early balance, something of the data, the late balance: all must be of one version. */
  #readOne(value: Immutable<DemoDocument>, index: number): void {
    const early = value.early.balance
    if (value.early.probe !== this.#probe) this.#see(value.early.probe)
    const found = index % 2 === 0 ? this.#walk(value) : this.#lookUp()
    const late = value.late.balance
    if (early + late !== TOTAL || found === undefined) this.#torn++
  }

  /** `current.data.a.b.c`: parts that are used often are decoded once and stay. */
  #walk(value: Immutable<DemoDocument>): unknown {
    return follow(value.data, pick(this.#task.favourites) as Path)
  }

  /** `get('data', 'a', 'b', 'c')`: one value out of 20 MB, nothing else is decoded. */
  #lookUp(): unknown {
    const get = this.#store.get as (...path: Path) => unknown
    return get.call(this.#store, 'data', ...(pick(this.#task.paths) as Path))
  }

  #see(probe: number): void {
    this.#probe = probe
    this.#row.see(probe)
  }
}
