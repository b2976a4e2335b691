/**
 * One run of a recipe: immer's rules over shared nodes.
 *
 * The recipe reads and writes drafts, proxies that look into the old version word by word and keep
 * what it changes on the JavaScript heap. Not before `finish` is anything allocated in shared
 * memory, so a recipe may take its time, throw, or run again. The caller protects the old version
 * until the new one is published.
 *
 * What is neither an object nor an array (text, numbers, dates, binary data) is not drafted: it is
 * replaced as a whole.
 */

import { typeError } from '../errors.ts'
import { isReference } from '../memory/kinds.ts'
import type { Delta } from '../versions/delta.ts'
import { isBox } from './box.ts'
import type { Codec } from './codec.ts'
import { ArrayPlace } from './draft-array.ts'
import { Builder } from './draft-build.ts'
import { buildChain } from './draft-chain.ts'
import { DictionaryPlace } from './draft-dictionary.ts'
import { isArray, isObject } from './draft-nodes.ts'
import { ObjectPlace } from './draft-object.ts'
import { type DraftScope, Place, placeOf } from './draft-place.ts'
import type { Key } from './immutable.ts'
import { Plan } from './draft-plan.ts'
import { scalar } from './lookup.ts'
import { isDictionary } from './table.ts'
import { NO_WORD } from './word.ts'

export { currentOf, originalOf } from './draft-current.ts'

export class DraftSession implements DraftScope {
  readonly codec: Codec
  /** What the recipe gets: a draft, or the value itself where it is no object or array. */
  readonly root: unknown
  readonly #rootWord: number
  readonly #rootPlace: Place | undefined
  /** Values that `scalar` made: one object per node, as long as the recipe runs. */
  #decoded: Map<number, unknown> | undefined = undefined
  #live = true

  constructor(codec: Codec, rootWord: number) {
    this.codec = codec
    this.#rootWord = rootWord
    const root = this.#open(undefined, '', rootWord)
    this.#rootPlace = root instanceof Place ? root : undefined
    this.root = root instanceof Place ? root.proxy : root
  }

  get live(): boolean {
    return this.#live
  }

  /**
   * Builds the new version from what the recipe did and returned; `codec.encoder.births` is set.
   * Returns the new root's word, which is the old one if nothing changed; then nothing was
   * allocated, and the delta is as it was. Throws `ERR_UNSUPPORTED_VALUE`.
   */
  finish(result: unknown, delta: Delta): number {
    const place = placeOf(result)
    const raw = place?.scope === this ? place : result
    const root = this.#rootPlace
    if (result === undefined || (raw === root && root !== undefined)) {
      return root?.modified === true ? this.#build(root, delta) : this.#rootWord
    }
    if (root?.modified === true) {
      throw typeError(
        'ERR_INVALID_ARGUMENT',
        'the recipe changed its draft and returned another value; it may do one or the other',
      )
    }
    if (root === undefined && Object.is(raw, this.root)) return this.#rootWord
    const word = this.#build(raw, delta)
    if (isReference(this.#rootWord)) delta.droppedRoot()
    return word
  }

  /** From now on every use of a draft throws a `TypeError`. */
  revoke(): void {
    this.#live = false
  }

  #build(raw: unknown, delta: Delta): number {
    if (raw instanceof Place && raw === this.#rootPlace) {
      const word = buildChain(this.codec, raw, delta)
      if (word !== NO_WORD) return word
    }
    return new Builder(this.codec, new Plan(this, raw), delta).build(raw)
  }

  open(parent: Place, key: Key, word: number): unknown {
    return this.#open(parent, key, word)
  }

  #open(parent: Place | undefined, key: Key, word: number): unknown {
    const { m } = this.codec.memory
    if (isObject(m, word)) return new ObjectPlace(this, parent, key, word)
    if (isArray(m, word)) return new ArrayPlace(this, parent, key, word)
    if (isDictionary(m, word)) return new DictionaryPlace(this, parent, key, word)
    return this.scalar(word)
  }

  scalar(word: number): unknown {
    const { m } = this.codec.memory
    if (!isBox(m, word)) return scalar(this.codec, word)
    const decoded = (this.#decoded ??= new Map())
    if (!decoded.has(word)) decoded.set(word, scalar(this.codec, word))
    return decoded.get(word)
  }
}
