/**
 * Trees of plain values, as parsers give them: copied, bounded, merged, looked at. Without
 * recursion, since a file may be nested as deeply as its bytes allow.
 */

export type Tree = { [key: string]: unknown }
export type Path = readonly (string | number)[]

/** Objects and arrays within each other; a configuration that people read has less than twenty. */
export const DEPTH_MAX = 200

/** Fewer nodes than these are never too many, however short the text that they came from. */
const NODES_MIN = 100_000

/** What is wrong with a tree, and where. */
export interface Flaw {
  readonly message: string
  readonly path: Path
}

export function isTree(value: unknown): value is Tree {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** Sets an own property, `__proto__` too. */
export function put(target: Tree | unknown[], key: string | number, value: unknown): void {
  if (key === '__proto__') {
    const data = { value, writable: true, enumerable: true, configurable: true }
    Object.defineProperty(target, key, data)
  } else (target as Tree)[key] = value
}

/** A path from its end: most are never written out, and a file has one for each of its values. */
interface Link {
  readonly parent: Link | undefined
  readonly key: string | number
  readonly depth: number
}

function pathOf(end: Link | undefined): Path {
  const path: (string | number)[] = []
  // Bound: the depth.
  for (let link = end; link !== undefined; link = link.parent) path.unshift(link.key)
  return path
}

function below(parent: Link | undefined, at: object, name: string): Link {
  const key = Array.isArray(at) ? Number(name) : name
  return { parent, key, depth: (parent?.depth ?? 0) + 1 }
}

interface Step {
  readonly from: object
  readonly to: Tree | unknown[]
  readonly link: Link | undefined
}

/**
 * A copy in which nothing is shared. `leaf` gives what stands for what is neither plain object nor
 * array. A tree that is nested too deeply, that aliases have blown up, or that has a NaN is a flaw.
 */
export function copyTree(
  root: unknown,
  textLength: number,
  leaf: (value: unknown) => unknown,
): { readonly value: unknown } | { readonly flaw: Flaw } {
  const nodesMax = Math.max(NODES_MIN, 4 * textLength)
  const top: Tree = {}
  const todo: Step[] = [{ from: { root }, to: top, link: undefined }]
  let nodes = 0
  for (let step = todo.pop(); step !== undefined; step = todo.pop()) {
    const { from, to, link } = step // bound: nodesMax
    for (const name of Object.keys(from)) {
      const value = (from as Tree)[name]
      if (++nodes > nodesMax) return { flaw: { message: tooMany(nodesMax), path: [] } }
      if (Array.isArray(value) || isTree(value)) {
        const place = to === top ? undefined : below(link, from, name)
        if (place !== undefined && place.depth >= DEPTH_MAX) {
          return { flaw: { message: tooDeep(), path: [] } }
        }
        const copy = Array.isArray(value) ? [] : {}
        put(to, name, copy)
        todo.push({ from: value, to: copy, link: place })
      } else if (Number.isNaN(value)) {
        const path = to === top ? [] : pathOf(below(link, from, name))
        return { flaw: { message: 'is NaN, which no setting can mean', path } }
      } else put(to, name, leaf(value))
    }
  }
  return { value: top['root'] }
}

function tooMany(nodes: number): string {
  return `has more than ${nodes} values, aliases counted as often as they are used`
}

export function tooDeep(): string {
  return `is nested more than ${DEPTH_MAX} levels deep`
}

/** Objects are merged key by key; everything else, arrays too, is replaced. Changes `base`. */
export function mergeInto(base: Tree, over: Tree): Tree {
  const todo: [Tree, Tree][] = [[base, over]]
  for (let pair = todo.pop(); pair !== undefined; pair = todo.pop()) {
    const [to, from] = pair // bound: objects of `over`
    for (const [key, value] of Object.entries(from)) {
      const old = Object.hasOwn(to, key) ? to[key] : undefined
      if (isTree(old) && isTree(value)) todo.push([old, value])
      else put(to, key, value)
    }
  }
  return base
}

/** Every string that has `mark` is replaced by what `change` gives for it, in place. */
export function changeStrings(
  root: Tree,
  mark: string,
  change: (text: string, path: Path) => string,
): void {
  const todo: { at: Tree | unknown[]; link: Link | undefined }[] = [{ at: root, link: undefined }]
  for (let step = todo.pop(); step !== undefined; step = todo.pop()) {
    const { at, link } = step // bound: nodes
    for (const name of Object.keys(at)) {
      const value = (at as Tree)[name]
      if (typeof value === 'string') {
        if (value.includes(mark)) put(at, name, change(value, pathOf(below(link, at, name))))
      } else if (Array.isArray(value) || isTree(value)) {
        todo.push({ at: value, link: below(link, at, name) })
      }
    }
  }
}

/** How many of the path's keys the tree has. */
export function depthOf(root: unknown, path: Path): number {
  let at = root
  for (let depth = 0; depth < path.length; depth++) {
    const key = path[depth] as string | number
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return depth
    at = (at as Tree)[key]
  }
  return path.length
}
