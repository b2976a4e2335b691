/**
 * Rounds: how the memory of replaced versions comes back. Any thread may run a slice of the round
 * under the lock; the state of the round is in shared words, so that any other goes on.
 *
 * The order is part of the correctness (design: five plausible reorderings are use after free):
 * end the branches that nobody holds; load the tops, raise the floors; wait for the sections that
 * are open; scan the leases; let the records arrive, oldest first; let old versions depart, oldest
 * first; release zombies nobody holds; cascade.
 *
 * **Invariants.** I1: a version departs only after every section closed that was open when its
 * successor was seen as root. I5: at each entry boundary rc(n) = edges to n from live nodes +
 * undeparted or zombie records whose root is n - marks "kept" on n in undeparted deltas -
 * unarrived inc entries on n. I6: all arrivals precede the first decrement. I8: a node is freed
 * iff its count is 0. Every L word changes only in a transaction (I11), but for PHASE, TOP,
 * SNAPSHOT and SLICES, which a crash resets or leaves, and NEXT, set to the same value again.
 *
 * **Ordering.** `[section-scan]` tops are loaded before the section words. Pairs with
 * [section-enter]. `[lease-scan]` leases are scanned after both, and again in each slice: a version
 * below the top is leased anew only by who finds it at or above the floor, in a section that this
 * round waited for or that saw the floor, or under the lock, between two slices.
 *
 * **Progress.** A slice is bounded; it never waits. At an open section the next publisher goes on.
 *
 * **Crash.** The reaper replays the journal and restarts the round at the tops; cursors say how
 * far arrival and departure are.
 */

import { corrupt } from '../errors.ts'
import { isReference, nodeOf, referenceCount, referencesAt } from '../memory/kinds.ts'
import {
  BEGUN_AT,
  CELL_BRANCH,
  CELL_CURSOR,
  CELL_DEPARTED,
  CELL_DROPPED,
  CELL_HISTORY,
  CELL_OLDEST,
  CELL_ROOT,
  CELL_STATE,
  CELL_TOP,
  DEAD_AT,
  PHASE_AT,
  ROUND_AT,
  SLICES_AT,
  SLOT_SECTION,
  SLOT_SNAPSHOT,
  ZOMBIE_AT,
} from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import {
  LIMBO_MASK,
  LIMBO_UNIT,
  RECORD_DROP_ROOT,
  RECORD_NEXT,
  RECORD_OUT,
  RECORD_OUT_WORDS,
  RECORD_RETIRED,
  RECORD_ROOT,
  RECORD_STATE,
  readWide,
  STATE_SHELL,
  STATE_ZOMBIE,
} from '../memory/record.ts'
import type { Offset } from '../memory/words.ts'
import { Arrivals } from './arrivals.ts'
import { Branches } from './branches.ts'
import { cellAt as positionOf, cellsInUse, hasVersions, isTombstone, namedRoot } from './cells.ts'
import { COUNT_MAX, Counts } from './counts.ts'
import { isKept, mayDepart, raiseFloor } from './history.ts'
import type { Journal } from './journal.ts'
import { Leased } from './leased.ts'
import { slotAt, slotsInUse } from './slots.ts'
import type { Spans } from './spans.ts'

export const PHASE_IDLE = 0
/** Tops are loaded; waiting for the sections that were open. */
export const PHASE_WAITING = 1
/** Sections have closed: arrivals, departures, releases. */
export const PHASE_RUNNING = 2

/** What a slice ended with. */
export type SliceEnd = 'more' | 'waiting' | 'idle'

export interface RoundLimits {
  /** Entries and nodes that one slice may process. */
  readonly slice: number
  /** Pairs after which an open transaction is committed. */
  readonly batchPairs: number
  /** Words of a slot's lease chunk. */
  readonly chunkWords: number
}

export class Round {
  readonly #memory: Memory
  readonly #m: Int32Array
  readonly #journal: Journal
  readonly #spans: Spans
  readonly #counts: Counts
  readonly #arrivals: Arrivals
  readonly #branches: Branches
  readonly #limits: RoundLimits
  readonly #leased: Leased
  #budget = 0

  constructor(memory: Memory, journal: Journal, spans: Spans, limits: RoundLimits) {
    this.#memory = memory
    this.#m = memory.m
    this.#journal = journal
    this.#spans = spans
    this.#counts = new Counts(journal, spans, limits.batchPairs)
    this.#arrivals = new Arrivals(memory, journal, this.#counts)
    this.#branches = new Branches(memory, journal, this.#counts, limits.chunkWords)
    this.#leased = new Leased(memory, limits.chunkWords)
    this.#limits = limits
  }

  /** One bounded slice, under the lock. */
  slice(): SliceEnd {
    const m = this.#m
    this.#budget = this.#limits.slice
    this.#memory.words.store(SLICES_AT, ((m[SLICES_AT] as number) + 1) | 0)
    if (m[PHASE_AT] === PHASE_IDLE && !this.#begin()) return this.#drain() ? 'idle' : 'more'
    if (m[PHASE_AT] === PHASE_WAITING) {
      if (!this.#sectionsClosed()) {
        this.#drain() // nobody can see what is dead
        return 'waiting'
      }
      this.#memory.words.store(PHASE_AT, PHASE_RUNNING)
    }
    this.#leased.scan()
    this.#arrivals.arrive()
    if (!this.#departAll() || !this.#releaseZombies() || !this.#drain()) return 'more'
    this.#memory.words.store(PHASE_AT, PHASE_IDLE)
    this.#memory.words.store(ROUND_AT, ((m[ROUND_AT] as number) + 1) | 0)
    const { departures, orphans } = this.#pending()
    return departures || orphans.length > 0 ? 'more' : 'idle'
  }

  /** Lets every published record arrive; the reaper and `verify` begin with it. */
  arrive(): void {
    this.#arrivals.arrive()
  }

  /** After a crash: whatever round was open begins again at its tops. */
  restart(): void {
    this.#memory.words.store(PHASE_AT, PHASE_IDLE)
    this.#branches.settle()
  }

  /** Is there a version to depart, or a cell to free, and which branches are to end? */
  #pending(): { departures: boolean; orphans: readonly number[] } {
    const { words, layout } = this.#memory
    const branches: number[] = []
    let departures = false
    for (let cell = 0, cells = cellsInUse(this.#memory); cell < cells; cell++) {
      const at = positionOf(layout, cell)
      const state = words.load(at + CELL_STATE)
      if (!hasVersions(state)) continue
      if (state === CELL_BRANCH) branches.push(cell)
      departures ||=
        state === CELL_DROPPED || mayDepart(this.#memory, at, words.load(at + CELL_ROOT))
    }
    return { departures, orphans: this.#branches.orphansOf(branches) }
  }

  #begin(): boolean {
    const m = this.#m
    const { words } = this.#memory
    const { departures, orphans } = this.#pending()
    if (!departures && orphans.length === 0 && m[ZOMBIE_AT] === 0) {
      this.#noteKept()
      return false
    }
    this.#branches.end(orphans)
    for (let cell = 0, cells = cellsInUse(this.#memory); cell < cells; cell++) {
      const top = namedRoot(this.#memory, cell)
      if (top === 0) continue // its words are the claimer's
      const at = positionOf(this.#memory.layout, cell)
      m[at + CELL_TOP] = top
      raiseFloor(this.#memory, at, top)
    }
    const slots = slotsInUse(words)
    for (let slot = 0; slot < slots; slot++) {
      const at = slotAt(this.#memory.layout, slot)
      words.store(at + SLOT_SNAPSHOT, words.load(at + SLOT_SECTION)) // [section-scan]
    }
    words.store(BEGUN_AT, ((m[BEGUN_AT] as number) + 1) | 0)
    words.store(PHASE_AT, PHASE_WAITING)
    return true
  }

  #sectionsClosed(): boolean {
    const m = this.#m
    const { words } = this.#memory
    const slots = slotsInUse(words)
    for (let slot = 0; slot < slots; slot++) {
      const at = slotAt(this.#memory.layout, slot)
      const seen = m[at + SLOT_SNAPSHOT] as number
      if ((seen & 1) === 0) continue
      if (words.load(at + SLOT_SECTION) === seen) return false
      words.store(at + SLOT_SNAPSHOT, 0)
    }
    return true
  }

  #departAll(): boolean {
    const m = this.#m
    for (let cell = 0, cells = cellsInUse(this.#memory); cell < cells; cell++) {
      const cellAt = positionOf(this.#memory.layout, cell)
      const top = m[cellAt + CELL_TOP] as number
      if (top === 0) continue
      const ends = isTombstone(this.#memory.layout, top)
      let done = true
      while (done && (m[cellAt + CELL_OLDEST] as number) !== top) {
        if (!ends && isKept(this.#memory, cellAt, m[cellAt + CELL_OLDEST] as number)) break
        done = this.#depart(cellAt)
      }
      if (done) this.#noteDeparted(cellAt, top)
      else if (m[cellAt + CELL_HISTORY] === 0)
        this.#noteDeparted(cellAt, m[cellAt + CELL_OLDEST] as number)
      if (!done) return false
      if (ends) this.#branches.recycle(cellAt)
    }
    return true
  }

  /** For the limbo's statistics, outside the transaction: a crash leaves it stale for a round. What
   *  is kept as history is not in limbo: after a full round all up to the top is done. */
  #noteDeparted(cellAt: Offset, record: Offset): void {
    const units = Math.floor(readWide(this.#m, record + RECORD_RETIRED) / LIMBO_UNIT)
    this.#memory.words.store(cellAt + CELL_DEPARTED, units & LIMBO_MASK)
  }

  /** No version may depart: what there is of them is history. */
  #noteKept(): void {
    const { layout } = this.#memory
    for (let cell = 0, cells = cellsInUse(this.#memory); cell < cells; cell++) {
      const at = positionOf(layout, cell)
      const newest = namedRoot(this.#memory, cell) // its words may be the claimer's
      if (newest !== 0 && this.#m[at + CELL_HISTORY] !== 0) this.#noteDeparted(at, newest)
    }
  }

  /** Lets the oldest version of a cell depart; false when the slice's budget is used up. */
  #depart(cellAt: Offset): boolean {
    const m = this.#m
    const journal = this.#journal
    const version = m[cellAt + CELL_OLDEST] as number
    const successor = m[version + RECORD_NEXT] as number
    const root = m[version + RECORD_ROOT] as number
    if (journal.get(cellAt + CELL_CURSOR) === 0) {
      if (this.#leased.has(version) || this.#leased.isPlace(version)) {
        // A lease is an implicit fork: the zombie owns one reference to the root.
        if (isReference(root)) this.#counts.increment(nodeOf(root))
        journal.set(version + RECORD_STATE, STATE_ZOMBIE)
      }
      journal.set(cellAt + CELL_CURSOR, 1)
      this.#counts.boundary()
    }
    const end = m[successor + RECORD_OUT_WORDS] as number
    let cursor = journal.get(cellAt + CELL_CURSOR) - 1
    // Bound: entries of the delta.
    while (cursor < end) {
      if (this.#budget-- <= 0) return this.#stop()
      cursor = this.#departEntry(successor + RECORD_OUT, cursor)
      journal.set(cellAt + CELL_CURSOR, cursor + 1)
      this.#counts.boundary()
    }
    this.#finish(cellAt, version, successor)
    return true
  }

  #departEntry(out: Offset, cursor: number): number {
    const m = this.#m
    const journal = this.#journal
    const node = m[out + cursor] as number
    const drops = m[out + cursor + 1] as number
    const dropsAt = out + cursor + 2
    const count = journal.get(node + 1)
    if (count === 1) {
      // A counted child that dies takes a second pair, for its serial number.
      this.#counts.ensureRoom(2 * drops + this.#spans.pairsToFree(node))
      // The shell goes; the children that stay change owner without any count traffic.
      const first = drops === 0 ? 0 : referencesAt(m, node)
      for (let drop = 0; drop < drops; drop++) {
        this.#counts.release(m[first + (m[dropsAt + drop] as number)] as number)
      }
      this.#counts.free(node)
    } else if (count > 1) {
      this.#countStaying(node, dropsAt, drops)
      if (count < COUNT_MAX) journal.set(node + 1, count - 1)
    } else throw corrupt(`a replaced node has count ${count}`, { node, count })
    return cursor + 2 + drops
  }

  /** Every child of `node` that the successor did not drop gets one reference more. */
  #countStaying(node: Offset, dropsAt: Offset, drops: number): void {
    const m = this.#m
    const first = referencesAt(m, node)
    const count = referenceCount(m, node, this.#memory.layout)
    this.#counts.ensureRoom(count)
    let drop = 0
    for (let index = 0; index < count; index++) {
      // The indexes of the dropped children ascend.
      if (drop < drops && m[dropsAt + drop] === index) {
        drop++
        continue
      }
      const word = m[first + index] as number
      if (isReference(word)) this.#counts.increment(nodeOf(word))
    }
    if (drop !== drops) throw corrupt('a delta drops children out of order', { node })
  }

  #finish(cellAt: Offset, version: Offset, successor: Offset): void {
    const m = this.#m
    const journal = this.#journal
    this.#counts.ensureRoom(this.#spans.pairsToFree(version))
    if (m[successor + RECORD_DROP_ROOT] !== 0)
      this.#counts.release(m[version + RECORD_ROOT] as number)
    journal.set(cellAt + CELL_OLDEST, successor)
    journal.set(cellAt + CELL_CURSOR, 0)
    if (journal.get(version + RECORD_STATE) === STATE_ZOMBIE) {
      journal.set(version + RECORD_NEXT, journal.get(ZOMBIE_AT))
      journal.set(ZOMBIE_AT, version)
    } else this.#counts.free(version)
    journal.commit()
  }

  /** Releases every zombie that the scan did not find leased. Of one whose leases were all ousted
   *  the record stays: threads compare the root word with its place (I10). */
  #releaseZombies(): boolean {
    const m = this.#m
    const journal = this.#journal
    let link = ZOMBIE_AT
    for (;;) {
      const zombie = journal.get(link)
      if (zombie === 0) break
      const isPlace = this.#leased.isPlace(zombie)
      const isShell = m[zombie + RECORD_STATE] === STATE_SHELL
      if (this.#leased.has(zombie) || (isShell && isPlace && this.#spans.runOf(zombie) <= 1)) {
        link = zombie + RECORD_NEXT // costs no budget, or many of them would end every slice
        continue
      }
      if (this.#budget-- <= 0) return this.#stop()
      this.#counts.ensureRoom(this.#spans.pairsToFree(zombie))
      if (isPlace) {
        this.#hollow(zombie, isShell)
        continue
      }
      if (!isShell) this.#counts.release(m[zombie + RECORD_ROOT] as number)
      journal.set(link, journal.get(zombie + RECORD_NEXT))
      this.#counts.free(zombie)
      this.#counts.boundary()
    }
    journal.commit()
    return true
  }

  /** Gives back what a record has but its place: first what its version reaches, then its tail. */
  #hollow(record: Offset, isShell: boolean): void {
    if (isShell) this.#spans.trim(record)
    else {
      this.#counts.release(this.#m[record + RECORD_ROOT] as number)
      this.#journal.set(record + RECORD_STATE, STATE_SHELL)
    }
    this.#journal.commit()
  }

  /** Frees dead nodes and what only they referenced; false when the budget is used up. */
  #drain(): boolean {
    const m = this.#m
    const journal = this.#journal
    for (;;) {
      const node = journal.get(DEAD_AT)
      if (node === 0) break
      if (this.#budget-- <= 0) return this.#stop()
      const count = referenceCount(m, node, this.#memory.layout)
      // A counted child that dies takes a second pair, for its serial number.
      this.#counts.ensureRoom(2 * count + this.#spans.pairsToFree(node))
      journal.set(DEAD_AT, journal.get(node + 1))
      const first = referencesAt(m, node)
      for (let index = 0; index < count; index++) this.#counts.release(m[first + index] as number)
      if (!this.#spans.free(node)) {
        // The tail of a long run is free; the head stays for another transaction.
        journal.set(node + 1, journal.get(DEAD_AT))
        journal.set(DEAD_AT, node)
        journal.commit()
      }
      this.#counts.boundary()
    }
    journal.commit()
    return true
  }

  #stop(): boolean {
    this.#journal.commit()
    return false
  }
}
