/** Code in documents: fenced blocks by their language, and spans in tables. */
import { readFileSync, readdirSync } from 'node:fs'
import { root } from '../support/tidy/source.ts'

export interface Block {
  /** The document, relative to the repository. */
  readonly path: string
  /** Of its first line, from 1. */
  readonly line: number
  readonly language: string
  readonly code: string
}

export const documents = [
  'README.md',
  ...readdirSync(`${root}docs`)
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

export function textOf(path: string): string {
  return readFileSync(root + path, 'utf8')
}

export function blocksOf(path: string, text = textOf(path)): Block[] {
  const blocks: Block[] = []
  let open: { line: number; language: string; code: string[] } | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^```(\w*)/.exec(line)
    if (fence !== null && open === undefined) {
      open = { line: index + 2, language: fence[1]!, code: [] }
    } else if (fence !== null && open !== undefined) {
      blocks.push({ path, ...open, code: `${open.code.join('\n')}\n` })
      open = undefined
    } else open?.code.push(line)
  }
  return blocks
}

/** What stands between backticks in a line of a table. */
export function spansOf(text: string, pattern: RegExp): string[] {
  const rows = text.split('\n').filter((line) => line.startsWith('|'))
  const spans = rows.flatMap((row) => [...row.matchAll(/`([^`]+)`/g)].map(([, span]) => span!))
  return spans.filter((span) => pattern.test(span))
}
