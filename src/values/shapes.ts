/**
 * Shapes: the key lists of objects. Objects with the same keys in the same order share one shape,
 * and a shape's id stands in the header of their nodes.
 *
 * A shape is never freed. It is published by one compare-and-swap on its word of the shape table,
 * always the first free one, so ids have no gaps. Until then its block is private to the draft
 * that needed it; from then on it is permanent (`isPermanent`), whatever becomes of the draft. All
 * characters of its keys are inside the block, so that nothing else has to be permanent.
 *
 * Threads that write know shapes as `Shape` objects in a trie of transitions: one step per key.
 * Steps that no object ends at have no id. What other threads published joins the trie when this
 * thread is about to publish a shape of its own. A thread that only reads makes no steps: it has
 * the key lists of the ids that it met, and of no others.
 */

import { corrupt } from '../errors.ts'
import type { Allocator } from '../memory/allocator.ts'
import { kindOf, SHAPE, stamp } from '../memory/kinds.ts'
import { SHAPES_AT } from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import type { Offset } from '../memory/words.ts'
import { SlotTable } from './slot-table.ts'
import type { Text } from './text.ts'

/** Words of a shape's node before its keys. */
const SHAPE_HEAD = 6
/** Up to this many keys a linear search beats a Map. */
const LINEAR_MAX = 8
/** After so many lookups a shape gets a table of its own. */
const LOOKUPS_FOR_TABLE = 32
/** When a thread knows so many steps that no object ends at, it forgets them. */
const LOOSE_STEPS_MAX = 1 << 17

export class Shape {
  /** -1 while no object of this heap was seen to end here. */
  id = -1
  readonly parent: Shape | undefined
  /** The key of the step that leads here from the parent. */
  readonly key: string
  readonly count: number
  /** The step taken last. */
  lastKey: string | undefined = undefined
  lastStep: Shape | undefined = undefined
  steps: Map<string, Shape> | undefined = undefined
  /** Of one that was only read. */
  readonly #own: readonly string[] | undefined
  #keys: readonly string[] | undefined = undefined
  /** Made for shapes that are looked into often. */
  #table: SlotTable | undefined = undefined
  #lookups = 0
  /** May be shared with descendants: an index of `count` or more is not of this shape. */
  #slots: Map<string, number> | undefined = undefined

  /** A step from a shape, or what begins a trie; with `own` keys, one that was only read: it has
   *  them after those of the shape that it was published to follow. */
  constructor(parent: Shape | undefined, key: string, own?: readonly string[]) {
    this.parent = parent
    this.key = key
    this.#own = own
    this.count =
      (parent === undefined ? 0 : parent.count) + (own?.length ?? Number(parent !== undefined))
  }

  /** In JavaScript's order. */
  get keys(): readonly string[] {
    return this.#keys ?? this.#collectKeys()
  }

  #collectKeys(): readonly string[] {
    const keys = new Array<string>(this.count)
    let end = this.count === 0 ? 0 : this.#copyTo(keys, this.count)
    // Bound: each step up has fewer keys, or one that was read a lower id.
    for (let step = this.parent; end > 0 && step !== undefined; step = step.parent) {
      end = step.#copyTo(keys, end)
    }
    this.#keys = keys
    return keys
  }

  /** Puts all its keys, or those that it adds to its parent's, before `end`; where they begin. */
  #copyTo(keys: string[], end: number): number {
    const list = this.#keys ?? this.#own
    if (list === undefined) {
      keys[end - 1] = this.key
      return end - 1
    }
    const begin = end - list.length
    for (let index = 0; index < list.length; index++) keys[begin + index] = list[index] as string
    return begin
  }

  /** Where the key's value is among the object's words, or -1. */
  slotOf(key: string): number {
    if (this.#table !== undefined) return this.#table.slotOf(key)
    if (this.count > LINEAR_MAX) return this.#slotInMap(key)
    const keys = this.#keys ?? this.#collectKeys()
    for (let index = 0; index < keys.length; index++) if (keys[index] === key) return index
    return -1
  }

  #slotInMap(key: string): number {
    const slot = (this.#slots ?? this.#collectSlots()).get(key)
    if (++this.#lookups === LOOKUPS_FOR_TABLE) {
      this.#table = SlotTable.of(this.keys)
      if (this.#table !== undefined) this.#slots = undefined
    }
    return slot === undefined || slot >= this.count ? -1 : slot
  }

  /** An object that grows key by key goes on with its parent's map. */
  #collectSlots(): Map<string, number> {
    const above = this.parent === undefined ? undefined : this.parent.#slots
    let slots: Map<string, number>
    if (above !== undefined && above.size === (this.parent as Shape).count) {
      slots = above
      for (const key of this.#own ?? [this.key]) slots.set(key, slots.size)
    } else {
      slots = new Map()
      for (const key of this.keys) slots.set(key, slots.size)
    }
    this.#slots = slots
    return slots
  }
}

export class Shapes {
  /** The shape of an object without keys; where each walk begins. */
  root = new Shape(undefined, '')
  readonly #memory: Memory
  readonly #text: Text
  readonly #byId: (Shape | undefined)[] = []
  /** Shapes 0…known-1 are in the trie, and its steps are in `#byId`. */
  #known = 0
  #steps = 0

  constructor(memory: Memory, text: Text) {
    this.#memory = memory
    this.#text = text
  }

  /** The shape with this id; the id comes from a published or own node. */
  of(id: number): Shape {
    const shape = this.#byId[id]
    return shape === undefined ? this.#read(id) : shape
  }

  /** One step along the trie: the shape that has `key` after the keys of `shape`. */
  step(shape: Shape, key: string): Shape {
    return shape.lastKey === key ? (shape.lastStep as Shape) : this.#stepSlow(shape, key)
  }

  /** The shape with these keys, in this order; it may have no id yet. */
  withKeys(keys: readonly string[]): Shape {
    let shape = this.root
    for (const key of keys) shape = this.step(shape, key)
    return shape
  }

  #stepSlow(shape: Shape, key: string): Shape {
    let next = shape.steps?.get(key)
    if (next === undefined) {
      next = new Shape(shape, key)
      this.#steps++
      if (shape.lastStep !== undefined) {
        shape.steps ??= new Map([[shape.lastKey as string, shape.lastStep]])
        shape.steps.set(key, next)
      }
    }
    shape.lastKey = key
    shape.lastStep = next
    return next
  }

  /** The id of a shape, published now if need be; -1 when the table has no room for it, and then
   *  the object becomes a dictionary. Every block that this keeps is permanent. */
  intern(shape: Shape, allocator: Allocator): number {
    if (shape.id >= 0) return shape.id
    const limit = this.#limit(shape.count)
    this.#learn()
    if (shape.id >= 0) return shape.id
    if (this.#known >= limit) return -1
    const { words, layout } = this.#memory
    const mark = allocator.mark()
    const node = this.#build(shape, allocator)
    // Bound: ids; a lost swap means that another thread published a shape.
    while (this.#known < limit) {
      const id = this.#known
      this.#memory.m[node + 2] = id
      if (words.compareExchange(layout.shapesAt + id, 0, node) === 0) {
        this.#register(shape, id)
        this.#known = id + 1
        this.#announce(id + 1)
        return id
      }
      this.#learn()
      if (shape.id >= 0) break
    }
    allocator.rewind(mark)
    return shape.id
  }

  /** Between writes: forgets steps that no object ends at, when there are very many. */
  prune(): void {
    if (this.#steps - this.#known < LOOSE_STEPS_MAX) return
    this.root = new Shape(undefined, '')
    this.#steps = 0
    this.#byId.length = 0
    this.#known = 0
  }

  /** The last part of the table is kept for small shapes: large ones can be dictionaries. */
  #limit(count: number): number {
    const { shapesMax } = this.#memory.layout
    if (count <= 8) return shapesMax
    return count <= 64 ? shapesMax - (shapesMax >> 2) : shapesMax >> 1
  }

  /** Reads what other threads have published since. */
  #learn(): void {
    const { words, layout } = this.#memory
    // Bound: the table's length.
    while (this.#known < layout.shapesMax) {
      const node = words.load(layout.shapesAt + this.#known)
      if (node === 0) return
      this.#load(this.#known, node)
      this.#known++
    }
  }

  /** What reading needs of a shape and of those that it follows: their own keys, once. */
  #read(id: number): Shape {
    const met: [id: number, node: Offset][] = []
    let above: Shape | undefined
    // Bound: ids; a parent's is lower.
    for (let next = id; next >= 0 && above === undefined;) {
      const node = this.#nodeOf(next)
      met.push([next, node])
      next = this.#parentOf(node, next)
      if (next >= 0) above = this.#byId[next]
    }
    while (this.#byId.length < id) this.#byId.push(undefined)
    for (const [at, node] of met.reverse()) {
      above = new Shape(above, '', this.#ownKeys(node))
      this.#register(above, at)
    }
    return above as Shape
  }

  #nodeOf(id: number): Offset {
    const { words, layout } = this.#memory
    const node = id < layout.shapesMax ? words.load(layout.shapesAt + id) : 0
    if (node === 0) throw corrupt(`shape ${id} does not exist`, { shape: id })
    return node
  }

  /** Into the trie. */
  #load(id: number, node: Offset): void {
    const parent = this.#parentOf(node, id)
    const keys = this.#ownKeys(node)
    let shape = parent < 0 ? this.root : (this.#byId[parent] as Shape)
    for (const key of keys) shape = this.step(shape, key)
    this.#register(shape, id)
  }

  /** The id of the shape whose keys come first, or -1. */
  #parentOf(node: Offset, id: number): number {
    const { m } = this.#memory
    const parent = (m[node + 4] as number) - 1
    if (kindOf(m, node) !== SHAPE || m[node + 2] !== id || parent < -1 || parent >= id) {
      throw corrupt(`the block of shape ${id} is not a shape`, { shape: id, block: node })
    }
    return parent
  }

  #ownKeys(node: Offset): string[] {
    const { m } = this.#memory
    const keys: string[] = []
    let at = node + SHAPE_HEAD
    for (let left = m[node + 5] as number; left > 0; left--) {
      const form = m[at] as number
      const length = form >>> 1
      const wide = (form & 1) === 1
      keys.push(this.#text.readAt(at + 1, length, wide))
      at += 1 + (wide ? (length + 1) >>> 1 : (length + 3) >>> 2)
    }
    return keys
  }

  #register(shape: Shape, id: number): void {
    // Two threads may publish equal shapes only if one could not see the other's: never.
    shape.id = id
    this.#byId[id] = shape
  }

  #build(shape: Shape, allocator: Allocator): Offset {
    const { m } = this.#memory
    const text = this.#text
    let parent = shape.parent
    while (parent !== undefined && parent.id < 0) parent = parent.parent // bound: keys
    const keys = shape.keys.slice(parent === undefined ? 0 : parent.count)
    let size = SHAPE_HEAD
    for (const key of keys) size += 1 + text.pack(key)
    const node = allocator.allocate(size)
    m[node + 2] = this.#known // Before the kind: `isPermanent` reads it of any block of that kind.
    stamp(m, node, SHAPE, 0)
    m[node + 3] = shape.count
    m[node + 4] = parent === undefined ? 0 : parent.id + 1
    m[node + 5] = keys.length
    let at = node + SHAPE_HEAD
    for (const key of keys) {
      const count = text.pack(key)
      m[at] = (key.length << 1) | text.wide
      text.copyPacked(at + 1, count)
      at += 1 + count
    }
    text.trim()
    return node
  }

  #announce(count: number): void {
    const { words } = this.#memory
    for (;;) {
      const hint = words.load(SHAPES_AT)
      // A failed swap means that another thread raised the hint.
      if (hint >= count || words.compareExchange(SHAPES_AT, hint, count) === hint) return
    }
  }
}
