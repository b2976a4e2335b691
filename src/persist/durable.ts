/**
 * A file that is there whole or not at all, also when the machine stops: written beside its place,
 * flushed, renamed, and the folder flushed. Synchronous: it runs in the helper thread.
 */

import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { threadId } from 'node:worker_threads'

const TEMPORARY = '.saving'
/** The process that wrote, or writes, a temporary file: its id, and its token. */
const ownerIn = /^(\d+)-\d+(?:-([0-9a-z]+))?\.saving$/

/**
 * Tells this process from an earlier one with its id: in a container each has the same. It is the
 * microsecond in which the process began, which all its threads, and all copies of this package in
 * it, read alike: a random number would make the live file of one the torn one of another.
 */
const processToken = Math.round(performance.timeOrigin * 1000).toString(36)

/** Where a thread of this process writes a file that is to stand at `path`. */
function temporaryOf(path: string, thread: number): string {
  return `${path}.${process.pid}-${thread}-${processToken}${TEMPORARY}`
}

export class NewFile {
  /** Bytes written so far. */
  bytes = 0
  readonly #path: string
  readonly #temporary: string
  #descriptor: number

  constructor(path: string) {
    this.#path = path
    this.#temporary = temporaryOf(path, threadId)
    sweep(path)
    // Threads are numbered once: whoever left a file of this very name, it is not being written.
    rmSync(this.#temporary, { force: true })
    this.#descriptor = openSync(this.#temporary, 'wx')
  }

  write(part: Buffer | Int32Array): void {
    for (let done = 0; done < part.byteLength;) {
      // bound: bytes; a full disk throws
      const written = writeSync(this.#descriptor, part, done, part.byteLength - done)
      this.bytes += written
      done += written
    }
  }

  /** Brings it to the disk, still beside its place. */
  finish(): void {
    fsyncSync(this.#descriptor)
    this.#close()
  }

  /** Puts the finished file in its place; what was there becomes `path.1`, and so on, to `keep`. */
  commit(keep: number): void {
    if (keep > 0) shiftOlder(this.#path, keep)
    renameSync(this.#temporary, this.#path)
    const folder = openSync(dirname(this.#path), 'r')
    try {
      fsyncSync(folder)
    } finally {
      closeSync(folder)
    }
  }

  /** Leaves nothing. */
  discard(): void {
    this.#close()
    rmSync(this.#temporary, { force: true })
  }

  #close(): void {
    if (this.#descriptor === -1) return
    const descriptor = this.#descriptor
    this.#descriptor = -1
    closeSync(descriptor)
  }
}

/** The file itself stays where it is, under a second name: at no moment is there none. */
function shiftOlder(path: string, keep: number): void {
  for (let age = keep - 1; age >= 1; age--) moveIfThere(`${path}.${age}`, `${path}.${age + 1}`)
  const link = `${path}.1${TEMPORARY}`
  rmSync(link, { force: true })
  try {
    linkSync(path, link)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  renameSync(link, `${path}.1`)
}

function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** Removes what processes that were killed in the middle of a save left beside the file, also a
 *  process that had the id of this one. */
function sweep(path: string): void {
  const prefix = `${basename(path)}.`
  for (const name of readdirSync(dirname(path))) {
    const owner = name.startsWith(prefix) ? ownerIn.exec(name.slice(prefix.length)) : null
    if (owner === null) continue
    const [, pid, token] = owner
    const isOurs = Number(pid) === process.pid
    if (isOurs ? token === processToken : isRunning(Number(pid))) continue
    rmSync(join(dirname(path), name), { force: true })
  }
}

/** Removes what a save of this process left whose thread was ended. */
export function removeUnfinished(path: string, thread: number): void {
  rmSync(temporaryOf(path, thread), { force: true })
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
