/**
 * Moving from one version to the next: what changed is linked to what it replaces, so that
 * unchanged parts keep their JavaScript objects and replaced parts stay readable after their
 * memory is reused.
 *
 * Both versions are protected while this runs. It walks pairs of cells, old and new, from the root
 * along what changed and was touched; an equal word is the same node, whose cell goes over whole.
 *
 * **Invariants.** When a cell leaves the newest version's mirror and a handed-out object leads to
 * it, then at the end of the walk it has a value, or a state whose cells fulfil this in turn, or a
 * `Hold` as its origin. So no later read needs the old version's memory, but through the hold.
 * New states never refer to old ones: they share cells, and a cell refers to nothing but what is
 * below it.
 *
 * **Progress.** Three bounded phases: pairs; moved cells, found by their word; what was left over,
 * which is decoded if that is little work, else held.
 */

import {
  ARRAY,
  ENTRY,
  LIST,
  LIST_NODE,
  nodeOf,
  OBJECT,
  TABLE,
  entryValueAt,
} from '../memory/kinds.ts'
import {
  Cell,
  expose,
  filledCell,
  type Hold,
  isKeyed,
  isListLike,
  kindOfWord,
  mirror,
  type Mirroring,
  planOf,
  slotsAt,
  State,
  type Versions,
} from './decode-cells.ts'
import { type Alignment, alignKeys, alignWords, type Range } from './decode-align.ts'
import { isScalar, type Reader } from './decode.ts'
import { Leftovers } from './decode-leftovers.ts'
import { itemsOf, itemsOfValue, sizeOf, stateOfValue, wordsBelow } from './decode-items.ts'
import { relinkLight } from './decode-rebuild.ts'
import { pairPages } from './view-pages.ts'
import { variantOfTable } from './table.ts'
import { NO_WORD } from './word.ts'

/** A place that needs a cell for a word, unless a moved one is found. */
interface Need {
  readonly slots: unknown[]
  readonly index: number
}

/** Large arrays and objects that change their representation are matched up to this size. */
const CONVERTED_MAX = 4096
/** Bits of an index that one level of a vector takes. */
const BITS = 6

export class Relink {
  readonly #reader: Reader
  readonly #m: Int32Array
  readonly #versions: Versions
  readonly #how: Mirroring
  /** Old and new cell, alternating. */
  readonly #pairs: Cell[] = []
  readonly #needs: Need[] = []
  readonly #leftovers: Leftovers

  constructor(reader: Reader, versions: Versions, isView: (word: number) => boolean) {
    this.#reader = reader
    this.#m = reader.m
    this.#versions = versions
    this.#how = { reader, origin: versions.chain, decode: false }
    this.#leftovers = new Leftovers(reader, versions, isView)
  }

  /** Links two root cells; the hold that keeps the old version, where one is needed. */
  run(old: Cell, fresh: Cell): Hold | undefined {
    const pairs = this.#pairs
    pairs.push(old, fresh)
    for (;;) {
      const next = pairs.pop()
      if (next === undefined) break
      this.#pair(pairs.pop() as Cell, next)
    }
    this.#matchMoved()
    return this.#leftovers.settle()
  }

  #pair(old: Cell, fresh: Cell): void {
    const touched = old.value !== undefined || old.state !== undefined
    if (!touched && !old.exposed) {
      old.origin = undefined
      return
    }
    if (relinkLight(this.#reader, this.#versions, old, fresh)) return
    const m = this.#m
    if (isScalar(m, old.word) || isScalar(m, fresh.word)) this.#leftovers.add(old)
    else this.#pairStates(old, fresh)
  }

  #pairStates(old: Cell, fresh: Cell): void {
    const oldKind = kindOfWord(this.#m, old.word)
    const kind = kindOfWord(this.#m, fresh.word)
    if (this.#leftovers.isView(old.word) || this.#leftovers.isView(fresh.word)) {
      this.#pairViews(old, fresh)
    } else if (kind !== oldKind || isWhole(old, oldKind)) {
      this.#convert(old, fresh)
    } else if (kind === LIST || kind === TABLE) {
      this.#pairVectors(old, fresh)
    } else if (kind === ENTRY) {
      this.#pairEntries(old, fresh)
    } else if (kind === OBJECT || kind === ARRAY || kind === LIST_NODE) {
      this.#pairSlots(old, fresh)
    } else {
      this.#leftovers.add(old)
    }
  }

  /** The old cell's state; from now on the cell does without its memory. */
  #opened(old: Cell): State {
    let { state } = old
    if (state === undefined) {
      this.#reader.era = this.#versions.old.era
      if (old.value === undefined) {
        state = mirror(this.#how, old.word)
        old.state = state
      } else {
        state = stateOfValue(this.#reader, old)
      }
      old.origin = undefined
    }
    if (old.exposed) expose(state.slots)
    return state
  }

  #give(fresh: Cell, state: State): void {
    fresh.state = state
    fresh.origin = undefined
  }

  #prepared(fresh: Cell): State {
    const state = mirror(this.#how, fresh.word)
    this.#give(fresh, state)
    return state
  }

  #pairSlots(old: Cell, fresh: Cell): void {
    const m = this.#m
    const oldState = this.#opened(old)
    const { kind } = oldState
    const node = nodeOf(fresh.word)
    const plan = kind === OBJECT ? planOf(this.#reader, node) : undefined
    const count =
      plan?.count ?? (kind === ARRAY ? (m[node + 3] as number) : (m[node] as number) >>> 10)
    const freshRange = { at: slotsAt(kind, node), count }
    const oldRange = { at: slotsAt(kind, nodeOf(old.word)), count: oldState.slots.length }
    const alignment =
      plan !== undefined && oldState.plan !== undefined
        ? alignKeys(oldState.plan, plan)
        : alignWords(m, oldRange, freshRange)
    const slots = this.#linkSlots(oldState.slots, oldRange, freshRange, alignment)
    this.#give(fresh, new State(kind, plan, slots))
  }

  #linkSlots(
    oldSlots: readonly unknown[],
    old: Range,
    fresh: Range,
    alignment: Alignment,
  ): unknown[] {
    const m = this.#m
    this.#reader.era = this.#versions.fresh.era
    // An array that grows while it is filled would keep spare room.
    const slots = alignment === undefined ? oldSlots.slice() : new Array<unknown>(fresh.count)
    for (let i = 0; i < fresh.count; i++) {
      const j = alignment === undefined ? i : (alignment[i] as number)
      const word = m[fresh.at + i] as number
      const oldWord = m[old.at + j] as number
      if (j < 0) this.#place(slots, i, word)
      else if (word === oldWord) slots[i] = oldSlots[j]
      else this.#linkSlot(slots, i, word, this.#cellOf(oldSlots[j], oldWord))
    }
    if (alignment !== undefined) this.#leaveUnaligned(oldSlots, old, alignment)
    return slots
  }

  #leaveUnaligned(oldSlots: readonly unknown[], old: Range, alignment: Int32Array): void {
    const kept = new Uint8Array(oldSlots.length)
    for (const j of alignment) if (j >= 0) kept[j] = 1
    for (let j = 0; j < oldSlots.length; j++) {
      if (kept[j] === 0) this.#leave(this.#cellOf(oldSlots[j], this.#m[old.at + j] as number))
    }
  }

  /** What a slot of an old state holds, as a cell; undefined for a scalar. */
  #cellOf(slot: unknown, word: number): Cell | undefined {
    if (slot instanceof Cell) return slot
    return isScalar(this.#m, word) ? undefined : filledCell(word, slot)
  }

  /** A slot whose word changed. */
  #linkSlot(slots: unknown[], index: number, word: number, old: Cell | undefined): void {
    if (old === undefined || isScalar(this.#m, word)) {
      this.#place(slots, index, word)
      this.#leave(old)
      return
    }
    const cell = new Cell(word, this.#versions.chain)
    slots[index] = cell
    this.#pairs.push(old, cell)
  }

  /** A slot that corresponds to nothing old. */
  #place(slots: unknown[], index: number, word: number): void {
    if (isScalar(this.#m, word)) {
      slots[index] = this.#reader.scalar(word)
      return
    }
    slots[index] = new Cell(word, this.#versions.chain)
    this.#needs.push({ slots, index })
  }

  /** An old cell that corresponds to nothing new. Below an inner node each element may. */
  #leave(old: Cell | undefined): void {
    if (old === undefined) return
    if (old.state !== undefined && isInner(old.state.kind)) this.#leaveAll(old)
    else this.#leftovers.add(old)
  }

  /** Everything directly below; vectors are at most six deep. */
  #leaveAll(old: Cell): void {
    const state = this.#opened(old)
    if (state.kind === ENTRY) {
      const entry = nodeOf(old.word)
      this.#leave(this.#cellOf(state.slots[1], this.#m[entryValueAt(this.#m, entry)] as number))
      return
    }
    const at = slotsAt(state.kind, nodeOf(old.word))
    for (let i = 0; i < state.slots.length; i++) {
      this.#leave(this.#cellOf(state.slots[i], this.#m[at + i] as number))
    }
  }

  #pairEntries(old: Cell, fresh: Cell): void {
    const m = this.#m
    const [oldKey, oldItem] = this.#opened(old).slots as [string, unknown]
    this.#reader.era = this.#versions.fresh.era
    const node = nodeOf(fresh.word)
    const key = this.#reader.entryKey(node)
    const word = m[entryValueAt(m, node)] as number
    const oldWord = m[entryValueAt(m, nodeOf(old.word))] as number
    const slots: unknown[] = [key, undefined]
    this.#give(fresh, new State(ENTRY, undefined, slots))
    if (word === oldWord) {
      slots[1] = oldItem
    } else if (key === oldKey) {
      this.#linkSlot(slots, 1, word, this.#cellOf(oldItem, oldWord))
    } else {
      this.#place(slots, 1, word)
      this.#leave(this.#cellOf(oldItem, oldWord))
    }
  }

  /** Lists and tables: their roots, brought to the same height first. */
  #pairVectors(old: Cell, fresh: Cell): void {
    const m = this.#m
    const oldState = this.#opened(old)
    this.#reader.era = this.#versions.fresh.era
    const state = this.#prepared(fresh)
    const at = state.kind === LIST ? 4 : 5
    let rise = (m[nodeOf(fresh.word) + at] as number) - (m[nodeOf(old.word) + at] as number)
    let holder = state.slots
    let before = oldState.slots[0]
    for (; rise > 0; rise -= BITS) {
      const taller = holder[0]
      if (!(taller instanceof Cell) || kindOfWord(m, taller.word) !== LIST_NODE) break
      holder = this.#prepared(taller).slots
      for (let i = 1; i < holder.length; i++) this.#needs.push({ slots: holder, index: i })
    }
    for (; rise < 0; rise += BITS) {
      if (!(before instanceof Cell) || kindOfWord(m, before.word) !== LIST_NODE) break
      const { slots } = this.#opened(before)
      for (let i = 1; i < slots.length; i++) this.#leave(cellOrNone(slots[i]))
      before = slots[0]
    }
    const after = holder[0]
    if (!(before instanceof Cell) || !(after instanceof Cell)) {
      if (before instanceof Cell) this.#leave(before)
    } else if (before.word === after.word) {
      holder[0] = before
    } else {
      this.#pairs.push(before, after)
    }
  }

  /** Maps or Sets: what was decoded of unchanged entries goes over. */
  #pairViews(old: Cell, fresh: Cell): void {
    const m = this.#m
    const isSame = variantOfTable(m, fresh.word) === variantOfTable(m, old.word)
    if (!isSame) return this.#leftovers.add(old)
    this.#leftovers.keepView(old)
    if (old.state === undefined) return
    fresh.state = pairPages(m, old, fresh, (slot, change) => {
      const cell = this.#cellOf(slot, change.before)
      if (change.after === NO_WORD || isScalar(m, change.after)) this.#leave(cell)
      else this.#linkSlot(change.slots, change.index, change.after, cell)
    })
  }

  /** An array became a list, an object a table, or the other way round, or the old one has no
   *  state: elements are matched by their words. */
  #convert(old: Cell, fresh: Cell): void {
    const m = this.#m
    const kind = kindOfWord(m, fresh.word)
    const oldKind = kindOfWord(m, old.word)
    const related = (isListLike(kind) && isListLike(oldKind)) || (isKeyed(kind) && isKeyed(oldKind))
    if (!related || sizeOf(this.#reader, old.word) > CONVERTED_MAX) {
      this.#leftovers.add(old)
      return
    }
    const before = this.#cellsBelow(old)
    this.#reader.era = this.#versions.fresh.era
    const open = (cell: Cell): State => cell.state ?? this.#prepared(cell)
    for (const { key, slots, index } of itemsOf({ m, open }, this.#prepared(fresh))) {
      const cell = slots[index]
      if (!(cell instanceof Cell)) continue
      const same = before.get(key)
      before.delete(key)
      if (same === undefined) this.#needs.push({ slots, index })
      else if (same.word === cell.word) slots[index] = same
      else this.#pairs.push(same, cell)
    }
    for (const cell of before.values()) this.#leftovers.add(cell)
  }

  /** What is in an old object or array, by key or index, but for scalars. */
  #cellsBelow(old: Cell): Map<string | number, Cell> {
    if (isWhole(old, kindOfWord(this.#m, old.word))) return itemsOfValue(this.#reader, old)
    const opening = { m: this.#m, open: (cell: Cell): State => this.#opened(cell) }
    const found = new Map<string | number, Cell>()
    const words = wordsBelow(this.#reader, old.word)
    for (const { key, slots, index } of itemsOf(opening, this.#opened(old))) {
      const cell = this.#cellOf(slots[index], words.get(key) ?? 0)
      if (cell !== undefined) found.set(key, cell)
    }
    return found
  }

  #needAll(state: State): void {
    const { slots } = state
    for (let i = state.kind === ENTRY ? 1 : 0; i < slots.length; i++) {
      if (slots[i] instanceof Cell) this.#needs.push({ slots, index: i })
    }
  }

  /** Nodes that are new in their place but were elsewhere in the old version. */
  #matchMoved(): void {
    const leftovers = this.#leftovers
    if (leftovers.isEmpty) return
    this.#reader.era = this.#versions.fresh.era
    for (let at = 0; at < this.#needs.length; at++) {
      const { slots, index } = this.#needs[at] as Need
      const cell = slots[index] as Cell
      const moved = leftovers.take(cell.word)
      if (moved !== undefined) {
        slots[index] = moved
      } else if (isInner(kindOfWord(this.#m, cell.word)) && cell.state === undefined) {
        this.#needAll(this.#prepared(cell))
      }
    }
  }
}

function cellOrNone(slot: unknown): Cell | undefined {
  return slot instanceof Cell ? slot : undefined
}

/** A list or table that was decoded as part of a small value has no state. */
function isWhole(cell: Cell, kind: number): boolean {
  return cell.state === undefined && cell.value !== undefined && (kind === LIST || kind === TABLE)
}

/** Not a value: a part of a list or table. */
function isInner(kind: number): boolean {
  return kind === LIST_NODE || kind === ENTRY
}
