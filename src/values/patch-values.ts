/**
 * Values of patches that stay when their version goes: what a thread decodes is private, but for
 * Maps and Sets, which are views of shared memory. Here they become Maps and Sets of their own.
 */

import { setOwn } from './decode.ts'
import { variantOfView } from './map-view.ts'
import { isDictionary, SET_TABLE } from './table.ts'
import { weightOf } from './word.ts'

/** The weight of a Map or Set, and of all that holds one. */
const WEIGHT_MAX = 31

type Target = unknown[] | Record<string, unknown> | Map<unknown, unknown>

/** A container whose copy is to be filled. */
interface Job {
  readonly from: object
  readonly to: Target
}

/** Whether a Map or a Set may be in what a word holds: they make every container heavy. */
export function mayHoldViews(m: Int32Array, word: number): boolean {
  return isDictionary(m, word) || weightOf(m, word) === WEIGHT_MAX
}

/** A frozen copy of a decoded value, without views and complete. */
export function withoutViews(value: unknown): unknown {
  const jobs: Job[] = []
  const copied = copyOf(value, jobs)
  const frozen: object[] = []
  let job: Job | undefined
  // Bound: containers of the value, which has no cycles.
  while ((job = jobs.pop()) !== undefined) {
    const { from, to } = job
    if (to instanceof Map) {
      for (const [key, child] of from as Map<unknown, unknown>) to.set(key, copyOf(child, jobs))
    } else if (Array.isArray(to)) {
      for (const child of from as unknown[]) to.push(copyOf(child, jobs))
    } else {
      for (const [key, child] of Object.entries(from)) setOwn(to, key, copyOf(child, jobs))
    }
    frozen.push(to)
  }
  for (const each of frozen) Object.freeze(each)
  return copied
}

function copyOf(value: unknown, jobs: Job[]): unknown {
  if (!isContainer(value)) return value
  const variant = variantOfView(value)
  if (variant === SET_TABLE) return Object.freeze(new Set(value as unknown as Set<unknown>))
  const to: Target = variant !== 0 ? new Map() : Array.isArray(value) ? [] : {}
  jobs.push({ from: value, to })
  return to
}

/** A view, an array or a plain object: what a decoder makes from containers. */
function isContainer(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value) || variantOfView(value) !== 0) return true
  return Object.getPrototypeOf(value) === Object.prototype
}
