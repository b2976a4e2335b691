/**
 * From JavaScript values to nodes. A container is opened by walking its children once: scalars
 * become words at once, containers wait on a stack until it is their turn. When the last is done
 * the container's words stand side by side and its node is made. Nesting costs stack entries, not
 * calls.
 */

import { rangeError, RootswapError } from '../errors.ts'
import type { Allocator } from '../memory/allocator.ts'
import {
  ARRAY,
  FLAT_MAX,
  OBJECT,
  OWN_SHIFT,
  referenceTo,
  stamp,
  TAG_NODE,
  TAG_OBJECT,
} from '../memory/kinds.ts'
import type { Memory } from '../memory/memory.ts'
import { expectRoomFor } from './array-length.ts'
import { writeBox } from './box.ts'
import { entriesOfValue, variantOfValue } from './dictionary.ts'
import { Frame, ROOT } from './encode-frame.ts'
import type { Key } from './immutable.ts'
import { Consed } from './intern.ts'
import { listOf } from './list.ts'
import { describe, isPlainArray, isPlainObject, isRevoked, ownKeysOnly } from './plain.ts'
import { PATH_SHOWN, prototypeIsClean, show, unsupported } from './plain.ts'
import { Scalars } from './scalars.ts'
import type { Shape, Shapes } from './shapes.ts'
import { OBJECT_TABLE, ownOfTable, tableOf } from './table.ts'
import type { Text } from './text.ts'
import { NO_WORD, UNDEFINED, weightOf, weightOfCount } from './word.ts'

/** Containers within containers: what is deeper is taken for a mistake. */
export const DEPTH_MAX = 100_000
const STACK_MIN = 1 << 13
/** A stack larger than this is given back after the write. */
const STACK_KEPT = 1 << 18

function nowhere(): Key[] {
  return []
}

export class Encoder {
  /** Birth word of new nodes: the low 31 bits of the version being made. */
  births = 0
  /** Whether equal containers of one write may become one node. */
  consing = true
  /** Where the value given to `encodeNext` will stand, for the path of an error. */
  pathTo: () => Key[] = nowhere
  readonly memory: Memory
  readonly m: Int32Array
  readonly allocator: Allocator
  readonly text: Text
  readonly #shapes: Shapes
  readonly #scalars: Scalars
  readonly #consed: Consed
  readonly #frames: Frame[] = []
  #depth = 0
  /** Words of open containers, and how many. */
  #stack = new Int32Array(STACK_MIN)
  #top = 0
  /** Children that wait, and their index within their container. */
  readonly #waiting: unknown[] = []
  readonly #places: number[] = []
  #waits = 0
  /** Values in the container finished last. */
  #total = 0
  /** False while somebody has put enumerable keys on Object.prototype. */
  #clean = true

  constructor(memory: Memory, allocator: Allocator, shapes: Shapes, text: Text) {
    this.memory = memory
    this.m = memory.m
    this.allocator = allocator
    this.text = text
    this.#shapes = shapes
    this.#scalars = new Scalars(memory, allocator, text)
    this.#consed = new Consed(memory.m)
  }

  /** The value as new private nodes of the running draft; returns its word, one reference. */
  encode(value: unknown): number {
    this.reset()
    return this.encodeNext(value)
  }

  /** Like `encode`, and what was encoded since the last `reset` is shared with. No block of the
   *  draft may have been given back in between. */
  encodeNext(value: unknown): number {
    if (typeof value === 'object' && value !== null) return this.#tree(value)
    this.#depth = 0
    const word = this.#scalars.encode(value)
    return word === NO_WORD ? this.#box(value, undefined) : word
  }

  /** Forgets which nodes this draft has: before a draft's first value, and after a rewind. */
  reset(): void {
    this.#scalars.clear()
    this.#consed.clear()
    this.#shapes.prune()
    this.pathTo = nowhere
  }

  #tree(root: object): number {
    this.#depth = 0
    this.#top = 0
    this.#waits = 0
    this.#clean = prototypeIsClean()
    let word = this.#open(root)
    // Bound: each turn opens or closes a container.
    while (this.#depth > 0) {
      const frame = this.#frames[this.#depth - 1] as Frame
      if (frame.cursor < frame.end) {
        word = this.#open(this.#waiting[frame.cursor++] as object)
        if (word !== 0) this.#store(frame, word)
        continue
      }
      word = this.#close(frame)
      if (this.#depth > 0) this.#store(this.#frames[this.#depth - 1] as Frame, word)
    }
    this.#waiting.length = 0
    this.#places.length = 0
    if (this.#stack.length > STACK_KEPT) this.#stack = new Int32Array(STACK_MIN)
    if (this.#frames.length > 1024) this.#frames.length = 0
    return word
  }

  #store(frame: Frame, word: number): void {
    this.#stack[frame.base + (this.#places[frame.cursor - 1] as number)] = word
    frame.total += this.#total
  }

  /** The word of a container all of whose children are scalars, else 0 and a new frame. */
  #open(value: object): number {
    if (isRevoked(value)) throw this.#unsupported(value, undefined)
    if (Array.isArray(value)) {
      if (!isPlainArray(value)) throw this.#unsupported(value, undefined)
      return this.#openArray(value)
    }
    if (isPlainObject(value)) {
      return this.#openObject(ownKeysOnly(value, this.#clean), value)
    }
    const variant = variantOfValue(value)
    if (variant !== OBJECT_TABLE) return this.#openDictionary(value, variant)
    const word = this.#box(value, undefined)
    this.#total = 2 ** weightOf(this.m, word)
    return word
  }

  #openDictionary(value: object, variant: number): number {
    const { keys, values } = entriesOfValue(value, variant, (found) =>
      unsupported(found, this.#path(undefined, Infinity)),
    )
    const base = this.#top
    const from = this.#waits
    this.#reserve(keys.length)
    for (let index = 0; index < keys.length; index++) {
      this.#stack[base + index] = this.#child(values[index], index, keys[index])
    }
    if (this.#waits === from) {
      this.#total = 2 ** 31
      return tableOf(this, keys, { words: this.#stack, at: base }, ownOfTable(variant))
    }
    const frame = this.#push(value, base, keys.length, from)
    frame.keys = keys
    frame.variant = variant
    frame.total = 2 ** 31
    return 0
  }

  /** The word of a scalar child; a container waits. */
  #child(child: unknown, index: number, key: Key): number {
    if (typeof child === 'object' && child !== null) {
      this.#wait(child, index)
      return UNDEFINED
    }
    const word = this.#scalars.encode(child)
    return word === NO_WORD ? this.#box(child, key) : word
  }

  /** A value that is one opaque node. */
  #box(value: unknown, key: Key): number {
    const word = writeBox(this, value)
    if (word === NO_WORD) throw this.#unsupported(value, key)
    return word
  }

  #openArray(value: readonly unknown[]): number {
    const { length } = value
    // A proxy may say anything.
    if (!Number.isInteger(length) || length < 0) throw this.#unsupported(value, undefined)
    expectRoomFor(length, this.m)
    const base = this.#top
    const from = this.#waits
    this.#reserve(length)
    const stack = this.#stack
    for (let index = 0; index < length; index++) {
      const child = value[index]
      if (typeof child === 'string') {
        stack[base + index] = this.#scalars.string(child)
      } else if (typeof child === 'object' && child !== null) {
        this.#wait(child, index)
      } else {
        const word = this.#scalars.encode(child)
        stack[base + index] = word === NO_WORD ? this.#box(child, index) : word
      }
    }
    if (this.#waits === from) {
      this.#total = length + 1
      return this.#array(base, length, weightOfCount(length + 1))
    }
    const frame = this.#push(value, base, length, from)
    frame.shape = undefined
    frame.keys = undefined
    frame.variant = OBJECT_TABLE
    return 0
  }

  /** `value` is what is read, `named` what the caller passed. */
  #openObject(value: Record<string, unknown>, named: object): number {
    const base = this.#top
    const from = this.#waits
    const shapes = this.#shapes
    this.#reserve(FLAT_MAX)
    let stack = this.#stack
    let shape = shapes.root
    let keys: string[] | undefined
    let count = 0
    for (const key in value) {
      if (count < FLAT_MAX) {
        shape = shape.lastKey === key ? (shape.lastStep as Shape) : shapes.step(shape, key)
      } else {
        keys = this.#overflow(keys, shape, key, base)
        stack = this.#stack
      }
      const child = value[key]
      if (typeof child === 'string') {
        stack[base + count] = this.#scalars.string(child)
      } else if (typeof child === 'object' && child !== null) {
        this.#wait(child, count)
      } else {
        const word = this.#scalars.encode(child)
        stack[base + count] = word === NO_WORD ? this.#box(child, key) : word
      }
      count++
    }
    if (this.#waits === from) {
      this.#total = count + 1
      const weight = weightOfCount(count + 1)
      return keys === undefined
        ? this.#object(shape, base, weight)
        : tableOf(this, keys, { words: stack, at: base }, weight)
    }
    const frame = this.#push(named, base, count, from)
    frame.shape = shape
    frame.keys = keys
    frame.variant = OBJECT_TABLE
    return 0
  }

  /** One key too many for a block: from now on the keys are listed. */
  #overflow(keys: string[] | undefined, shape: Shape, key: string, base: number): string[] {
    const list = keys ?? [...shape.keys]
    list.push(key)
    if (base + list.length >= this.#stack.length) {
      this.#top = base + list.length
      this.#reserve(list.length)
      this.#top = base
    }
    return list
  }

  #wait(child: object, index: number): void {
    this.#waiting[this.#waits] = child
    this.#places[this.#waits] = index
    this.#waits++
  }

  #push(value: object, base: number, count: number, from: number): Frame {
    const depth = this.#depth
    if ((depth & (depth - 1)) === 0 && depth >= 32) this.#checkCycle(value)
    if (depth === DEPTH_MAX) {
      throw rangeError(`the value is nested deeper than ${DEPTH_MAX} levels`, {
        path: this.#path(undefined, PATH_SHOWN),
      })
    }
    const frame = this.#frames[depth] ?? (this.#frames[depth] = new Frame())
    frame.value = value
    frame.base = base
    frame.count = count
    frame.from = from
    frame.cursor = from
    frame.end = this.#waits
    frame.total = 1 + count - (this.#waits - from)
    this.#top = base + count
    this.#depth = depth + 1
    return frame
  }

  #close(frame: Frame): number {
    const { base, count, shape, keys, total } = frame
    const { variant } = frame
    const weight = variant === OBJECT_TABLE ? weightOfCount(total) : ownOfTable(variant)
    let word: number
    if (keys !== undefined) word = tableOf(this, keys, { words: this.#stack, at: base }, weight)
    else if (shape === undefined) word = this.#array(base, count, weight)
    else word = this.#object(shape, base, weight)
    frame.value = ROOT
    this.#top = base
    this.#waits = frame.from
    this.#depth--
    this.#total = total
    return word
  }

  #object(shape: Shape, base: number, weight: number): number {
    const { m } = this
    const stack = this.#stack
    const { count } = shape
    const id = shape.id >= 0 ? shape.id : this.#shapes.intern(shape, this.allocator)
    if (id < 0) return tableOf(this, shape.keys, { words: stack, at: base }, weight)
    const own = (id << 5) | weight
    const consing = this.consing && this.#consed.on
    if (consing) {
      const word = this.#consed.find(OBJECT | (own << OWN_SHIFT), stack, base, count)
      if (word !== 0) return word
    }
    const node = this.allocator.allocate(3 + count)
    stamp(m, node, OBJECT, own)
    m[node + 2] = this.births
    for (let index = 0; index < count; index++) m[node + 3 + index] = stack[base + index] as number
    if (consing) this.#consed.miss(node)
    else this.#consed.skip()
    return referenceTo(node, TAG_OBJECT)
  }

  #array(base: number, length: number, weight: number): number {
    const { m } = this
    const stack = this.#stack
    if (length > FLAT_MAX) return listOf(this, stack, { at: base, length }, weight)
    const consing = this.consing && this.#consed.on
    if (consing) {
      const word = this.#consed.find(ARRAY | (weight << OWN_SHIFT), stack, base, length)
      if (word !== 0) return word
    }
    const node = this.allocator.allocate(4 + length)
    stamp(m, node, ARRAY, weight)
    m[node + 2] = this.births
    m[node + 3] = length
    for (let index = 0; index < length; index++) m[node + 4 + index] = stack[base + index] as number
    if (consing) this.#consed.miss(node)
    else this.#consed.skip()
    return referenceTo(node, TAG_NODE)
  }

  #reserve(count: number): void {
    const needed = this.#top + count + 1
    if (needed <= this.#stack.length) return
    const stack = new Int32Array(Math.max(needed, this.#stack.length * 2))
    stack.set(this.#stack.subarray(0, this.#top))
    this.#stack = stack
  }

  /** A cycle repeats within twice its length, so looking at powers of two finds each. */
  #checkCycle(value: object): void {
    for (let depth = this.#depth - 1; depth >= 0; depth--) {
      if ((this.#frames[depth] as Frame).value !== value) continue
      const path = this.#path(undefined, Infinity)
      const first = path.slice(0, path.length - this.#depth + depth)
      throw new RootswapError(
        'ERR_UNSUPPORTED_VALUE',
        `a cycle cannot be stored: ${show(path)} is the object at ${show(first)}`,
        { path, found: 'a cycle' },
      )
    }
  }

  #unsupported(value: unknown, key: Key): RootswapError {
    const path = this.#path(key, Infinity)
    return unsupported(describe(value), path)
  }

  /** The keys that lead to the container being opened, and then `key`. */
  #path(key: Key, shown: number): Key[] {
    const path = this.pathTo()
    for (let depth = 0; depth < this.#depth && path.length < shown; depth++) {
      const { keys, shape, cursor } = this.#frames[depth] as Frame
      const place = this.#places[cursor - 1] as number
      const names = keys ?? shape?.keys
      path.push(names === undefined ? place : names[place])
    }
    if (key !== undefined) path.push(key)
    return path
  }
}
