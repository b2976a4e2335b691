/**
 * Changes of one place by its path, without a draft: the nodes on the way are copied, nothing else
 * is touched. A container's entry in the delta says that the child on the way has a successor; only
 * the last one drops a child.
 */

import { RootswapError, typeError } from '../errors.ts'
import { ARRAY, isReference, kindOf, LIST, nodeOf, OBJECT } from '../memory/kinds.ts'
import type { Delta } from '../versions/delta.ts'
import type { Codec } from './codec.ts'
import { Entries } from './draft-entries.ts'
import {
  arrayOf,
  childrenOf,
  copyFlat,
  copyWith,
  elementAt,
  isArray,
  isObject,
  lengthOf,
  objectOf,
  sameScalar,
  setChild,
  shapeOf,
} from './draft-nodes.ts'
import type { Key } from './immutable.ts'
import { isKey } from './key.ts'
import { listApply } from './list.ts'
import { find, MISSING } from './lookup.ts'
import { isInteger, javaScriptOrder } from './order.ts'
import { showKey } from './plain.ts'
import { DELETE, isDictionary, SET_TABLE, tableApply, variantOfTable } from './table.ts'

/** A new value, and where to report what its place replaces. */
export interface Setting {
  readonly value: unknown
  readonly delta: Delta
}

/** A container on the way, and the key that the way takes. */
interface Step {
  readonly word: number
  readonly key: Key
}

/**
 * Sets one place; an array's index may be its length. Returns the new root's word: the old one if
 * the place says the same scalar already. `codec.encoder.births` is set by the caller.
 * Throws `ERR_NO_SUCH_PATH` if a parent is missing, `ERR_UNSUPPORTED_VALUE`.
 */
export function setPath(
  codec: Codec,
  root: number,
  path: readonly Key[],
  { value, delta }: Setting,
): number {
  const steps = walk(codec, root, path)
  const last = steps.at(-1)
  const old = last === undefined ? root : find(codec, last.word, last.key)
  const isMember = last !== undefined && variantOfTable(codec.memory.m, last.word) === SET_TABLE
  if (last !== undefined) checkMember(codec, last, value)
  if (old === MISSING && last !== undefined) checkNew(codec, last, path)
  else if (isMember || sameScalar(codec, old, value)) return root
  const { encoder } = codec
  encoder.reset()
  encoder.pathTo = () => [...path]
  const word = encoder.encodeNext(isMember ? undefined : value)
  encoder.reset()
  if (last === undefined) {
    if (isReference(root)) delta.droppedRoot()
    return word
  }
  return replaceAlong(codec, steps, word, delta)
}

/** Removes one place; what stands behind it in an array moves up. Throws `ERR_NO_SUCH_PATH`. */
export function deletePath(codec: Codec, root: number, path: readonly Key[], delta: Delta): number {
  const steps = walk(codec, root, path)
  const last = steps.pop()
  if (last === undefined) {
    throw typeError('ERR_INVALID_ARGUMENT', 'the whole value cannot be deleted; replace it', {
      path,
    })
  }
  if (find(codec, last.word, last.key) === MISSING) throw noSuchPath(path, path.length - 1)
  const entries = new Entries(codec.memory)
  entries.next()
  const word = without(codec, last, entries.collected)
  return rebuild(codec, steps, word, { entries, delta })
}

/** The containers on the way to a place, from the root on. */
function walk(codec: Codec, root: number, path: readonly Key[]): Step[] {
  if (!Array.isArray(path)) {
    throw typeError('ERR_INVALID_ARGUMENT', 'a path is an array of keys and indexes', { path })
  }
  const { m } = codec.memory
  const steps: Step[] = []
  let word = root
  for (let index = 0; index < path.length; index++) {
    const key = path[index] as Key
    if (index > 0) {
      word = find(codec, word, path[index - 1] as Key)
      if (word === MISSING) throw noSuchPath(path, index - 1)
    }
    if (isDictionary(m, word) && isKey(key)) {
      steps.push({ word, key: key === 0 ? 0 : key })
      continue
    }
    if (typeof key !== 'string' && typeof key !== 'number') {
      throw typeError(
        'ERR_INVALID_ARGUMENT',
        `segment ${index} of the path is of type ${typeof key}; it must be a string or a number`,
        { path, segment: index },
      )
    }
    if (isObject(m, word)) steps.push({ word, key: String(key) })
    else if (isArray(m, word)) steps.push({ word, key })
    else throw noSuchPath(path, index)
  }
  return steps
}

/** What is put into a Set is the member itself. */
function checkMember(codec: Codec, { word, key }: Step, value: unknown): void {
  if (variantOfTable(codec.memory.m, word) !== SET_TABLE || value === undefined) return
  if (value === key || (Number.isNaN(value) && Number.isNaN(key))) return
  throw typeError('ERR_INVALID_ARGUMENT', 'the value that is put into a Set is the member itself', {
    key,
  })
}

/** Objects take every new key, an array its length only. */
function checkNew(codec: Codec, { word, key }: Step, path: readonly Key[]): void {
  const { m } = codec.memory
  if (isArray(m, word) && indexOf(key) !== lengthOf(m, nodeOf(word))) {
    throw noSuchPath(path, path.length - 1)
  }
}

function noSuchPath(path: readonly Key[], index: number): RootswapError {
  const shown = path
    .slice(0, index + 1)
    .map(showKey)
    .join(', ')
  return new RootswapError(
    'ERR_NO_SUCH_PATH',
    `there is nothing at [${shown}]; the first missing segment is ${showKey(path[index])}`,
    { path: [...path], missing: path[index] },
  )
}

/** An array's index; -1 for a key that is none. */
function indexOf(key: Key): number {
  if (typeof key === 'number') return Number.isInteger(key) && key >= 0 ? key : -1
  return typeof key === 'string' && isInteger(key) ? Number(key) : -1
}

function replaceAlong(codec: Codec, steps: Step[], word: number, delta: Delta): number {
  if (steps.length === 1) {
    return withChild(codec, steps[0] as Step, { word, isSuccessor: false }, delta)
  }
  if (steps.every((step) => slotIn(codec, step) >= 0)) return replaceFlat(codec, steps, word, delta)
  const entries = new Entries(codec.memory)
  const last = steps.pop() as Step
  entries.next()
  const changed = withChild(codec, last, { word, isSuccessor: false }, entries.collected)
  return rebuild(codec, steps, changed, { entries, delta })
}

/** Where the key's word is among the references of a flat container; -1 where it has none, and for
 *  any other container. */
function slotIn(codec: Codec, { word, key }: Step): number {
  const { m } = codec.memory
  const node = nodeOf(word)
  const kind = kindOf(m, node)
  if (kind === OBJECT) return shapeOf(codec, node).slotOf(key as string)
  if (kind !== ARRAY) return -1
  const index = indexOf(key)
  return index < lengthOf(m, node) ? index : -1
}

/** Every container on the way is one block and has the key: their entries are known beforehand, so
 *  they are reported in order, parents first. */
function replaceFlat(codec: Codec, steps: readonly Step[], child: number, delta: Delta): number {
  const { m } = codec.memory
  const last = steps.length - 1
  for (let index = 0; index < last; index++) delta.replaced(nodeOf((steps[index] as Step).word))
  const lowest = nodeOf((steps[last] as Step).word)
  const slot = slotIn(codec, steps[last] as Step)
  const dropsChild = isReference(m[childrenOf(codec, lowest).at + slot] as number)
  delta.replaced(lowest, dropsChild ? [slot] : [])
  let made = child
  for (let index = last; index >= 0; index--) {
    const step = steps[index] as Step
    const node = nodeOf(step.word)
    const { at, count } = childrenOf(codec, node)
    const copy = copyFlat(codec, node, at + count - node)
    made = setChild(m, copy, at - node + slotIn(codec, step), made) | (step.word & 7)
  }
  return made
}

/** The root above a changed container. */
function rebuild(
  codec: Codec,
  steps: readonly Step[],
  changed: number,
  report: { readonly entries: Entries; readonly delta: Delta },
): number {
  let word = changed
  for (let index = steps.length - 1; index >= 0; index--) {
    report.entries.next()
    const child = { word, isSuccessor: true }
    word = withChild(codec, steps[index] as Step, child, report.entries.collected)
  }
  report.entries.handOver(report.delta)
  return word
}

interface Child {
  readonly word: number
  /** It is the successor of the child that stood there, whose entry hands on what it keeps. */
  readonly isSuccessor: boolean
}

/** The successor of a container with another child at a key, or one child more. */
function withChild(codec: Codec, { word, key }: Step, child: Child, delta: Delta): number {
  const { m } = codec.memory
  const node = nodeOf(word)
  const kind = kindOf(m, node)
  if (kind === LIST) {
    const index = indexOf(key)
    const words = new Map([[index, child.word]])
    const successors = new Set(child.isSuccessor ? [index] : [])
    const length = Math.max(lengthOf(m, node), index + 1)
    return listApply(codec, node, { words, successors, length }, delta)
  }
  if (kind !== OBJECT && kind !== ARRAY) {
    const words = new Map([[key, child.word]])
    const successors = new Set(child.isSuccessor ? [key] : [])
    return tableApply(codec, node, { words, successors }, delta)
  }
  const at = kind === OBJECT ? node + 3 : node + 4
  const slot = kind === OBJECT ? shapeOf(codec, node).slotOf(key as string) : indexOf(key)
  const count = kind === OBJECT ? shapeOf(codec, node).count : lengthOf(m, node)
  if (slot < 0 || slot >= count) {
    delta.replaced(node)
    return withMore(codec, word, key, child.word)
  }
  const drops = !child.isSuccessor && isReference(m[at + slot] as number)
  delta.replaced(node, drops ? [slot] : [])
  return copyWith(codec, word, [{ slot, word: child.word }])
}

/** A flat container with one child more. */
function withMore(codec: Codec, word: number, key: Key, child: number): number {
  const words = flatWords(codec, word)
  if (isArray(codec.memory.m, word)) return arrayOf(codec, [...words, child])
  const { keys } = shapeOf(codec, nodeOf(word))
  const more = javaScriptOrder([...keys, key as string])
  const at = more.indexOf(key as string)
  return objectOf(codec, more, [...words.slice(0, at), child, ...words.slice(at)])
}

function flatWords(codec: Codec, word: number): number[] {
  const { m } = codec.memory
  const node = nodeOf(word)
  const isList = kindOf(m, node) === ARRAY
  const at = isList ? node + 4 : node + 3
  const count = isList ? lengthOf(m, node) : shapeOf(codec, node).count
  return Array.from(m.subarray(at, at + count))
}

/** The successor of a container without a child that it has. */
function without(codec: Codec, { word, key }: Step, delta: Delta): number {
  const { m } = codec.memory
  const node = nodeOf(word)
  switch (kindOf(m, node)) {
    case OBJECT: {
      const { keys } = shapeOf(codec, node)
      const slot = keys.indexOf(key as string)
      const words = flatWords(codec, word)
      delta.replaced(node, isReference(words[slot] as number) ? [slot] : [])
      return objectOf(codec, keys.toSpliced(slot, 1), words.toSpliced(slot, 1))
    }
    case ARRAY: {
      const index = indexOf(key)
      const words = flatWords(codec, word)
      delta.replaced(node, isReference(words[index] as number) ? [index] : [])
      return arrayOf(codec, words.toSpliced(index, 1))
    }
    case LIST:
      return withoutElement(codec, word, indexOf(key), delta)
    default: {
      const words = new Map([[key, DELETE]])
      return tableApply(codec, node, { words, successors: new Set() }, delta)
    }
  }
}

/** Every element behind the removed one moves up by one index. */
function withoutElement(codec: Codec, word: number, index: number, delta: Delta): number {
  const { m } = codec.memory
  const node = nodeOf(word)
  const length = lengthOf(m, node) - 1
  const words = new Map<number, number>()
  for (let to = index; to < length; to++) {
    const moved = elementAt(m, node, to + 1)
    words.set(to, moved)
    if (isReference(moved)) delta.included(nodeOf(moved))
  }
  return listApply(codec, node, { words, successors: new Set(), length }, delta)
}
