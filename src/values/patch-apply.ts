/**
 * Applying patches to a draft: either form, one after the other, so that whoever drops the draft
 * after an error has changed nothing.
 *
 * **Invariants.** What a patch brings is not written: a container of it through which a later
 * patch goes is copied first. Containers that are no drafts hold no drafts.
 */

import { isDeepStrictEqual } from 'node:util'
import { RootswapError, typeError } from '../errors.ts'
import { expectRoomFor } from './array-length.ts'
import { setOwn } from './decode.ts'
import { currentOf } from './draft-current.ts'
import { placeOf } from './draft-place.ts'
import type { Key } from './immutable.ts'
import { isInteger } from './order.ts'
import { variantOfView } from './map-view.ts'
import { type JsonPatch, keysOfPointer, type Patch } from './patch.ts'
import { withoutViews } from './patch-values.ts'
import { isPlainObject } from './plain.ts'
import { SET_TABLE } from './table.ts'

/** A patch of either form, checked. */
export interface PatchStep {
  readonly op: string
  readonly path: readonly Key[]
  readonly from: readonly Key[]
  readonly value: unknown
  /** Its place among the patches. */
  readonly index: number
  /** RFC 6902: every key is text. */
  readonly isJson: boolean
}

type Container = unknown[] | Map<unknown, unknown> | Set<unknown> | Record<string, unknown>

const OPS = new Set(['add', 'remove', 'replace'])
const JSON_OPS = new Set([...OPS, 'move', 'copy', 'test'])
const WITH_VALUE = new Set(['add', 'replace', 'test'])
const KEY_TYPES = new Set(['string', 'number', 'bigint', 'boolean', 'undefined'])
const ABSENT = Symbol('absent')

/** The patches, checked. Throws `TypeError`. */
export function stepsOf(patches: readonly (Patch | JsonPatch)[]): PatchStep[] {
  if (!Array.isArray(patches)) {
    throw typeError('ERR_INVALID_ARGUMENT', `patches must be an array, not ${typeof patches}`)
  }
  return patches.map((patch, index) => stepOf(patch as unknown, index))
}

function stepOf(patch: unknown, index: number): PatchStep {
  if (typeof patch !== 'object' || patch === null) throw wrong(index, 'is no object')
  const { op, path, from, value } = patch as Record<string, unknown>
  const isJson = typeof path === 'string'
  if (!(isJson ? JSON_OPS : OPS).has(op as string)) throw wrong(index, `has op ${String(op)}`)
  if (!isJson && !isPath(path)) throw wrong(index, 'has a path that is no array of keys')
  const goesFrom = op === 'move' || op === 'copy'
  if (goesFrom && typeof from !== 'string') throw wrong(index, "has no 'from'")
  if (isJson && WITH_VALUE.has(op as string) && !Object.hasOwn(patch, 'value')) {
    throw wrong(index, 'has no value')
  }
  return {
    op: op as string,
    path: isJson ? keysOfPointer(path) : [...(path as readonly Key[])],
    from: goesFrom ? keysOfPointer(from as string) : [],
    value,
    index,
    isJson,
  }
}

function isPath(path: unknown): boolean {
  return Array.isArray(path) && path.every((key) => key === null || KEY_TYPES.has(typeof key))
}

function wrong(index: number, what: string): TypeError {
  return typeError('ERR_INVALID_ARGUMENT', `patch ${index} ${what}`, { patch: index })
}

/**
 * What the root is after the patches: the draft itself, changed, or, where a patch replaced the
 * whole value, a value that holds no drafts. `m` are the heap's words: no array is longer.
 *
 * Throws `ERR_NO_SUCH_PATH`, `ERR_HEAP_FULL`; `ERR_CONFLICT` when a `test` fails; `TypeError`.
 */
export function applySteps(root: unknown, steps: readonly PatchStep[], m: Int32Array): unknown {
  const work = new PatchWork(root, m)
  for (const step of steps) work.apply(step)
  return work.root
}

class PatchWork {
  root: unknown
  /** Containers that are no drafts and may be written. */
  readonly #own = new Set<unknown>()

  readonly #m: Int32Array

  constructor(root: unknown, m: Int32Array) {
    this.root = root
    this.#m = m
  }

  apply(step: PatchStep): void {
    switch (step.op) {
      case 'remove':
        return this.#remove(step, step.path)
      case 'test':
        return this.#test(step)
      case 'move':
        return this.#move(step)
      case 'copy':
        return this.#add(step, this.#detached(this.#at(step, step.from)))
      default:
        return this.#add(step, step.value)
    }
  }

  #add(step: PatchStep, value: unknown): void {
    const { path } = step
    const last = path.length - 1
    if (last < 0) {
      this.root = value
      return
    }
    const holder = this.#holder(step, path)
    const key = path[last] as Key
    if (step.op === 'replace') {
      const isLength = !step.isJson && Array.isArray(holder) && key === 'length'
      if (!isLength && childOf(holder, key) === ABSENT) throw noSuchPath(step, path, last)
      if (holder instanceof Set) throw wrong(step.index, 'replaces a member of a Set: remove, add')
      if (isLength) this.#expectLength(step, value)
      put(holder, key, value)
    } else if (holder instanceof Set) {
      holder.add(value)
    } else if (Array.isArray(holder)) {
      const at = key === '-' ? holder.length : indexOf(key)
      if (at < 0 || at > holder.length) throw noSuchPath(step, path, last)
      if (at === holder.length) holder.push(value)
      else holder.splice(at, 0, value)
    } else if (!put(holder, key, value)) throw noSuchPath(step, path, last)
  }

  #remove(step: PatchStep, path: readonly Key[]): void {
    const last = path.length - 1
    if (last < 0) throw wrong(step.index, 'removes the whole value: replace it')
    const holder = this.#holder(step, path)
    const key = path[last] as Key
    if (holder instanceof Set) {
      if (step.isJson) throw wrong(step.index, 'removes a member of a Set, which it cannot name')
      if (!holder.delete(step.value)) throw noSuchPath(step, path, last)
      return
    }
    if (childOf(holder, key) === ABSENT) throw noSuchPath(step, path, last)
    if (Array.isArray(holder)) holder.splice(indexOf(key), 1)
    else if (holder instanceof Map) holder.delete(key)
    else delete holder[String(key)]
  }

  #test(step: PatchStep): void {
    const found = this.#at(step, step.path)
    const value = placeOf(found) === undefined ? found : currentOf(found)
    if (isSame(value, withoutViews(step.value))) return
    throw new RootswapError(
      'ERR_CONFLICT',
      `patch ${step.index} tests ${JSON.stringify(step.path)}, and another value is there`,
      { path: [...step.path], patch: step.index },
    )
  }

  #move(step: PatchStep): void {
    const { from, path } = step
    const within = from.every((key, index) => key === path[index])
    const value = this.#at(step, from)
    if (within && from.length === path.length) return
    if (within) throw wrong(step.index, 'moves a value into itself')
    if (path.length === 0) {
      this.root = this.#detached(value)
      return
    }
    this.#remove(step, from)
    const isDraft = placeOf(this.#holder(step, path)) !== undefined
    this.#add(step, isDraft ? value : this.#detached(value))
  }

  #expectLength(step: PatchStep, length: unknown): void {
    if (!Number.isInteger(length) || (length as number) < 0) {
      throw wrong(step.index, `sets the length of an array to ${String(length)}`)
    }
    expectRoomFor(length as number, this.#m)
  }

  /** A value that no other place of the tree changes with. */
  #detached(value: unknown): unknown {
    if (placeOf(value) !== undefined) return currentOf(value)
    // It stands in two places now: whoever goes through either copies again.
    this.#own.clear()
    return value
  }

  #at(step: PatchStep, path: readonly Key[]): unknown {
    const last = path.length - 1
    if (last < 0) return this.root
    const found = childOf(this.#holder(step, path), path[last] as Key)
    if (found === ABSENT) throw noSuchPath(step, path, last)
    return found
  }

  /** The container that the last key of a path leads into, made writable with those above it. */
  #holder(step: PatchStep, path: readonly Key[]): Container {
    if (!isContainer(this.root)) throw noSuchPath(step, path, 0)
    let holder = this.#writable(this.root)
    this.root = holder
    for (let index = 0; index < path.length - 1; index++) {
      const key = path[index] as Key
      const child = childOf(holder, key)
      if (child === ABSENT) throw noSuchPath(step, path, index)
      if (!isContainer(child)) throw noSuchPath(step, path, index + 1)
      const writable = this.#writable(child)
      if (writable !== child) put(holder, key, writable)
      holder = writable
    }
    return holder
  }

  #writable(container: Container): Container {
    if (placeOf(container) !== undefined || this.#own.has(container)) return container
    if (Array.isArray(container)) expectRoomFor(container.length, this.#m)
    const copy = shallowCopy(container)
    this.#own.add(copy)
    return copy
  }
}

function isContainer(value: unknown): value is Container {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value) || value instanceof Map || value instanceof Set) return true
  return isPlainObject(value) || variantOfView(value) !== 0
}

function shallowCopy(container: Container): Container {
  if (Array.isArray(container)) return [...container]
  if (container instanceof Map) return new Map(container)
  if (container instanceof Set) return new Set(container)
  const view = variantOfView(container)
  if (view === SET_TABLE) return new Set(container as unknown as Set<unknown>)
  if (view !== 0) return new Map(container as unknown as Map<unknown, unknown>)
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(container)) setOwn(copy, key, container[key])
  return copy
}

/** What stands at a key, or `ABSENT`. */
function childOf(holder: Container, key: Key): unknown {
  if (Array.isArray(holder)) {
    const index = indexOf(key)
    return index >= 0 && index < holder.length ? holder[index] : ABSENT
  }
  if (holder instanceof Map) return holder.has(key) ? holder.get(key) : ABSENT
  if (holder instanceof Set || !isName(key)) return ABSENT
  return Object.hasOwn(holder, key) ? holder[key as string] : ABSENT
}

/** Puts a value at a key where one may be; false where the key is none of an object. */
function put(holder: Container, key: Key, value: unknown): boolean {
  if (holder instanceof Map) holder.set(key, value)
  else if (!isName(key)) return false
  else if (placeOf(holder) !== undefined) (holder as Record<string, unknown>)[key] = value
  else setOwn(holder as Record<string, unknown>, String(key), value)
  return true
}

function isName(key: Key): key is string | number {
  return typeof key === 'string' || typeof key === 'number'
}

/** An array's index; -1 for a key that is none. */
function indexOf(key: Key): number {
  if (typeof key === 'number') return Number.isInteger(key) && key >= 0 ? key : -1
  return typeof key === 'string' && isInteger(key) ? Number(key) : -1
}

/** As RFC 6902 compares: objects whatever their order, numbers by value. */
function isSame(first: unknown, second: unknown): boolean {
  const pairs: [unknown, unknown][] = [[first, second]]
  let pair: [unknown, unknown] | undefined
  while ((pair = pairs.pop()) !== undefined) {
    const [a, b] = pair
    if (a === b || (a !== a && b !== b)) continue
    if (!isContainer(a) || !isContainer(b) || Array.isArray(a) !== Array.isArray(b)) {
      if (!isDeepStrictEqual(a, b)) return false
    } else if (a instanceof Map || a instanceof Set || b instanceof Map || b instanceof Set) {
      if (!isDeepStrictEqual(a, b)) return false
    } else {
      const keys = Object.keys(a)
      if (keys.length !== Object.keys(b).length) return false
      if (!keys.every((key) => Object.hasOwn(b, key))) return false
      for (const key of keys) pairs.push([childOf(a, key), childOf(b, key)])
    }
  }
  return true
}

function noSuchPath(step: PatchStep, path: readonly Key[], index: number): RootswapError {
  const shown = path.slice(0, index + 1).map(String)
  return new RootswapError(
    'ERR_NO_SUCH_PATH',
    `patch ${step.index} (${step.op}): there is nothing at ${JSON.stringify(shown)}; ` +
      `the first missing segment is ${JSON.stringify(shown[index])}`,
    { path: [...path], missing: path[index], patch: step.index },
  )
}
