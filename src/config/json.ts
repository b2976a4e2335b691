/** JSON with comments and trailing commas, by jsonc-parser. */

import type * as Jsonc from 'jsonc-parser'
import type { ParseResult, SyntaxFlaw } from './parsed.ts'
import type { Position } from './rejection.ts'
import { DEPTH_MAX, type Path, put, tooDeep, type Tree } from './tree.ts'

type Library = typeof Jsonc
type Container = Tree | unknown[]
/** Line and column of each value of an object or array, by key. */
type Places = Map<string | number, Position>

export function parseJson(text: string, library: Library): ParseResult {
  const reader = new Reader(library)
  library.visit(text, reader.visitor(), { allowTrailingComma: true })
  if (reader.flaws.length > 0) return { flaws: reader.flaws }
  return { value: reader.root[0], locate: (path) => reader.locate(path) }
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
