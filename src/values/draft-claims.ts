/**
 * Who claims a freed reference (see `draft-build.ts`): the touched part of a place at the end of a
 * recipe, and which of the old node's references nothing new holds.
 */

import { isReference } from '../memory/kinds.ts'
import type { Key } from './immutable.ts'

/** A touch that may claim nothing; `undefined` may be a key. */
export const NOWHERE = Symbol('rootswap.nowhere')

/** What stands at one key or index of a successor because the recipe put it there. */
export interface Touch {
  readonly key: Key
  readonly word: number
  /** The word does not refer to an old node. */
  readonly fresh: boolean
  /** Key of the reference that it may claim: of the same parent, and freed. */
  readonly from: Key | typeof NOWHERE
}

/** At this key stands what stood there before. */
export const UNTOUCHED: Touch = { key: '', word: 0, fresh: false, from: NOWHERE }

/** Beyond so many touches claims are looked up in a set. */
const LINEAR_MAX = 16

/**
 * Settles the claims. Returns the freed keys that nothing claims; `include` hears of each reference
 * to an old node that claims nothing.
 */
export function settle<K extends Key>(
  touches: readonly Touch[],
  freed: readonly K[],
  include: (word: number) => void,
): readonly K[] {
  const claimed = touches.length > LINEAR_MAX ? new Set<Key>() : new FewKeys()
  // A successor's claim comes first: its old node's entry spends the token.
  for (const { fresh, from } of touches) if (fresh && from !== NOWHERE) claimed.add(from)
  for (const { fresh, from, word } of touches) {
    if (fresh || !isReference(word)) continue
    if (from === NOWHERE || claimed.has(from)) include(word)
    else claimed.add(from)
  }
  return claimed.size === 0 ? freed : freed.filter((key) => !claimed.has(key))
}

/** A set for a handful of keys. */
class FewKeys {
  readonly #keys: Key[] = []

  get size(): number {
    return this.#keys.length
  }

  has(key: Key): boolean {
    return this.#keys.includes(key)
  }

  add(key: Key): void {
    this.#keys.push(key)
  }
}
