/**
 * Value words that hold a value, not a reference: integers of 31 bits, and immediates.
 *
 * An immediate's low three bits are `111`. Bits 3–7 say which sort it is: 0 is a constant whose
 * number stands in bits 8–31; 1, 2 and 3 are strings of so many one-byte characters, the first in
 * bits 8–15. A string that fits is always stored so: equal short strings have equal words.
 *
 * Also here: the weight of a word. The weight of a container is the ceiled binary logarithm of how
 * many values its subtree has, itself included; it stands in the low five own bits of its node.
 */

import {
  ARRAY,
  BOX,
  isReference,
  kindOf,
  LIST,
  nodeOf,
  OBJECT,
  OWN_SHIFT,
  TABLE,
  TAG_IMMEDIATE,
  TAG_NODE,
} from '../memory/kinds.ts'

/** No value word: it would refer to a plain object at offset 0, where no block can be. */
export const NO_WORD = 1

export const UNDEFINED = TAG_IMMEDIATE
export const NULL = TAG_IMMEDIATE | (1 << 8)
export const TRUE = TAG_IMMEDIATE | (2 << 8)
export const FALSE = TAG_IMMEDIATE | (3 << 8)
export const NAN = TAG_IMMEDIATE | (4 << 8)
export const NEGATIVE_ZERO = TAG_IMMEDIATE | (5 << 8)
export const EMPTY_STRING = TAG_IMMEDIATE | (6 << 8)

const CONSTANTS = [undefined, null, true, false, Number.NaN, -0, ''] as const

/** Strings of at most so many one-byte characters are immediates. */
export const IMMEDIATE_LENGTH_MAX = 3

/** The value of an integer or an immediate; the word must not be a reference. */
export function immediateToValue(word: number): undefined | null | boolean | number | string {
  if ((word & 1) === 0) return word >> 1
  const length = (word >>> 3) & 31
  if (length === 0) return CONSTANTS[word >>> 8]
  const first = (word >>> 8) & 255
  if (length === 1) return String.fromCharCode(first)
  if (length === 2) return String.fromCharCode(first, (word >>> 16) & 255)
  return String.fromCharCode(first, (word >>> 16) & 255, word >>> 24)
}

/** The word of a value that needs no node, else `NO_WORD`. */
export function valueToImmediate(value: unknown): number {
  switch (typeof value) {
    case 'number':
      return numberToImmediate(value)
    case 'string':
      return value.length <= IMMEDIATE_LENGTH_MAX ? stringToImmediate(value) : NO_WORD
    case 'boolean':
      return value ? TRUE : FALSE
    case 'undefined':
      return UNDEFINED
    default:
      return value === null ? NULL : NO_WORD
  }
}

/** The word of a 31-bit integer, NaN or -0, else `NO_WORD`. */
export function numberToImmediate(value: number): number {
  const integer = value | 0
  if (integer === value) {
    if ((integer << 1) >> 1 !== integer) return NO_WORD
    return integer === 0 && 1 / value < 0 ? NEGATIVE_ZERO : integer << 1
  }
  return Number.isNaN(value) ? NAN : NO_WORD
}

/** For strings of 0 to 3 characters; `NO_WORD` where one of them takes two bytes. */
export function stringToImmediate(value: string): number {
  const { length } = value
  if (length === 0) return EMPTY_STRING
  const first = value.charCodeAt(0)
  const second = length > 1 ? value.charCodeAt(1) : 0
  const third = length > 2 ? value.charCodeAt(2) : 0
  if ((first | second | third) > 255) return NO_WORD
  return TAG_IMMEDIATE | (length << 3) | (first << 8) | (second << 16) | (third << 24)
}

export function isImmediateString(word: number): boolean {
  return (word & 7) === TAG_IMMEDIATE && (((word >>> 3) & 31) !== 0 || word === EMPTY_STRING)
}

/** Whether the word refers to a plain object or an array of any size. */
export function isContainer(m: Int32Array, word: number): boolean {
  if (!isReference(word)) return false
  switch (kindOf(m, nodeOf(word))) {
    case OBJECT:
    case ARRAY:
    case LIST:
    case TABLE:
      return true
    default:
      return false
  }
}

const WEIGHT_MAX = 31

/** The weight of a container with so many values. */
export function weightOfCount(values: number): number {
  return values > 2 ** 30 ? WEIGHT_MAX : 32 - Math.clz32(values - 1)
}

/** The weight of what a word holds; 0 for anything but a container or binary data. */
export function weightOf(m: Int32Array, word: number): number {
  return weighs(m, word) ? ((m[nodeOf(word)] as number) >>> OWN_SHIFT) & WEIGHT_MAX : 0
}

function weighs(m: Int32Array, word: number): boolean {
  if ((word & 7) === TAG_NODE && kindOf(m, nodeOf(word)) === BOX) return true
  return isContainer(m, word)
}

/** The weight of a container that has these words as children. */
export function weightOfWords(m: Int32Array, words: Iterable<number>): number {
  let values = 1
  for (const word of words) values += 2 ** weightOf(m, word)
  return weightOfCount(values)
}
