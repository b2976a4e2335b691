/**
 * Plain copies of drafts: of what a draft is now, and of what it was before the recipe. They may be
 * kept after the recipe and changed at will. Built with a work list, so depth costs no stack.
 */

import { typeError } from '../errors.ts'
import { ArrayPlace } from './draft-array.ts'
import { DictionaryPlace } from './draft-dictionary.ts'
import { ObjectPlace } from './draft-object.ts'
import { Place, placeOf } from './draft-place.ts'

type Target = Record<string, unknown> | unknown[] | Map<unknown, unknown>

/** A draft's value as it stands, with the recipe's changes. */
export function currentOf(draft: unknown): unknown {
  const place = drafted(draft)
  const work: { from: object; to: Target }[] = []
  const copies = new Map<object, Target>()
  const copy = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value
    const of = placeOf(value) ?? value
    if (!(of instanceof Place) && !isPlain(of)) return value
    if (of instanceof DictionaryPlace && !of.isMap) return new Set(of.keys())
    let to = copies.get(of)
    if (to === undefined) {
      to = value instanceof Map ? new Map() : Array.isArray(value) ? [] : {}
      copies.set(of, to)
      work.push({ from: value, to })
    }
    return to
  }
  const root = copy(place.proxy)
  let job: { from: object; to: Target } | undefined
  while ((job = work.pop()) !== undefined) {
    if (job.from instanceof Map) {
      for (const [key, value] of job.from) (job.to as Map<unknown, unknown>).set(key, copy(value))
      continue
    }
    for (const key of Object.keys(job.from)) {
      put(job.to, key, copy((job.from as Record<string, unknown>)[key]))
    }
  }
  return root
}

/** A draft's value before the recipe. */
export function originalOf(draft: unknown): unknown {
  const place = drafted(draft)
  const { scope } = place
  const work: { from: Place; to: Target }[] = []
  const open = (from: unknown): unknown => {
    if (!(from instanceof Place)) return from
    if (from instanceof DictionaryPlace && !from.isMap) return new Set(from.keys())
    const to = targetFor(from)
    work.push({ from, to })
    return to
  }
  const root = open(pristine(place))
  let job: { from: Place; to: Target } | undefined
  while ((job = work.pop()) !== undefined) {
    const { from, to } = job
    if (from instanceof ArrayPlace) {
      for (let index = 0; index < from.baseLength; index++) {
        put(to, String(index), open(scope.open(from, index, from.wordAt(index))))
      }
    } else if (from instanceof DictionaryPlace) {
      const map = to as Map<unknown, unknown>
      for (const key of from.keys()) map.set(key, open(scope.open(from, key, from.wordAt(key))))
    } else if (from instanceof ObjectPlace) {
      for (const key of from.keys()) put(to, key, open(scope.open(from, key, from.wordAt(key))))
    }
  }
  return root
}

/** A place of its own at the same word, which the recipe has not touched. */
function pristine(place: Place): Place {
  const { scope, word } = place
  if (place instanceof DictionaryPlace) return new DictionaryPlace(scope, undefined, '', word)
  return place instanceof ArrayPlace
    ? new ArrayPlace(scope, undefined, '', word)
    : new ObjectPlace(scope, undefined, '', word)
}

function targetFor(place: Place): Target {
  if (place instanceof DictionaryPlace) return new Map()
  return place instanceof ArrayPlace ? [] : {}
}

function drafted(value: unknown): Place {
  const place = placeOf(value)
  if (place === undefined) {
    throw typeError('ERR_INVALID_ARGUMENT', 'this is no draft of a recipe that is running')
  }
  place.use('get')
  return place
}

function isPlain(value: object): boolean {
  if (Array.isArray(value) || value instanceof Map) return true
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function put(target: Target, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    })
  } else {
    ;(target as Record<string, unknown>)[key] = value
  }
}
