/** The demo on a terminal: a table that is drawn anew ten times a second, and a progress bar. */

import type { WriteStream } from 'node:tty'
import { percentile } from './clock.ts'
import type { ProgressRow } from './progress.ts'
import type { DemoView, RunningDemo } from './run.ts'
import { count, duration } from './summary.ts'

const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const CLEAR_BELOW = '\x1b[0J'
const BOLD = '1'
const DIM = '2'
const RED = '31'
const GREEN = '32'
/** Lines of the table that are not a worker's. */
const OTHER_LINES = 10
/** Samples that the live percentiles are of. */
const RECENT = 1000

/** Over which the rate of a worker is measured. */
const RATE_SECONDS = 0.5

interface Line {
  readonly text: string
  readonly color?: string
}

export class TerminalView implements DemoView {
  readonly #out: WriteStream
  readonly #seconds: number
  readonly #isColored: boolean
  #drawnLines = 0
  #reads: number[] = []
  #rates: number[] = []
  #at = 0

  constructor(out: WriteStream, seconds: number) {
    this.#out = out
    this.#seconds = seconds
    this.#isColored = !process.env['NO_COLOR'] && out.hasColors()
    out.write(HIDE_CURSOR)
    // However the process ends, the cursor comes back.
    process.once('exit', this.#showCursor)
  }

  /** The table stays as it was last; the cursor comes back. */
  close(): void {
    process.off('exit', this.#showCursor)
    this.#showCursor()
  }

  say(text: string): void {
    this.#out.write(`${this.#fit({ text, color: DIM })}\n`)
    this.#drawnLines = 0
  }

  show(demo: RunningDemo, seconds: number): void {
    this.#measure(demo.pool.readers, seconds)
    const lines = ['', ...this.#table(demo, seconds).map((line) => this.#fit(line))]
    const up = this.#drawnLines === 0 ? '' : `\x1b[${this.#drawnLines}A\r`
    this.#out.write(`${up}${CLEAR_BELOW}${lines.join('\n')}\n`)
    this.#drawnLines = lines.length
  }

  readonly #showCursor = (): void => {
    this.#out.write(SHOW_CURSOR)
  }

  get #columns(): number {
    return Math.max(10, this.#out.columns || 80)
  }

  /** Cut to the terminal's width, since a line that wraps would not be drawn over; then colored. */
  #fit({ text, color }: Line): string {
    const cut = text.slice(0, this.#columns - 1)
    return color === undefined || !this.#isColored ? cut : `\x1b[${color}m${cut}\x1b[0m`
  }

  /** Reads a second, measured twice a second: the workers report in thousands. */
  #measure(rows: readonly ProgressRow[], seconds: number): void {
    const reads = rows.map((row) => row.reads)
    const passed = seconds - this.#at
    if (passed < RATE_SECONDS) return
    this.#rates = reads.map((now, index) => (now - (this.#reads[index] ?? 0)) / passed)
    this.#reads = reads
    this.#at = seconds
  }

  #table(demo: RunningDemo, seconds: number): Line[] {
    const { pool, publisher, config } = demo
    const torn = pool.progress.tornReads
    const updates = publisher.commits + pool.writer.commits
    return [
      this.#bar(seconds),
      { text: '' },
      { text: '  worker       reads/s        checks   torn', color: BOLD },
      ...this.#workers(pool.readers),
      { text: '' },
      { text: `  updates      ${count(updates)}, ${count(updates / seconds)} /s` },
      { text: `  last saw it  ${recent(publisher.propagationMicros)}` },
      { text: `  grace period ${recent(publisher.gracePeriodMicros)}` },
      { text: `  config       ${config.applied} applied, ${config.rejected} rejected` },
      { text: `  torn reads   ${torn}`, color: torn === 0 ? GREEN : RED },
    ]
  }

  #bar(seconds: number): Line {
    const part = Math.min(1, seconds / this.#seconds)
    const label = ` ${Math.round(part * 100)} %  ${seconds.toFixed(1)} of ${this.#seconds} s`
    const width = Math.max(0, Math.min(40, this.#columns - label.length - 5))
    const full = Math.round(part * width)
    return { text: `  [${'#'.repeat(full)}${'-'.repeat(width - full)}]${label}` }
  }

  #workers(rows: readonly ProgressRow[]): Line[] {
    const used = rows.map((row, index) => this.#worker(row, index)).filter((line) => line !== null)
    const room = Math.max(1, (this.#out.rows || 24) - OTHER_LINES - 3)
    if (used.length <= room) return used
    return [...used.slice(0, room - 1), { text: `  … and ${used.length - room + 1} more` }]
  }

  #worker(row: ProgressRow, index: number): Line | null {
    if (!row.isUsed) return null
    const rate = count(this.#rates[index] ?? 0).padStart(12)
    const name = String(index + 1).padEnd(8)
    const numbers = `${count(row.reads).padStart(14)}${String(row.tornReads).padStart(7)}`
    if (!row.isHeldInRead) return { text: `  ${name}${rate}${numbers}` }
    return { text: `  ${name}${'killed'.padStart(12)}${numbers}`, color: RED }
  }
}

function recent(samples: readonly number[]): string {
  const last = samples.slice(-RECENT)
  return `p50 ${duration(percentile(last, 0.5))}, p99 ${duration(percentile(last, 0.99))}`
}
