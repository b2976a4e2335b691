/**
 * Files as a source, the default: noticed by events of their folders and by a slow poll.
 *
 * After an event the files must rest: no further event for `debounceMs`, and the same size, times
 * and inode at the middle and at the end of it. So a file that is still being written is not read.
 * None of this keeps the process alive.
 */

import { type NamedFile, printOf, readFiles } from './files.ts'
import { Folders } from './folders.ts'
import { warnOfMounts } from './mounts.ts'
import type { Content, Source } from './source.ts'
import { hashOf } from './text.ts'

export interface FileOptions {
  readonly files: readonly NamedFile[]
  readonly debounceMs: number
  /** 0 for never. */
  readonly pollMs: number
  readonly maxFileBytes: number
}

export class FileSource implements Source {
  readonly name: string
  readonly #options: FileOptions
  readonly #folders: Folders
  #changed: (() => void) | undefined
  #restTimer: NodeJS.Timeout | undefined
  #pollTimer: NodeJS.Timeout | undefined
  /** Counts events; a look that another event overtook is void. */
  #events = 0
  /** What was read last: a hash, or why it could not be read. */
  #seen: string | undefined
  #closed = false

  constructor(options: FileOptions) {
    this.name = options.files.map(({ file }) => file).join(', ')
    this.#options = options
    const paths = options.files.map(({ path }) => path)
    this.#folders = new Folders(paths, () => this.#touch())
  }

  async read(): Promise<Content> {
    // Before the first reading, so that no change after it is missed.
    await this.#folders.aim()
    if (this.#seen === undefined) await warnOfMounts(this.#options.files)
    try {
      const { files, maxFileBytes } = this.#options
      const texts = await readFiles(files, maxFileBytes)
      this.#seen = hashOf(texts)
      return { texts }
    } catch (error) {
      this.#seen = newsOf(error)
      throw error
    } finally {
      // Where the files are may have changed while they were looked at.
      if (await this.#folders.aim()) this.#touch()
    }
  }

  /** Events since the first `read` count. */
  watch(_revision: string | undefined, changed: () => void): void {
    this.#changed = changed
    if (this.#events > 0) this.#touch()
    if (this.#options.pollMs > 0) this.#pollLater()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#restTimer)
    clearTimeout(this.#pollTimer)
    this.#folders.close()
  }

  /** There was an event, or something as good. */
  #touch(): void {
    this.#events++
    clearTimeout(this.#restTimer)
    this.#restTimer = undefined
    if (this.#changed !== undefined && !this.#closed) this.#rest('')
  }

  #rest(print: string): void {
    const look = (): void => void this.#look(print)
    this.#restTimer = setTimeout(look, Math.ceil(this.#options.debounceMs / 2)).unref()
  }

  async #look(previous: string): Promise<void> {
    const events = this.#events
    const print = await printOf(this.#options.files)
    if (this.#closed || events !== this.#events) return
    if (print !== previous) return this.#rest(print)
    this.#restTimer = undefined
    this.#changed?.()
  }

  #pollLater(): void {
    this.#pollTimer = setTimeout(() => void this.#poll(), this.#options.pollMs).unref()
  }

  async #poll(): Promise<void> {
    const isResting = this.#restTimer !== undefined
    const moved = await this.#folders.aim()
    if (!isResting && (moved || (await this.#isNews()))) this.#touch()
    if (!this.#closed) this.#pollLater()
  }

  async #isNews(): Promise<boolean> {
    const seen = this.#seen
    const { files, maxFileBytes } = this.#options
    const found = await readFiles(files, maxFileBytes).then(hashOf, newsOf)
    return seen === this.#seen && found !== seen
  }
}

/** What stands for the hash of files that could not be read. */
function newsOf(error: unknown): string {
  return String((error as Error).message)
}
