/**
 * Where a change of a file can be noticed: its folder, and the folder of every link on the way to
 * it. A Kubernetes volume is swapped by renaming such a link, `..data`.
 */

import { lstat, readlink } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, parse, sep } from 'node:path'

/** Names of interest, by folder; folders by their real paths. */
export type Places = Map<string, Set<string>>

/** As many links as Linux follows. */
const LINKS_MAX = 40

/** Adds the places of an absolute path. Where something is missing, the nearest folder that is
 *  there is where it will appear. */
export async function addPlaces(places: Places, path: string): Promise<void> {
  let at = parse(path).root
  const todo = partsOf(path.slice(at.length))
  let links = 0
  // Bound: each step takes a part away, and LINKS_MAX times parts are added.
  for (let part = todo.shift(); part !== undefined; part = todo.shift()) {
    if (part === '..') at = dirname(at)
    if (part === '..' || part === '.') continue
    const next = join(at, part)
    const kind = await kindOf(next)
    if (kind === 'folder' && todo.length > 0) {
      at = next
      continue
    }
    addPlace(places, at, part)
    if (kind !== 'link' || ++links > LINKS_MAX) return
    const target = await readlink(next).catch(() => undefined)
    if (target === undefined) return
    const root = isAbsolute(target) ? parse(target).root : ''
    if (root !== '') at = root
    todo.unshift(...partsOf(target.slice(root.length)))
  }
}

function partsOf(path: string): string[] {
  return path.split(sep).filter((part) => part !== '')
}

function addPlace(places: Places, folder: string, name: string): void {
  let names = places.get(folder)
  // Its own name is what a folder reports when it is itself removed or renamed.
  if (names === undefined) places.set(folder, (names = new Set([basename(folder)])))
  names.add(name)
}

async function kindOf(path: string): Promise<'folder' | 'link' | 'other'> {
  try {
    const found = await lstat(path)
    if (found.isSymbolicLink()) return 'link'
    return found.isDirectory() ? 'folder' : 'other'
  } catch {
    return 'other'
  }
}
