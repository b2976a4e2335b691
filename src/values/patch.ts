/**
 * Patches: what tells one value from another, as data. Two forms: immer's, lossless, with paths
 * of keys; and RFC 6902 (JSON Patch), with JSON Pointers, for everything that JSON can say.
 */

import { RootswapError, typeError } from '../errors.ts'
import type { Key } from './immutable.ts'
import { describe } from './plain.ts'

/** immer's form. `value` is there for `add` and `replace`, even where it is `undefined`. */
export interface Patch {
  readonly op: 'add' | 'remove' | 'replace'
  readonly path: readonly Key[]
  readonly value?: unknown
}

/** An operation of RFC 6902; `path` and `from` are JSON Pointers. */
export type JsonPatch =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move' | 'copy'; readonly from: string; readonly path: string }

/**
 * The same patches as RFC 6902 says them. Values are not copied.
 *
 * Throws `ERR_UNSUPPORTED_VALUE` where JSON cannot say it: `undefined`, NaN, infinities, bigint,
 * dates, Maps, Sets, binary data, cycles, the removal of a member of a Set, and keys that are
 * neither strings nor numbers. JSON has no Maps:
 * in a pointer into one a number reads as its text, so only Maps with text for keys go well there.
 *
 * ```ts
 * const { patches } = store.set(['limits', 'a/b'], 3, { patches: true })
 * toJsonPatch(patches ?? []) // [{ op: 'add', path: '/limits/a~1b', value: 3 }]
 * ```
 */
export function toJsonPatch(patches: readonly Patch[]): JsonPatch[] {
  if (!Array.isArray(patches)) {
    throw typeError('ERR_INVALID_ARGUMENT', 'patches must be an array', { argument: 'patches' })
  }
  return patches.map((patch) => {
    const { op, path, value } = patch
    const pointer = pointerOf(path)
    if (op === 'remove') {
      if (Object.hasOwn(patch, 'value')) throw unsayable('which member of a Set goes', path)
      return { op, path: pointer }
    }
    checkJson(value, path)
    return { op, path: pointer, value }
  })
}

function pointerOf(path: readonly Key[]): string {
  let pointer = ''
  for (const key of path) {
    if (typeof key !== 'string' && typeof key !== 'number') {
      throw unsayable(`the key ${String(key)}, which is ${describe(key)},`, path)
    }
    pointer += `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`
  }
  return pointer
}

/** The keys of a JSON Pointer. Throws `TypeError`. */
export function keysOfPointer(pointer: string): string[] {
  if (pointer === '') return []
  if (pointer.startsWith('/') && !/~(?![01])/.test(pointer)) {
    const segments = pointer.slice(1).split('/')
    return segments.map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
  }
  throw typeError('ERR_INVALID_ARGUMENT', `'${pointer}' is no JSON Pointer`, { pointer })
}

/** A part of a value that waits to be looked at, and the way to it. */
interface Part {
  readonly value: unknown
  readonly key: string | number
  readonly above: Part | undefined
}

function checkJson(root: unknown, path: readonly Key[]): void {
  const parts: Part[] = [{ value: root, key: '', above: undefined }]
  let part: Part | undefined
  while ((part = parts.pop()) !== undefined) {
    const { value } = part
    if (typeof value === 'string' || typeof value === 'boolean' || value === null) continue
    if (typeof value === 'number' && Number.isFinite(value)) continue
    if (isInItself(part)) throw unsayable('a cycle', [...path, ...wayTo(part)])
    if (Array.isArray(value)) {
      for (const [key, child] of value.entries()) parts.push({ value: child, key, above: part })
    } else if (isRecord(value)) {
      for (const key of Object.keys(value)) parts.push({ value: value[key], key, above: part })
    } else {
      const shown = typeof value === 'number' ? String(value) : describe(value)
      throw unsayable(shown, [...path, ...wayTo(part)])
    }
  }
}

function isInItself({ value, above }: Part): boolean {
  // Bound: the depth of the value.
  for (let part = above; part !== undefined; part = part.above)
    if (part.value === value) return true
  return false
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return Object.prototype.toString.call(value) === '[object Object]'
}

function wayTo(part: Part): (string | number)[] {
  const way: (string | number)[] = []
  let step = part
  // Bound: the depth of the value.
  for (; step.above !== undefined; step = step.above) way.push(step.key)
  return way.reverse()
}

function unsayable(what: string, path: readonly Key[]): RootswapError {
  const shown = path.map(String).join('.')
  return new RootswapError(
    'ERR_UNSUPPORTED_VALUE',
    `JSON cannot say ${what} at path [${shown}]; send the patches themselves`,
    { path: [...path] },
  )
}
