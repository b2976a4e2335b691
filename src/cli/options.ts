/** Options of the command line, and what wrong ones get. */

import { parseArgs, type ParseArgsConfig } from 'node:util'
import { rangeError } from '../errors.ts'

type Options = NonNullable<ParseArgsConfig['options']>
type Value = string | boolean | (string | boolean)[] | undefined

/** Strict: unknown options and stray words throw `TypeError` with a code of `parseArgs`. */
export function parseOptions(args: readonly string[], options: Options): Record<string, Value> {
  return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values
}

/** A whole number in a range, or undefined where the option was not given. */
export function wholeOption(
  name: string,
  given: Value,
  [low, high]: readonly [number, number],
): number | undefined {
  if (given === undefined) return undefined
  const value = Number(given)
  if (typeof given === 'string' && /^\d+$/.test(given) && value >= low && value <= high) {
    return value
  }
  throw rangeError(
    `--${name} is '${String(given)}'; it must be a whole number from ${low} to ${high}`,
    { argument: `--${name}`, value: given },
  )
}
