/** Which JavaScript values are stored as Maps and Sets: real ones of any realm, and views. */

import { types } from 'node:util'
import type { Key } from './immutable.ts'
import { isKey } from './key.ts'
import { variantOfView } from './map-view.ts'
import { describe, prototypesOf } from './plain.ts'
import { MAP_TABLE, SET_TABLE } from './table.ts'

const mapEach = Map.prototype.forEach
const setEach = Set.prototype.forEach

export type AnyMap = ReadonlyMap<unknown, unknown>
export type AnySet = ReadonlySet<unknown>

/** `MAP_TABLE`, `SET_TABLE`, or 0 for anything else. */
export function variantOfValue(value: object): number {
  if (types.isMap(value)) return prototypesOf(value) === 2 ? MAP_TABLE : 0
  if (types.isSet(value)) return prototypesOf(value) === 2 ? SET_TABLE : 0
  return variantOfView(value)
}

/** Keys and values in order; a member of a Set has no value. Throws what `refuse` makes. */
export function entriesOfValue(
  value: object,
  variant: number,
  refuse: (found: string) => Error,
): { readonly keys: Key[]; readonly values: unknown[] } {
  const keys: Key[] = []
  const values: unknown[] = []
  const what = variant === MAP_TABLE ? 'as a key of a Map' : 'in a Set'
  const add = (key: unknown, child: unknown): void => {
    if (!isKey(key)) throw refuse(`${describe(key)} ${what}`)
    keys.push(key)
    values.push(child)
  }
  if (types.isMap(value)) mapEach.call(value, (child, key) => add(key, child))
  else if (types.isSet(value)) setEach.call(value, (member) => add(member, undefined))
  else if (variant === MAP_TABLE) for (const [key, child] of value as AnyMap) add(key, child)
  else for (const member of value as AnySet) add(member, undefined)
  return { keys, values }
}
