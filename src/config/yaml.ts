/**
 * YAML 1.2 with merge keys, by yaml.
 *
 * What that package only warns of, such as a tag that it does not know, is a flaw: the value would
 * not be what its author meant.
 */

import type * as Yaml from 'yaml'
import type { ParseResult, SyntaxFlaw } from './parsed.ts'
import { type Position, reasonOf } from './rejection.ts'
import type { Path } from './tree.ts'

/** Aliases and anchors in a document. What they blow up to is bounded where the tree is copied. */
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
    uniqueKeys: false,
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
  const position = (node: unknown): Position | undefined => {
    const range = (node as { range?: [number, number, number] | null } | undefined)?.range
    return range === null || range === undefined ? undefined : at(lines, range[0])
  }
  const flaws = flawsOf(document, library, position)
  if (flaws.length > 0) return { flaws }
  try {
    const value: unknown = document.toJS({ maxAliasCount: ALIASES_MAX })
    return { value, locate: (path) => locate(document, lines, path) }
  } catch (error) {
    if (error instanceof RangeError) throw error
    const message = `broken YAML: ${reasonOf(error)}`
    return { flaws: [{ message, code: 'BAD_ALIAS', position: undefined }] }
  }
}

/**
 * What is wrong with the document as such. The package could say it too, in times that grow with
 * the square of the keys of a mapping, and of the aliases.
 */
function flawsOf(document: Yaml.Document, library: typeof Yaml, position: Locator): SyntaxFlaw[] {
  const flaws: SyntaxFlaw[] = []
  /** The node that has an anchor, as far as the document has been walked: an alias means the last
   *  one before it. */
  const anchors = new Map<string, Yaml.Node>()
  const names = new Map<unknown, Set<string>>()
  let aliases = 0
  const flaw = (code: string, message: string, node: unknown): void => {
    flaws.push({ message: `broken YAML: ${message}`, code, position: position(node) })
  }
  library.visit(document, {
    // A mapping's pairs, one after the other: a key may be an alias of what a value before it has.
    Pair: (_key, { key }, path) => {
      const found = library.isAlias(key) ? anchors.get(key.source) : key
      const name = nameOf(found, library)
      if (name === undefined) return
      const map = path.at(-1)
      const seen = names.get(map) ?? new Set()
      if (seen.has(name)) flaw('DUPLICATE_KEY', 'Map keys must be unique', key)
      names.set(map, seen.add(name))
    },
    Node: (_key, node) => {
      if (library.isAlias(node)) {
        aliases++
        if (!anchors.has(node.source)) flaw('BAD_ALIAS', `no anchor ${node.source}`, node)
        return
      }
      if (node.anchor !== undefined) anchors.set(node.anchor, node)
    },
  })
  const marks = aliases + (aliases > 0 ? anchors.size : 0)
  if (marks > ALIASES_MAX) flaw('BAD_ALIAS', `${marks} aliases and anchors are too many`, undefined)
  return flaws
}

/** Of a key, as it will be a property: 1 and "1" are the same one, and so are null and "". */
function nameOf(key: unknown, library: typeof Yaml): string | undefined {
  if (key === null) return ''
  if (!library.isScalar(key)) return undefined
  return key.value === null ? '' : String(key.value)
}

type Locator = (node: unknown) => Position | undefined

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
