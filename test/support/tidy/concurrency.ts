/** Rules 3, 4, 5 and 10: where shared memory is touched, and what must be written beside it. */
import { layerOf } from './layers.ts'
import { type Node, type Source, lineOf, walk } from './source.ts'

const doors = new Set(['src/memory/words.ts', 'src/memory/header.ts', 'workers/atomics-wait.ts'])

/** Of shared memory by the look of it: `buffer`, `sab`, `heap.bytes.buffer`, `sharedBuffer`. */
const looksShared = /buffer\b|\bsab\b|shared|\bheap\b|\bhandle\b/i
const viewNames = /^(Big)?(Int|Uint|Float)\d+(Clamped)?Array$|^DataView$/

/** Rule 3: `Atomics` and views over a heap's buffer behind one door. */
export function sharedAccess({ path, text, program }: Source): string[] {
  const free = doors.has(path) || path.startsWith('src/atomics-wait-polyfill')
  if (free || !/^(src|workers)\//.test(path)) return []
  const found: string[] = []
  walk(program, (node, parents) => {
    const where = `${path}:${lineOf(text, node.start)}`
    if (isReference(node, parents, 'Atomics')) found.push(`${where} uses Atomics directly`)
    // The explorer imports no heap: the buffers that it makes views over are its own.
    const made = layerOf(path) === 'explore' ? undefined : viewMade(node)
    if (made === undefined) return
    const sources = made.map((argument) => text.slice(argument.start, argument.end))
    if (made.length > 1 || looksShared.test(sources[0] ?? '')) {
      found.push(`${where} makes a view over ${sources.join(', ')}`)
    }
  })
  return found
}

function isReference(node: Node, parents: readonly Node[], name: string): boolean {
  if (node.type !== 'Identifier' || node['name'] !== name) return false
  const parent = parents.at(-1)
  return parent?.['property'] !== node && !parent?.type.startsWith('TS')
}

/** The arguments, if the node makes a typed array, a DataView or a Buffer over a buffer. */
function viewMade(node: Node): Node[] | undefined {
  const callee = node['callee'] as Node | undefined
  if (callee === undefined) return undefined
  const given = node['arguments'] as Node[]
  if (node.type === 'NewExpression')
    return viewNames.test(String(callee['name'])) ? given : undefined
  const object = callee['object'] as Node | undefined
  const property = callee['property'] as Node | undefined
  return object?.['name'] === 'Buffer' && property?.['name'] === 'from' ? given : undefined
}

const headed = new Set(['memory', 'reclaim', 'versions', 'rcu', 'cow'])
const chapters = ['**Invariants', '**Ordering', '**Progress', '**Crash']

/** Rule 4: a file of concurrent code opens with why it is right. */
export function opening({ path, program, comments }: Source): string[] {
  if (!headed.has(layerOf(path) ?? '')) return []
  const statements = program['body'] as Node[]
  const begin = statements[0]?.start ?? Infinity
  const prose = comments.filter(({ start }) => start < begin).map(({ value }) => value)
  const text = prose.join('\n')
  const missing = chapters.filter((chapter) => !text.includes(chapter))
  return missing.map((chapter) => `${path} does not open with ${chapter}**`)
}

/** Rule 5: what a comment pairs with exists. Labels are lower-case: `[publish-root]`. */
export function pairings(files: readonly Source[]): string[] {
  const defined = new Set<string>()
  const wanted: { label: string; where: string }[] = []
  for (const { path, text, comments } of files) {
    for (const { value, start } of comments) {
      const flat = value.replace(/\n\s*\*?/g, ' ')
      const pairs = /pairs\s+with\s+((?:(?:,|and|or)?\s*\[[a-z][a-z0-9-]*\]\s*)+)/gi
      for (const [, list] of flat.matchAll(pairs)) {
        const where = `${path}:${lineOf(text, start)}`
        for (const [, label] of list!.matchAll(/\[([^\]]+)\]/g))
          wanted.push({ label: label!, where })
      }
      for (const [, label] of flat.replace(pairs, ' ').matchAll(/\[([a-z][a-z0-9-]*)\]/g)) {
        defined.add(label!)
      }
    }
  }
  const lost = wanted.filter(({ label }) => !defined.has(label))
  return lost.map(({ label, where }) => `${where} pairs with [${label}], which is nowhere`)
}

const uncaught = new Set(['memory', 'reclaim', 'versions', 'values', 'rcu', 'cow'])

/** Rule 10: nothing stands between a shared access and the explorer's signal, or a dying thread. */
export function unwinding({ path, text, program, comments }: Source): string[] {
  if (!uncaught.has(layerOf(path) ?? '')) return []
  const found: string[] = []
  walk(program, (node) => {
    if (node.type !== 'TryStatement') return
    const line = lineOf(text, node.start)
    const marked = comments.some(({ value, start, end }) => {
      const near = lineOf(text, end) >= line - 1 && lineOf(text, start) <= line + 1
      return near && /user('s|s')? callback/i.test(value)
    })
    if (!marked) found.push(`${path}:${line} has a try with no comment "user's callback" at it`)
  })
  return found
}

/** Rule 10: the core reads no clock, no randomness, and keeps no state in a module. */
export function surroundings({ path, text, program }: Source): string[] {
  if (!uncaught.has(layerOf(path) ?? '')) return []
  const found: string[] = []
  const outside = /^(Date\.now|new Date\(\)|performance\.|Math\.random|process\.hrtime|crypto\.)/
  walk(program, (node, parents) => {
    const where = `${path}:${lineOf(text, node.start)}`
    const code = text.slice(node.start, node.end)
    const reads = node.type === 'MemberExpression' || node.type === 'NewExpression'
    if (reads && outside.test(code)) found.push(`${where} reads ${code}`)
    if (node.type !== 'VariableDeclaration' || node['kind'] === 'const') return
    const above = parents.map(({ type }) => type)
    if (above.every((type) => /^(Program|Export)/.test(type))) {
      found.push(`${where} keeps state in the module`)
    }
  })
  return found
}
