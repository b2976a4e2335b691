/**
 * The formats of files: which parser reads which, and one way to say what it found.
 *
 * Parsers are optional peer dependencies, loaded when a file needs one.
 */

import { createRequire } from 'node:module'
import { extname } from 'node:path'
import { RootswapError, typeError } from '../errors.ts'
import { type Position, reasonOf, rejection } from './rejection.ts'
import { parseJson } from './json.ts'
import type { Parsed, ParseResult } from './parsed.ts'
import { parseToml } from './toml.ts'
import { copyTree, type Flaw, isTree, type Path, type Tree } from './tree.ts'
import { parseYaml } from './yaml.ts'

export interface ParsedFile {
  readonly file: string
  readonly value: Tree
  locate(path: Path): Position | undefined
}

export interface Text {
  readonly file: string
  readonly bytes: Uint8Array
}

interface Format {
  readonly name: string
  readonly package: string
  parse(text: string, library: never): ParseResult
  /** What stands for a value that is neither plain object nor array. */
  leaf?(value: unknown): unknown
}

const json: Format = { name: 'JSON', package: 'jsonc-parser', parse: parseJson }
const yaml: Format = { name: 'YAML', package: 'yaml', parse: parseYaml }
const toml: Format = { name: 'TOML', package: 'smol-toml', ...parseToml }

const formats: Readonly<Record<string, Format>> = {
  '.json': json,
  '.jsonc': json,
  '.yaml': yaml,
  '.yml': yaml,
  '.toml': toml,
}

/** Throws `TypeError` for a name that has no known ending. */
export function formatOf(file: string): Format {
  const format = formats[extname(file).toLowerCase()]
  if (format !== undefined) return format
  const known = Object.keys(formats).join(' ')
  throw typeError('ERR_INVALID_ARGUMENT', `${file}: the name must end in one of ${known}`, {
    argument: 'files',
  })
}

/** The format's parser. Throws `ERR_INVALID_ARGUMENT` where its package is not installed. */
export function loadParser(format: Format): unknown {
  const require = createRequire(import.meta.url)
  try {
    return require(format.package)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'MODULE_NOT_FOUND') throw error
    throw new RootswapError(
      'ERR_INVALID_ARGUMENT',
      `rootswap/config reads ${format.name} by the package ${format.package}, which is not ` +
        `installed: npm install ${format.package}`,
      { missing: format.package },
    )
  }
}

/**
 * A file's value. Throws a rejection that says where and why. A `discreet` one does not quote the
 * text, which may have a secret just there.
 */
export function parseFile({ file, bytes }: Text, discreet: boolean): ParsedFile {
  const format = formatOf(file)
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
  const library = loadParser(format) as never
  try {
    return format.parse(text, library)
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
