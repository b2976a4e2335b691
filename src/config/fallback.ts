/**
 * The last accepted files in one file: their text, not what became of it, so that they are read
 * again by the rules of the program that starts, and no variable of the environment is written
 * down. Complete or not there: it is written beside, flushed, and renamed.
 */

import { randomUUID } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { reasonOf, rejection } from './rejection.ts'
import { hashOf, type Reading } from './sources.ts'

const FORMAT = 'rootswap-config-1'

interface Saved {
  readonly format: typeof FORMAT
  readonly hash: string
  readonly files: readonly { readonly file: string; readonly text: string }[]
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
    const texts = saved.files.map(({ file, text }) => ({ file, bytes: Buffer.from(text) }))
    if (hashOf(texts) !== saved.hash) throw this.#refuse('its checksum is wrong')
    this.#hash = saved.hash
    return { texts, hash: saved.hash }
  }

  /** Resolves when it is on disk; a failure is a warning. One after the other. */
  save({ texts, hash }: Reading): Promise<void> {
    const save = async (): Promise<void> => {
      if (hash === this.#hash) return
      try {
        const files = texts.map(({ file, bytes }) => ({ file, text: decode(bytes) }))
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
    const isOurs = saved?.format === FORMAT && Array.isArray(saved.files)
    if (!isOurs) throw this.#refuse(`it is not of the format ${FORMAT}`)
    return saved as Saved
  }

  async #write(text: string): Promise<void> {
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
