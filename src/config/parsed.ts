/** What a parser gives. */

import type { Position } from './rejection.ts'
import type { Path } from './tree.ts'

/** A text, parsed: its value, and where in the text a path's value stands, if that is known. */
export interface Parsed {
  readonly value: unknown
  locate(path: Path): Position | undefined
}

/** What is wrong with a text. */
export interface SyntaxFlaw {
  /** May quote the text. */
  readonly message: string
  /** The parser's name for it, which never quotes the text. */
  readonly code: string
  readonly position: Position | undefined
}

export type ParseResult = Parsed | { readonly flaws: readonly SyntaxFlaw[] }
