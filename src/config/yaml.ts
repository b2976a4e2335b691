/**
 * YAML 1.2 with merge keys, by yaml.
 *
 * What that package only warns of, such as a tag that it does not know, is a flaw: the value would
 * not be what its author meant.
 */

import type * as Yaml from 'yaml'
import type { ParseResult } from './parsed.ts'
import { type Position, reasonOf } from './rejection.ts'
import type { Path } from './tree.ts'

/** Uses of aliases in a document. What they blow up to is bounded where the tree is copied. */
const ALIASES_MAX = 10_000

/** What the engine says at the end of its stack; the package passes it on as a flaw. */
const STACK_ENDED = 'Maximum call stack size exceeded'

export function parseYaml(text: string, library: typeof Yaml): ParseResult {
  const lines = new library.LineCounter()
  const document = library.parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    merge: true,
    strict: true,
    uniqueKeys: true,
    version: '1.2',
    logLevel: 'error',
  })
  const found = [...document.errors, ...document.warnings]
  if (found.some(({ message }) => message === STACK_ENDED)) throw new RangeError(STACK_ENDED)
  if (found.length > 0) {
    return {
      flaws: found.map(({ message, code, pos }) => {
        return { message: `broken YAML: ${message}`, code, position: at(lines, pos[0]) }
      }),
    }
  }
  try {
    const value: unknown = document.toJS({ maxAliasCount: ALIASES_MAX })
    return { value, locate: (path) => locate(document, lines, path) }
  } catch (error) {
    if (error instanceof RangeError) throw error
    const message = `broken YAML: ${reasonOf(error)}`
    const position = danglingAlias(document, lines, library)
    return { flaws: [{ message, code: 'BAD_ALIAS', position }] }
  }
}

/** Where the first alias stands that has no anchor; others are too many, or within themselves. */
function danglingAlias(
  document: Yaml.Document,
  lines: Yaml.LineCounter,
  library: typeof Yaml,
): Position | undefined {
  let position: Position | undefined
  library.visit(document, {
    Alias: (_key, alias) => {
      if (alias.range === undefined || alias.range === null) return undefined
      if (alias.resolve(document) !== undefined) return undefined
      position = at(lines, alias.range[0])
      return library.visit.BREAK
    },
  })
  return position
}

/** Where the value stands, or the nearest thing around it. */
function locate(
  document: Yaml.Document,
  lines: Yaml.LineCounter,
  path: Path,
): Position | undefined {
  for (let length = path.length; length >= 0; length--) {
    const node = document.getIn(path.slice(0, length), true) // bound: path
    const range = (node as { range?: [number, number, number] | null } | undefined)?.range
    if (range !== null && range !== undefined) return at(lines, range[0])
  }
  return undefined
}

function at(lines: Yaml.LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset)
  return { line, column: col }
}
