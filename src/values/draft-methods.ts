/**
 * The mutating methods of draft arrays. They move words and places instead of reading and writing
 * element by element, which would draft every element that a `shift` moves. What is handed to the
 * recipe (removed elements, arguments of a comparison) are drafts, as everywhere.
 *
 * `Array.prototype`'s own methods read and write through the draft and need nothing here.
 */

import { typeError } from '../errors.ts'
import { placeOf } from './draft-place.ts'

/** What the methods need of an array's place; values are raw, drafts as places. */
export interface DraftElements {
  readonly length: number
  use(operation: string): void
  unwrap(value: unknown): unknown
  /** As the recipe sees it. */
  read(index: number): unknown
  write(index: number, raw: unknown): void
  setLength(length: number): void
  splice(start: number, count: number, raws: readonly unknown[]): void
  permute(from: readonly number[]): void
}

type Method = (this: unknown, ...values: never[]) => unknown

function push(this: unknown, ...values: unknown[]): number {
  const place = arrayOf(this, 'push')
  for (const value of values) place.write(place.length, place.unwrap(value))
  return place.length
}

function pop(this: unknown): unknown {
  const place = arrayOf(this, 'pop')
  if (place.length === 0) return undefined
  const value = place.read(place.length - 1)
  place.setLength(place.length - 1)
  return value
}

function shift(this: unknown): unknown {
  const place = arrayOf(this, 'shift')
  if (place.length === 0) return undefined
  const value = place.read(0)
  place.splice(0, 1, [])
  return value
}

function unshift(this: unknown, ...values: unknown[]): number {
  const place = arrayOf(this, 'unshift')
  place.splice(0, 0, unwrapped(place, values))
  return place.length
}

function splice(this: unknown, ...values: unknown[]): unknown[] {
  const place = arrayOf(this, 'splice')
  const start = relative(values[0], place.length, 0)
  const rest = place.length - start
  let count = values.length === 1 ? rest : 0
  if (values.length > 1) count = Math.min(Math.max(integer(values[1]), 0), rest)
  const removed: unknown[] = []
  for (let index = start; index < start + count; index++) removed.push(place.read(index))
  place.splice(start, count, unwrapped(place, values.slice(2)))
  return removed
}

function reverse(this: unknown): unknown {
  const place = arrayOf(this, 'reverse')
  const last = place.length - 1
  place.permute(Array.from({ length: place.length }, (_, index) => last - index))
  return this
}

function sort(this: unknown, compare?: (a: unknown, b: unknown) => number): unknown {
  if (compare !== undefined && typeof compare !== 'function') {
    throw typeError('ERR_INVALID_ARGUMENT', 'the comparison of sort() is not a function')
  }
  const place = arrayOf(this, 'sort')
  const values = Array.from({ length: place.length }, (_, index) => place.read(index))
  const order = values.map((_, index) => index)
  const defined = order.filter((index) => values[index] !== undefined)
  if (compare !== undefined) {
    defined.sort((a, b) => compare(values[a], values[b]))
  } else {
    const texts = values.map((value) => (value === undefined ? '' : String(value)))
    defined.sort((a, b) => compareText(texts[a] as string, texts[b] as string))
  }
  if (place.length !== values.length) {
    throw typeError('ERR_INVALID_ARGUMENT', 'the comparison of sort() changed the length')
  }
  place.permute(defined.concat(order.filter((index) => values[index] === undefined)))
  return this
}

function fill(this: unknown, value: unknown, start?: unknown, end?: unknown): unknown {
  const place = arrayOf(this, 'fill')
  const raw = place.unwrap(value)
  const last = relative(end, place.length, place.length)
  for (let index = relative(start, place.length, 0); index < last; index++) place.write(index, raw)
  return this
}

function copyWithin(this: unknown, target: unknown, start: unknown, end?: unknown): unknown {
  const place = arrayOf(this, 'copyWithin')
  const to = relative(target, place.length, 0)
  const from = relative(start, place.length, 0)
  const last = relative(end, place.length, place.length)
  const count = Math.min(last - from, place.length - to)
  const raws: unknown[] = []
  for (let index = 0; index < count; index++) raws.push(place.unwrap(place.read(from + index)))
  for (let index = 0; index < count; index++) place.write(to + index, raws[index])
  return this
}

export const ARRAY_METHODS: ReadonlyMap<string, Method> = new Map<string, Method>([
  ['push', push],
  ['pop', pop],
  ['shift', shift],
  ['unshift', unshift],
  ['splice', splice],
  ['reverse', reverse],
  ['sort', sort],
  ['fill', fill],
  ['copyWithin', copyWithin],
])

function arrayOf(value: unknown, method: string): DraftElements {
  const place = placeOf(value)
  if (place === undefined || !Array.isArray(value)) {
    throw typeError(
      'ERR_INVALID_ARGUMENT',
      `${method}() of a draft array, called on no draft array`,
    )
  }
  place.use(method)
  return place as unknown as DraftElements
}

function unwrapped(place: DraftElements, values: readonly unknown[]): unknown[] {
  return values.map((value) => place.unwrap(value))
}

function integer(value: unknown): number {
  return Math.trunc(Number(value)) || 0
}

function relative(value: unknown, length: number, otherwise: number): number {
  if (value === undefined) return otherwise
  const index = integer(value)
  return index < 0 ? Math.max(length + index, 0) : Math.min(index, length)
}

function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
