/** Why a configuration was not taken, and where in its files. */

import { RootswapError } from '../errors.ts'

/** What was being done. */
export type Stage = 'read' | 'parse' | 'interpolate' | 'validate' | 'check' | 'publish'

/** Where in a file; line and column count from 1. */
export interface Position {
  readonly line: number
  readonly column: number
}

/** One thing that is wrong. Values under `secrets` are never part of it. */
export interface Issue {
  readonly message: string
  /** Of the value, from the root of the merged configuration. */
  readonly path?: readonly (string | number)[]
  /** As it was given to `watchConfig`. */
  readonly file?: string
  readonly line?: number
  readonly column?: number
}

export interface RejectionFields {
  readonly stage: Stage
  readonly issues: readonly Issue[]
  /** Of the first issue. */
  readonly file: string | undefined
  readonly line: number | undefined
  readonly column: number | undefined
  /** The source is not there, or does not answer: nobody wrote anything wrong. */
  readonly unavailable: boolean
}

/** More issues than these are counted in the message and not spelled out. */
const ISSUES_SHOWN = 3

/** An error to throw; `rejectionOf` knows it again. */
export function rejection(
  stage: Stage,
  issues: readonly Issue[],
  unavailable = false,
): RootswapError {
  const { file, line, column } = issues[0] ?? {}
  const shown = issues.slice(0, ISSUES_SHOWN).map(textOf)
  if (issues.length > ISSUES_SHOWN) shown.push(`and ${issues.length - ISSUES_SHOWN} more`)
  const fields: RejectionFields = { stage, issues, file, line, column, unavailable }
  return new RootswapError('ERR_INVALID_CONFIG', shown.join('; '), { ...fields })
}

/** What the error says as a rejection; undefined for every other error. */
export function rejectionOf(error: unknown): RejectionFields | undefined {
  if (!(error instanceof RootswapError) || !('stage' in error.fields)) return undefined
  return error.fields as unknown as RejectionFields
}

/** The text of whatever was thrown. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
}

function textOf({ message, path, file, line, column }: Issue): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(':')
  const where = path === undefined || path.length === 0 ? '' : ` (at ${path.join('.')})`
  return `${place === '' ? '' : `${place}: `}${message}${where}`
}
