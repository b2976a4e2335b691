/** A slow, plain decoder: the tests' own idea of what nodes mean. */

import {
  ARRAY,
  isReference,
  kindOf,
  LIST,
  nodeOf,
  OBJECT,
  TABLE,
} from '../../../src/memory/kinds.ts'
import type { Codec } from '../../../src/values/codec.ts'
import { find, keysOf, MISSING, scalar, sizeOfContainer } from '../../../src/values/lookup.ts'

interface Task {
  readonly word: number
  readonly put: (value: unknown) => void
}

export function plainDecode(ctx: Codec, root: number): unknown {
  let result: unknown
  const tasks: Task[] = [{ word: root, put: (value) => (result = value) }]
  let task: Task | undefined
  while ((task = tasks.pop()) !== undefined) {
    const { word, put } = task
    const kind = isReference(word) ? kindOf(ctx.memory.m, nodeOf(word)) : 0
    if (kind === OBJECT || kind === TABLE) {
      const value: Record<string, unknown> = {}
      put(value)
      for (const key of keysOf(ctx, word)) {
        const define = (child: unknown): void => {
          Object.defineProperty(value, key, {
            value: child,
            enumerable: true,
            writable: true,
            configurable: true,
          })
        }
        define(undefined)
        tasks.push({ word: must(find(ctx, word, key)), put: define })
      }
    } else if (kind === ARRAY || kind === LIST) {
      const value: unknown[] = new Array(sizeOfContainer(ctx, word)).fill(undefined)
      put(value)
      for (let index = 0; index < value.length; index++) {
        tasks.push({ word: must(find(ctx, word, index)), put: (child) => (value[index] = child) })
      }
    } else {
      put(scalar(ctx, word))
    }
  }
  return result
}

function must(word: number): number {
  if (word === MISSING) throw new TypeError('a key that is listed is not found')
  return word
}
