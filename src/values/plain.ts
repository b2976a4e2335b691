/** Which JavaScript values are plain objects and arrays, of this realm or another. */

import { RootswapError } from '../errors.ts'

/** How many prototypes there are above an object; one of a subclass has more. */
export function prototypesOf(value: object): number {
  let count = 0
  let above: unknown = Object.getPrototypeOf(value)
  // Bound: the depth of a hierarchy of classes.
  for (; above !== null; above = Object.getPrototypeOf(above)) count++
  return count
}

/** A revoked proxy throws whatever it is asked. */
export function isRevoked(value: object): boolean {
  // user's callback: it is the user's proxy that throws; nothing shared is touched
  try {
    Array.isArray(value)
    return false
  } catch {
    return true
  }
}

export function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return true
  // The Object.prototype of another realm ends a chain and has what only it has.
  return (
    Object.getPrototypeOf(prototype) === null &&
    Object.hasOwn(prototype as object, '__lookupGetter__') &&
    Object.prototype.toString.call(value) === '[object Object]'
  )
}

export function isPlainArray(value: readonly unknown[]): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Array.prototype) return true
  // The Array.prototype of any realm is itself an array, and a subclass's is not.
  return Array.isArray(prototype) && Object.hasOwn(prototype, 'concat')
}

/** The object itself where `for…in` sees its own keys only, else a copy. */
export function ownKeysOnly(value: object, clean: boolean): Record<string, unknown> {
  const direct = clean && Object.getPrototypeOf(value) === Object.prototype
  return direct ? (value as Record<string, unknown>) : ownCopy(value)
}

/** The own enumerable string keys, without a prototype that `for…in` would look at. */
function ownCopy(value: object): Record<string, unknown> {
  const copy = Object.create(null) as Record<string, unknown>
  const source = value as Record<string, unknown>
  for (const key of Object.keys(source)) copy[key] = source[key]
  return copy
}

/** Whether `for…in` over a plain object sees own keys only. */
export function prototypeIsClean(): boolean {
  for (const _ in Object.prototype) return false
  return true
}

/** What an unsupported value is, for a message. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'function':
      return value.name === '' ? 'a function' : `a function (${value.name})`
    case 'symbol':
      return `a symbol (${String(value.description)})`
    case 'bigint':
      return 'a bigint'
    case 'object':
      return value === null ? 'null' : `a value of class ${className(value)}`
    default:
      return `a value of type ${typeof value}`
  }
}

function className(value: object): string {
  if (isRevoked(value)) return 'Proxy, revoked'
  // user's callback: an accessor, or the trap of a Proxy, a revoked draft among them
  try {
    const tag = Object.prototype.toString.call(value).slice(8, -1)
    const maker: unknown = (value as { constructor?: unknown }).constructor
    return typeof maker === 'function' && maker.name !== '' ? maker.name : tag
  } catch {
    return 'Object'
  }
}

/** Segments of a path that an error shows. */
export const PATH_SHOWN = 32

/** The error for a value that cannot be stored. */
export function unsupported(found: string, path: readonly unknown[]): RootswapError {
  return new RootswapError('ERR_UNSUPPORTED_VALUE', `${found} cannot be stored, at ${show(path)}`, {
    path,
    found,
  })
}

export function show(path: readonly unknown[]): string {
  if (path.length === 0) return 'the root'
  const shown = path.slice(0, PATH_SHOWN).map(showKey)
  return `path [${shown.join(', ')}${path.length > PATH_SHOWN ? ', …' : ''}]`
}

/** Of a Map the key may be any primitive. */
export function showKey(key: unknown): string {
  if (typeof key === 'string') return JSON.stringify(key)
  return typeof key === 'bigint' ? `${key}n` : String(key)
}
