/** The real document that the benches use, and random walks through it. */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

export function documentText(): string {
  const path = createRequire(import.meta.url).resolve('@mdn/browser-compat-data')
  return readFileSync(path, 'utf8')
}

/** A store for the 20 MB document. */
export const STORE_BYTES = 512 * 2 ** 20

/** A generator of numbers in [0, 1) that a seed repeats (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

export type Path = readonly (string | number)[]

/** Paths of random leaves. */
export function randomPaths(value: unknown, count: number, random: () => number): Path[] {
  const paths: Path[] = []
  while (paths.length < count) {
    const path: (string | number)[] = []
    let found = value
    while (typeof found === 'object' && found !== null) {
      const keys = Object.keys(found)
      if (keys.length === 0) break
      const key = keys[Math.floor(random() * keys.length)] as string
      path.push(Array.isArray(found) ? Number(key) : key)
      found = (found as Record<string, unknown>)[key]
    }
    paths.push(path)
  }
  return paths
}

/** Names of CSS properties whose support in Chrome is one object: six levels down. */
export function updatable(document: unknown): string[] {
  const { properties } = (document as { css: { properties: Record<string, unknown> } }).css
  return Object.keys(properties).filter((name) => {
    const one = properties[name] as { __compat?: { support?: { chrome?: unknown } } }
    const chrome = one.__compat?.support?.chrome
    return typeof chrome === 'object' && !Array.isArray(chrome)
  })
}
