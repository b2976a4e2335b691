/** Rules about what is said: errors with a code, and nothing that a clone does not have. */
import { type Node, type Source, lineOf, walk } from './source.ts'

export const SCRIPTS_MAX = 12

/** Rule 8: an error has a code. */
export function bareErrors({ path, text, program }: Source): string[] {
  if (!/^(src|workers)\//.test(path)) return []
  const found: string[] = []
  walk(program, (node) => {
    const makes = node.type === 'NewExpression' || node.type === 'CallExpression'
    if (!makes || (node['callee'] as Node)['name'] !== 'Error') return
    found.push(`${path}:${lineOf(text, node.start)} throws an Error without a code`)
  })
  return found
}

export function scripts(manifest: string): string[] {
  const { scripts: all = {} } = JSON.parse(manifest) as { scripts?: Record<string, string> }
  const names = Object.keys(all)
  return names.length <= SCRIPTS_MAX ? [] : [`${names.length} npm scripts: ${names.join(' ')}`]
}

// In pieces, so that this file does not say what it forbids.
const outside = [
  new RegExp(['\\.\\.', 'shared\\b'].join('/')),
  new RegExp(['', 'work', '(main|shared)\\b'].join('/')),
  new RegExp(['\\bregistry\\.', '(npmjs|yarnpkg)'].join('')),
  new RegExp(['"resolved"', ' *: *"http'].join('')),
]

export function standsAlone(path: string, text: string): string[] {
  return text.split('\n').flatMap((line, index) => {
    const hit = outside.map((pattern) => pattern.exec(line)?.[0]).find((found) => found)
    return hit === undefined ? [] : [`${path}:${index + 1} mentions ${hit}, which no clone has`]
  })
}
