/**
 * Boxes: values that are one opaque run of words, so replaced and decoded as a whole: bigint, Date,
 * ArrayBuffer and the typed arrays. Own bits: sort << 5 | weight; w3 is a length, data begin at
 * w4. Who reads one gets a private copy.
 *
 * | sort | length | data |
 * | --- | --- | --- |
 * | bigint, by its sign | words | magnitude, least significant word first |
 * | Date | 0 | float64, NaN where the date is invalid |
 * | binary | bytes | the bytes, then zeros up to a word |
 */

import { types } from 'node:util'
import { corrupt } from '../errors.ts'
import type { Allocator } from '../memory/allocator.ts'
import { BOX, isReference, kindOf, nodeOf, ownOf, referenceTo } from '../memory/kinds.ts'
import { stamp, TAG_NODE } from '../memory/kinds.ts'
import type { Memory } from '../memory/memory.ts'
import type { Offset } from '../memory/words.ts'
import { prototypesOf } from './plain.ts'
import { NO_WORD, weightOfCount } from './word.ts'

const POSITIVE = 0
const NEGATIVE = 1
const DATE = 2
const BUFFER = 3
/** Sorts of typed arrays begin here, in this order. */
const VIEW = 4
const VIEWS = [
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'Float16Array',
]

const BOX_HEAD = 4
/** So many bytes weigh as much as one value. */
const BYTES_PER_VALUE = 16
const HEX_PER_WORD = 8

type Binary = ArrayBuffer | ArrayBufferView<ArrayBuffer>
type ViewConstructor = new (buffer: ArrayBuffer) => ArrayBufferView

/** Not views over a heap: what is copied in and out is private to the thread. */
const Bytes = Uint8Array
const viewTag = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)?.get as (this: unknown) => string | undefined

/** The sort of box that an object becomes, or -1. */
function sortOf(value: object): number {
  if (types.isProxy(value)) return -1
  if (types.isDate(value)) return prototypesOf(value) === 2 ? DATE : -1
  if (types.isArrayBuffer(value)) {
    const isGone = (value as { detached?: boolean }).detached === true
    return prototypesOf(value) === 2 && !isGone ? BUFFER : -1
  }
  // A subclass, Node's Buffer for one, has a prototype more.
  if (!types.isTypedArray(value) || prototypesOf(value) !== 3) return -1
  const { buffer } = value
  if (!types.isArrayBuffer(buffer) || (buffer as { detached?: boolean }).detached === true)
    return -1
  const index = VIEWS.indexOf(viewTag.call(value) as string)
  return index < 0 ? -1 : VIEW + index
}

export function isBox(m: Int32Array, word: number): boolean {
  return (word & 7) === TAG_NODE && kindOf(m, nodeOf(word)) === BOX
}

/** Whether a box is read as a value without identity. */
export function isBigInt(m: Int32Array, word: number): boolean {
  return isBox(m, word) && ownOf(m, nodeOf(word)) >>> 5 <= NEGATIVE
}

export interface BoxMaker {
  readonly memory: Memory
  readonly allocator: Allocator
  readonly births: number
}

function makeBox(make: BoxMaker, own: number, length: number, words: number): Offset {
  const { m } = make.memory
  const node = make.allocator.allocate(BOX_HEAD + words)
  stamp(m, node, BOX, own)
  m[node + 2] = make.births
  m[node + 3] = length
  return node
}

/** Words that a box with these own bits and this length takes, its head included. */
export function boxWords(own: number, length: number): number {
  const sort = own >>> 5
  if (sort === DATE) return BOX_HEAD + 2
  return BOX_HEAD + (sort <= NEGATIVE ? length : (length + 3) >>> 2)
}

/** The word of a new box, or `NO_WORD` where the value is none. */
export function writeBox(make: BoxMaker, value: unknown): number {
  if (typeof value === 'bigint') return writeBigInt(make, value)
  if (typeof value !== 'object' || value === null) return NO_WORD
  const sort = sortOf(value)
  if (sort < 0) return NO_WORD
  if (sort === DATE) {
    const node = makeBox(make, DATE << 5, 0, 2)
    make.memory.words.doubles[(node + BOX_HEAD) >> 1] = timeOf(value)
    return referenceTo(node, TAG_NODE)
  }
  const bytes = bytesOf(value as Binary)
  const { length } = bytes
  const words = (length + 3) >>> 2
  const weight = weightOfCount(1 + Math.floor(length / BYTES_PER_VALUE))
  const node = makeBox(make, (sort << 5) | weight, length, words)
  if (words > 0) make.memory.m[node + BOX_HEAD + words - 1] = 0
  make.memory.words.bytes.set(bytes, (node + BOX_HEAD) * 4)
  return referenceTo(node, TAG_NODE)
}

function writeBigInt(make: BoxMaker, value: bigint): number {
  const words = magnitudeOf(value)
  const { length } = words
  const node = makeBox(make, (value < 0n ? NEGATIVE : POSITIVE) << 5, length, length)
  make.memory.m.set(words, node + BOX_HEAD)
  return referenceTo(node, TAG_NODE)
}

/** Through hexadecimal digits, which costs linear time however large the number is. */
export function magnitudeOf(value: bigint): number[] {
  const digits = (value < 0n ? -value : value).toString(16)
  const words: number[] = []
  for (let end = digits.length; end > 0; end -= HEX_PER_WORD) {
    words.push(parseInt(digits.slice(Math.max(0, end - HEX_PER_WORD), end), 16) | 0)
  }
  return words
}

/** The private copy of a box's value; the caller has made sure that its memory is protected. */
export function readBox(m: Int32Array, doubles: Float64Array, node: Offset): unknown {
  const sort = ownOf(m, node) >>> 5
  if (sort === DATE) return new Date(doubles[(node + BOX_HEAD) >> 1] as number)
  const length = m[node + 3] as number
  if (sort <= NEGATIVE) return readBigInt(m, node)
  const at = node + BOX_HEAD
  // The copy is no shared one.
  const { buffer } = m.slice(at, at + ((length + 3) >>> 2)) as Int32Array<ArrayBuffer>
  const copy = buffer.byteLength === length ? buffer : buffer.slice(0, length)
  if (sort === BUFFER) return copy
  const name = VIEWS[sort - VIEW] ?? ''
  const View = (globalThis as unknown as Record<string, ViewConstructor | undefined>)[name]
  if (View === undefined) throw corrupt(`a box has the unknown sort ${sort}`, { node, sort })
  return new View(copy)
}

export function readBigInt(m: Int32Array, node: Offset): bigint {
  const length = m[node + 3] as number
  let digits = ''
  for (let index = length - 1; index >= 0; index--) {
    const word = (m[node + BOX_HEAD + index] as number) >>> 0
    digits += word.toString(16).padStart(HEX_PER_WORD, '0')
  }
  const magnitude = BigInt(`0x${digits}`)
  return ownOf(m, node) >>> 5 === NEGATIVE ? -magnitude : magnitude
}

/** Whether the word is a box of this very value, which is compared without making another one. */
export function sameBox(memory: Memory, word: number, value: unknown): boolean {
  if (typeof value !== 'bigint' && typeof value !== 'object') return false
  const { m, words } = memory
  if (!isReference(word) || !isBox(m, word) || value === null) return false
  const node = nodeOf(word)
  const sort = ownOf(m, node) >>> 5
  if (typeof value === 'bigint')
    return sort <= NEGATIVE && readBox(m, words.doubles, node) === value
  if (sortOf(value) !== sort) return false
  if (sort === DATE) return Object.is(words.doubles[(node + BOX_HEAD) >> 1], timeOf(value))
  const bytes = bytesOf(value as Binary)
  if (bytes.length !== m[node + 3]) return false
  const start = (node + BOX_HEAD) * 4
  for (let index = 0; index < bytes.length; index++) {
    if (words.bytes[start + index] !== bytes[index]) return false
  }
  return true
}

function timeOf(value: object): number {
  return Date.prototype.getTime.call(value)
}

function bytesOf(value: Binary): Uint8Array {
  if (!ArrayBuffer.isView(value)) return new Bytes(value)
  return new Bytes(value.buffer, value.byteOffset, value.byteLength)
}
