/** JSON with comments and trailing commas, by jsonc-parser. */

import type * as Jsonc from 'jsonc-parser'
import type { Parsed, ParseResult, SyntaxFlaw } from './parsed.ts'
import type { Position } from './rejection.ts'
import { DEPTH_MAX, type Path, put, tooDeep, type Tree } from './tree.ts'

type Library = typeof Jsonc
type Container = Tree | unknown[]
/** Line and column of each value of an object or array, by key. */
type Places = Map<string | number, Position>

export function parseJson(text: string, library: Library): ParseResult {
  const plain = parsePlain(text, library)
  if (plain !== undefined) return plain
  const reader = read(text, library)
  if (reader.flaws.length > 0) return { flaws: reader.flaws }
  return { value: reader.root[0], locate: (path) => reader.locate(path) }
}

/**
 * Text without comments, by the engine's own parser, which takes a twentieth of the time: a thread
 * that answers requests stands still meanwhile. Where a value stands is found when somebody asks.
 * Undefined for whatever is wrong: it does not say where, nor that a key is there twice.
 */
function parsePlain(text: string, library: Library): Parsed | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  const colons = colonsOf(text)
  if (colons === undefined || colons !== keysIn(value)) return undefined
  let reader: Reader | undefined
  return { value, locate: (path) => (reader ??= read(text, library)).locate(path) }
}

/** Of valid JSON: colons outside of strings, one for each key; undefined where it is too deep. */
function colonsOf(text: string): number | undefined {
  let colons = 0
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = endOfString(text, at)
    else if (code === COLON) colons++
    else if (code === BRACE || code === BRACKET) {
      if (++depth > DEPTH_MAX) return undefined
    } else if (code === BRACE + 2 || code === BRACKET + 2) depth--
  }
  return colons
}

const [QUOTE, COLON, BRACKET, BRACE, BACKSLASH] = [34, 58, 91, 123, 92] as const

function endOfString(text: string, begin: number): number {
  for (let end = text.indexOf('"', begin + 1); ; end = text.indexOf('"', end + 1)) {
    let slashes = 0 // bound: the text, which is valid
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++
    if (slashes % 2 === 0) return end
  }
}

function keysIn(root: unknown): number {
  let keys = 0
  const todo = [root]
  while (todo.length > 0) {
    const value = todo.pop() // bound: nodes
    if (typeof value !== 'object' || value === null) continue
    const parts = Object.values(value)
    if (!Array.isArray(value)) keys += parts.length
    for (const part of parts) if (typeof part === 'object') todo.push(part)
  }
  return keys
}

function read(text: string, library: Library): Reader {
  const reader = new Reader(library)
  library.visit(text, reader.visitor(), { allowTrailingComma: true })
  return reader
}

class Reader {
  readonly root: unknown[] = []
  readonly flaws: SyntaxFlaw[] = []
  readonly #library: Library
  readonly #open: Container[] = [this.root]
  readonly #places = new Map<Container, Places>()
  #key = ''

  constructor(library: Library) {
    this.#library = library
  }

  visitor(): Jsonc.JSONVisitor {
    return {
      onObjectBegin: (_offset, _length, line, column) => this.#begin({}, at(line, column)),
      onArrayBegin: (_offset, _length, line, column) => this.#begin([], at(line, column)),
      onObjectEnd: () => this.#end(),
      onArrayEnd: () => this.#end(),
      onObjectProperty: (key, ...place) => this.#name(key, at(place[2], place[3])),
      onLiteralValue: (value, ...place) => this.#add(value, at(place[2], place[3])),
      onError: (error, ...place) => this.#refuse(error, at(place[2], place[3])),
    }
  }

  /** Where the value stands, or the nearest thing around it. */
  locate(path: Path): Position | undefined {
    let container: unknown = this.root
    let found: Position | undefined
    for (const key of [0, ...path]) {
      const position = this.#places.get(container as Container)?.get(key)
      if (position === undefined) return found
      found = position
      container = (container as Tree)[key]
    }
    return found
  }

  #begin(container: Container, position: Position): boolean {
    this.#add(container, position)
    this.#open.push(container)
    if (this.#open.length <= DEPTH_MAX + 1) return true
    if (this.flaws.length === 0) this.#flaw(tooDeep(), 'TOO_DEEP', position)
    this.#open.pop()
    return false
  }

  #end(): void {
    if (this.#open.length > 1) this.#open.pop()
  }

  #name(key: string, position: Position): void {
    this.#key = key
    const container = this.#open.at(-1) as Container
    if (Object.hasOwn(container, key)) {
      this.#flaw(`the key ${JSON.stringify(key)} is there twice`, 'DUPLICATE_KEY', position)
    }
  }

  #add(value: unknown, position: Position): void {
    const container = this.#open.at(-1) as Container
    const key = Array.isArray(container) ? container.length : this.#key
    put(container, key, value)
    let places = this.#places.get(container)
    if (places === undefined) this.#places.set(container, (places = new Map()))
    places.set(key, position)
  }

  #refuse(error: Jsonc.ParseError['error'], position: Position): void {
    const code = this.#library.printParseErrorCode(error)
    this.#flaw(`broken JSON: ${wordsOf(code)}`, code, position)
  }

  #flaw(message: string, code: string, position: Position): void {
    this.flaws.push({ message, code, position })
  }
}

/** 'comma expected' for 'CommaExpected'. */
function wordsOf(code: string): string {
  return code.replaceAll(/(?<=.)[A-Z]/g, (letter) => ` ${letter}`).toLowerCase()
}

function at(line: number, column: number): Position {
  return { line: line + 1, column: column + 1 }
}
