/**
 * The last accepted files in one file: their text, not what became of it, so that they are read
 * again by the rules of the program that starts, and no variable of the environment is written
 * down. Complete or not there: it is written beside, flushed, and renamed.
 */

import { randomUUID } from 'node:crypto'
import { lstat, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { reasonOf, rejection } from './rejection.ts'
import type { Reading } from './source.ts'
import { hashOf, type Text } from './text.ts'

const FORMAT = 'rootswap-config-1'

/** What is that old was left by a process that was killed while it wrote; what is younger, another
 *  process with the same fallback may be writing now. */
const LEFT_MS = 60_000
/** What `randomUUID` gives, and the end of the name of what is written beside. */
const LEFT = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/

interface Saved {
  readonly format: typeof FORMAT
  readonly hash: string
  readonly files: readonly SavedText[]
}

interface SavedText extends Pick<Text, 'file' | 'format'> {
  readonly text: string
}

export class Fallback {
  readonly #path: string
  #hash = ''
  #saving: Promise<void> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
  }

  /** Throws a rejection. */
  async load(): Promise<Reading> {
    const saved = await this.#read()
    const texts = saved.files.map(({ text, ...named }) => ({ ...named, bytes: Buffer.from(text) }))
    if (hashOf(texts) !== saved.hash) throw this.#refuse('its checksum is wrong')
    this.#hash = saved.hash
    return { texts, hash: saved.hash, revisions: {} }
  }

  /** Resolves when it is on disk; a failure is a warning. One after the other. */
  save({ texts, hash }: Reading): Promise<void> {
    const save = async (): Promise<void> => {
      if (hash === this.#hash) return
      try {
        const files = texts.map(({ bytes, ...named }) => ({ ...named, text: decode(bytes) }))
        await this.#write(JSON.stringify({ format: FORMAT, hash, files } satisfies Saved))
        this.#hash = hash
      } catch (error) {
        process.emitWarning(`the fallback can not be written: ${reasonOf(error)}`, {
          type: 'RootswapWarning',
          code: 'ROOTSWAP_CONFIG_FALLBACK',
        })
      }
    }
    this.#saving = this.#saving.then(save)
    return this.#saving
  }

  async #read(): Promise<Saved> {
    let saved: Partial<Saved> | null
    try {
      saved = JSON.parse(await readFile(this.#path, 'utf8')) as Partial<Saved> | null
    } catch (error) {
      // What JSON.parse throws may quote the file.
      const isAbsent = !(error instanceof SyntaxError)
      throw this.#refuse(isAbsent ? reasonOf(error) : 'it is not JSON')
    }
    const isOurs =
      saved?.format === FORMAT && Array.isArray(saved.files) && saved.files.every(isSavedText)
    if (!isOurs) throw this.#refuse(`it is not of the format ${FORMAT}`)
    return saved as Saved
  }

  async #write(text: string): Promise<void> {
    // Before: the disk may be full of them.
    await sweep(this.#path)
    const beside = `${this.#path}.${randomUUID()}.tmp`
    try {
      const handle = await open(beside, 'w', 0o600)
      try {
        await handle.writeFile(text)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(beside, this.#path)
      await syncFolder(dirname(this.#path))
    } catch (error) {
      await rm(beside, { force: true })
      throw error
    }
  }

  #refuse(why: string): Error {
    return rejection('read', [
      { message: `the fallback can not be used: ${why}`, file: this.#path },
    ])
  }
}

/** As somebody may have edited it. */
function isSavedText(found: unknown): found is SavedText {
  const { file, text, format } = (found ?? {}) as Partial<Record<keyof SavedText, unknown>>
  const isNamed = typeof file === 'string' && typeof text === 'string'
  return isNamed && (format === undefined || typeof format === 'string')
}

/** Removes what killed writers left beside: it has what the fallback has, secrets too. */
async function sweep(path: string): Promise<void> {
  const folder = dirname(path)
  const begin = `${basename(path)}.`
  const names = await readdir(folder).catch(() => [])
  for (const name of names) {
    if (!name.startsWith(begin) || !LEFT.test(name.slice(begin.length))) continue
    const left = join(folder, name)
    const found = await lstat(left).catch(() => undefined)
    if (found?.isFile() !== true || Date.now() - found.mtimeMs < LEFT_MS) continue
    await rm(left, { force: true }).catch(() => {})
  }
}

/** So that the rename is on disk; not every system can do that. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  await handle?.sync().catch(() => {})
  await handle?.close()
}

/** Keeps a byte order mark: the text must give the same bytes again. */
function decode(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}
