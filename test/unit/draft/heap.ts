/** A codec on a heap of its own, and the plain value of a word, read key by key. */

import { type Memory } from '../../../src/memory/memory.ts'
import { type Codec, makeCodec } from '../../../src/values/codec.ts'
import { DraftSession } from '../../../src/values/draft.ts'
import { elementAt, isArray, isObject, lengthOf } from '../../../src/values/draft-nodes.ts'
import { find, keysOf, scalar } from '../../../src/values/lookup.ts'
import { entryKey } from '../../../src/values/entry.ts'
import { SET_TABLE, tableEntries, variantOfTable } from '../../../src/values/table.ts'
import { nodeOf } from '../../../src/memory/kinds.ts'
import { Delta } from '../../../src/versions/delta.ts'
import { testMemory, testThread } from '../../support/heap.ts'

export function testCodec(megabytes = 4): Codec {
  const memory: Memory = testMemory({ megabytes })
  const codec = makeCodec(memory, testThread(memory, 1).allocator)
  codec.allocator.begin()
  return codec
}

export function plain(codec: Codec, word: number): unknown {
  const { m } = codec.memory
  if (isObject(m, word)) {
    const object = {}
    for (const key of keysOf(codec, word)) {
      const value = plain(codec, find(codec, word, key))
      const how = { value, writable: true, enumerable: true, configurable: true }
      Object.defineProperty(object, key, how)
    }
    return object
  }
  const variant = variantOfTable(m, word)
  if (variant > 0) return plainDictionary(codec, word, variant)
  if (!isArray(m, word)) return scalar(codec, word)
  const node = nodeOf(word)
  return Array.from({ length: lengthOf(m, node) }, (_, index) =>
    plain(codec, elementAt(m, node, index)),
  )
}

function plainDictionary(codec: Codec, word: number, variant: number): unknown {
  const { m } = codec.memory
  const entries = tableEntries(m, nodeOf(word))
  const keys = entries.map((entry) => entryKey(m, codec.text, entry))
  if (variant === SET_TABLE) return new Set(keys)
  return new Map(keys.map((key) => [key, plain(codec, find(codec, word, key))]))
}

export interface Outcome {
  readonly before: number
  readonly after: number
  readonly delta: Delta
  readonly value: unknown
}

/** Encodes `base`, runs the recipe on it, finishes. */
export function produce<T>(
  codec: Codec,
  base: T,
  recipe: (draft: T) => unknown,
  encoded?: number,
): Outcome {
  const before = encoded ?? codec.encoder.encode(base)
  const session = new DraftSession(codec, before)
  const mark = codec.allocator.mark()
  const result = recipe(session.root as T)
  if (codec.allocator.mark() !== mark) throw new Error('the recipe allocated shared memory')
  const delta = new Delta(codec.memory)
  const after = session.finish(result, delta)
  session.revoke()
  return { before, after, delta, value: plain(codec, after) }
}
