/**
 * Single fields of a store in one thread: `get` and `has`, which decode nothing else.
 *
 * **Invariants.** Memory is read inside a section, or through a lease that is pinned for the job
 * that goes on: after 16 times `get` of one version the thread keeps that version until the job
 * ends or the library blocks the thread, until another version is read, or until the thread itself
 * is short of memory. What is read then needs no atomic access.
 *
 * **Ordering.** `[poll-version]` as in reader.ts: the plain load of the root word decides only
 * between the version that is kept and the ordered path.
 *
 * **Progress.** Wait-free: a section, and once in 16 times a lease.
 *
 * **Crash.** A section or a lease is left, which the reaper clears.
 */

import { DOUBLE, isReference, kindOf, nodeOf, STRING } from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import { isBigInt } from '../values/box.ts'
import type { Source } from '../values/decode-cells.ts'
import type { Key } from '../values/immutable.ts'
import { findPath, MISSING } from '../values/lookup.ts'
import { MapView } from '../values/map-view.ts'
import type { RootCell } from '../versions/root.ts'
import type { Attachment } from './attachment.ts'
import type { Basis } from './sources.ts'

/** What is read inside a section: protected until the section ends, so strings are not cached. */
const UNCACHED: Source = { era: -1, check: () => {} }

/** The reader of whole values, of the same store in the same thread. */
interface Whole {
  readonly current: unknown
  takeBasis(): Basis
  notice(record: Offset): void
  expectOpen(): void
}

export class FieldReader {
  /** So many sections cost more than keeping the version; the explorer has less time. */
  keepAfter = 16
  readonly #attachment: Attachment
  readonly #cell: RootCell
  readonly #whole: Whole
  readonly #m: Int32Array
  readonly #rootAt: Offset
  /** The record that this job keeps, or -1; its root, and through what it is kept. */
  #kept = -1
  #keptRoot = 0
  #basis: Basis | undefined
  /** Which record was found last, and how often in turn. */
  #found = -1
  #times = 0

  constructor(attachment: Attachment, cell: RootCell, whole: Whole) {
    this.#attachment = attachment
    this.#cell = cell
    this.#whole = whole
    this.#m = attachment.memory.m
    this.#rootAt = cell.rootAt
  }

  get(path: readonly Key[]): unknown {
    // [poll-version] the permitted race: see above.
    if (this.#m[this.#rootAt] !== this.#kept) return this.#getInSection(path)
    const word = findPath(this.#attachment.codec, this.#keptRoot, path)
    if ((word & 1) === 0) return word >> 1
    if (word === MISSING) return undefined
    if (isContainer(this.#m, word)) return step(this.#whole.current, path)
    return this.#attachment.decoder.decodeWhole(word, (this.#basis as Basis).source)
  }

  has(path: readonly Key[]): boolean {
    this.#whole.expectOpen()
    const { section } = this.#attachment.thread
    try {
      section.enter()
      const root = this.#cell.rootOf(this.#cell.newest())
      return findPath(this.#attachment.codec, root, path) !== MISSING
    } finally {
      section.leave()
    }
  }

  #getInSection(path: readonly Key[]): unknown {
    this.#whole.expectOpen()
    const { section } = this.#attachment.thread
    let record = 0
    let container = false
    let value: unknown
    try {
      section.enter()
      record = this.#cell.newest()
      const word = findPath(this.#attachment.codec, this.#cell.rootOf(record), path)
      container = isContainer(this.#m, word)
      if (!container) value = this.#scalar(word)
    } finally {
      section.leave()
    }
    this.#whole.notice(record)
    if (container) return step(this.#whole.current, path)
    this.#count(record)
    return value
  }

  #scalar(word: number): unknown {
    if ((word & 1) === 0) return word >> 1
    if (word === MISSING) return undefined
    return this.#attachment.decoder.decodeWhole(word, UNCACHED)
  }

  #count(record: Offset): void {
    if (record !== this.#found) {
      this.endJob()
      this.#found = record
    }
    if (++this.#times >= this.keepAfter) this.#keep(record)
  }

  #keep(record: Offset): void {
    this.#times = 0
    const { leases } = this.#attachment.thread
    // A read does not fail for want of memory for a lease.
    if (!leases.hasRoom) return
    this.#attachment.afterJob(this.endJob) // first: what is kept has an end, whatever may throw
    const basis = this.#whole.takeBasis()
    if (basis.record !== record) return leases.letGo(basis.lease)
    const root = this.#cell.rootOf(record)
    basis.source.isKept = true
    this.#keptRoot = root
    this.#basis = basis
    this.#kept = record
  }

  /** This thread is short of memory: a version that was replaced goes; whether there was one. */
  letGoOlder(): boolean {
    if (this.#kept === -1 || this.#kept === this.#cell.newest()) return false
    this.endJob()
    return true
  }

  /** The job ends, or another version is read. */
  readonly endJob = (): void => {
    this.#times = 0
    this.#found = -1
    const basis = this.#basis
    if (basis === undefined) return
    this.#kept = -1
    basis.source.end()
    this.#attachment.thread.leases.letGo(basis.lease)
    this.#basis = undefined // last: where the stack overflows the end of the job tries again
  }
}

/** Whether the value has an identity, so that it must be the one that `current` has. */
export function isContainer(m: Int32Array, word: number): boolean {
  if (word === MISSING || !isReference(word)) return false
  const kind = kindOf(m, nodeOf(word))
  return kind !== STRING && kind !== DOUBLE && !isBigInt(m, word)
}

/** Walks a decoded value; the path is known to lead to a value with identity. */
export function step(value: unknown, path: readonly Key[]): unknown {
  let found = value
  for (const key of path) {
    if (typeof found !== 'object' || found === null) return undefined
    if (found instanceof MapView) {
      found = found.get(key)
      continue
    }
    if (!Object.hasOwn(found, key as PropertyKey)) return undefined
    found = (found as Record<PropertyKey, unknown>)[key as PropertyKey]
  }
  return found
}
