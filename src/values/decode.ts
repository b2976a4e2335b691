/**
 * Turns value words into frozen JavaScript values, at once and completely: strings, numbers, and
 * whole subtrees. What is decoded lazily is `lazy.ts`'s; it comes here for the small parts.
 *
 * **Invariants.** Whoever calls has made sure that the memory is protected. A subtree is decoded
 * recursively only while its weight says that it holds at most `2 ** lightWeightMax` values, which
 * bounds the depth too; larger ones go through a work list.
 *
 * **Ordering.** Published nodes never change, and the caller's protection ordered the reads.
 */

import {
  ARRAY,
  BOX,
  DOUBLE,
  ENTRY,
  KEY_LATIN,
  KEY_WORD,
  LIST,
  LIST_NODE,
  nodeOf,
  OBJECT,
  OWN_SHIFT,
  TABLE,
  TAG_NODE,
  TAG_OBJECT,
  TAG_STRING,
  entryValueAt,
} from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import { corrupt } from '../errors.ts'
import { immediateToValue, weightOf } from './word.ts'

/** What decoding needs of a shape; `values/shapes.ts` has it. */
export interface ShapeLike {
  readonly keys: readonly string[]
  readonly count: number
  slotOf(key: string): number
}

/** What decoding needs of a heap's codec. */
export interface CodecLike {
  readonly memory: {
    readonly m: Int32Array
    readonly words: { readonly doubles: Float64Array }
  }
  readonly shapes: { of(id: number): ShapeLike }
  readonly text: {
    read(node: Offset): string
    readAt(at: Offset, length: number, wide: boolean): string
  }
}

/** Values up to this weight (512 values) are decoded at once. */
export const LIGHT_WEIGHT_MAX = 9
/** Of what a publish replaced, undecoded but handed out, so many values (about a megabyte) are
 *  decoded; beyond, the old version is held instead. */
export const LEFTOVER_VALUES_MAX = 50_000

export interface ReaderOptions {
  readonly lightWeightMax: number
  readonly leftoverValuesMax: number
  readonly box: ((node: Offset) => unknown) | undefined
  /** Called when a call has read what it wanted: what sources protected for it may go. */
  readonly settle: () => void
}

/** A shape, and whether an object of it can be filled by plain assignment. */
export interface Plan {
  readonly keys: readonly string[]
  readonly count: number
  /** It has a key `__proto__`, which assignment would take for the prototype. */
  readonly special: boolean
  readonly shape: ShapeLike
}

export type Decoded = Record<string, unknown>

/** Era of a source whose strings must not be cached. */
export const NO_ERA = -1
const CACHE_BITS = 16

export class Reader {
  readonly m: Int32Array
  readonly doubles: Float64Array
  readonly lightWeightMax: number
  readonly leftoverValuesMax: number
  /** Strings read now belong to this era: an address means the same string within one era only. */
  era = NO_ERA
  readonly #codec: CodecLike
  /** Ends what sources protect for the call that reads. */
  readonly settle: () => void
  readonly #plans: (Plan | undefined)[] = []
  readonly #box: ((node: Offset) => unknown) | undefined
  /** Per cache line: address, era. */
  readonly #tags = new Int32Array(2 << CACHE_BITS)
  readonly #strings: string[] = new Array<string>(1 << CACHE_BITS).fill('')

  constructor(codec: CodecLike, options: ReaderOptions) {
    this.#codec = codec
    this.settle = options.settle
    this.m = codec.memory.m
    this.doubles = codec.memory.words.doubles
    this.lightWeightMax = options.lightWeightMax
    this.leftoverValuesMax = options.leftoverValuesMax
    this.#box = options.box
  }

  plan(id: number): Plan {
    return this.#plans[id] ?? this.#addPlan(id)
  }

  #addPlan(id: number): Plan {
    const shape = this.#codec.shapes.of(id)
    const { keys, count } = shape
    const plan = { keys, count, special: keys.includes('__proto__'), shape }
    while (this.#plans.length < id) this.#plans.push(undefined)
    this.#plans[id] = plan
    return plan
  }

  string(word: number): string {
    const node = nodeOf(word)
    const line = Math.imul(node, 0x9e3779b1) >>> (32 - CACHE_BITS)
    const tags = this.#tags
    const { era } = this
    if (tags[line << 1] === node && tags[(line << 1) | 1] === era && era !== NO_ERA) {
      return this.#strings[line] as string
    }
    const text = this.#codec.text.read(node)
    tags[line << 1] = node
    tags[(line << 1) | 1] = era
    this.#strings[line] = text
    return text
  }

  /** A value that is not an object or array: what `isScalar` says. */
  scalar(word: number): unknown {
    if ((word & 1) === 0) return word >> 1
    const tag = word & 7
    if (tag === TAG_STRING) return this.string(word)
    if (tag === TAG_NODE) return this.doubles[(nodeOf(word) + 2) >>> 1]
    return immediateToValue(word)
  }

  /** A box: bigint, date, binary. */
  box(node: Offset): unknown {
    if (this.#box === undefined) throw corrupt(`no reader for the box at word ${node}`, { node })
    return this.#box(node)
  }

  /** Key of an entry of a large object. */
  entryKey(node: Offset): string {
    const own = (this.m[node] as number) >>> OWN_SHIFT
    const form = own & 3
    if (form === KEY_WORD) return String(this.scalar(this.m[node + 5] as number))
    return this.#codec.text.readAt(node + 5, own >>> 2, form !== KEY_LATIN)
  }
}

export function isScalar(m: Int32Array, word: number): boolean {
  const tag = word & 7
  if (tag === TAG_OBJECT) return false
  return tag !== TAG_NODE || ((m[nodeOf(word)] as number) & 15) === DOUBLE
}

/** May the value be decoded recursively? Inner nodes of lists, and entries, are never light. */
export function isLight(reader: Reader, word: number): boolean {
  const { m } = reader
  if (isScalar(m, word)) return true
  switch ((m[nodeOf(word)] as number) & 15) {
    case OBJECT:
    case ARRAY:
    case BOX:
      return weightOf(m, word) <= reader.lightWeightMax
    default:
      return false
  }
}

/** A light value, complete and frozen. */
export function eager(reader: Reader, m: Int32Array, word: number): unknown {
  if ((word & 1) === 0) return word >> 1
  const tag = word & 7
  if (tag === TAG_STRING) return reader.string(word)
  if (tag === TAG_OBJECT) return eagerObject(reader, m, nodeOf(word))
  if (tag === TAG_NODE) return eagerNode(reader, m, nodeOf(word))
  return immediateToValue(word)
}

function eagerObject(reader: Reader, m: Int32Array, node: Offset): Decoded {
  const plan = reader.plan((m[node] as number) >>> (OWN_SHIFT + 5))
  const { keys, count } = plan
  const object: Decoded = {}
  if (plan.special) {
    for (let i = 0; i < count; i++) {
      setOwn(object, keys[i] as string, eager(reader, m, m[node + 3 + i] as number))
    }
  } else {
    for (let i = 0; i < count; i++) {
      object[keys[i] as string] = eager(reader, m, m[node + 3 + i] as number)
    }
  }
  return Object.freeze(object)
}

function eagerNode(reader: Reader, m: Int32Array, node: Offset): unknown {
  const kind = (m[node] as number) & 15
  if (kind === DOUBLE) return reader.doubles[(node + 2) >>> 1]
  if (kind === BOX) return reader.box(node)
  if (kind !== ARRAY) return whole(reader, (node << 2) | TAG_NODE)
  const length = m[node + 3] as number
  const array: unknown[] = []
  for (let i = 0; i < length; i++) array.push(eager(reader, m, m[node + 4 + i] as number))
  return Object.freeze(array)
}

/** Assigns as a literal would: `__proto__` becomes an own property. */
export function setOwn(object: Decoded, key: string, value: unknown): void {
  if (key !== '__proto__') {
    object[key] = value
    return
  }
  Object.defineProperty(object, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  })
}

/** Containers that `whole` has created but not filled. */
interface Shells {
  readonly targets: (Decoded | unknown[])[]
  readonly nodes: Offset[]
}

/** Any value, complete and frozen, however large and deep. */
export function whole(reader: Reader, word: number): unknown {
  const shells: Shells = { targets: [], nodes: [] }
  const value = shellOf(reader, word, shells)
  for (;;) {
    const target = shells.targets.pop()
    if (target === undefined) return value
    const node = shells.nodes.pop() as Offset
    if (Array.isArray(target)) fillArrayShell(reader, node, target, shells)
    else fillObjectShell(reader, node, target, shells)
    Object.freeze(target)
  }
}

function shellOf(reader: Reader, word: number, shells: Shells): unknown {
  if (isLight(reader, word)) return eager(reader, reader.m, word)
  const node = nodeOf(word)
  const kind = (reader.m[node] as number) & 15
  if (kind === BOX) return reader.box(node)
  const target = kind === ARRAY || kind === LIST ? [] : {}
  shells.targets.push(target)
  shells.nodes.push(node)
  return target
}

function fillArrayShell(reader: Reader, node: Offset, target: unknown[], shells: Shells): void {
  const { m } = reader
  if (((m[node] as number) & 15) === ARRAY) {
    const length = m[node + 3] as number
    for (let i = 0; i < length; i++) {
      target.push(shellOf(reader, m[node + 4 + i] as number, shells))
    }
    return
  }
  for (const word of wordsOfList(m, node)) target.push(shellOf(reader, word, shells))
}

function fillObjectShell(reader: Reader, node: Offset, target: Decoded, shells: Shells): void {
  const { m } = reader
  const kind = (m[node] as number) & 15
  if (kind === OBJECT) {
    const { keys, count } = reader.plan((m[node] as number) >>> (OWN_SHIFT + 5))
    for (let i = 0; i < count; i++) {
      setOwn(target, keys[i] as string, shellOf(reader, m[node + 3 + i] as number, shells))
    }
    return
  }
  if (kind !== TABLE) throw corrupt(`a value names a node of kind ${kind}`, { node, kind })
  for (const [key, value] of entriesOfTable(reader, node)) {
    setOwn(target, key, shellOf(reader, value, shells))
  }
}

/** Keys and value words of a large object, in order. */
export function entriesOfTable(reader: Reader, node: Offset): [string, number][] {
  const { m } = reader
  const entries: [string, number][] = []
  eachOfVector(m, m[node + 7] as number, (word) => {
    if (!isEntry(m, word)) return
    const entry = nodeOf(word)
    entries.push([reader.entryKey(entry), m[entryValueAt(m, entry)] as number])
  })
  return entries
}

/** Words of the elements of a large array, in order. */
export function wordsOfList(m: Int32Array, node: Offset): number[] {
  const words: number[] = []
  eachOfVector(m, m[node + 5] as number, (word) => words.push(word))
  return words
}

/** Every word at the leaves of a radix vector, in order. Depth is at most six. */
function eachOfVector(m: Int32Array, root: number, visit: (word: number) => void): void {
  if (!isVectorNode(m, root)) return
  const node = nodeOf(root)
  const count = (m[node] as number) >>> OWN_SHIFT
  for (let i = 0; i < count; i++) {
    const word = m[node + 3 + i] as number
    if (isVectorNode(m, word)) eachOfVector(m, word, visit)
    else visit(word)
  }
}

function isVectorNode(m: Int32Array, word: number): boolean {
  return (word & 7) === TAG_NODE && ((m[nodeOf(word)] as number) & 15) === LIST_NODE
}

function isEntry(m: Int32Array, word: number): boolean {
  return (word & 7) === TAG_NODE && ((m[nodeOf(word)] as number) & 15) === ENTRY
}
