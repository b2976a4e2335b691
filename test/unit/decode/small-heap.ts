/**
 * A heap for tests of decoding: nodes as `memory/kinds.ts` describes them, but with small limits,
 * so that short documents have lists, tables and vectors of several levels. What a version no
 * longer reaches is overwritten and its addresses are used again at once.
 */

import {
  ARRAY,
  DOUBLE,
  ENTRY,
  header,
  isReference,
  KEY_LATIN,
  kindOf,
  ownOf,
  LIST,
  LIST_NODE,
  nodeOf,
  OBJECT,
  referenceTo,
  STRING,
  TABLE,
  TAG_NODE,
  TAG_OBJECT,
  TAG_STRING,
} from '../../../src/memory/kinds.ts'
import type { CodecLike, ShapeLike } from '../../../src/values/decode.ts'
import { NO_WORD, valueToImmediate } from '../../../src/values/word.ts'

export type Model = unknown

export interface Limits {
  readonly flat: number
  readonly fanout: number
}

const WEIGHED = new Set([OBJECT, ARRAY, LIST, TABLE])
const POISON = 0x5a5a5a5d | 0

export class SmallHeap implements CodecLike {
  readonly m: Int32Array
  readonly memory: CodecLike['memory']
  readonly limits: Limits
  readonly shapes = { of: (id: number): ShapeLike => this.#shapeList[id] as ShapeLike }
  readonly text = {
    read: (node: number): string => this.#characters(node + 3, this.m[node + 2] as number),
    readAt: (at: number, length: number): string => this.#characters(at, length),
  }
  poisoned = 0
  reused = 0
  readonly #bytes: Uint16Array
  readonly #doubles: Float64Array
  readonly #shapeList: ShapeLike[] = []
  readonly #shapeIds = new Map<string, number>()
  readonly #sizes = new Map<number, number>()
  readonly #free = new Map<number, number[]>()
  /** Model objects that have a node, and content that has one. */
  #nodes = new Map<unknown, number>()
  #next = 64

  constructor(limits: Limits, words = 1 << 20) {
    this.limits = limits
    this.m = new Int32Array(words)
    this.#bytes = new Uint16Array(this.m.buffer)
    this.#doubles = new Float64Array(this.m.buffer)
    this.memory = { m: this.m, words: { doubles: this.#doubles } }
  }

  #characters(at: number, length: number): string {
    let text = ''
    for (let i = 0; i < length; i++) text += String.fromCharCode(this.#bytes[2 * at + i] as number)
    return text
  }

  #write(at: number, text: string): void {
    for (let i = 0; i < text.length; i++) this.#bytes[2 * at + i] = text.charCodeAt(i)
  }

  #allocate(size: number): number {
    const even = (size + 1) & ~1
    const list = this.#free.get(even)
    const found = list?.pop()
    if (found !== undefined) this.reused++
    const node = found ?? this.#next
    if (found === undefined) this.#next += even
    if (this.#next > this.m.length) throw new Error('the test heap is full')
    this.#sizes.set(node, even)
    return node
  }

  /** The word of a value. An object that was encoded before, and is still there, is shared. */
  encode(value: Model): number {
    const immediate = valueToImmediate(value)
    if (immediate !== NO_WORD) return immediate
    const key = typeof value === 'object' ? value : `${typeof value}:${String(value)}`
    const known = this.#nodes.get(key)
    if (known !== undefined) return known
    const word = this.#make(value)
    this.#nodes.set(key, word)
    return word
  }

  #make(value: Model): number {
    if (typeof value === 'string') {
      const node = this.#allocate(3 + ((value.length + 1) >> 1))
      this.m[node] = header(STRING, 0, 1)
      this.m[node + 2] = value.length
      this.#write(node + 3, value)
      return referenceTo(node, TAG_STRING)
    }
    if (typeof value === 'number') {
      const node = this.#allocate(4)
      this.m[node] = header(DOUBLE, 0, 0)
      this.#doubles[(node + 2) >> 1] = value
      return referenceTo(node, TAG_NODE)
    }
    if (Array.isArray(value)) return this.#makeArray(value.map((item) => this.encode(item)))
    return this.#makeObject(value as Record<string, Model>)
  }

  #makeArray(words: readonly number[]): number {
    const large = words.length > this.limits.flat
    const node = this.#allocate(large ? 6 : 4 + words.length)
    this.m[node + 3] = words.length
    if (large) {
      const { root, shift } = this.#vector(words)
      this.m[node] = header(LIST, 0, this.#weight(words))
      this.m[node + 4] = shift
      this.m[node + 5] = root
    } else {
      this.m.set(words, node + 4)
      this.m[node] = header(ARRAY, 0, this.#weight(words))
    }
    return referenceTo(node, TAG_NODE)
  }

  /** As the encoder defines it: log2 of how many values there are at most. */
  #weight(words: readonly number[]): number {
    let values = 1
    for (const word of words) {
      const weighs = isReference(word) && WEIGHED.has(kindOf(this.m, nodeOf(word)))
      values += weighs ? 2 ** (ownOf(this.m, nodeOf(word)) & 31) : 1
    }
    return Math.min(31, Math.ceil(Math.log2(values)))
  }

  #makeObject(value: Record<string, Model>): number {
    const keys = Object.keys(value)
    const words = keys.map((key) => this.encode(value[key]))
    if (keys.length > this.limits.flat) return this.#makeTable(keys, words)
    const node = this.#allocate(3 + words.length)
    const weight = this.#weight(words)
    this.m[node] = header(OBJECT, 0, (this.#shapeId(keys) << 5) | weight)
    this.m.set(words, node + 3)
    return referenceTo(node, TAG_OBJECT)
  }

  #makeTable(keys: readonly string[], words: readonly number[]): number {
    const weight = this.#weight(words)
    const entries = keys.map((key, i) => this.#entry(key, words[i] as number, i))
    // A hole, as removing leaves them.
    entries.splice(1, 0, 0)
    const node = this.#allocate(8)
    const { root, shift } = this.#vector(entries)
    this.m[node] = header(TABLE, 0, weight)
    this.m[node + 3] = keys.length
    this.m[node + 5] = shift
    this.m[node + 6] = 0
    this.m[node + 7] = root
    return referenceTo(node, TAG_NODE)
  }

  #entry(key: string, word: number, order: number): number {
    return this.#consed(`entry:${order}:${word}:${key}`, () => {
      const keyWords = (2 * key.length + 3) >>> 2
      const node = this.#allocate(6 + keyWords)
      this.m[node] = header(ENTRY, 0, (key.length << 2) | (KEY_LATIN + 1))
      this.#write(node + 5, key)
      this.m[node + 5 + keyWords] = word
      return node
    })
  }

  #vector(words: readonly number[]): { root: number; shift: number } {
    let level = words
    for (let shift = 0; ; shift += 6) {
      const above: number[] = []
      for (let i = 0; i < level.length; i += this.limits.fanout) {
        const slice = level.slice(i, i + this.limits.fanout)
        above.push(
          this.#consed(`node:${slice.join(',')}`, () => {
            const node = this.#allocate(3 + slice.length)
            this.m[node] = header(LIST_NODE, 0, slice.length)
            this.m.set(slice, node + 3)
            return node
          }),
        )
      }
      if (above.length === 1) return { root: above[0] as number, shift }
      level = above
    }
  }

  #consed(key: string, make: () => number): number {
    const known = this.#nodes.get(key)
    if (known !== undefined) return known
    const word = referenceTo(make(), TAG_NODE)
    this.#nodes.set(key, word)
    return word
  }

  #shapeId(keys: readonly string[]): number {
    const name = JSON.stringify(keys)
    let id = this.#shapeIds.get(name)
    if (id === undefined) {
      id = this.#shapeList.length
      this.#shapeIds.set(name, id)
      this.#shapeList.push({ keys, count: keys.length, slotOf: (key) => keys.indexOf(key) })
    }
    return id
  }

  /** Overwrites every node that none of the words reaches; their addresses are free again. */
  poisonAllBut(roots: readonly number[]): void {
    const live = this.#reachable(roots)
    for (const [key, word] of this.#nodes) {
      if (!live.has(nodeOf(word))) this.#nodes.delete(key)
    }
    for (const [node, size] of this.#sizes) {
      if (live.has(node)) continue
      this.m.fill(POISON, node, node + size)
      this.#sizes.delete(node)
      const list = this.#free.get(size)
      if (list === undefined) this.#free.set(size, [node])
      else list.push(node)
      this.poisoned++
    }
  }

  #reachable(roots: readonly number[]): Set<number> {
    const live = new Set<number>()
    const stack = [...roots]
    for (let word = stack.pop(); word !== undefined; word = stack.pop()) {
      if (!isReference(word) || live.has(nodeOf(word))) continue
      live.add(nodeOf(word))
      stack.push(...this.#children(nodeOf(word)))
    }
    return live
  }

  #children(node: number): number[] {
    const { m } = this
    const head = m[node] as number
    const own = head >>> 10
    const words = (at: number, count: number) => [...m.subarray(at, at + count)]
    switch (head & 15) {
      case OBJECT:
        return words(node + 3, (this.#shapeList[own >>> 5] as ShapeLike).count)
      case ARRAY:
        return words(node + 4, m[node + 3] as number)
      case LIST:
        return words(node + 5, 1)
      case LIST_NODE:
        return words(node + 3, own)
      case TABLE:
        return words(node + 7, 1)
      case ENTRY:
        return words(node + 5 + ((2 * (own >>> 2) + 3) >>> 2), 1)
      default:
        return []
    }
  }
}
