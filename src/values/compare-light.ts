/**
 * Whether a small container says a value, without making anything: what `replace` asks first, since
 * most of a document that was read again is what it was. A no is no verdict: dictionaries, lists
 * and unusual objects are left to who asks.
 *
 * Recursive, which the weight of a container bounds: at most `2 ** LIGHT_WEIGHT_MAX` values.
 */

import { ARRAY, kindOf, nodeOf, OBJECT, ownOf, TAG_NODE, TAG_OBJECT } from '../memory/kinds.ts'
import type { Codec } from './codec.ts'
import { LIGHT_WEIGHT_MAX } from './decode.ts'
import { sameScalar } from './draft-nodes.ts'
import { isRevoked } from './plain.ts'
import { weightOf } from './word.ts'

/** `clean` says that nobody has put enumerable keys on `Object.prototype`. */
export function saysLight(codec: Codec, word: number, value: object, clean: boolean): boolean {
  if (!clean || !isLightContainer(codec.memory.m, word)) return false
  return saysContainer(codec, codec.memory.m, word, value)
}

function isLightContainer(m: Int32Array, word: number): boolean {
  const tag = word & 7
  if (tag !== TAG_OBJECT && (tag !== TAG_NODE || kindOf(m, nodeOf(word)) !== ARRAY)) return false
  return weightOf(m, word) <= LIGHT_WEIGHT_MAX
}

function saysContainer(codec: Codec, m: Int32Array, word: number, value: object): boolean {
  if (isRevoked(value)) return false
  const kind = kindOf(m, nodeOf(word))
  if (kind === OBJECT) {
    if (Object.getPrototypeOf(value) !== Object.prototype) return false
    return saysObject(codec, m, word, value as Record<string, unknown>)
  }
  if (kind !== ARRAY || !Array.isArray(value)) return false
  if (Object.getPrototypeOf(value) !== Array.prototype) return false
  return saysArray(codec, m, word, value)
}

function saysObject(
  codec: Codec,
  m: Int32Array,
  word: number,
  value: Record<string, unknown>,
): boolean {
  const node = nodeOf(word)
  const { keys, count } = codec.shapes.of(ownOf(m, node) >>> 5)
  let at = 0
  for (const key in value) {
    if (at === count || keys[at] !== key) return false
    if (!says(codec, m, m[node + 3 + at] as number, value[key])) return false
    at++
  }
  return at === count
}

function saysArray(codec: Codec, m: Int32Array, word: number, value: readonly unknown[]): boolean {
  const node = nodeOf(word)
  const { length } = value
  if (m[node + 3] !== length) return false
  for (let index = 0; index < length; index++) {
    if (!says(codec, m, m[node + 4 + index] as number, value[index])) return false
  }
  return true
}

function says(codec: Codec, m: Int32Array, word: number, value: unknown): boolean {
  if (typeof value === 'string') return codec.text.wordEquals(word, value)
  if (typeof value !== 'object' || value === null) return sameScalar(codec, word, value)
  const tag = word & 7
  if (tag === TAG_OBJECT || (tag === TAG_NODE && kindOf(m, nodeOf(word)) === ARRAY)) {
    return saysContainer(codec, m, word, value)
  }
  return sameScalar(codec, word, value)
}
