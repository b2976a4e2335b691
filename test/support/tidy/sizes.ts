/** Rule 1: lines, functions, files and parameter lists that fit a screen and a head. */
import { type Node, type Source, lineOf, walk } from './source.ts'

export const COLUMNS_MAX = 100
export const FUNCTION_LINES_MAX = 60
export const FILE_LINES_MAX = 400
export const PARAMETERS_MAX = 4

export function sizes(file: Source): string[] {
  const { path, text } = file
  const lines = text.replace(/\n$/, '').split('\n')
  const found: string[] = []
  for (const [index, line] of lines.entries()) {
    const columns = [...line].length
    if (columns > COLUMNS_MAX) found.push(`${path}:${index + 1} has ${columns} columns`)
  }
  if (lines.length > FILE_LINES_MAX) found.push(`${path} has ${lines.length} lines`)
  walk(file.program, (node, parents) => {
    if (!Array.isArray(node['params'])) return
    const where = `${path}:${lineOf(text, node.start)}`
    const parameters = (node['params'] as Node[]).filter(({ name }) => name !== 'this').length
    if (parameters > PARAMETERS_MAX && !node.type.startsWith('TSType')) {
      found.push(`${where} takes ${parameters} parameters`)
    }
    const length = lineOf(text, node.end) - lineOf(text, node.start) + 1
    if (length > FUNCTION_LINES_MAX && !groupsTests(file, parents.at(-1))) {
      found.push(`${where} is a function of ${length} lines`)
    }
  })
  return found
}

/** What is given to `describe` is a chapter of tests, not a function. */
function groupsTests({ path, text }: Source, parent: Node | undefined): boolean {
  const callee = parent?.type === 'CallExpression' ? (parent['callee'] as Node) : undefined
  return (
    path.endsWith('.test.ts') &&
    callee !== undefined &&
    text.slice(callee.start, callee.end).startsWith('describe')
  )
}
