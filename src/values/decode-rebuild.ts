/**
 * A new small value from the old one: what did not change is the same JavaScript object. Old and
 * new node are walked together with the old value; equal words are equal nodes.
 */

import { ARRAY, nodeOf, OBJECT, TAG_NODE, TAG_OBJECT } from '../memory/kinds.ts'
import { alignKeys, alignWords } from './decode-align.ts'
import {
  type Cell,
  isKeyed,
  isListLike,
  kindOfWord,
  planOf,
  type Versions,
} from './decode-cells.ts'
import { wordsBelow } from './decode-items.ts'
import { type Decoded, eager, isLight, isScalar, type Reader, setOwn } from './decode.ts'

/** Links two cells if both are small, and no scalars: the old one is decoded, and the new one
 *  reuses what did not change. */
export function relinkLight(reader: Reader, versions: Versions, old: Cell, fresh: Cell): boolean {
  const { m } = reader
  if (old.state !== undefined || isScalar(m, old.word) || isScalar(m, fresh.word)) return false
  if (!isLight(reader, old.word) || !isLight(reader, fresh.word)) return false
  if (old.value === undefined) {
    reader.era = versions.old.era
    old.value = eager(reader, m, old.word)
  }
  old.origin = undefined
  reader.era = versions.fresh.era
  fresh.value = rebuild(reader, old.word, fresh.word, old.value)
  fresh.origin = undefined
  return true
}

/** Both words are light, which bounds the depth; `oldValue` is what the old word decodes to. */
export function rebuild(reader: Reader, oldWord: number, word: number, oldValue: unknown): unknown {
  if (oldWord === word) return oldValue
  if (isNode(word) && isNode(oldWord)) {
    const kind = kindOfWord(reader.m, word)
    const oldKind = kindOfWord(reader.m, oldWord)
    if (kind === OBJECT && oldKind === OBJECT) {
      return rebuildObject(reader, oldWord, word, oldValue as Decoded)
    }
    if (kind === ARRAY && oldKind === ARRAY) {
      return rebuildArray(reader, oldWord, word, oldValue as unknown[])
    }
    if (isListLike(kind) && isListLike(oldKind)) {
      return rebuildList(reader, oldWord, word, oldValue as unknown[])
    }
    if (isKeyed(kind) && isKeyed(oldKind)) {
      return rebuildTable(reader, oldWord, word, oldValue as Decoded)
    }
  }
  return eager(reader, reader.m, word)
}

function isNode(word: number): boolean {
  const tag = word & 7
  return tag === TAG_OBJECT || tag === TAG_NODE
}

function rebuildObject(reader: Reader, oldWord: number, word: number, oldValue: Decoded): Decoded {
  const { m } = reader
  const oldAt = nodeOf(oldWord) + 3
  const at = nodeOf(word) + 3
  const plan = planOf(reader, nodeOf(word))
  const alignment = alignKeys(planOf(reader, nodeOf(oldWord)), plan)
  const object: Decoded = {}
  for (let i = 0; i < plan.count; i++) {
    const key = plan.keys[i] as string
    const child = m[at + i] as number
    const j = alignment === undefined ? i : (alignment[i] as number)
    const value =
      j < 0
        ? eager(reader, m, child)
        : rebuild(reader, m[oldAt + j] as number, child, oldValue[key])
    if (plan.special) setOwn(object, key, value)
    else object[key] = value
  }
  return Object.freeze(object)
}

function rebuildArray(
  reader: Reader,
  oldWord: number,
  word: number,
  oldValue: readonly unknown[],
): readonly unknown[] {
  const { m } = reader
  const old = { at: nodeOf(oldWord) + 4, count: m[nodeOf(oldWord) + 3] as number }
  const fresh = { at: nodeOf(word) + 4, count: m[nodeOf(word) + 3] as number }
  const alignment = alignWords(m, old, fresh)
  const array: unknown[] = []
  for (let i = 0; i < fresh.count; i++) {
    const child = m[fresh.at + i] as number
    const j = alignment === undefined ? i : (alignment[i] as number)
    array.push(
      j < 0
        ? eager(reader, m, child)
        : rebuild(reader, m[old.at + j] as number, child, oldValue[j]),
    )
  }
  return Object.freeze(array)
}

/** Lists and tables in a small value are small: they are compared element by element. */
function rebuildList(
  reader: Reader,
  oldWord: number,
  word: number,
  oldValue: readonly unknown[],
): readonly unknown[] {
  const { m } = reader
  const oldWords = [...wordsBelow(reader, oldWord).values()]
  const places = new Map(oldWords.map((each, i) => [each, i]))
  const array = [...wordsBelow(reader, word).values()].map((child, i) => {
    const j = places.get(child) ?? i
    const old = oldWords[j]
    return old === undefined ? eager(reader, m, child) : rebuild(reader, old, child, oldValue[j])
  })
  return Object.freeze(array)
}

function rebuildTable(reader: Reader, oldWord: number, word: number, oldValue: Decoded): Decoded {
  const { m } = reader
  const oldWords = wordsBelow(reader, oldWord)
  const object: Decoded = {}
  for (const [key, child] of wordsBelow(reader, word) as Map<string, number>) {
    const old = oldWords.get(key)
    const value =
      old === undefined ? eager(reader, m, child) : rebuild(reader, old, child, oldValue[key])
    setOwn(object, key, value)
  }
  return Object.freeze(object)
}
