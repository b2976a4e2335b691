/** Strings, numbers and the other values that are no containers, as words. */

import type { Allocator } from '../memory/allocator.ts'
import { DOUBLE, referenceTo, stamp, TAG_NODE } from '../memory/kinds.ts'
import type { Memory } from '../memory/memory.ts'
import { Interned } from './intern.ts'
import type { Text } from './text.ts'
import {
  IMMEDIATE_LENGTH_MAX,
  NO_WORD,
  numberToImmediate,
  stringToImmediate,
  valueToImmediate,
} from './word.ts'

/** Longer strings are stored once per mention. */
const INTERN_LENGTH_MAX = 2048

/** Equal strings and doubles of one write become one node. */
export class Scalars {
  readonly #m: Int32Array
  readonly #doubles: Float64Array
  readonly #allocator: Allocator
  readonly #text: Text
  readonly #interned: Interned
  /** One double, and its two words. */
  readonly #float: Float64Array
  readonly #halves: Int32Array

  constructor(memory: Memory, allocator: Allocator, text: Text) {
    this.#m = memory.m
    this.#doubles = memory.words.doubles
    this.#allocator = allocator
    this.#text = text
    this.#interned = new Interned(memory.m, text)
    const room = new ArrayBuffer(8)
    this.#float = new Float64Array(room)
    this.#halves = new Int32Array(room)
  }

  clear(): void {
    this.#interned.clear()
  }

  /** `NO_WORD` for what is none of these values. */
  encode(value: unknown): number {
    if (typeof value === 'string') return this.string(value)
    if (typeof value !== 'number') return valueToImmediate(value)
    const word = numberToImmediate(value)
    return word === NO_WORD ? this.#double(value) : word
  }

  string(value: string): number {
    const { length } = value
    if (length <= IMMEDIATE_LENGTH_MAX) {
      const word = stringToImmediate(value)
      if (word !== NO_WORD) return word
    }
    const text = this.#text
    if (length > INTERN_LENGTH_MAX) return text.write(this.#allocator, value)
    const count = text.pack(value)
    const word = this.#interned.string(length, count)
    if (word !== 0) return word
    return this.#interned.miss(text.writePacked(this.#allocator, length, count))
  }

  #double(value: number): number {
    this.#float[0] = value
    const known = this.#interned.double(this.#halves[0] as number, this.#halves[1] as number)
    if (known !== 0) return known
    const node = this.#allocator.allocate(4)
    stamp(this.#m, node, DOUBLE, 0)
    this.#doubles[(node + 2) >> 1] = value
    return this.#interned.miss(referenceTo(node, TAG_NODE))
  }
}
