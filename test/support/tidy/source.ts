/** A source file as the tidy rules see it: text, syntax tree, comments, imports. */
import { readFileSync, readdirSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'vite'

export const root = fileURLToPath(new URL('../../../', import.meta.url))

/** A node of the ESTree; the rules read only what they name. */
export interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [property: string]: unknown
}

export interface Import {
  /** Of the imported file, relative to the repository; empty for a package. */
  readonly path: string
  readonly typeOnly: boolean
  readonly line: number
}

export interface Source {
  /** Relative to the repository, with slashes. */
  readonly path: string
  readonly text: string
  readonly program: Node
  readonly comments: readonly { value: string; start: number; end: number }[]
  readonly imports: readonly Import[]
}

export function source(path: string, text: string): Source {
  const { program, comments, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path} does not parse: ${errors[0]!.message}`)
  const tree = program as unknown as Node
  return { path, text, program: tree, comments, imports: importsOf(path, text, tree) }
}

export const lineOf = (text: string, at: number): number => text.slice(0, at).split('\n').length

/** Calls `visit` for each node, parents first; `parents` are those above, the nearest last. */
export function walk(program: Node, visit: (node: Node, parents: readonly Node[]) => void): void {
  const stack: { node: Node; parents: readonly Node[] }[] = [{ node: program, parents: [] }]
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { node, parents } = next
    visit(node, parents)
    const below = [...parents, node]
    for (const child of Object.values(node).flat().toReversed()) {
      if (isNode(child)) stack.push({ node: child, parents: below })
    }
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'
}

function importsOf(path: string, text: string, program: Node): Import[] {
  const imports: Import[] = []
  walk(program, (node) => {
    const specifier = (node['source'] as Node | null | undefined)?.['value']
    if (typeof specifier !== 'string') return
    const target = specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : ''
    imports.push({ path: target, typeOnly: isTypeOnly(node), line: lineOf(text, node.start) })
  })
  return imports
}

function isTypeOnly(node: Node): boolean {
  if (node['importKind'] === 'type' || node['exportKind'] === 'type') return true
  const specifiers = (node['specifiers'] ?? []) as Node[]
  const kinds = specifiers.map(({ importKind, exportKind }) => importKind ?? exportKind)
  return kinds.length > 0 && kinds.every((kind) => kind === 'type')
}

const passedOver = new Set(['node_modules', 'dist', 'coverage', '.git', '.cache'])

/** Every file of the repository below `folder`, relative to the root. */
export function filesBelow(folder = ''): string[] {
  const entries = readdirSync(`${root}${folder}`, { withFileTypes: true })
  return entries.flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isDirectory()) return passedOver.has(entry.name) ? [] : filesBelow(path)
    return [path]
  })
}

export const readText = (path: string): string => readFileSync(`${root}${path}`, 'utf8')

export const isCode = (path: string): boolean => /\.(ts|mts|js|mjs)$/.test(path)
