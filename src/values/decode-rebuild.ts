/**
 * A new small value from the old one: what did not change is the same JavaScript object. Old and
 * new node are walked together with the old value; equal words are equal nodes.
 */

import { ARRAY, BOX, DOUBLE, LIST, nodeOf, OBJECT, TAG_NODE, TAG_OBJECT } from '../memory/kinds.ts'
import { alignKeys, alignWords } from './decode-align.ts'
import { kindOfWord, planOf } from './decode-cells.ts'
import { type Decoded, eager, entriesOfTable, type Reader, setOwn, wordsOfList } from './decode.ts'

/** Both words are light, which bounds the depth; `oldValue` is what the old word decodes to. */
export function rebuild(reader: Reader, oldWord: number, word: number, oldValue: unknown): unknown {
  if (oldWord === word) return oldValue
  if (isNode(word) && isNode(oldWord)) {
    const kind = kindOfWord(reader.m, word)
    const leaf = kind === BOX || kind === DOUBLE
    if (leaf || kind !== kindOfWord(reader.m, oldWord)) {
      return eager(reader, reader.m, word)
    }
    if (kind === OBJECT) return rebuildObject(reader, oldWord, word, oldValue as Decoded)
    if (kind === ARRAY) return rebuildArray(reader, oldWord, word, oldValue as unknown[])
    if (kind === LIST) return rebuildList(reader, oldWord, word, oldValue as unknown[])
    return rebuildTable(reader, oldWord, word, oldValue as Decoded)
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

/** A list in a small value is small: it is compared element by element. */
function rebuildList(
  reader: Reader,
  oldWord: number,
  word: number,
  oldValue: readonly unknown[],
): readonly unknown[] {
  const { m } = reader
  const oldWords = wordsOfList(m, nodeOf(oldWord))
  const places = new Map(oldWords.map((each, i) => [each, i]))
  const array = wordsOfList(m, nodeOf(word)).map((child, i) => {
    const j = places.get(child) ?? i
    const old = oldWords[j]
    return old === undefined ? eager(reader, m, child) : rebuild(reader, old, child, oldValue[j])
  })
  return Object.freeze(array)
}

function rebuildTable(reader: Reader, oldWord: number, word: number, oldValue: Decoded): Decoded {
  const { m } = reader
  const oldWords = new Map(entriesOfTable(reader, nodeOf(oldWord)))
  const object: Decoded = {}
  for (const [key, child] of entriesOfTable(reader, nodeOf(word))) {
    const old = oldWords.get(key)
    const value =
      old === undefined ? eager(reader, m, child) : rebuild(reader, old, child, oldValue[key])
    setOwn(object, key, value)
  }
  return Object.freeze(object)
}
