/**
 * The formats of files: which parser reads which, and one way to say what it found.
 *
 * Parsers are optional peer dependencies, loaded when a file needs one.
 */

import { extname } from 'node:path'
import { type RootswapError, typeError } from '../errors.ts'
import { type Position, reasonOf, rejection } from './rejection.ts'
import { parseJson } from './json.ts'
import { loadPackage } from './packages.ts'
import type { Parsed, ParseResult } from './parsed.ts'
import type { FormatName, Text } from './text.ts'
import { parseToml } from './toml.ts'
import { copyTree, type Flaw, isTree, type Path, type Tree } from './tree.ts'
import { parseYaml } from './yaml.ts'

const ENDING_WANTED = 'the name must end in .json, .jsonc, .yaml, .yml or .toml'

export interface ParsedFile {
  readonly file: string
  readonly value: Tree
  locate(path: Path): Position | undefined
}

export interface Format {
  readonly name: string
  readonly package: string
  parse(text: string, library: never): ParseResult
  /** What stands for a value that is neither plain object nor array. */
  leaf?(value: unknown): unknown
}

const json: Format = { name: 'JSON', package: 'jsonc-parser', parse: parseJson }
const yaml: Format = { name: 'YAML', package: 'yaml', parse: parseYaml }
const toml: Format = { name: 'TOML', package: 'smol-toml', ...parseToml }

/** By what a user calls them. */
export const formats: Readonly<Record<FormatName, Format>> = { json, yaml, toml }

const endings: Readonly<Record<string, Format>> = {
  '.json': json,
  '.jsonc': json,
  '.yaml': yaml,
  '.yml': yaml,
  '.toml': toml,
}

/** The format that the end of a name tells; undefined if it tells none. */
export function formatOf(file: string): Format | undefined {
  return endings[extname(file).toLowerCase()]
}

/** Throws `TypeError` for a name that has no known ending. */
export function expectFormat(file: string): Format {
  const format = formatOf(file)
  if (format !== undefined) return format
  throw typeError('ERR_INVALID_ARGUMENT', `${file}: ${ENDING_WANTED}`, { argument: 'files' })
}

/** The format's parser. Throws `ERR_INVALID_ARGUMENT` where its package is not installed. */
export function loadParser(format: Format): unknown {
  return loadPackage(format.package, `rootswap/config reads ${format.name}`)
}

/**
 * A file's value. Throws a rejection that says where and why. A `discreet` one does not quote the
 * text, which may have a secret just there.
 */
export function parseFile({ file, bytes, format: named }: Text, discreet: boolean): ParsedFile {
  const format = named === undefined ? formatOf(file) : formats[named]
  if (format === undefined) throw flawed(file, `is of no known format: ${ENDING_WANTED}`)
  const text = decode(file, bytes)
  const result = parse(format, text)
  if ('flaws' in result) {
    const issues = result.flaws.map(({ message, code, position }) => {
      const said = discreet ? `broken ${format.name} (${code})` : message
      return { message: said, file, ...position }
    })
    throw rejection('parse', issues)
  }
  if (result.value === null || result.value === undefined) throw flawed(file, 'is empty')
  const copy = copyTree(result.value, text.length, format.leaf ?? ((value) => value))
  if ('flaw' in copy) throw refuseTree(file, copy.flaw, result)
  if (isTree(copy.value)) return { file, value: copy.value, locate: (path) => result.locate(path) }
  const kind = Array.isArray(copy.value) ? 'a list' : `a ${typeof copy.value}`
  throw flawed(file, `must have keys and values at the top, not ${kind}`)
}

function parse(format: Format, text: string): ParseResult {
  try {
    return format.parse(text, loadParser(format) as never)
  } catch (error) {
    // The parsers recurse: a RangeError is their stack's end.
    const isDeep = error instanceof RangeError
    const message = isDeep ? 'is nested too deeply' : `its parser threw ${reasonOf(error)}`
    const code = isDeep ? 'TOO_DEEP' : 'PARSER_THREW'
    return { flaws: [{ message, code, position: undefined }] }
  }
}

function decode(file: string, bytes: Uint8Array): string {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes) // drops a byte order mark
  } catch {
    throw flawed(file, 'is not text in UTF-8')
  }
  if (text.includes('\0')) throw flawed(file, 'is binary: it has NUL characters')
  if (text.trim() === '') throw flawed(file, 'is empty')
  return text
}

function refuseTree(file: string, { message, path }: Flaw, parsed: Parsed): RootswapError {
  return rejection('parse', [{ message, path, file, ...parsed.locate(path) }])
}

function flawed(file: string, message: string): RootswapError {
  return rejection('parse', [{ message, file }])
}
