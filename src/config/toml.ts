/**
 * TOML 1.0, by smol-toml.
 *
 * A date with an offset becomes a Date. Local dates and times stay text, as they are written in
 * ISO 8601: a Date would need a time zone that the file does not name. Integers that a number can
 * not hold become bigint.
 */

import type * as Toml from 'smol-toml'
import type { ParseResult } from './parsed.ts'

type Library = typeof Toml

export const parseToml = { parse, leaf }

function parse(text: string, library: Library): ParseResult {
  try {
    const value = library.parse(text, { integersAsBigInt: 'asNeeded' })
    return { value, locate: () => undefined }
  } catch (error) {
    if (!(error instanceof library.TomlError)) throw error
    const { line, column } = error
    // Below the first line the message repeats the text.
    const said = (error.message.split('\n')[0] as string).replace(/^Invalid TOML document: /, '')
    const message = `broken TOML: ${said}`
    return { flaws: [{ message, code: 'SYNTAX', position: { line, column } }] }
  }
}

function leaf(value: unknown): unknown {
  if (!(value instanceof Date)) return value
  const date = value as Toml.TomlDate
  return date.isLocal() ? date.toISOString() : new Date(date.getTime())
}
