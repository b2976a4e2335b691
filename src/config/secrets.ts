/**
 * Values that nobody may read in an event, an error or a log: those at the paths that the user
 * names, and everything below them.
 */

import type { Patch } from '../values/patch.ts'
import type { Issue } from './rejection.ts'
import { isTree, put, type Tree } from './tree.ts'

const HIDDEN = '[secret]'

/** Matches each key of an object and each element of an array. */
const ANY = '*'

export class Secrets {
  readonly #patterns: readonly (readonly string[])[]

  constructor(patterns: readonly (readonly string[])[]) {
    this.#patterns = patterns
  }

  get isEmpty(): boolean {
    return this.#patterns.length === 0
  }

  /** Whether the path is that of a secret, or leads into one. */
  covers(path: readonly unknown[]): boolean {
    return this.#patterns.some((pattern) => {
      return pattern.length <= path.length && matches(pattern, path)
    })
  }

  /** The texts that must not be seen, longest first. */
  textsIn(values: readonly unknown[]): string[] {
    if (this.isEmpty) return []
    const texts = new Set<string>()
    for (const value of values) {
      for (const pattern of this.#patterns) {
        for (const secret of valuesAt(value, pattern)) addTexts(secret, texts)
      }
    }
    return [...texts].sort((a, b) => b.length - a.length)
  }

  /** The issue as it may be shown. */
  hideIn(issue: Issue, texts: readonly string[]): Issue {
    if (this.isEmpty) return issue
    if (issue.path !== undefined && this.covers(issue.path)) {
      return { ...issue, message: `is not accepted; the value is a secret` }
    }
    return { ...issue, message: scrub(issue.message, texts) }
  }

  /** The patch as it may be shown. */
  hideInPatch(patch: Patch): Patch {
    if (!('value' in patch)) return patch
    if (this.covers(patch.path)) return { ...patch, value: HIDDEN }
    const { path } = patch
    let { value } = patch
    for (const pattern of this.#patterns) {
      if (matches(pattern, path)) value = hideAt(value, pattern.slice(path.length))
    }
    return { ...patch, value }
  }
}

/** Whether they agree as far as both go. */
function matches(pattern: readonly string[], path: readonly unknown[]): boolean {
  const length = Math.min(pattern.length, path.length)
  for (let index = 0; index < length; index++) {
    if (pattern[index] !== ANY && pattern[index] !== String(path[index])) return false
  }
  return true
}

function valuesAt(root: unknown, pattern: readonly string[]): unknown[] {
  let found = [root]
  for (const key of pattern) {
    found = found.flatMap((value) => {
      if (value instanceof Map) return key === ANY ? [...value.values()] : [value.get(key)]
      if (typeof value !== 'object' || value === null) return []
      if (key === ANY) return Object.values(value)
      return Object.hasOwn(value, key) ? [(value as Tree)[key]] : []
    })
  }
  return found
}

/** Every text below a value, and the ways in which a message may write it. */
function addTexts(root: unknown, texts: Set<string>): void {
  const todo = [root]
  while (todo.length > 0) {
    const value = todo.pop() // bound: nodes
    if (typeof value === 'object' && value !== null) {
      const parts = value instanceof Map || value instanceof Set ? [...value] : value
      if (!ArrayBuffer.isView(parts)) for (const part of Object.values(parts)) todo.push(part)
    } else if (['string', 'number', 'bigint'].includes(typeof value)) {
      const text = String(value)
      const written = [text, JSON.stringify(text).slice(1, -1), ...text.split(/\r?\n/)]
      for (const form of written) if (form.trim() !== '') texts.add(form)
    }
  }
}

function scrub(message: string, texts: readonly string[]): string {
  let scrubbed = message
  for (const text of texts) scrubbed = scrubbed.replaceAll(text, '\0')
  return scrubbed.replaceAll('\0', HIDDEN)
}

/** A copy with the secret hidden. Goes no deeper than the pattern is long. */
function hideAt(value: unknown, pattern: readonly string[]): unknown {
  const [key, ...rest] = pattern
  if (typeof value !== 'object' || value === null) return key === undefined ? HIDDEN : value
  if (key === undefined || !(isTree(value) || Array.isArray(value))) return HIDDEN
  const copy = Array.isArray(value) ? [...value] : { ...value }
  for (const name of Object.keys(copy)) {
    if (key === ANY || key === name) put(copy, name, hideAt((copy as Tree)[name], rest))
  }
  return copy
}
