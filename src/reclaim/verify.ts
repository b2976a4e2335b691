/**
 * `verify()`: walks the whole heap and proves that free + cached + limbo + live = capacity, that
 * each block is in exactly one set, and that each count is as invariant I5 says.
 *
 * **Invariants.** Runs at a delta boundary, after arrivals, under the lock, while writers pause:
 * then rc(n) = edges to n from live nodes + undeparted or zombie records whose root is n - marks
 * "kept" on n in undeparted deltas + holds of threads on n.
 *
 * **Ordering.** Under the lock, after writers paused (freeze.ts).
 *
 * **Progress.** Blocking: waits for drafts in progress, a millisecond at a time, at most `waitMs`;
 * drafts that go on (of a thread that is stopped, or dead and not reaped) count as draft blocks.
 *
 * **Crash.** FREEZE and the lock name their owner; the reaper clears both.
 */

import { RootswapError } from '../errors.ts'
import { chunkWordsOf } from '../memory/allocator.ts'
import {
  COUNTED,
  isReference,
  kindOf,
  nodeOf,
  RECORD,
  referenceCount,
  referencesAt,
  SHAPE,
  sizeClassOf,
  BUCKET,
  repeatsItsEntries,
} from '../memory/kinds.ts'
import {
  CELL_FREE,
  CELL_NAME,
  CELL_OLDEST,
  CELL_ROOT,
  CELL_STATE,
  CLAIMED_CELLS_AT,
  CLASSES_MAX,
  DEAD_AT,
  RCU_AT,
  SLOT_CACHES,
  SLOT_HOLD_CHAIN,
  SLOT_LEASE_CHAIN,
  SLOT_LOG,
  SLOT_PUBLISHED,
  SLOT_STATE,
  SLOT_TICKET,
  ZOMBIE_AT,
} from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import {
  RECORD_DROP_ROOT,
  RECORD_NEXT,
  RECORD_OUT,
  RECORD_OUT_WORDS,
  RECORD_PREVIOUS,
  RECORD_ROOT,
  RECORD_STATE,
  STATE_SHELL,
} from '../memory/record.ts'
import type { Offset } from '../memory/words.ts'
import { cellAt, cellsInUse, hasVersions, isTombstone } from './cells.ts'
import { Census } from './census.ts'
import { freeze, goToBoundary, unfreeze } from './freeze.ts'
import type { Reclaimer } from './reclaimer.ts'
import { COUNT_MAX } from './counts.ts'
import { eachHold } from './holds.ts'
import { eachLogged, isLinked } from './log.ts'
import { slotAt, slotsInUse } from './slots.ts'
import { markChain, markFree } from './verify-free.ts'

export interface VerifyReport {
  /** Blocks reachable from roots, records and shapes included. */
  readonly liveBlocks: number
  readonly liveBytes: number
  readonly sharedBlocks: number
  readonly freeBytes: number
  readonly cachedBytes: number
  readonly draftBytes: number
  readonly headerBytes: number
  readonly capacityBytes: number
  /** Versions that have not departed, the newest of each store included. */
  readonly versions: number
  readonly zombies: number
}

/** Verifies the heap; throws `ERR_CORRUPT_HEAP` with `damages`, a line for each. */
export function verifyHeap(reclaimer: Reclaimer, waitMs: number): VerifyReport {
  const { memory, lock } = reclaimer
  freeze(reclaimer, waitMs)
  if (!reclaimer.takeLock(waitMs)) {
    unfreeze(reclaimer)
    throw new RootswapError('ERR_TIMEOUT', `the reclaim lock was not free within ${waitMs} ms`)
  }
  if (!goToBoundary(reclaimer, waitMs)) {
    lock.give()
    unfreeze(reclaimer)
    throw new RootswapError(
      'ERR_TIMEOUT',
      `a thread stopped inside a section kept a departure from ending within ${waitMs} ms`,
    )
  }
  reclaimer.round.arrive()
  const verification = new Verification(memory)
  const report = verification.run()
  lock.give()
  if (!unfreeze(reclaimer)) {
    throw new RootswapError('ERR_TIMEOUT', 'writers waited too long, and went on while it counted')
  }
  const { damages } = verification.census
  if (damages.length > 0) {
    throw new RootswapError(
      'ERR_CORRUPT_HEAP',
      `the heap is damaged in ${damages.length} places: ${damages.slice(0, 3).join('; ')}`,
      { damages },
    )
  }
  return report
}

class Verification {
  readonly census: Census
  readonly #memory: Memory
  readonly #m: Int32Array
  /** Expected count of each node. */
  readonly #expected = new Map<Offset, number>()
  readonly #visit: Offset[] = []
  #versions = 0
  #zombies = 0

  constructor(memory: Memory) {
    this.#memory = memory
    this.#m = memory.m
    this.census = new Census(memory)
  }

  run(): VerifyReport {
    markFree(this.#memory, this.census)
    this.#slots()
    this.#shapes()
    this.#root(this.#m[RCU_AT] as number)
    this.#cells()
    this.#zombieList()
    this.#deadList()
    this.#walk()
    this.#checkCounts()
    return this.#report()
  }

  #slots(): void {
    const { words, layout } = this.#memory
    for (let slot = 0; slot < slotsInUse(words); slot++) {
      const at = slotAt(layout, slot)
      if (words.load(at + SLOT_STATE) === 0) continue
      for (let sizeClass = 0; sizeClass < CLASSES_MAX; sizeClass++) {
        const head = this.#m[at + SLOT_CACHES + sizeClass] as number
        if (this.census.isCarving(head)) continue
        markChain(this.#memory, this.census, { head, set: 'cached' }, (block) => {
          return sizeClassOf(this.#m, block) === sizeClass
        })
      }
      for (const link of [SLOT_LOG, SLOT_LEASE_CHAIN, SLOT_HOLD_CHAIN]) {
        let chunk = this.#m[at + link] as number
        // The newest one of a thread that died may be in flight: it is in the cache, too.
        if (this.census.setOf(chunk) === 'cached') chunk = this.#m[chunk + 2] as number
        while (chunk !== 0) {
          // bound: a chunk is marked once
          if (!this.census.mark(chunk, 'chunk', `slot ${slot}`)) break
          chunk = this.#m[chunk + 2] as number
        }
      }
      this.#draft(slot, at)
      this.#holds(slot, at)
    }
  }

  #draft(slot: number, at: Offset): void {
    const ticket = this.#memory.words.load(at + SLOT_TICKET)
    if (ticket === 0 || ticket === this.#m[at + SLOT_PUBLISHED]) return
    if (isLinked(this.#memory, at)) return
    eachLogged(this.#memory, at, (block) => {
      // One that is in flight is still in the cache, or its span is still being claimed.
      if (this.census.setOf(block) === 'cached' || !this.census.isBlock(block)) return
      this.census.mark(block, 'draft', `slot ${slot}`)
    })
  }

  #holds(slot: number, at: Offset): void {
    eachHold(this.#m, at, chunkWordsOf(this.#memory), (block, uses) => {
      if (this.census.isBlock(block) && kindOf(this.#m, block) === COUNTED) {
        this.#edge(block, `slot ${slot}`, uses)
      } else this.census.damage(`foreign reference: slot ${slot} holds ${block}`)
    })
  }

  #shapes(): void {
    const { layout, words } = this.#memory
    for (let id = 0; id < layout.shapesMax; id++) {
      const shape = words.load(layout.shapesAt + id)
      if (shape === 0) continue
      if (!this.census.mark(shape, 'shape', `shape ${id}`)) continue
      if (kindOf(this.#m, shape) !== SHAPE || this.#m[shape + 2] !== id) {
        this.census.damage(`shape ${id} names a block that is not it`)
      }
    }
  }

  #cells(): void {
    const { words, layout } = this.#memory
    const mark = words.load(CLAIMED_CELLS_AT)
    if (mark < 0 || mark > layout.cells) {
      this.census.damage(`${mark} root cells are said to be in use, of ${layout.cells}`)
    }
    for (let cell = 0; cell < layout.cells; cell++) this.#cell(cell)
  }

  #cell(cell: number): void {
    const at = cellAt(this.#memory.layout, cell)
    const state = this.#memory.words.load(at + CELL_STATE)
    if (state !== CELL_FREE && cell >= cellsInUse(this.#memory)) {
      this.census.damage(`root cell ${cell} is in use, and no round looks at it`)
    }
    if (!hasVersions(state)) return
    this.#root(this.#m[at + CELL_NAME] as number)
    const oldest = this.#m[at + CELL_OLDEST] as number
    let record = this.#memory.words.load(at + CELL_ROOT)
    for (;;) {
      if (!isTombstone(this.#memory.layout, record)) {
        if (!this.#record(record)) return
        this.#versions++
      }
      if (record === oldest) return
      this.#subtractKept(record)
      record = this.#m[record + RECORD_PREVIOUS] as number
    }
  }

  #record(record: Offset, isShell = false): boolean {
    if (!this.census.mark(record, 'record', 'record chain')) return false
    if (kindOf(this.#m, record) !== RECORD) {
      this.census.damage(`foreign reference: ${record} in a record chain is no record`)
      return false
    }
    if (!isShell) this.#root(this.#m[record + RECORD_ROOT] as number)
    return true
  }

  /** A reference from outside the nodes. */
  #root(word: number): void {
    if (isReference(word)) this.#edge(nodeOf(word), 'a record')
  }

  #edge(node: Offset, from: string, times = 1): void {
    const expected = this.#expected.get(node)
    if (expected !== undefined) {
      this.#expected.set(node, expected + times)
      return
    }
    this.#expected.set(node, times)
    if (this.census.setOf(node) === 'dead') {
      this.census.damage(`a dead node ${node} is referenced by ${from}`)
    } else if (this.census.mark(node, 'live', from)) this.#visit.push(node)
  }

  /** Kept children are referenced by the replaced node and by its successor, but counted once. A
   *  staying child that has an entry of its own under this edge is replaced, not kept. */
  #subtractKept(record: Offset): void {
    const m = this.#m
    const end = record + RECORD_OUT + (m[record + RECORD_OUT_WORDS] as number)
    let first = m[record + RECORD_DROP_ROOT] === 0
    for (let at = record + RECORD_OUT; at < end;) {
      const node = m[at] as number
      const drops = m[at + 1] as number
      if (!first) this.#adjust(node, 1)
      first = false
      this.#eachStaying(node, at + 2, drops)
      at += 2 + drops
    }
  }

  #eachStaying(node: Offset, dropsAt: Offset, drops: number): void {
    if (!this.census.isBlock(node)) {
      this.census.damage(`foreign reference: a delta names ${node}`)
      return
    }
    const m = this.#m
    const first = referencesAt(m, node)
    const count = referenceCount(m, node, this.#memory.layout)
    let drop = 0
    for (let index = 0; index < count; index++) {
      if (drop < drops && m[dropsAt + drop] === index) drop++
      else if (isReference(m[first + index] as number)) {
        this.#adjust(nodeOf(m[first + index] as number), -1)
      }
    }
  }

  readonly #adjustments = new Map<Offset, number>()

  #adjust(node: Offset, by: number): void {
    this.#adjustments.set(node, (this.#adjustments.get(node) ?? 0) + by)
  }

  #zombieList(): void {
    for (let zombie = this.#m[ZOMBIE_AT] as number; zombie !== 0;) {
      // bound: a record is marked once
      const isShell = this.#m[zombie + RECORD_STATE] === STATE_SHELL
      if (!this.#record(zombie, isShell)) return
      if (!isShell) this.#zombies++
      zombie = this.#m[zombie + RECORD_NEXT] as number
    }
  }

  #deadList(): void {
    for (let node = this.#m[DEAD_AT] as number; node !== 0;) {
      // bound: a node is marked once
      if (!this.census.mark(node, 'dead', 'dead list')) return
      this.#visit.push(node)
      node = this.#m[node + 1] as number
    }
  }

  #walk(): void {
    const m = this.#m
    for (let node = this.#visit.pop(); node !== undefined; node = this.#visit.pop()) {
      const first = referencesAt(m, node)
      const count = referenceCount(m, node, this.#memory.layout)
      for (let index = 0; index < count; index++) {
        const word = m[first + index] as number
        if (isReference(word)) this.#edge(nodeOf(word), `node ${node}`)
      }
      if (kindOf(m, node) === BUCKET && !repeatsItsEntries(m, node)) {
        this.census.damage(`bucket ${node} repeats other values than those of its entries`)
      }
    }
  }

  #checkCounts(): void {
    for (const [node, edges] of this.#expected) {
      if (this.census.setOf(node) !== 'live') continue
      const expected = edges + (this.#adjustments.get(node) ?? 0)
      const found = this.#m[node + 1] as number
      if (found !== expected && found !== COUNT_MAX) {
        this.census.damage(`wrong count: node ${node} has ${found}, ${expected} are right`)
      }
      if (sizeClassOf(this.#m, node) !== this.census.sizeClassOf(node)) {
        this.census.damage(`wrong class: node ${node} says ${sizeClassOf(this.#m, node)}`)
      }
    }
  }

  #report(): VerifyReport {
    const totals = this.census.totals()
    const { layout } = this.#memory
    const spanBytes = 4 << layout.spanShift
    const live = totals.live.words + totals.record.words + totals.shape.words + totals.dead.words
    const free = totals.free.words * 4 + this.census.freeSpans * spanBytes
    let shared = 0
    for (const edges of this.#expected.values()) if (edges > 1) shared++
    const cached = totals.cached.words * 4 + totals.chunk.words * 4
    const draft = totals.draft.words * 4 + this.census.carvingSpans * spanBytes
    return {
      liveBlocks: totals.live.blocks + totals.record.blocks + totals.shape.blocks,
      liveBytes: live * 4,
      sharedBlocks: shared,
      freeBytes: free,
      cachedBytes: cached,
      draftBytes: draft,
      headerBytes: layout.capacity * 4 - live * 4 - free - cached - draft,
      capacityBytes: layout.capacity * 4,
      versions: this.#versions,
      zombies: this.#zombies,
    }
  }
}
