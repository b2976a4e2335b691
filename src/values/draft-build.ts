/**
 * Builds the successors of a draft's changed places, bottom-up, and says in the delta what became
 * of the old nodes.
 *
 * The delta's sums are tokens, as `list.ts` explains. Each changed place's old node gets one entry.
 * Its token comes from the entry of its parent if the parent's successor holds the place
 * (`inPlace`); else the recipe moved it away, and it is included like any other old node that is
 * referenced anew.
 *
 * Of an old node's references a *freed* one is not simply kept where it was: the recipe put
 * something else there, or removed it. A freed reference is *claimed* when the successor holds that
 * child elsewhere, or its successor; else it is dropped. A reference to an old node that claims
 * nothing is included.
 */

import { types } from 'node:util'
import { isReference, nodeOf } from '../memory/kinds.ts'
import type { Delta } from '../versions/delta.ts'
import type { Codec } from './codec.ts'
import type { ArrayPlace } from './draft-array.ts'
import { NOWHERE, settle, type Touch, UNTOUCHED } from './draft-claims.ts'
import { DictionaryPlace } from './draft-dictionary.ts'
import { Entries } from './draft-entries.ts'
import { arrayOf, copyWith, objectOf } from './draft-nodes.ts'
import { ObjectPlace } from './draft-object.ts'
import { type Holder, pathOf, Place, REMOVED } from './draft-place.ts'
import type { Key } from './immutable.ts'
import { Mixed, type Plan } from './draft-plan.ts'
import { listApply } from './list.ts'
import type { Shape } from './shapes.ts'
import { isKey } from './key.ts'
import { describe, unsupported } from './plain.ts'
import { DELETE, MAP_TABLE, ownOfTable, SET_TABLE, tableApply, tableOf } from './table.ts'
import { tableReferences } from './table.ts'
import { UNDEFINED } from './word.ts'

export class Builder {
  readonly #codec: Codec
  readonly #m: Int32Array
  readonly #plan: Plan
  readonly #delta: Delta
  readonly #entries: Entries
  /** What is being built, and the key of the child in hand: for the path of an error. */
  #holder: Holder | undefined = undefined
  #key: Key = ''

  constructor(codec: Codec, plan: Plan, delta: Delta) {
    this.#codec = codec
    this.#m = codec.memory.m
    this.#plan = plan
    this.#delta = delta
    this.#entries = new Entries(codec.memory)
  }

  /** Builds all that the plan has; the word of `root`, a raw value. */
  build(root: unknown): number {
    const { encoder } = this.#codec
    encoder.reset()
    encoder.pathTo = () => this.#path()
    for (const holder of this.#plan.order) {
      this.#holder = holder
      this.#entries.next()
      if (holder instanceof Mixed) holder.built = this.#mixed(holder)
      else if (holder instanceof ObjectPlace) holder.built = this.#object(holder)
      else if (holder instanceof DictionaryPlace) holder.built = this.#dictionary(holder)
      else holder.built = this.#array(holder as ArrayPlace)
    }
    this.#holder = undefined
    const word = this.#resolve(root)
    encoder.reset()
    if (root instanceof Place && root.parent !== undefined && word === root.word) {
      this.#include(word)
    }
    this.#entries.handOver(this.#delta)
    return word
  }

  #path(): Key[] {
    return this.#holder === undefined ? [] : [...pathOf(this.#holder), this.#key]
  }

  /** The word of a raw value: encoded, built before, or of the old version. */
  #resolve(raw: unknown): number {
    if (raw instanceof Place && !raw.modified) return raw.word
    const holder = this.#plan.holderOf(raw)
    if (holder === undefined) return this.#codec.encoder.encodeNext(raw)
    const { built } = holder
    if (isFresh(raw, built) && holder.uses++ > 0) {
      const countAt = nodeOf(built) + 1 // still private
      this.#m[countAt] = (this.#m[countAt] as number) + 1
    }
    return built
  }

  /** One more reference from a new node to an old one. */
  #include = (word: number): void => {
    if (isReference(word)) this.#entries.collected.included(nodeOf(word))
  }

  /** What the recipe put at a key, or `UNTOUCHED` where it only looked. */
  #touch(place: Place, key: Key, raw: unknown): Touch {
    this.#key = key
    const word = this.#resolve(raw)
    if (!(raw instanceof Place)) return { key, word, fresh: true, from: NOWHERE }
    const fresh = word !== raw.word
    if (raw.parent !== place) return { key, word, fresh, from: NOWHERE }
    if (!fresh && Object.is(raw.key, key)) return UNTOUCHED
    const claims = fresh ? raw.inPlace : place.rawOf(raw.key) !== raw
    return { key, word, fresh, from: claims ? raw.key : NOWHERE }
  }

  /** The entry of a place's old node, and the token that it spends. */
  #begin(place: Place): void {
    if (!place.inPlace) this.#include(place.word)
  }

  #object(place: ObjectPlace): number {
    const { node } = place
    if (!place.isFlat) return this.#table(place)
    const { keys } = place.shape as Shape
    const touches: Touch[] = []
    const freed: Key[] = []
    let changed = false
    for (const [key, raw] of place.touched ?? []) {
      const touch = raw === REMOVED ? undefined : this.#touch(place, key, raw)
      if (touch === UNTOUCHED) continue
      const slot = place.slotOf(key)
      const old = slot < 0 ? UNDEFINED : (this.#m[node + 3 + slot] as number)
      if (touch !== undefined) touches.push(touch)
      if (touch === undefined || touch.word !== old || slot < 0) changed = true
      if (isReference(old)) freed.push(key)
    }
    const order = place.restructured ? place.keys() : keys
    const sameKeys = order === keys || sameOrder(order, keys)
    if (sameKeys && !changed) return place.word
    this.#begin(place)
    const dropped = settle(touches, freed, this.#include)
    this.#entries.collected.replaced(
      node,
      slotsOf(dropped, (key) => place.slotOf(key)),
    )
    if (sameKeys) {
      const edits = touches.map(({ key, word }) => ({ slot: place.slotOf(key), word }))
      return copyWith(this.#codec, place.word, edits)
    }
    return this.#restructured(place, order, touches)
  }

  #restructured(place: ObjectPlace, keys: readonly string[], touches: readonly Touch[]): number {
    const words = new Map<Key, number>()
    for (const { key, word } of touches) words.set(key, word)
    return objectOf(
      this.#codec,
      keys,
      keys.map((key) => words.get(key) ?? place.wordAt(key)),
    )
  }

  #dictionary(place: DictionaryPlace): number {
    if (!place.cleared) return this.#table(place)
    const { words, keys } = this.#anew(place.touchedValues())
    this.#begin(place)
    const { collected } = this.#entries
    collected.replaced(place.node, tableReferences(this.#m, place.node))
    const own = ownOfTable(place.isMap ? MAP_TABLE : SET_TABLE)
    return tableOf(this.#codec.encoder, keys, { words, at: 0 }, own)
  }

  /** Words of what stands in a node that succeeds none. */
  #anew(entries: Iterable<readonly [Key, unknown]>): { keys: Key[]; words: number[] } {
    const keys: Key[] = []
    const words: number[] = []
    for (const [key, raw] of entries) {
      this.#key = key
      const word = this.#resolve(raw)
      if (!isFresh(raw, word)) this.#include(word)
      keys.push(key)
      words.push(word)
    }
    return { keys, words }
  }

  #table(place: ObjectPlace | DictionaryPlace): number {
    const words = new Map<Key, number>()
    const successors = new Set<Key>()
    const included: number[] = []
    for (const [key, raw] of place.touchedValues()) {
      if (raw === REMOVED) {
        words.set(key, DELETE)
        continue
      }
      const touch = this.#touch(place, key, raw)
      if (touch === UNTOUCHED && place.moved?.has(key as string) !== true) continue
      const word = touch === UNTOUCHED ? place.wordAt(key as string) : touch.word
      if (touch === UNTOUCHED || (touch.fresh && Object.is(touch.from, key))) successors.add(key)
      else if (!touch.fresh) included.push(word)
      words.set(key, word)
    }
    if (words.size === 0) return place.word
    this.#begin(place)
    for (const word of included) this.#include(word)
    const moved: ReadonlySet<Key> = place.moved ?? new Set()
    return tableApply(
      this.#codec,
      place.node,
      { words, successors, moved },
      this.#entries.collected,
    )
  }

  #array(place: ArrayPlace): number {
    if (!place.isFlat) return this.#list(place)
    const { length, baseLength, node } = place
    const touches: Touch[] = []
    const words: number[] = []
    const staying = new Uint8Array(baseLength)
    let changed = length !== baseLength
    for (let index = 0; index < length; index++) {
      const origin = place.originOf(index)
      let word = UNDEFINED
      if (origin >= 0) {
        staying[origin] = 1
        word = this.#m[node + 4 + origin] as number
      } else if (place.isTouched(index)) {
        const touch = this.#touch(place, index, place.rawAt(index))
        if (touch === UNTOUCHED) staying[index] = 1
        else touches.push(touch)
        word = touch === UNTOUCHED ? (this.#m[node + 4 + index] as number) : touch.word
      }
      words.push(word)
      if (word !== this.#m[node + 4 + index]) changed = true
    }
    if (!changed) return place.word
    this.#begin(place)
    const freed: number[] = []
    for (let index = 0; index < baseLength; index++) {
      if (staying[index] === 0 && isReference(this.#m[node + 4 + index] as number)) {
        freed.push(index)
      }
    }
    const dropped = settle(touches, freed, this.#include)
    this.#entries.collected.replaced(node, dropped as number[])
    return arrayOf(this.#codec, words)
  }

  #list(place: ArrayPlace): number {
    const { length, baseLength } = place
    const words = new Map<number, number>()
    const successors = new Set<number>()
    const included: number[] = []
    for (const index of place.changedIndexes()) {
      const origin = place.originOf(index)
      if (origin >= 0) {
        const word = place.wordAt(origin)
        words.set(index, word)
        included.push(word)
      } else if (place.isTouched(index)) {
        const touch = this.#touch(place, index, place.rawAt(index))
        if (touch === UNTOUCHED) continue
        words.set(index, touch.word)
        if (touch.fresh && touch.from === index) successors.add(index)
        else if (!touch.fresh) included.push(touch.word)
      } else if (index < baseLength) {
        words.set(index, UNDEFINED)
      }
    }
    if (words.size === 0 && length === baseLength) return place.word
    this.#begin(place)
    for (const word of included) this.#include(word)
    return listApply(
      this.#codec,
      place.node,
      { words, successors, length },
      this.#entries.collected,
    )
  }

  #mixed(mixed: Mixed): number {
    const { keys, words } = this.#anew(mixed.entries)
    if (types.isMap(mixed.value)) {
      const bad = keys.find((key) => !isKey(key))
      if (bad !== undefined) {
        throw unsupported(`${describe(bad)} as a key of a Map`, pathOf(mixed))
      }
      return tableOf(this.#codec.encoder, keys, { words, at: 0 }, ownOfTable(MAP_TABLE))
    }
    if (Array.isArray(mixed.value)) return arrayOf(this.#codec, words)
    return objectOf(this.#codec, keys.map(String), words)
  }
}

function isFresh(raw: unknown, word: number): boolean {
  return !(raw instanceof Place) || word !== raw.word
}

function sameOrder(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((key, index) => key === b[index])
}

/** Slots ascending, as a delta wants them. */
function slotsOf(keys: readonly Key[], slotOf: (key: Key) => number): number[] {
  return keys.map(slotOf).sort((a, b) => a - b)
}
