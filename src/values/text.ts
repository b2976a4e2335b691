/**
 * Strings in shared memory: one byte a character where all are below 256, else two, four or two
 * packed in a word. Lone surrogates are kept exactly, since nothing is ever encoded as UTF-8.
 *
 * One kernel, `pack`, reads a string four characters at a time into a scratch array and hashes it
 * with one multiplication per word; interning, dictionaries and shapes compare and copy the words.
 * V8's own hash of a string that was just built costs more than all of that.
 *
 * The hash of a string is the same in each thread of a heap; it starts from the heap's identity.
 */

import type { Allocator } from '../memory/allocator.ts'
import { nodeOf, referenceTo, STRING, stamp, TAG_STRING } from '../memory/kinds.ts'
import { IDENTITY_AT } from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import type { Offset } from '../memory/words.ts'
import {
  immediateToValue,
  IMMEDIATE_LENGTH_MAX,
  isImmediateString,
  NO_WORD,
  stringToImmediate,
} from './word.ts'

/** Words of a string's node before its characters. */
const STRING_HEAD = 3
const PRIME = 0x9e3779b1 | 0
/** Below this, joining characters is faster than a call into the runtime. */
const SLICE_MIN = 8
/** Longer strings are written by the runtime; the scratch array does not stay larger. */
const PACK_MAX = 1 << 14

/** The undocumented, documented-by-use natives behind `buffer.toString('latin1', …)`. */
interface ByteMethods {
  latin1Slice(this: Uint8Array, start: number, end: number): string
  ucs2Slice(this: Uint8Array, start: number, end: number): string
  latin1Write(this: Uint8Array, value: string, offset: number, length: number): number
  ucs2Write(this: Uint8Array, value: string, offset: number, length: number): number
}

const { latin1Slice, ucs2Slice, latin1Write, ucs2Write } =
  Buffer.prototype as unknown as ByteMethods

/** Words that a string's node takes, its head included. */
export function stringWords(length: number, wide: boolean): number {
  return STRING_HEAD + (wide ? (length + 1) >>> 1 : (length + 3) >>> 2)
}

export class Text {
  /** The words of the string packed last. */
  packed = new Int32Array(PACK_MAX >> 1)
  /** Hash of the string packed last. */
  hashed = 0
  /** 1 if the string packed last takes two bytes a character. */
  wide = 0
  /** Of the key packed last, where it is no string: its word if it needs no node, else 1. */
  keyWord = 1
  /** A word that was read to have it near; nobody asks what it is. */
  ahead = 0
  readonly m: Int32Array
  /** One double, and its two words. */
  readonly #float: Float64Array
  readonly #halves: Int32Array
  readonly #bytes: Uint8Array
  readonly #seed: number

  constructor(memory: Memory) {
    this.m = memory.m
    const room = new ArrayBuffer(8)
    this.#float = new Float64Array(room)
    this.#halves = new Int32Array(room)
    this.#bytes = memory.words.bytes
    this.#seed = memory.m[IDENTITY_AT] as number
  }

  /** Packs and hashes; returns how many of `packed`'s words the string takes. */
  pack(value: string): number {
    const { length } = value
    if ((length + 1) >> 1 > this.packed.length) this.packed = new Int32Array((length + 1) >> 1)
    const { packed } = this
    let hash = length ^ this.#seed
    let union = 0
    let index = 0
    let count = 0
    for (const end = length - 3; index < end; index += 4) {
      const a = value.charCodeAt(index)
      const b = value.charCodeAt(index + 1)
      const c = value.charCodeAt(index + 2)
      const d = value.charCodeAt(index + 3)
      union |= a | b | c | d
      const word = a | (b << 8) | (c << 16) | (d << 24)
      hash = Math.imul(hash ^ word, PRIME)
      hash ^= hash >>> 15
      packed[count++] = word
    }
    if (index < length) {
      let word = 0
      for (let shift = 0; index < length; index++, shift += 8) {
        const code = value.charCodeAt(index)
        union |= code
        word |= code << shift
      }
      hash = Math.imul(hash ^ word, PRIME)
      hash ^= hash >>> 15
      packed[count++] = word
    }
    if (union > 255) return this.#packWide(value)
    this.wide = 0
    hash = Math.imul(hash, 0x85ebca6b)
    this.hashed = hash ^ (hash >>> 13)
    return count
  }

  #packWide(value: string): number {
    const { packed } = this
    const { length } = value
    let hash = length ^ this.#seed
    let count = 0
    for (let index = 0; index < length; index += 2) {
      const high = index + 1 < length ? value.charCodeAt(index + 1) : 0
      const word = value.charCodeAt(index) | (high << 16)
      hash = Math.imul(hash ^ word, PRIME)
      hash ^= hash >>> 15
      packed[count++] = word
    }
    this.wide = 1
    hash = Math.imul(hash, 0x85ebca6b)
    this.hashed = hash ^ (hash >>> 13)
    return count
  }

  /** Packs what is no string: words, hashed. */
  packWords(words: readonly number[]): number {
    const count = words.length
    if (count > this.packed.length) this.packed = new Int32Array(count)
    const { packed } = this
    let hash = ~count ^ this.#seed
    for (let index = 0; index < count; index++) {
      const word = words[index] as number
      packed[index] = word
      hash = Math.imul(hash ^ word, PRIME)
      hash ^= hash >>> 15
    }
    this.wide = 0
    hash = Math.imul(hash, 0x85ebca6b)
    this.hashed = hash ^ (hash >>> 13)
    return count
  }

  packDouble(value: number): number {
    this.#float[0] = value
    return this.packWords([this.#halves[0] as number, this.#halves[1] as number])
  }

  /** The double whose words stand at an offset. */
  doubleAt(at: Offset): number {
    this.#halves[0] = this.m[at] as number
    this.#halves[1] = this.m[at + 1] as number
    return this.#float[0] as number
  }

  /** The hash that dictionaries and interning use. */
  hash(value: string): number {
    this.pack(value)
    this.trim()
    return this.hashed
  }

  /** Gives an oversized scratch array back to the collector. */
  trim(): void {
    if (this.packed.length > PACK_MAX >> 1) this.packed = new Int32Array(PACK_MAX >> 1)
  }

  /** Whether the words at `at` are those of the string packed last. */
  samePacked(at: Offset, count: number): boolean {
    const { m, packed } = this
    for (let index = 0; index < count; index++) {
      if (m[at + index] !== packed[index]) return false
    }
    return true
  }

  copyPacked(at: Offset, count: number): void {
    const { m, packed } = this
    for (let index = 0; index < count; index++) m[at + index] = packed[index] as number
  }

  read(node: Offset): string {
    return this.readAt(node + STRING_HEAD, this.m[node + 2] as number, this.isWide(node))
  }

  /** The string of a value word with tag STRING or of an immediate string. */
  ofWord(word: number): string {
    if (isImmediateString(word)) return immediateToValue(word) as string
    return this.read(nodeOf(word))
  }

  isWide(node: Offset): boolean {
    return ((this.m[node] as number) & 1024) !== 0
  }

  /** `length` characters whose words begin at `at`. */
  readAt(at: Offset, length: number, wide: boolean): string {
    const start = at * 4
    if (wide) return ucs2Slice.call(this.#bytes, start, start + length * 2)
    if (length >= SLICE_MIN) return latin1Slice.call(this.#bytes, start, start + length)
    const { m } = this
    let value = ''
    for (let index = 0; index < length; index++) {
      const word = m[at + (index >> 2)] as number
      value += String.fromCharCode((word >>> ((index & 3) << 3)) & 255)
    }
    return value
  }

  /** Writes a new node, or no node where the string is an immediate; returns the value word. */
  write(allocator: Allocator, value: string): number {
    const { length } = value
    if (length <= IMMEDIATE_LENGTH_MAX) {
      const word = stringToImmediate(value)
      if (word !== NO_WORD) return word
    }
    if (length > PACK_MAX) return this.#writeLong(allocator, value)
    return this.writePacked(allocator, length, this.pack(value))
  }

  /** A new node for the string packed last. */
  writePacked(allocator: Allocator, length: number, count: number): number {
    const node = allocator.allocate(STRING_HEAD + count)
    stamp(this.m, node, STRING, this.wide)
    this.m[node + 2] = length
    this.copyPacked(node + STRING_HEAD, count)
    return referenceTo(node, TAG_STRING)
  }

  #writeLong(allocator: Allocator, value: string): number {
    const { length } = value
    const wide = hasWide(value)
    const words = wide ? (length + 1) >>> 1 : (length + 3) >>> 2
    const node = allocator.allocate(STRING_HEAD + words)
    stamp(this.m, node, STRING, wide ? 1 : 0)
    this.m[node + 2] = length
    this.#fill(node + STRING_HEAD, words, value, wide)
    return referenceTo(node, TAG_STRING)
  }

  #fill(at: Offset, words: number, value: string, wide: boolean): void {
    this.m[at + words - 1] = 0 // The padding takes part in comparisons of words.
    if (wide) ucs2Write.call(this.#bytes, value, at * 4, value.length * 2)
    else latin1Write.call(this.#bytes, value, at * 4, value.length)
  }

  /** Compares without making a string. */
  equals(node: Offset, value: string): boolean {
    const { m } = this
    const { length } = value
    if (m[node + 2] !== length) return false
    if (this.isWide(node)) return this.#equalsWide(node, value)
    let at = node + STRING_HEAD
    let index = 0
    let union = 0
    for (const end = length - 3; index < end; index += 4) {
      const a = value.charCodeAt(index)
      const b = value.charCodeAt(index + 1)
      const c = value.charCodeAt(index + 2)
      const d = value.charCodeAt(index + 3)
      union |= a | b | c | d
      if (m[at++] !== (a | (b << 8) | (c << 16) | (d << 24))) return false
    }
    for (let shift = 0; index < length; index++, shift += 8) {
      const code = value.charCodeAt(index)
      union |= code
      if ((((m[at] as number) >>> shift) & 255) !== (code & 255)) return false
    }
    return union < 256
  }

  #equalsWide(node: Offset, value: string): boolean {
    const { m } = this
    for (let index = 0; index < value.length; index++) {
      const word = m[node + STRING_HEAD + (index >> 1)] as number
      if (((word >>> ((index & 1) << 4)) & 0xffff) !== value.charCodeAt(index)) return false
    }
    return true
  }

  /** Whether a value word is this string. */
  wordEquals(word: number, value: string): boolean {
    if ((word & 7) === TAG_STRING) return this.equals(nodeOf(word), value)
    // `NO_WORD` is what short two-byte strings have for an immediate, and what a missing word is.
    if (word === NO_WORD || value.length > IMMEDIATE_LENGTH_MAX) return false
    return stringToImmediate(value) === word
  }
}

function hasWide(value: string): boolean {
  for (let index = 0; index < value.length; index++) {
    if (value.charCodeAt(index) > 255) return true
  }
  return false
}
