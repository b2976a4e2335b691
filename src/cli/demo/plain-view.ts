/** The demo in a pipe: a line when something happened, and one each second. */

import type { DemoView, RunningDemo } from './run.ts'
import { count } from './summary.ts'

export class PlainView implements DemoView {
  readonly #write: (text: string) => void
  #nextSecond = 1

  constructor(write: (text: string) => void) {
    this.#write = write
  }

  say(text: string): void {
    this.#write(`${text}\n`)
  }

  show(demo: RunningDemo, seconds: number): void {
    if (seconds < this.#nextSecond) return
    this.#nextSecond = Math.floor(seconds) + 1
    const { pool, publisher, config } = demo
    const reads = pool.readers.reduce((sum, row) => sum + row.reads, 0)
    const parts = [
      `${seconds.toFixed(0)} s`,
      `${count(reads)} reads checked`,
      `${count(publisher.commits + pool.writer.commits)} updates`,
      `${config.applied} reloads, ${config.rejected} rejected`,
      `${pool.workersKilled} killed`,
      `${pool.progress.tornReads} torn`,
    ]
    this.#write(`${parts.join('; ')}\n`)
  }
}

/** With `--json` nothing is shown: standard output belongs to the result. */
export class SilentView implements DemoView {
  say(): void {}
  show(): void {}
}
