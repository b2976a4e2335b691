/**
 * What makes a configuration look at its files: events of folders, a slow poll, SIGHUP.
 *
 * After an event the files must rest: no further event for `debounceMs`, and the same size, times
 * and inode at the middle and at the end of it. So a file that is still being written is not read.
 * None of this keeps the process alive.
 */

import { Folders } from './folders.ts'
import { printOf, type Source } from './sources.ts'

export interface TriggerOptions {
  readonly sources: readonly Source[]
  readonly debounceMs: number
  /** 0 for never. */
  readonly pollMs: number
  readonly sighup: boolean
}

export interface Handlers {
  /** The files have changed, or may have, and rest. */
  changed(): void
  /** Whether the files differ from what was last looked at. */
  isNews(): Promise<boolean>
  signalled(): void
}

export class Triggers {
  readonly #options: TriggerOptions
  readonly #folders: Folders
  #handlers: Handlers | undefined
  #restTimer: NodeJS.Timeout | undefined
  #pollTimer: NodeJS.Timeout | undefined
  /** Counts events; a look that another event overtook is void. */
  #events = 0
  #closed = false

  constructor(options: TriggerOptions) {
    this.#options = options
    const paths = options.sources.map(({ path }) => path)
    this.#folders = new Folders(paths, () => this.touch())
  }

  /** Watches from now on; events wait for `begin`. */
  async aim(): Promise<boolean> {
    return await this.#folders.aim()
  }

  begin(handlers: Handlers): void {
    this.#handlers = handlers
    const { pollMs, sighup } = this.#options
    if (this.#events > 0) this.touch()
    if (sighup) process.on('SIGHUP', this.#signalled)
    if (pollMs > 0) this.#pollLater()
  }

  /** As if an event had come. */
  touch(): void {
    this.#events++
    clearTimeout(this.#restTimer)
    this.#restTimer = undefined
    if (this.#handlers !== undefined && !this.#closed) this.#rest('')
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#restTimer)
    clearTimeout(this.#pollTimer)
    process.off('SIGHUP', this.#signalled)
    this.#folders.close()
  }

  readonly #signalled = (): void => this.#handlers?.signalled()

  #rest(print: string): void {
    const look = (): void => void this.#look(print)
    this.#restTimer = setTimeout(look, Math.ceil(this.#options.debounceMs / 2)).unref()
  }

  async #look(previous: string): Promise<void> {
    const events = this.#events
    const print = await printOf(this.#options.sources)
    if (this.#closed || events !== this.#events) return
    if (print !== previous) return this.#rest(print)
    this.#restTimer = undefined
    this.#handlers?.changed()
  }

  #pollLater(): void {
    this.#pollTimer = setTimeout(() => void this.#poll(), this.#options.pollMs).unref()
  }

  async #poll(): Promise<void> {
    const isResting = this.#restTimer !== undefined
    const moved = await this.#folders.aim()
    if (!isResting && (moved || (await this.#handlers?.isNews()) === true)) this.touch()
    if (!this.#closed) this.#pollLater()
  }
}
