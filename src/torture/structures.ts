/** The structures that can be tortured, by name. */

import { rangeError } from '../errors.ts'
import { bank } from './bank.ts'
import { counter } from './counter.ts'
import { elements } from './elements.ts'
import type { Structure } from './structure.ts'

const structures: readonly Structure[] = [elements, bank, counter]

export const structureNames: readonly string[] = structures.map(({ name }) => name)

/** Throws `RangeError` for a name that there is not. */
export function structureOf(name: string): Structure {
  const found = structures.find((each) => each.name === name)
  if (found !== undefined) return found
  throw rangeError(`there is no structure '${name}'; there are ${structureNames.join(', ')}`, {
    argument: 'structure',
    value: name,
  })
}
