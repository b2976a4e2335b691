/**
 * Which child of an old node a child of its successor corresponds to. Objects are aligned by key,
 * arrays by equal words first (elements move), then by
 * place, or in order where their number changed. A wrong guess costs sharing, never
 * correctness.
 */

import { isReference } from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import type { Plan } from './decode.ts'

/** Per new index the old index, or -1; undefined where each index corresponds to itself. */
export type Alignment = Int32Array | undefined

export function alignKeys(old: Plan, fresh: Plan): Alignment {
  if (old === fresh) return undefined
  return Int32Array.from(fresh.keys, (key) => old.shape.slotOf(key))
}

/** Consecutive words of memory. */
export interface Range {
  readonly at: Offset
  readonly count: number
}

export function alignWords(m: Int32Array, old: Range, fresh: Range): Alignment {
  const shared = Math.min(old.count, fresh.count)
  let prefix = 0
  while (prefix < shared && m[old.at + prefix] === m[fresh.at + prefix]) prefix++
  const rest = shared - prefix
  let suffix = 0
  const oldEnd = old.at + old.count - 1
  const freshEnd = fresh.at + fresh.count - 1
  while (suffix < rest && m[oldEnd - suffix] === m[freshEnd - suffix]) suffix++
  if (old.count === fresh.count && prefix + suffix >= old.count - 1) return undefined
  const alignment = new Int32Array(fresh.count).fill(-1)
  for (let i = 0; i < prefix; i++) alignment[i] = i
  for (let i = 1; i <= suffix; i++) alignment[fresh.count - i] = old.count - i
  alignMiddle(
    m,
    { at: old.at, count: old.count - suffix },
    { at: fresh.at, count: fresh.count - suffix },
    { alignment, prefix },
  )
  return alignment
}

/** What lies between the equal ends: moved elements by their words, the others in order. */
function alignMiddle(
  m: Int32Array,
  old: Range,
  fresh: Range,
  found: { alignment: Int32Array; prefix: number },
): void {
  const { alignment, prefix } = found
  const places = new Map<number, number>()
  for (let j = prefix; j < old.count; j++) {
    const word = m[old.at + j] as number
    if (isReference(word)) places.set(word, j)
  }
  for (let i = prefix; i < fresh.count; i++) {
    const word = m[fresh.at + i] as number
    const place = places.get(word)
    if (place === undefined) continue
    alignment[i] = place
    places.delete(word)
  }
  const left = new Set([...places.values()].sort((a, b) => a - b))
  const inPlace = old.count === fresh.count
  for (let i = prefix; i < fresh.count && left.size > 0; i++) {
    if (alignment[i] !== -1 || !isReference(m[fresh.at + i] as number)) continue
    if (inPlace && !left.has(i)) continue
    const [first] = left
    const place = inPlace ? i : (first as number)
    alignment[i] = place
    left.delete(place)
  }
}
