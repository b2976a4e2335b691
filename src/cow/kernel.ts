/**
 * An address space as one thread uses it: reads and writes across pages, faults, forks and exits.
 *
 * **Invariants.** As tree.ts and record.ts say. A child of `vfork` borrows its parent: until its
 * exec or exit its reads and writes are the parent's, in whose turn they happen. What execs or
 * exits borrows nothing and tells nobody any more: that is one transaction.
 *
 * **Ordering.** As tree.ts, record.ts and tie.ts say.
 *
 * **Progress.** Bounded waits: for the turn, for the lock, and for a child.
 *
 * **Crash.** Each change of what a record references is one transaction. An exec or exit happened
 * with all that follows from it for the parent, or not at all. Bytes may be half written.
 */

import { rangeError, RootswapError } from '../errors.ts'
import { allocateCounted, countedData, countedReference } from '../memory/counted.ts'
import { referenceTo, TAG_NODE } from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import type { HeapThread } from '../reclaim/thread.ts'
import {
  FAULTS,
  PAGES_COPIED,
  PARENT,
  RECORD_BYTES,
  RECORD_REFERENCES,
  type SegmentPlace,
  SpaceRecord,
  TELLS,
  WAITS_FOR,
} from './record.ts'
import {
  depthOf,
  type Image,
  type Located,
  locate,
  plantAll,
  SEGMENT_NAMES,
  type SpaceStats,
} from './segments.ts'
import { awaitChild, leaveParent, tellParent } from './tie.ts'
import { PageTree } from './tree.ts'

/** Runs `build` in a draft of its own; see `inDraft` in store/block.ts. */
export type Drafted = <T>(build: () => T) => T

export class SpaceKernel {
  readonly thread: HeapThread
  readonly record: SpaceRecord
  readonly #drafted: Drafted
  /** The trees of the record that reads and writes go to. */
  #trees: PageTree[] = []
  #treesOf: Offset = 0
  #treesFor = 0

  constructor(thread: HeapThread, block: Offset, drafted: Drafted) {
    this.thread = thread
    this.record = new SpaceRecord(thread, block)
    this.#drafted = drafted
  }

  /** A new record with an image, held by this thread. Within a draft. */
  static create(thread: HeapThread, pageBytes: number, image: Image): Offset {
    const { holds, memory } = thread
    const block = allocateCounted(thread.allocator, RECORD_REFERENCES, RECORD_BYTES)
    const record = SpaceRecord.write(thread, block, pageBytes)
    const roots = plantAll(thread, pageBytes, image)
    for (const [index, root] of roots.entries()) {
      if (root !== 0) memory.m[countedReference(block, index)] = referenceTo(root, TAG_NODE)
    }
    holds.reserve(1)
    holds.expect()
    for (const [index, place] of image.places.entries()) record.setSegment(index, place)
    holds.set(record.ownRootsAt, 0) // they are found to be own at the first write
    holds.adopt(block)
    holds.publishDraft()
    holds.commit()
    return block
  }

  /** Copies bytes out. Throws `RangeError`, `ERR_CONFLICT`, `ERR_CLOSED`. */
  read(address: number, length: number): Uint8Array {
    const record = this.#enter(true)
    const { segment, offset } = this.#locate(record, address, length, false)
    const [bytes, { pageBytes }] = [new Uint8Array(length), record]
    for (let done = 0; done < length;) {
      const from = offset + done
      const part = Math.min(length - done, pageBytes - (from % pageBytes))
      const data = this.#tree(record, segment).find(Math.floor(from / pageBytes))
      if (data !== 0) {
        const begin = data * 4 + (from % pageBytes)
        bytes.set(this.thread.memory.words.bytes.subarray(begin, begin + part), done)
      }
      done += part
    }
    this.#leave(record)
    return bytes
  }

  /** Copies bytes in. Throws as `read`; `ERR_TIMEOUT` while a child of `vfork` runs;
   *  `ERR_HEAP_FULL`, where pages before the one that failed are written. */
  write(address: number, bytes: Uint8Array): void {
    let record = this.#enterToWrite()
    let { segment, offset } = this.#locate(record, address, bytes.length, true)
    const { pageBytes } = record
    for (let done = 0; done < bytes.length;) {
      const from = offset + done
      const page = Math.floor(from / pageBytes)
      const tree = this.#tree(record, segment)
      const data = tree.own(page) || this.#fault(record, tree, page)
      if (data === 0) {
        this.#leave(record)
        awaitChild(record, false)
        record = this.#enterToWrite()
        // Another thread may have had the turn, and have changed the image.
        ;({ segment, offset } = this.#locate(record, address, bytes.length, true))
        continue // bound: the wait is over for good
      }
      const part = Math.min(bytes.length - done, pageBytes - (from % pageBytes))
      const whole = part === bytes.length ? bytes : bytes.subarray(done, done + part)
      this.thread.memory.words.bytes.set(whole, data * 4 + (from % pageBytes))
      done += part
    }
    this.#leave(record)
  }

  segment(index: number): SegmentPlace {
    const record = this.#enter(true)
    const place = record.segment(index)
    this.#leave(record)
    return place
  }

  /** Sets the length of the heap segment. Pages beyond it go; what it gains is zeros. */
  brk(byteLength: number): void {
    const record = this.#enterToWrite()
    const { byteLength: before, regionBytes } = record.segment(2)
    if (!(Number.isInteger(byteLength) && byteLength >= 0 && byteLength <= regionBytes)) {
      this.#leave(record)
      throw rangeError(`the heap can not have ${byteLength} bytes; it has room for ${regionBytes}`)
    }
    if (byteLength < before) this.#shrink(record, byteLength, before)
    record.setLength(2, byteLength)
    this.#leave(record)
  }

  /** A child that shares every page, held by this thread; a block for `childFirst` ties it. */
  fork(tie: 'none' | 'first' | 'vfork'): Offset {
    const record = this.#enterToWrite()
    if (tie === 'vfork' && this.record.borrows) {
      this.#leave(record)
      throw new RootswapError('ERR_CONFLICT', 'a child of vfork() can not vfork() itself')
    }
    // Of a space that borrows: its parent waits for it already, and for nobody else meanwhile.
    const waits = tie === 'first' && this.record.borrows ? 'none' : tie
    const child = this.#drafted(() => this.#forked(record, waits))
    this.#leave(record)
    return child
  }

  /** Replaces the image, dropping the old one's pages uncopied. */
  exec(image: Image): void {
    const own = this.record
    const record = this.#enterToWrite(false)
    this.#drafted(() => {
      const { holds } = this.thread
      const roots = plantAll(this.thread, own.pageBytes, image)
      holds.expect()
      for (const [index, place] of image.places.entries()) {
        holds.point(own.referenceAt(index), roots[index] as Offset)
        own.setSegment(index, place)
      }
      holds.set(own.ownRootsAt, 0)
      own.addImage()
      this.#untie(own)
      holds.publishDraft()
      holds.commit()
    })
    this.#leave(record)
  }

  /** Ends the space for all that have it. */
  exit(): void {
    const own = this.record
    const record = this.#enterToWrite(false)
    const { holds } = this.thread
    holds.expect()
    for (let index = 0; index < SEGMENT_NAMES.length; index++)
      holds.point(own.referenceAt(index), 0)
    own.setFlag('exited', true)
    this.#untie(own)
    holds.commit()
    this.#leave(record)
  }

  stats(): SpaceStats {
    const record = this.#enter(true)
    let [pages, sharedPages] = [0, 0]
    this.thread.holds.expect()
    for (let index = 0; index < SEGMENT_NAMES.length; index++) {
      this.#tree(record, index).eachPage((shared) => {
        pages++
        if (shared) sharedPages++
      })
    }
    this.thread.holds.commit()
    const faults = record.statistic(FAULTS) >>> 0
    const pagesCopied = record.statistic(PAGES_COPIED) >>> 0
    this.#leave(record)
    return { pages, sharedPages, faults, pagesCopied, bytesSaved: sharedPages * record.pageBytes }
  }

  /** Which pages of a segment exist, and which of them another space has, too. */
  eachPage(segment: number, visit: (shared: boolean, page: number) => void): void {
    const record = this.#enter(true)
    this.thread.holds.expect()
    this.#tree(record, segment).eachPage(visit)
    this.thread.holds.commit()
    this.#leave(record)
  }

  /** Gives back the turns that an error unwound past. */
  settle(): void {
    if (this.record.borrows) this.#target().settle()
    this.record.settle()
  }

  /** The page's bytes, made the space's own; 0 where a child is to go first. */
  #fault(record: SpaceRecord, tree: PageTree, page: number, polite = true): Offset {
    const yields = polite && record === this.record && !record.isStrict
    const waits = yields && record.reference(WAITS_FOR) !== 0
    let copies = true
    let data = 0
    if (!waits && tree.endsAtPage(page)) {
      data = this.#drafted(() => tree.copyPage())
      copies = tree.copied
    } else {
      const claimed = tree.claim(page)
      copies = !claimed && tree.find(page) !== 0
      if (copies && waits) return 0
      data = claimed ? tree.find(page) : this.#drafted(() => tree.copy(page))
    }
    record.add(FAULTS, 1)
    if (copies) record.add(PAGES_COPIED, 1)
    return data
  }

  #shrink(record: SpaceRecord, byteLength: number, before: number): void {
    const { pageBytes } = record
    const tree = this.#tree(record, 2)
    const first = Math.ceil(byteLength / pageBytes)
    if (first * pageBytes < before) {
      // The tables on the way are made the space's own by a page that goes with the others.
      if (first > 0 && tree.own(first) === 0 && !tree.claim(first)) {
        this.#drafted(() => tree.copy(first))
      }
      tree.truncate(first)
    }
    const used = byteLength % pageBytes
    const last = Math.floor(byteLength / pageBytes)
    if (used === 0 || tree.find(last) === 0) return
    const data = tree.own(last) || this.#fault(record, tree, last, false)
    this.thread.memory.words.bytes.fill(0, data * 4 + used, data * 4 + pageBytes)
  }

  #forked(record: SpaceRecord, tie: 'none' | 'first' | 'vfork'): Offset {
    const { thread } = this
    const { holds, allocator, memory } = thread
    const block = allocateCounted(allocator, RECORD_REFERENCES, RECORD_BYTES)
    const child = SpaceRecord.write(thread, block, record.pageBytes)
    const tied = tie === 'none' ? 0 : allocateCounted(allocator, 0, 4)
    if (tied !== 0) memory.m[countedData(memory.m, tied)] = 0
    holds.reserve(1)
    holds.expect()
    for (let index = 0; index < SEGMENT_NAMES.length; index++) {
      child.setSegment(index, record.segment(index))
      if (tie !== 'vfork') this.#share(record.reference(index), child.referenceAt(index))
    }
    if (tie !== 'vfork') holds.set(record.ownRootsAt, 0)
    else {
      this.#share(record.block, child.referenceAt(PARENT))
      child.setFlag('borrows', true)
    }
    if (tied !== 0) {
      holds.point(record.referenceAt(WAITS_FOR), tied)
      this.#share(tied, child.referenceAt(TELLS))
      record.setFlag('strict', tie === 'vfork')
    }
    holds.adopt(block)
    holds.publishDraft()
    holds.commit()
    return block
  }

  #share(node: Offset, at: Offset): void {
    if (node === 0) return
    this.thread.holds.share(node)
    this.thread.holds.set(at, referenceTo(node, TAG_NODE))
  }

  /** Of a space that execs or exits, in that transaction: it waits for no child, and is no child
   *  that a parent waits for. */
  #untie(own: SpaceRecord): void {
    const { holds } = this.thread
    holds.point(own.referenceAt(WAITS_FOR), 0)
    if (own.borrows) {
      own.setFlag('borrows', false)
      // Its turn is given back while its record is sure to stay. Who takes it to write waits for
      // this child, and so for the lock.
      this.#target().give()
      holds.point(own.referenceAt(PARENT), 0)
    }
    leaveParent(own)
  }

  /** The record that holds the pages: this one's, or that of the parent that it borrows. */
  #target(): SpaceRecord {
    const { record } = this
    if (!record.borrows) return record
    return new SpaceRecord(this.thread, record.reference(PARENT))
  }

  #enter(reads: boolean): SpaceRecord {
    this.record.take(reads)
    if (this.record.hasExited) {
      this.record.give()
      throw new RootswapError('ERR_CLOSED', 'the address space has exited')
    }
    if (!this.record.borrows) return this.record
    const target = this.#target()
    target.take(true) // as a reader does: its parent waits rather than fails
    return target
  }

  /** Enters when no child of `vfork` runs. A write tells the parent that waits for this space; an
   *  exec or exit leaves it as it happens. */
  #enterToWrite(tells = true): SpaceRecord {
    for (;;) {
      const record = this.#enter(false)
      const waits = record.reference(WAITS_FOR) !== 0 && record.isStrict
      if (!waits || this.record.borrows) {
        if (tells && this.record.reference(TELLS) !== 0) this.#tell()
        return record
      }
      this.#leave(record)
      awaitChild(record, true) // bound: the wait is over for good, or it throws
    }
  }

  #tell(): void {
    if (!this.record.borrows) tellParent(this.record)
  }

  #leave(record: SpaceRecord): void {
    if (record !== this.record && this.record.borrows) record.give()
    this.record.give()
  }

  #tree(record: SpaceRecord, segment: number): PageTree {
    if (this.#treesOf !== record.block || this.#treesFor !== record.images) this.#plan(record)
    return this.#trees[segment] as PageTree
  }

  #plan(record: SpaceRecord): void {
    this.#treesOf = record.block
    this.#treesFor = record.images
    this.#trees = SEGMENT_NAMES.map((_, index) => {
      const at = record.referenceAt(index)
      const root = { at, maskAt: record.ownRootsAt, bit: 1 << index }
      const depth = depthOf(record.segment(index), record.pageBytes)
      return new PageTree(this.thread, root, depth, record.pageBytes)
    })
  }

  #locate(record: SpaceRecord, address: number, length: number, writes: boolean): Located {
    const found = locate(record, address, length, writes)
    if (!(found instanceof Error)) return found
    this.#leave(record)
    throw found
  }
}
