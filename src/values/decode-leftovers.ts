/**
 * Old cells that nothing in the new version corresponds to. Some were moved and are taken back by
 * their word. The rest must do without their memory: what was decoded does already; what was not,
 * but a handed-out object leads to, is decoded now if that is little work, else held.
 */

import { ENTRY, LIST_NODE } from '../memory/kinds.ts'
import {
  Cell,
  expose,
  Hold,
  kindOfWord,
  mirror,
  type Mirroring,
  type Versions,
} from './decode-cells.ts'
import { isScalar, type Reader, whole } from './decode.ts'
import { weightOf } from './word.ts'

export class Leftovers {
  readonly isView: (word: number) => boolean
  readonly #reader: Reader
  readonly #versions: Versions
  /** A node may have several places. */
  readonly #byWord = new Map<number, Cell[]>()
  /** Undecoded, but a handed-out object leads there. */
  readonly #wanted: Cell[] = []
  #values = 0
  #hold: Hold | undefined

  constructor(reader: Reader, versions: Versions, isView: (word: number) => boolean) {
    this.#reader = reader
    this.#versions = versions
    this.isView = isView
  }

  add(cell: Cell): void {
    const others = this.#byWord.get(cell.word)
    if (others === undefined) this.#byWord.set(cell.word, [cell])
    else others.push(cell)
  }

  get isEmpty(): boolean {
    return this.#byWord.size === 0
  }

  /** The cell of a node that has moved. */
  take(word: number): Cell | undefined {
    return this.#byWord.get(word)?.pop()
  }

  /** After this no cell that was added and not taken needs its memory, but through the hold. */
  settle(): Hold | undefined {
    const stack = [...this.#byWord.values()].flat()
    for (;;) {
      const cell = stack.pop()
      if (cell === undefined) break
      this.#visit(cell, stack)
    }
    this.#reader.era = this.#versions.old.era
    for (const cell of this.#wanted) {
      if (this.#values > this.#reader.leftoverValuesMax) this.#keep(cell)
      else this.#decode(cell)
    }
    return this.#hold
  }

  #visit(cell: Cell, stack: Cell[]): void {
    const { state } = cell
    if (this.isView(cell.word)) {
      this.keepView(cell)
      for (const page of state?.slots ?? []) pushCells(page, stack)
    } else if (state !== undefined) {
      if (cell.exposed) expose(state.slots)
      for (const slot of state.slots) if (slot instanceof Cell) stack.push(slot)
    } else if (cell.value === undefined && cell.exposed) {
      this.#want(cell, stack)
    } else {
      cell.origin = undefined
    }
  }

  /** A view goes on reading; what it decoded is the caller's. */
  keepView(cell: Cell): void {
    if (cell.value !== undefined || cell.exposed) this.#keep(cell)
  }

  #want(cell: Cell, stack: Cell[]): void {
    const { m } = this.#reader
    if (isScalar(m, cell.word)) {
      this.#wanted.push(cell)
      return
    }
    const kind = kindOfWord(m, cell.word)
    if ((kind === LIST_NODE || kind === ENTRY) && this.#values <= this.#reader.leftoverValuesMax) {
      this.#values++
      const how: Mirroring = {
        reader: this.#reader,
        origin: this.#versions.chain,
        decode: false,
      }
      this.#reader.era = this.#versions.old.era
      cell.state = mirror(how, cell.word)
      cell.origin = undefined
      stack.push(cell)
      return
    }
    this.#values += 2 ** weightOf(m, cell.word)
    this.#wanted.push(cell)
  }

  #keep(cell: Cell): void {
    this.#hold ??= new Hold(this.#versions.old)
    cell.origin = this.#hold
  }

  #decode(cell: Cell): void {
    cell.value = whole(this.#reader, cell.word)
    cell.origin = undefined
  }
}

/** What a view keeps of 64 neighbours. */
function pushCells(page: unknown, stack: Cell[]): void {
  for (const slot of (page as unknown[] | undefined) ?? [])
    if (slot instanceof Cell) stack.push(slot)
}
