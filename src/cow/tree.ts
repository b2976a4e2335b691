/**
 * The pages of one segment: a tree of tables of 64 entries, whose leaves name frames, whose one
 * reference names the page. What a fork shares it shares by the root; what a write changes it
 * copies from the root down, and no more than that.
 *
 * The count of a page stands in its frame, apart from its bytes: copying a table counts 64 frames
 * that lie side by side, and touches no page. (The other classic layout, the count in front of the
 * data, is that of strings and blocks.)
 *
 * A table, and the space's record for the roots, has a mask beside its entries: bit i says that
 * entry i is known to be this space's own, so that a write that finds the bits set on its way down
 * needs neither the lock nor a count. That is a page table's write permission, which also holds
 * for all that lies below.
 *
 * **Invariants.** A table, frame or page with a count above 1 is never written. Bits are set where
 * the path above is the space's own, and the entry's count was seen to be 1 under the lock. A fork
 * clears the bits of the roots alone: bits below mean nothing until a table is found to be the
 * space's own again, and then they are cleared.
 *
 * **Ordering.** Entries change in transactions; the space's turn (space.ts) orders the accesses of
 * its users, and the lock those of spaces that share: who lets go of a page has done so before
 * another sees the count 1.
 *
 * **Progress.** A write to a page of one's own is wait-free; a fault waits for the lock, for a
 * bounded time, at most twice. Pages and tables are copied without it.
 *
 * **Crash.** Copies are in the draft's log until the transaction that puts them in place.
 */

import {
  allocateCounted,
  COUNTED_REFERENCES as REFERENCES,
  countedData,
} from '../memory/counted.ts'
import { nodeOf, referenceTo, TAG_NODE } from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import type { HeapThread } from '../reclaim/thread.ts'

const FANOUT_SHIFT = 6
export const FANOUT = 1 << FANOUT_SHIFT
/** Own: two words, a bit for each entry. */
const MASK = REFERENCES + FANOUT
const MASK_BYTES = 8

/** Where the tree hangs: the reference to its root, and the root's bit. */
export interface Root {
  readonly at: Offset
  readonly maskAt: Offset
  readonly bit: number
}

/** Levels of tables for so many pages. */
export function depthFor(pages: number): number {
  let depth = 1
  while (pages > 2 ** (FANOUT_SHIFT * depth)) depth++ // bound: pages are less than 2^31
  return depth
}

export class PageTree {
  readonly #thread: HeapThread
  readonly #m: Int32Array
  readonly #root: Root
  readonly #depth: number
  readonly #pageBytes: number
  /** Where the walk of `claim` stopped: an entry, its mask, its bit, and how far down. */
  #at = 0
  #maskAt = 0
  #bit = 0
  #level = 0
  /** The last fault found its page to be the space's own: the next one looks first, too. */
  #looks = false

  constructor(thread: HeapThread, root: Root, depth: number, pageBytes: number) {
    this.#thread = thread
    this.#m = thread.memory.m
    this.#root = root
    this.#depth = depth
    this.#pageBytes = pageBytes
  }

  /** The word where a page's bytes begin, or 0: it is all zeros and nobody has written it. */
  find(page: number): Offset {
    const m = this.#m
    let word = m[this.#root.at] as number
    for (let level = this.#depth - 1; level >= 0 && word !== 0; level--) {
      word = m[nodeOf(word) + REFERENCES + entryOf(page, level)] as number
    }
    return word === 0 ? 0 : dataOf(m, nodeOf(word))
  }

  /** As `find`, if the page is known to be the space's own; else 0: a fault. */
  own(page: number): Offset {
    const m = this.#m
    const { at, maskAt, bit } = this.#root
    if (((m[maskAt] as number) & bit) === 0) return 0
    let node = nodeOf(m[at] as number)
    for (let level = this.#depth - 1; level >= 0; level--) {
      const entry = entryOf(page, level)
      if (((m[node + MASK + (entry >>> 5)] as number) & (1 << (entry & 31))) === 0) return 0
      node = nodeOf(m[node + REFERENCES + entry] as number)
    }
    return dataOf(m, node)
  }

  /** Looks how far down the path is the space's own, by the counts: true if the page is. What
   *  nobody else references any more becomes the space's own, uncopied. */
  claim(page: number): boolean {
    const { holds } = this.#thread
    const m = this.#m
    this.#begin()
    let locked = false
    for (; this.#level >= 0; this.#descend(page)) {
      const word = m[this.#at] as number
      if (word === 0) break
      if (((locked ? holds.get(this.#maskAt) : (m[this.#maskAt] as number)) & this.#bit) !== 0) {
        continue
      }
      if (!locked) holds.expect()
      locked = true
      if (holds.count(nodeOf(word)) !== 1) break
      this.#take(nodeOf(word))
    }
    if (locked) holds.commit()
    this.#looks = this.#level < 0
    return this.#looks
  }

  /** Is the page there, and it alone not known to be the space's own? And was the last fault a
   *  copy? Then `copyPage` does in one transaction what `claim` and `copy` do in two. */
  endsAtPage(page: number): boolean {
    const m = this.#m
    if (this.#looks) return false
    this.#begin()
    while (this.#level > 0 && ((m[this.#maskAt] as number) & this.#bit) !== 0) this.#descend(page)
    return this.#level === 0 && m[this.#at] !== 0
  }

  /** Copies the page where `endsAtPage` stopped, unless it turns out to be the space's own; whether
   *  it did is whether the draft is published. Within a draft. Returns where its bytes begin. */
  copyPage(): Offset {
    const { holds } = this.#thread
    const m = this.#m
    const old = nodeOf(m[this.#at] as number)
    const frame = newFrame(this.#thread, this.#pageBytes)
    const [from, data] = [dataOf(m, old), dataOf(m, frame)]
    // Nobody writes it: not this space, and another one only when this lets go of it.
    m.copyWithin(data, from, from + (this.#pageBytes >>> 2))
    holds.expect()
    this.#looks = holds.count(old) === 1
    if (this.#looks) this.#take(old)
    else {
      holds.point(this.#at, frame)
      holds.set(this.#maskAt, holds.get(this.#maskAt) | this.#bit)
      holds.publishDraft()
    }
    holds.commit()
    return this.#looks ? from : data
  }

  /** Did the last fault copy a page? */
  get copied(): boolean {
    return !this.#looks
  }

  /** After a `claim` that found no own page: copies what is shared on the path and the page, or
   *  makes an empty one. Within a draft. Returns where the page's bytes begin. */
  copy(page: number): Offset {
    const { holds } = this.#thread
    const m = this.#m
    const shared: [table: Offset, entry: number][] = []
    let old = m[this.#at] as number
    let top = 0
    let link = 0
    for (let level = this.#level - 1; level >= 0; level--) {
      const entry = entryOf(page, level)
      const table = this.#newTable(old === 0 ? 0 : nodeOf(old), entry)
      if (old !== 0) shared.push([nodeOf(old), entry])
      if (link === 0) top = table
      else m[link] = referenceTo(table, TAG_NODE)
      link = table + REFERENCES + entry
      old = old === 0 ? 0 : (m[nodeOf(old) + REFERENCES + entry] as number)
    }
    const frame = newFrame(this.#thread, this.#pageBytes)
    if (link === 0) top = frame
    else m[link] = referenceTo(frame, TAG_NODE)
    const data = dataOf(m, frame)
    if (old === 0) m.fill(0, data, data + (this.#pageBytes >>> 2))
    else {
      const from = dataOf(m, nodeOf(old))
      m.copyWithin(data, from, from + (this.#pageBytes >>> 2))
    }
    holds.expect()
    for (const [table, entry] of shared) this.#shareEntries(table, entry)
    holds.point(this.#at, top)
    holds.set(this.#maskAt, holds.get(this.#maskAt) | this.#bit)
    holds.publishDraft()
    holds.commit()
    return data
  }

  /** Drops the pages from `page` on. The path to it must be the space's own, or absent. */
  truncate(page: number): void {
    const { holds } = this.#thread
    const m = this.#m
    holds.expect()
    if (page === 0) this.#clear(this.#root.at, this.#root.maskAt, this.#root.bit)
    let word = page === 0 ? 0 : (m[this.#root.at] as number)
    for (let level = this.#depth - 1; level >= 0 && word !== 0; level--) {
      const table = nodeOf(word)
      const first = entryOf(page, level) + (level === 0 ? 0 : 1)
      for (let entry = first; entry < FANOUT; entry++) {
        this.#clear(table + REFERENCES + entry, table + MASK + (entry >>> 5), 1 << (entry & 31))
      }
      word = m[table + REFERENCES + entryOf(page, level)] as number
    }
    holds.commit()
  }

  /** Calls `visit` with each page that exists, and whether anybody else has it. Under the lock. */
  eachPage(visit: (shared: boolean, page: number) => void): void {
    const { holds } = this.#thread
    const m = this.#m
    const stack: [word: number, level: number, shared: boolean, page: number][] = []
    stack.push([m[this.#root.at] as number, this.#depth, false, 0])
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const [word, level, above, page] = next
      if (word === 0) continue
      const node = nodeOf(word)
      const shared = above || holds.count(node) > 1
      if (level === 0) visit(shared, page)
      else {
        for (let entry = 0; entry < FANOUT; entry++) {
          const below = page * FANOUT + entry
          stack.push([m[node + REFERENCES + entry] as number, level - 1, shared, below])
        }
      }
    }
  }

  #begin(): void {
    this.#at = this.#root.at
    this.#maskAt = this.#root.maskAt
    this.#bit = this.#root.bit
    this.#level = this.#depth
  }

  /** From an entry to the one below it that leads to the page. */
  #descend(page: number): void {
    const node = nodeOf(this.#m[this.#at] as number)
    this.#level--
    if (this.#level < 0) return
    const entry = entryOf(page, this.#level)
    this.#at = node + REFERENCES + entry
    this.#maskAt = node + MASK + (entry >>> 5)
    this.#bit = 1 << (entry & 31)
  }

  /** The entry's node is the space's own: of what is below nothing is known. */
  #take(node: Offset): void {
    const { holds } = this.#thread
    if (this.#level > 0) {
      holds.set(node + MASK, 0)
      holds.set(node + MASK + 1, 0)
    }
    holds.set(this.#maskAt, holds.get(this.#maskAt) | this.#bit)
  }

  /** A table with the entries of another; the one of the path comes later, and is its own. */
  #newTable(from: Offset, own: number): Offset {
    const m = this.#m
    const table = newTable(this.#thread)
    if (from !== 0) {
      m.copyWithin(table + REFERENCES, from + REFERENCES, from + REFERENCES + FANOUT)
    }
    m[table + MASK + (own >>> 5)] = 1 << (own & 31)
    return table
  }

  #shareEntries(table: Offset, except: number): void {
    const { holds } = this.#thread
    for (let entry = 0; entry < FANOUT; entry++) {
      const word = this.#m[table + REFERENCES + entry] as number
      if (word !== 0 && entry !== except) holds.share(nodeOf(word))
    }
  }

  #clear(at: Offset, maskAt: Offset, bit: number): void {
    const { holds } = this.#thread
    if (this.#m[at] === 0) return
    holds.point(at, 0)
    holds.set(maskAt, holds.get(maskAt) & ~bit)
  }
}

/** A private tree with bytes in it, from page `first` on; its root, or 0 for no bytes. In a
 *  draft. */
export function plantTree(
  thread: HeapThread,
  bytes: Uint8Array,
  depth: number,
  pageBytes: number,
): Offset {
  const { m, words } = thread.memory
  let nodes: Offset[] = []
  for (let begin = 0; begin < bytes.length; begin += pageBytes) {
    const frame = newFrame(thread, pageBytes)
    const part = bytes.subarray(begin, begin + pageBytes)
    const data = dataOf(m, frame)
    if (part.length < pageBytes) m.fill(0, data, data + (pageBytes >>> 2))
    words.bytes.set(part, data * 4)
    nodes.push(frame)
  }
  if (nodes.length === 0) return 0
  for (let level = 0; level < depth; level++) nodes = tablesOver(thread, nodes)
  return nodes[0] as Offset
}

function tablesOver(thread: HeapThread, nodes: readonly Offset[]): Offset[] {
  const { m } = thread.memory
  const tables: Offset[] = []
  for (let begin = 0; begin < nodes.length; begin += FANOUT) {
    const table = newTable(thread)
    const part = nodes.slice(begin, begin + FANOUT)
    for (const [entry, node] of part.entries()) {
      m[table + REFERENCES + entry] = referenceTo(node, TAG_NODE)
      const maskAt = table + MASK + (entry >>> 5)
      m[maskAt] = (m[maskAt] as number) | (1 << (entry & 31))
    }
    tables.push(table)
  }
  return tables
}

function newTable({ allocator, memory: { m } }: HeapThread): Offset {
  const table = allocateCounted(allocator, FANOUT, MASK_BYTES)
  m[table + MASK] = 0
  m[table + MASK + 1] = 0
  return table
}

function newFrame({ allocator, memory: { m } }: HeapThread, pageBytes: number): Offset {
  const frame = allocateCounted(allocator, 1, 0)
  m[frame + REFERENCES] = referenceTo(allocateCounted(allocator, 0, pageBytes), TAG_NODE)
  return frame
}

function dataOf(m: Int32Array, frame: Offset): Offset {
  return countedData(m, nodeOf(m[frame + REFERENCES] as number))
}

function entryOf(page: number, level: number): number {
  return (page >>> (FANOUT_SHIFT * level)) & (FANOUT - 1)
}
