/**
 * The reading half of a store in one thread: the value behind `current`, and snapshots. Single
 * fields are read by fields.ts.
 *
 * **Invariants.** The thread leases the version that `#record` names, as a cache (soft lease), so
 * its offset can not come back for another version while the poll compares with it; that holds for
 * a lease that was ousted, too. What was handed out of an older version needs no lease:
 * `Decoder.advance` made it self-sufficient, or gave a hold, and then the older lease is kept until
 * the hold is collected. Memory is read through such leases only while they are pinned.
 *
 * **Ordering.** `[poll-version]` the plain load of the root word decides only between the cached
 * value and the ordered path. An own publish is seen by program order; somebody else's publish
 * that this thread learnt of (by message, promise, atomic) happened before the poll.
 *
 * **Progress.** The cached path is one plain load. A new version costs a lease and what changed
 * among the parts that were touched.
 */

import { RootswapError } from '../errors.ts'
import { LEASE_SOFT } from '../memory/layout.ts'
import type { Offset } from '../memory/words.ts'
import type { Lease } from '../reclaim/leases.ts'
import type { RootCell as ValueCell } from '../values/decode-cells.ts'
import { findPath, MISSING } from '../values/lookup.ts'
import type { RootCell } from '../versions/root.ts'
import type { Attachment } from './attachment.ts'
import { leaseKept } from './branches.ts'
import { FieldReader, isContainer, step } from './fields.ts'
import type { SnapshotSource } from './snapshot.ts'
import { type Basis, LeaseSource } from './sources.ts'
import { noticeNewVersion } from './subscribe.ts'

export class StoreReader {
  readonly #attachment: Attachment
  readonly #cell: RootCell
  readonly #m: Int32Array
  readonly #rootAt: Offset
  /** The record behind `#value`; -1 while there is none, and after close. */
  #record = -1
  #value: unknown
  #root: ValueCell | undefined
  #basis: Basis | undefined
  /** The newest record that a read found: a change is told to this thread's listeners. */
  #noticed = -1
  #closed = false
  /** Older leases that a handed-out value still needs, until it is collected. */
  readonly #pending = new Set<Basis>()
  /** `get` and `has`. */
  readonly fields: FieldReader
  /** Ends of the snapshots that are held: after close their leases are not this thread's. */
  readonly #snapshots = new Set<() => void>()
  readonly #collected: FinalizationRegistry<Basis>

  constructor(attachment: Attachment, cell: RootCell) {
    this.#attachment = attachment
    this.#cell = cell
    this.#m = attachment.memory.m
    this.#rootAt = cell.rootAt
    this.#collected = new FinalizationRegistry((pending) => this.#drop(pending))
    this.fields = new FieldReader(attachment, cell, this)
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
    this.expectOpen()
    const { section } = this.#attachment.thread
    try {
      section.enter()
      return this.#cell.numberOf(this.#cell.newest())
    } finally {
      section.leave()
    }
  }

  /** The value that was read last. */
  get cachedValue(): unknown {
    return this.#value
  }

  /** The version of `current`'s value, which is current until another is published. */
  get cachedVersion(): number {
    return this.#basis?.source.version ?? 0
  }

  /** For `read(fn)`: the newest value, and a lease that keeps its version until `endRead`. */
  beginRead(): Lease {
    const { leases } = this.#attachment.thread
    for (;;) {
      void this.currentInRead
      const { lease } = this.#basis as Basis
      // Going on means that it was ousted: another thread published, and a writer was short.
      if (leases.hold(lease)) return lease
    }
  }

  endRead(lease: Lease): void {
    this.#attachment.thread.leases.letGo(lease)
  }

  /** A snapshot of the newest version; it ends when the store is closed in this thread. */
  snapshot(): SnapshotSource {
    void this.current
    return this.#snapshotOfRecord(this.#take(0))
  }

  /** A snapshot of a version that is kept. Throws `ERR_UNKNOWN_VERSION`. */
  snapshotOf(version: number): SnapshotSource {
    this.expectOpen()
    return this.#snapshotOfRecord(leaseKept(this.#attachment, this.#cell, version))
  }

  #snapshotOfRecord(record: Offset): SnapshotSource {
    if (record === this.#record) {
      const value = this.#value
      return this.#snapshotOf(record, () => value, undefined)
    }
    const source = this.#newSource(record, undefined)
    const root = this.#attachment.decoder.root(this.#cell.rootOf(record), source)
    return this.#snapshotOf(record, () => this.#attachment.decoder.valueOf(root), source)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#attachment.readers.delete(this.#catchUp)
    const { leases } = this.#attachment.thread
    this.fields.endJob()
    this.#record = -1
    this.#value = undefined
    this.#basis?.source.end()
    if (this.#basis !== undefined) leases.forgetPlace(this.#basis.lease)
    this.#basis = undefined
    for (const pending of this.#pending) this.#drop(pending)
    for (const end of this.#snapshots) end()
  }

  #snapshotOf(record: Offset, value: () => unknown, own?: LeaseSource): SnapshotSource {
    const { codec, decoder, thread, snapshots } = this.#attachment
    const root = this.#cell.rootOf(record)
    const source = own ?? this.#newSource(record, undefined)
    const since = snapshots.add()
    const release = (): boolean => {
      if (!this.#snapshots.delete(release)) return false
      snapshots.remove(since)
      own?.end()
      thread.leases.release(record, 0)
      return true
    }
    this.#snapshots.add(release)
    return {
      version: this.#cell.numberOf(record),
      value: () => {
        this.expectOpen()
        return value()
      },
      get: (path) => {
        this.expectOpen()
        const word = findPath(codec, root, path)
        if (isContainer(this.#m, word)) return step(value(), path)
        return word === MISSING ? undefined : decoder.decodeWhole(word, source)
      },
      has: (path) => {
        this.expectOpen()
        return findPath(codec, root, path) !== MISSING
      },
      release,
    }
  }

  /** Lets older versions that this thread keeps go; false if there are none. */
  readonly #catchUp = (): boolean => {
    const wasKept = this.fields.letGoOlder()
    if (this.#record === -1 || this.#cell.newest() === this.#record) return wasKept
    this.#refresh()
    return true
  }

  /** Moves to the newest version: leases it, walks old and new together, gives the old one up. */
  #refresh(): unknown {
    this.expectOpen()
    this.fields.endJob()
    const { leases } = this.#attachment.thread
    const next = this.takeBasis()
    const { record, lease } = next
    try {
      this.#moveTo(next)
    } catch (error) {
      this.#beginAnew(next)
      throw error
    } finally {
      leases.unpin(lease)
    }
    this.notice(record)
    return this.#value
  }

  #moveTo(next: Basis): void {
    const { decoder, thread } = this.#attachment
    const word = this.#cell.rootOf(next.record)
    const old = this.#basis
    let hold: object | undefined
    let root = this.#root
    if (old !== undefined && root !== undefined && thread.leases.pin(old.lease)) {
      try {
        ;({ root, hold } = decoder.advance(root, word, next.source))
      } finally {
        thread.leases.unpin(old.lease)
      }
    } else root = decoder.root(word, next.source) // what was ousted leads to nothing any more
    const value = decoder.valueOf(root)
    if (old !== undefined) this.#giveUp(old, hold)
    thread.leases.beginPlace(next.lease)
    this.#root = root
    this.#record = next.record
    this.#basis = next
    this.#value = value
  }

  /** An error unwound out of a move: parts of both versions may be in use, so both leases stay
   *  until the store is closed or memory is short, and the next read begins a new chain. */
  #beginAnew(next: Basis): void {
    this.#pending.add(next)
    if (this.#basis !== undefined) {
      this.#pending.add(this.#basis)
      this.#attachment.thread.leases.endPlace(this.#basis.lease)
    }
    this.#basis = undefined
    this.#record = -1
    this.#root = undefined
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

  /** A basis of its own for the newest record, pinned; the caller ends source and lease. */
  takeBasis(): Basis {
    const record = this.#take(LEASE_SOFT)
    const lease = this.#attachment.thread.leases.find(record, LEASE_SOFT) as Lease
    return { record, lease, source: this.#newSource(record, lease) }
  }

  /** A read found this record. A thread that is parked between its tasks has no other way to run
   *  its listeners. */
  notice(record: Offset): void {
    if (record === this.#noticed) return
    this.#noticed = record
    noticeNewVersion(this.#attachment.bell)
  }

  /** Ends the lease of the version that was left, or keeps it while somebody needs it. */
  #giveUp(old: Basis, hold: object | undefined): void {
    const { leases } = this.#attachment.thread
    if (hold === undefined) {
      old.source.end()
      leases.forgetPlace(old.lease)
      return
    }
    leases.endPlace(old.lease)
    this.#pending.add(old)
    this.#collected.register(hold, old)
  }

  #drop(pending: Basis): void {
    if (!this.#pending.delete(pending)) return
    pending.source.end()
    this.#attachment.thread.leases.forget(pending.lease)
  }

  #newSource(record: Offset, lease: Lease | undefined): LeaseSource {
    const { pins } = this.#attachment
    const of = { era: this.#attachment.nextEra(), version: this.#cell.numberOf(record) }
    return new LeaseSource(pins, lease, of)
  }

  expectOpen(): void {
    if (this.#closed) throw new RootswapError('ERR_CLOSED', 'the store is closed in this thread')
  }
}
