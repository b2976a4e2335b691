/**
 * What is directly in an object or array, whichever its representation: its elements or properties
 * as slots of a state, as words, and, where it was decoded whole and has no state, as cells.
 */

import { ARRAY, ENTRY, LIST, LIST_NODE, nodeOf, OBJECT, TABLE } from '../memory/kinds.ts'
import { Cell, filledCell, kindOfWord, planOf, slotsAt, State } from './decode-cells.ts'
import { type Decoded, entriesOfTable, isScalar, type Reader, wordsOfList } from './decode.ts'

/** Where an element or a property of a state is. */
export interface Item {
  readonly key: string | number
  readonly slots: unknown[]
  readonly index: number
}

/** What to find out about the nodes of a vector. */
export interface Opening {
  readonly m: Int32Array
  readonly open: (cell: Cell) => State
}

/** All elements or properties of an object, array, list or table, whichever it is. */
export function itemsOf(opening: Opening, state: State): Item[] {
  const items: Item[] = []
  const { kind, slots, plan } = state
  if (kind === OBJECT || kind === ARRAY) {
    for (let i = 0; i < slots.length; i++) items.push({ key: plan?.keys[i] ?? i, slots, index: i })
  } else if (slots[0] instanceof Cell) {
    collectItems(opening, slots[0], items)
  }
  return items
}

/** Vectors are at most six levels deep. */
function collectItems(opening: Opening, vectorNode: Cell, items: Item[]): void {
  const { slots } = opening.open(vectorNode)
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i]
    const kind = slot instanceof Cell ? kindOfWord(opening.m, slot.word) : OBJECT
    if (kind === LIST_NODE) {
      collectItems(opening, slot as Cell, items)
    } else if (kind === ENTRY) {
      const entry = opening.open(slot as Cell).slots
      items.push({ key: entry[0] as string, slots: entry, index: 1 })
    } else {
      items.push({ key: items.length, slots, index: i })
    }
  }
}

/** How many elements or properties there are. */
export function sizeOf(reader: Reader, word: number): number {
  const node = nodeOf(word)
  const kind = kindOfWord(reader.m, word)
  return kind === OBJECT ? planOf(reader, node).count : (reader.m[node + 3] as number)
}

/** Their words, by key or index. */
export function wordsBelow(reader: Reader, word: number): Map<string | number, number> {
  const { m } = reader
  const node = nodeOf(word)
  const kind = kindOfWord(m, word)
  if (kind === TABLE) return new Map(entriesOfTable(reader, node))
  if (kind === LIST) return new Map(wordsOfList(m, node).entries())
  const keys = kind === OBJECT ? planOf(reader, node).keys : undefined
  const at = slotsAt(kind, node)
  const words = [...m.subarray(at, at + sizeOf(reader, word))]
  return new Map(words.map((each, i) => [keys?.[i] ?? i, each]))
}

/** Cells for what is directly in a list or table that was decoded whole. */
export function itemsOfValue(reader: Reader, cell: Cell): Map<string | number, Cell> {
  const { m } = reader
  const node = nodeOf(cell.word)
  const value = cell.value as Decoded
  const words: [string | number, number][] =
    kindOfWord(m, cell.word) === LIST
      ? [...wordsOfList(m, node).entries()]
      : entriesOfTable(reader, node)
  const cells = words
    .filter(([, word]) => !isScalar(m, word))
    .map(([key, word]): [string | number, Cell] => [key, filledCell(word, value[key])])
  return new Map(cells)
}

/** Slots for a value that was decoded whole. */
export function stateOfValue(reader: Reader, cell: Cell): State {
  const { m } = reader
  const node = nodeOf(cell.word)
  const kind = kindOfWord(m, cell.word)
  const plan = kind === OBJECT ? planOf(reader, node) : undefined
  const values = valuesOf(cell.value, plan?.keys)
  const at = slotsAt(kind, node)
  const slots = values.map((value, i) => {
    const word = m[at + i] as number
    return isScalar(m, word) ? value : filledCell(word, value)
  })
  return new State(kind, plan, slots)
}

function valuesOf(value: unknown, keys: readonly string[] | undefined): readonly unknown[] {
  if (keys === undefined) return value as unknown[]
  return keys.map((key) => (value as Record<string, unknown>)[key])
}
