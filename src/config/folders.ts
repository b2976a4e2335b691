/** The folders that are watched: aimed anew whenever the files may be elsewhere. */

import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { reasonOf } from './rejection.ts'
import { addPlaces, type Places } from './places.ts'

interface WatchedFolder {
  readonly watcher: FSWatcher
  names: ReadonlySet<string>
  /** Device and inode: another folder may come to have this name. */
  readonly identity: string
  /** It was removed or renamed. A new folder may have got its inode. */
  isStale: boolean
}

export class Folders {
  readonly #paths: readonly string[]
  readonly #onEvent: () => void
  readonly #watched = new Map<string, WatchedFolder>()
  #warned = false
  #closed = false
  #turn: Promise<unknown> = Promise.resolve()

  constructor(paths: readonly string[], onEvent: () => void) {
    this.#paths = paths
    this.#onEvent = onEvent
  }

  /** Watches the folders where the files are now. Says whether that changed anything. */
  aim(): Promise<boolean> {
    const aimed = this.#turn.then(async () => await this.#aim())
    this.#turn = aimed
    return aimed
  }

  close(): void {
    this.#closed = true
    for (const folder of this.#watched.keys()) this.#drop(folder)
  }

  async #aim(): Promise<boolean> {
    const places: Places = new Map()
    for (const path of this.#paths) await addPlaces(places, path)
    let changed = false
    for (const [folder, { identity, isStale }] of this.#watched) {
      const isThere = !isStale && places.has(folder)
      if (isThere && (await identityOf(folder)) === identity) continue
      this.#drop(folder)
      changed = true
    }
    for (const [folder, names] of places) {
      const watched = this.#watched.get(folder)
      if (watched !== undefined) watched.names = names
      else if (await this.#add(folder, names)) changed = true
    }
    return changed
  }

  async #add(folder: string, names: ReadonlySet<string>): Promise<boolean> {
    // Before it is watched: if the folder is replaced in between, the next aim sees it.
    const identity = await identityOf(folder)
    if (this.#closed) return false
    try {
      const watcher = watch(folder, { persistent: false }, (event, name) => {
        const watched = this.#watched.get(folder)
        if (watched?.watcher !== watcher) return
        if (event === 'rename' && name === basename(folder)) watched.isStale = true
        if (name === null || watched.names.has(name)) this.#onEvent()
      })
      watcher.on('error', (error) => this.#fail(folder, watcher, error))
      this.#watched.set(folder, { watcher, names, identity, isStale: false })
      return true
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ENOENT') this.#warn(folder, error)
      return false
    }
  }

  #fail(folder: string, watcher: FSWatcher, error: unknown): void {
    if (this.#watched.get(folder)?.watcher !== watcher) return
    this.#drop(folder)
    this.#warn(folder, error)
    this.#onEvent()
  }

  #drop(folder: string): void {
    this.#watched.get(folder)?.watcher.close()
    this.#watched.delete(folder)
  }

  #warn(folder: string, error: unknown): void {
    if (this.#warned || this.#closed) return
    this.#warned = true
    process.emitWarning(
      `${folder} can not be watched, changes are found by polling only: ${reasonOf(error)}`,
      { type: 'RootswapWarning', code: 'ROOTSWAP_CONFIG_NOT_WATCHED' },
    )
  }
}

async function identityOf(folder: string): Promise<string> {
  try {
    const { dev, ino } = await stat(folder, { bigint: true })
    return `${dev}:${ino}`
  } catch {
    return ''
  }
}
