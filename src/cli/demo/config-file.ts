/**
 * A configuration file that is read again whenever somebody saves it. What cannot be parsed, or
 * breaks a rule, is rejected, and the last good configuration stays.
 */

import {
  copyFileSync,
  type FSWatcher,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RootswapError } from '../../errors.ts'
import { pause } from './clock.ts'
import { complaint } from './config-rules.ts'

/** A save may be noticed several times; the file is read once it has been quiet for so long. */
const QUIET_MS = 10
/** Where watching failed to notice a save, the file is read after so long anyway. */
const LOOK_AGAIN_MS = 500
const NOTICED_WITHIN_MS = 10_000

export class ConfigFile {
  readonly path: string
  applied = 0
  rejected = 0
  /** Why the last one was rejected. */
  lastComplaint = ''
  readonly #folder: string
  readonly #publish: (config: unknown) => void
  readonly #watcher: FSWatcher
  #quiet: NodeJS.Timeout | undefined
  /** The text that was read last, good or not. */
  #text: string

  /** Copies the original aside and watches the copy. */
  constructor(original: string, publish: (config: unknown) => void) {
    this.#publish = publish
    this.#folder = mkdtempSync(join(tmpdir(), 'rootswap-demo-'))
    this.path = join(this.#folder, 'app.json')
    copyFileSync(original, this.path)
    this.#text = readFileSync(this.path, 'utf8')
    // The folder, not the file: an editor saves by putting a new file in the old one's place.
    this.#watcher = watch(this.#folder, () => this.#noticed())
  }

  get text(): string {
    return this.#text
  }

  /** Saves as an editor does, and waits until the watcher has dealt with it. */
  async save(text: string, signal: AbortSignal): Promise<void> {
    const draft = join(this.#folder, '.app.json.draft')
    writeFileSync(draft, text)
    renameSync(draft, this.path)
    let waitedMs = 0
    for (; this.#text !== text && waitedMs < NOTICED_WITHIN_MS; waitedMs += 2) {
      if (signal.aborted) return
      if (waitedMs % LOOK_AGAIN_MS === LOOK_AGAIN_MS - 2) this.#noticed()
      await pause(2, signal)
    }
    if (this.#text === text) return
    throw new RootswapError(
      'ERR_TIMEOUT',
      `a change of ${this.path} was not noticed within ${NOTICED_WITHIN_MS} ms`,
    )
  }

  close(): void {
    this.#watcher.close()
    clearTimeout(this.#quiet)
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #noticed(): void {
    clearTimeout(this.#quiet)
    this.#quiet = setTimeout(() => this.#reload(), QUIET_MS)
  }

  #reload(): void {
    const text = readFileSync(this.path, 'utf8')
    if (text === this.#text) return
    const why = this.#apply(text)
    if (why === undefined) this.applied++
    else {
      this.rejected++
      this.lastComplaint = why
    }
    this.#text = text
  }

  /** Publishes a good configuration; says why it is not, otherwise. */
  #apply(text: string): string | undefined {
    let config: unknown
    try {
      config = JSON.parse(text)
    } catch (error) {
      return (error as Error).message
    }
    const why = complaint(config)
    if (why === undefined) this.#publish(config)
    return why
  }
}
