/**
 * The reading half of a store in one thread: the value behind `current`, and single fields.
 *
 * **Invariants.** The thread leases the version that `#record` names, as a cache (soft lease), so
 * its offset can not come back for another version while the poll compares with it. What was
 * handed out of an older version needs no lease: `Decoder.advance` made it self-sufficient, or
 * gave a hold, and then the older lease is kept until the hold is collected.
 *
 * **Ordering.** `[poll-version]` the plain load of the root word decides only between the cached
 * value and the ordered path. An own publish is seen by program order; somebody else's publish
 * that this thread learnt of (by message, promise, atomic) happened before the poll.
 *
 * **Progress.** The cached path is one plain load. A new version costs a lease and what changed
 * among the parts that were touched.
 */

import { RootswapError } from '../errors.ts'
import { isReference, kindOf, nodeOf, STRING, DOUBLE } from '../memory/kinds.ts'
import { LEASE_SOFT } from '../memory/layout.ts'
import type { Offset } from '../memory/words.ts'
import { isBigInt } from '../values/box.ts'
import type { RootCell as ValueCell, Source } from '../values/decode-cells.ts'
import type { Key } from '../values/immutable.ts'
import { findPath, MISSING } from '../values/lookup.ts'
import { MapView } from '../values/map-view.ts'
import type { RootCell } from '../versions/root.ts'
import type { Attachment } from './attachment.ts'
import type { SnapshotSource } from './snapshot.ts'
import { noticeNewVersion } from './subscribe.ts'

/** Says whether the version that a value is decoded from is still protected. */
class LeaseSource implements Source {
  readonly era: number
  readonly version: number
  #released = false

  constructor(era: number, version: number) {
    this.era = era
    this.version = version
  }

  check(): void {
    if (!this.#released) return
    throw new RootswapError(
      'ERR_STALE_SNAPSHOT',
      `a part of version ${this.version} that was never read is gone: its version was given up`,
      { version: this.version },
    )
  }

  end(): void {
    this.#released = true
  }
}

interface Pending {
  readonly record: Offset
  readonly source: LeaseSource
}

export class StoreReader {
  readonly #attachment: Attachment
  readonly #cell: RootCell
  readonly #m: Int32Array
  readonly #rootAt: Offset
  /** The record behind `#value`; -1 while there is none, and after close. */
  #record = -1
  #value: unknown
  #root: ValueCell | undefined
  #source: LeaseSource | undefined
  /** The newest record that a read found: a change is told to this thread's listeners. */
  #noticed = -1
  #closed = false
  /** Older leases that a handed-out value still needs, until it is collected. */
  readonly #pending = new Set<Pending>()
  /** Ends of the snapshots that are held: after close their leases are not this thread's. */
  readonly #snapshots = new Set<() => void>()
  readonly #collected: FinalizationRegistry<Pending>

  constructor(attachment: Attachment, cell: RootCell) {
    this.#attachment = attachment
    this.#cell = cell
    this.#m = attachment.memory.m
    this.#rootAt = cell.rootAt
    this.#collected = new FinalizationRegistry((pending) => this.#drop(pending))
    attachment.readers.add(this.#catchUp)
  }

  get current(): unknown {
    // [poll-version] the permitted race: see above.
    if (this.#m[this.#rootAt] === this.#record) return this.#value
    return this.#refresh()
  }

  /** As `current`, for `read(fn)`, which has just made its word odd: a plain load could be made
   *  before that store is seen, and `synchronize` would return while an old version is read. */
  get currentInRead(): unknown {
    // [read-load] Pairs with [grace-scan]: one of the two sees the other's store.
    if (this.#cell.newest() === this.#record) return this.#value
    return this.#refresh()
  }

  get version(): number {
    this.#expectOpen()
    const { section } = this.#attachment.thread
    try {
      section.enter()
      return this.#cell.numberOf(this.#cell.newest())
    } finally {
      section.leave()
    }
  }

  /** The version of `current`'s value, which is current until another is published. */
  get cachedVersion(): number {
    return this.#source?.version ?? 0
  }

  get(path: readonly Key[]): unknown {
    if (this.#m[this.#rootAt] === this.#record) {
      const word = findPath(this.#attachment.codec, this.#cell.rootOf(this.#record), path)
      return isContainer(this.#m, word) ? step(this.#value, path) : this.#scalar(word)
    }
    this.#expectOpen()
    const { section } = this.#attachment.thread
    let record = 0
    let container = false
    let value: unknown
    try {
      section.enter()
      record = this.#cell.newest()
      const word = findPath(this.#attachment.codec, this.#cell.rootOf(record), path)
      container = isContainer(this.#m, word)
      if (!container) value = this.#sectionScalar(word)
    } finally {
      section.leave()
    }
    this.#notice(record)
    return container ? step(this.current, path) : value
  }

  has(path: readonly Key[]): boolean {
    this.#expectOpen()
    const { section } = this.#attachment.thread
    try {
      section.enter()
      const root = this.#cell.rootOf(this.#cell.newest())
      return findPath(this.#attachment.codec, root, path) !== MISSING
    } finally {
      section.leave()
    }
  }

  /** A snapshot of the newest version; it ends when the store is closed in this thread. */
  snapshot(): SnapshotSource {
    const value = this.current
    const record = this.#take(0)
    if (record === this.#record) return this.#snapshotOf(record, () => value, undefined)
    const source = this.#newSource(record)
    const root = this.#attachment.decoder.root(this.#cell.rootOf(record), source)
    return this.#snapshotOf(record, () => this.#attachment.decoder.valueOf(root), source)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#attachment.readers.delete(this.#catchUp)
    const { leases } = this.#attachment.thread
    if (this.#record !== -1) leases.release(this.#record, LEASE_SOFT)
    this.#record = -1
    this.#value = undefined
    this.#source?.end()
    this.#source = undefined
    for (const pending of this.#pending) this.#drop(pending)
    for (const end of this.#snapshots) end()
  }

  #snapshotOf(record: Offset, value: () => unknown, own?: LeaseSource): SnapshotSource {
    const { codec, decoder, thread } = this.#attachment
    const root = this.#cell.rootOf(record)
    const source = own ?? this.#newSource(record)
    const release = (): void => {
      if (!this.#snapshots.delete(release)) return
      own?.end()
      thread.leases.release(record, 0)
    }
    this.#snapshots.add(release)
    return {
      version: this.#cell.numberOf(record),
      value: () => {
        this.#expectOpen()
        return value()
      },
      get: (path) => {
        this.#expectOpen()
        const word = findPath(codec, root, path)
        if (isContainer(this.#m, word)) return step(value(), path)
        return word === MISSING ? undefined : decoder.decodeWhole(word, source)
      },
      has: (path) => {
        this.#expectOpen()
        return findPath(codec, root, path) !== MISSING
      },
      release,
    }
  }

  /** Lets an older version behind the cached value go; false if there is none. */
  readonly #catchUp = (): boolean => {
    if (this.#record === -1 || this.#cell.newest() === this.#record) return false
    this.#refresh()
    return true
  }

  /** Moves to the newest version: leases it, walks old and new together, gives the old one up. */
  #refresh(): unknown {
    this.#expectOpen()
    const record = this.#take(LEASE_SOFT)
    const source = this.#newSource(record)
    try {
      this.#moveTo(record, source)
    } catch (error) {
      this.#beginAnew({ record, source })
      throw error
    }
    this.#notice(record)
    return this.#value
  }

  #moveTo(record: Offset, source: LeaseSource): void {
    const { decoder } = this.#attachment
    const word = this.#cell.rootOf(record)
    let hold: object | undefined
    let root = this.#root
    if (root === undefined) root = decoder.root(word, source)
    else ({ root, hold } = decoder.advance(root, word, source))
    const value = decoder.valueOf(root)
    if (this.#record !== -1) this.#giveUp(this.#record, hold)
    this.#root = root
    this.#record = record
    this.#source = source
    this.#value = value
  }

  /** An error unwound out of a move: parts of both versions may be in use, so both leases stay
   *  until the store is closed, and the next read begins a new chain. */
  #beginAnew(moving: Pending): void {
    this.#pending.add(moving)
    if (this.#record !== -1) {
      this.#pending.add({ record: this.#record, source: this.#source as LeaseSource })
    }
    this.#record = -1
    this.#root = undefined
    this.#source = undefined
    this.#value = undefined
  }

  #take(flag: number): Offset {
    const { thread } = this.#attachment
    try {
      return thread.leases.take(this.#rootAt, flag)
    } catch (error) {
      thread.settle()
      throw error
    }
  }

  /** A thread that is parked between its tasks has no other way to run its listeners. */
  #notice(record: Offset): void {
    if (record === this.#noticed) return
    this.#noticed = record
    noticeNewVersion(this.#attachment.bell)
  }

  /** Ends the lease of the version that was left, or keeps it while somebody needs it. */
  #giveUp(record: Offset, hold: object | undefined): void {
    const source = this.#source as LeaseSource
    if (hold === undefined) {
      source.end()
      this.#attachment.thread.leases.release(record, LEASE_SOFT)
      return
    }
    const pending = { record, source }
    this.#pending.add(pending)
    this.#collected.register(hold, pending)
  }

  #drop(pending: Pending): void {
    if (!this.#pending.delete(pending)) return
    pending.source.end()
    this.#attachment.thread.leases.release(pending.record, LEASE_SOFT)
  }

  #newSource(record: Offset): LeaseSource {
    return new LeaseSource(this.#attachment.nextEra(), this.#cell.numberOf(record))
  }

  #scalar(word: number): unknown {
    if ((word & 1) === 0) return word >> 1
    if (word === MISSING) return undefined
    return this.#attachment.decoder.decodeWhole(word, this.#source as LeaseSource)
  }

  #sectionScalar(word: number): unknown {
    if ((word & 1) === 0) return word >> 1
    if (word === MISSING) return undefined
    return this.#attachment.decoder.decodeWhole(word, UNCACHED)
  }

  #expectOpen(): void {
    if (this.#closed) throw new RootswapError('ERR_CLOSED', 'the store is closed in this thread')
  }
}

/** What is read inside a section: protected until the section ends, so strings are not cached. */
const UNCACHED: Source = { era: -1, check: () => {} }

/** Whether the value has an identity, so that it must be the one that `current` has. */
function isContainer(m: Int32Array, word: number): boolean {
  if (word === MISSING || !isReference(word)) return false
  const kind = kindOf(m, nodeOf(word))
  return kind !== STRING && kind !== DOUBLE && !isBigInt(m, word)
}

/** Walks a decoded value; the path is known to lead to a value with identity. */
function step(value: unknown, path: readonly Key[]): unknown {
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
