/** Rule 2: imports point down the layers, there are no cycles, and only entry files re-export. */
import { basename } from 'node:path'
import { type Node, type Source } from './source.ts'

/** From the bottom; a layer imports what stands before it. */
const core = ['memory', 'reclaim', 'versions', 'values', 'store']
/** What services use; they may build on each other, in one direction. */
const services = ['config', 'piscina', 'fastify', 'metrics', 'persist']
/** Tools on the same memory, and what each may import. */
const tools: Record<string, string[]> = {
  rcu: core,
  cow: core,
  explore: [],
  torture: [...core, 'rcu', 'cow', 'explore'],
}
/** These stand below everything. */
const ground = new Set(['src/errors.ts', 'src/stats.ts'])
const polyfill = 'atomics-wait-polyfill'

/** The layers that a file of `layer` may import besides its own, or undefined if it is none. */
function below(layer: string): string[] | undefined {
  if (layer === polyfill) return []
  if (layer in tools) return [...tools[layer]!, polyfill]
  const place = core.indexOf(layer)
  if (place >= 0) return [...core.slice(0, place), polyfill]
  if (services.includes(layer)) return [...core, ...services, polyfill]
  if (layer === 'cli') return [...core, ...services, ...Object.keys(tools), polyfill]
  return undefined
}

/** 'store' of src/store/draft.ts; undefined for what is not in a folder of src. */
export const layerOf = (path: string): string | undefined => /^src\/([^/]+)\//.exec(path)?.[1]

const isEntry = (path: string): boolean => /^src\/[^/]+$/.test(path) && !ground.has(path)

export function layers(file: Source): string[] {
  if (!file.path.startsWith('src/')) return []
  if (isEntry(file.path)) return entryFile(file)
  const found: string[] = []
  if (isBarrel(file.program)) found.push(`${file.path} re-exports only: that is for entry files`)
  for (const { path, typeOnly, line } of file.imports) {
    if (path === '' || ground.has(path)) continue
    const why = refusal(file.path, path, typeOnly)
    if (why !== undefined) found.push(`${file.path}:${line} imports ${path}: ${why}`)
  }
  return found
}

function refusal(from: string, to: string, typeOnly: boolean): string | undefined {
  if (ground.has(from)) return 'this file stands below everything'
  if (isEntry(to)) return 'entry files are for users of the package'
  const layer = layerOf(from)!
  const target = layerOf(to)
  if (target === undefined) return 'it is not in src'
  if (target === layer) return undefined
  const allowed = below(layer)
  if (allowed === undefined) return `${layer} is no layer that the rule knows`
  if (allowed.includes(target)) return undefined
  if (layer === 'explore' && typeOnly) return undefined
  return `${layer} may import ${allowed.join(', ') || 'nothing'}`
}

function entryFile({ path, program }: Source): string[] {
  const statements = program['body'] as Node[]
  const own = statements.filter((statement) => !isReexport(statement) && !isAugmentation(statement))
  return own.length === 0 ? [] : [`${path} does more than re-export, and it is an entry file`]
}

const isReexport = (node: Node): boolean =>
  node.type.startsWith('Export') && typeof node['source'] === 'object' && node['source'] !== null
const isAugmentation = (node: Node): boolean => node.type === 'TSModuleDeclaration'

function isBarrel(program: Node): boolean {
  const statements = program['body'] as Node[]
  return statements.length > 0 && statements.every(isReexport)
}

export function cycles(files: readonly Source[]): string[] {
  const importsOf = new Map(files.map((file) => [file.path, file.imports.map(({ path }) => path)]))
  const finished = new Set<string>()
  const found: string[] = []
  const visit = (path: string, trail: string[]): void => {
    const begin = trail.indexOf(path)
    if (begin >= 0) found.push(`a cycle: ${[...trail.slice(begin), path].join(' -> ')}`)
    if (begin >= 0 || finished.has(path)) return
    for (const next of importsOf.get(path) ?? []) visit(next, [...trail, path])
    finished.add(path)
  }
  for (const path of importsOf.keys()) visit(path, [])
  return found
}

const forbiddenNames = new Set(['utils', 'util', 'helpers', 'common', 'types', 'constants'])

export function fileNames(path: string): string[] {
  const parts = path.split('/').slice(0, -1)
  const name = basename(path).replace(/\.(d\.)?[cm]?[jt]s$/, '')
  const bad = [...parts, name].filter((part) => forbiddenNames.has(part))
  return bad.map((part) => `${path}: nothing is called "${part}"; name what it is about`)
}
