/**
 * The mirror: what a thread knows of the nodes of a version, node by node, as far as somebody has
 * touched them. Versions share the mirror's cells as they share nodes.
 *
 * A **cell** stands for one place in a value: a word, and once it was asked for, the JavaScript
 * value. A **state** holds what is below a node: for each of its words a cell, or where it is a
 * scalar the scalar itself. A cell with a value or a state never reads its node again.
 *
 * **Invariants.**
 * - A cell that has neither a value nor a state can be reached from handed-out objects only while
 *   its word belongs to the version that its origin protects.
 * - The slots of an object's state hold a cell for everything that is not a scalar; those of an
 *   array or of a list's node may hold a light value itself.
 * - A cell is in one place of the newest version's mirror, or in none.
 */

import { corrupt } from '../errors.ts'
import {
  ARRAY,
  ENTRY,
  LIST,
  LIST_NODE,
  nodeOf,
  OBJECT,
  OWN_SHIFT,
  TABLE,
  entryValueAt,
} from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import { eager, isLight, isScalar, type Plan, type Reader } from './decode.ts'

/** The protection of one version, as its owner (a store, a snapshot) sees it. */
export interface Source {
  /** Protects the version until the call that reads ends (`Reader.settle`). Throws
   *  `ERR_STALE_SNAPSHOT` when it was given up. */
  check(): void
  /** Never the same for two versions of a heap; strings are cached per era. */
  readonly era: number
}

/** Whom a cell asks before it reads memory. The cells of a store's newest version share one, which
 *  moves on with the version. */
export class Origin {
  source: Source

  constructor(source: Source) {
    this.source = source
  }
}

/**
 * Cells of a replaced version that nobody decoded keep that version through this object: while it
 * is reachable, its owner keeps the lease; when it is collected, nothing needs the lease any more.
 */
export class Hold extends Origin {}

/** The two versions of an advance, both protected while it runs. */
export interface Versions {
  /** Shared by the cells of the newest version. */
  readonly chain: Origin
  readonly old: Source
  readonly fresh: Source
}

export class State {
  /** Of the node: OBJECT, ARRAY, LIST, LIST_NODE, TABLE or ENTRY. */
  readonly kind: number
  /** Of an object. */
  readonly plan: Plan | undefined
  /** One for each word of the node; of a list or table the root of its vector alone; of an entry
   *  the key itself and the value. */
  readonly slots: unknown[]

  constructor(kind: number, plan: Plan | undefined, slots: unknown[]) {
    this.kind = kind
    this.plan = plan
    this.slots = slots
  }
}

export class Cell {
  readonly word: number
  /** Undefined until it is asked for. */
  value: unknown = undefined
  state: State | undefined = undefined
  /** Undefined once nothing needs to be read, or nobody can ask. */
  origin: Origin | undefined
  /** An object that was handed out, now or earlier, leads here. */
  exposed = false

  constructor(word: number, origin: Origin | undefined) {
    this.word = word
    this.origin = origin
  }
}

/** The cell of a version's whole value. */
export class RootCell extends Cell {
  /** Shared by all cells of the newest version. */
  readonly chain: Origin

  constructor(word: number, chain: Origin) {
    super(word, chain)
    this.chain = chain
  }
}

export function filledCell(word: number, value: unknown): Cell {
  const cell = new Cell(word, undefined)
  cell.value = value
  cell.exposed = true
  return cell
}

/** First of the words that a state's slots stand for; an entry has its own order. */
export function slotsAt(kind: number, node: Offset): Offset {
  switch (kind) {
    case ARRAY:
      return node + 4
    case LIST:
      return node + 5
    case TABLE:
      return node + 7
    default:
      return node + 3
  }
}

export function kindOfWord(m: Int32Array, word: number): number {
  return (m[nodeOf(word)] as number) & 15
}

export function planOf(reader: Reader, node: Offset): Plan {
  return reader.plan((reader.m[node] as number) >>> (OWN_SHIFT + 5))
}

/** How a state is made: `decode` fills in light values where the state's kind allows it. */
export interface Mirroring {
  readonly reader: Reader
  readonly origin: Origin | undefined
  readonly decode: boolean
}

/** The state of a node, from memory that the caller knows to be protected. */
export function mirror(how: Mirroring, word: number): State {
  const { reader } = how
  const { m } = reader
  const node = nodeOf(word)
  const kind = (m[node] as number) & 15
  switch (kind) {
    case OBJECT: {
      const plan = planOf(reader, node)
      return new State(kind, plan, cells({ ...how, decode: false }, node + 3, plan.count))
    }
    case ARRAY:
      return new State(kind, undefined, cells(how, node + 4, m[node + 3] as number))
    case LIST_NODE:
      return new State(kind, undefined, cells(how, node + 3, (m[node] as number) >>> OWN_SHIFT))
    case LIST:
      return new State(kind, undefined, cells(how, node + 5, 1))
    case TABLE:
      return new State(kind, undefined, cells({ ...how, decode: false }, node + 7, 1))
    case ENTRY: {
      const value = m[entryValueAt(m, node)] as number
      return new State(kind, undefined, [reader.entryKey(node), slotOf(how, value)])
    }
    default:
      throw corrupt(`a value names a node of kind ${kind}`, { node, kind })
  }
}

function cells(how: Mirroring, at: Offset, count: number): unknown[] {
  const { m } = how.reader
  const slots: unknown[] = []
  for (let i = 0; i < count; i++) slots.push(slotOf(how, m[at + i] as number))
  return slots
}

function slotOf(how: Mirroring, word: number): unknown {
  const { reader } = how
  if (isScalar(reader.m, word)) return reader.scalar(word)
  if (how.decode && isLight(reader, word)) return eager(reader, reader.m, word)
  return new Cell(word, how.origin)
}

/** From now on a handed-out object leads to these slots. */
export function expose(slots: readonly unknown[]): void {
  for (const slot of slots) if (slot instanceof Cell) slot.exposed = true
}

export function isListLike(kind: number): boolean {
  return kind === ARRAY || kind === LIST
}

export function isKeyed(kind: number): boolean {
  return kind === OBJECT || kind === TABLE
}
