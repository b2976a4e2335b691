/**
 * The document that all threads share, and the small update that writers make to it.
 *
 * The real data stands between two balances that always add up to `TOTAL`. An update moves an
 * amount from one to the other, changes a real value in between, and counts itself, all in one
 * version. A reader that finds another sum has seen parts of two versions: a torn read.
 */

import type { Draft, Key } from '../../values/immutable.ts'

export type Path = readonly Key[]

export interface DemoDocument {
  early: {
    balance: number
    /** Raised now and then by the main thread, to time how soon the workers see it. */
    probe: number
  }
  data: unknown
  config: unknown
  /** How many updates each writer made. */
  commits: Record<string, number>
  late: { balance: number }
}

/** Who writes; each has a counter in the document. */
export const WRITERS = ['main', 'config', 'worker'] as const
export type Writer = (typeof WRITERS)[number]

/** What the two balances add up to, in every version. */
export const TOTAL = 1_000_000

export function makeDocument(data: unknown, config: unknown): DemoDocument {
  return {
    early: { balance: TOTAL / 2, probe: 0 },
    data,
    config,
    commits: Object.fromEntries(WRITERS.map((writer) => [writer, 0])),
    late: { balance: TOTAL / 2 },
  }
}

/** The small update: moves an amount, and turns a real boolean of the data around if told which. */
export function moveAmount(draft: Draft<DemoDocument>, writer: Writer, flag?: Path): void {
  const amount = Math.floor(Math.random() * 200) - 100
  draft.early.balance -= amount
  draft.late.balance += amount
  if (flag !== undefined) turnAround(draft.data, flag)
  countCommit(draft, writer)
}

export function countCommit(draft: Draft<DemoDocument>, writer: Writer): void {
  draft.commits[writer] = (draft.commits[writer] ?? 0) + 1
}

function turnAround(data: unknown, flag: Path): void {
  const parent = follow(data, flag.slice(0, -1)) as Record<string, unknown>
  const key = flag.at(-1) as string
  parent[key] = parent[key] !== true
}

/** `data.a.b.c` for a path of which only the keys are known; undefined where it ends early. */
export function follow(data: unknown, path: Path): unknown {
  let found = data
  for (const key of path) {
    if (found === null || typeof found !== 'object') return undefined
    found = (found as Record<string, unknown>)[key as string]
  }
  return found
}

/** One update in eight changes something of the real data too. */
export function sometimes(flags: readonly Path[]): Path | undefined {
  return Math.random() < 1 / 8 ? pick(flags) : undefined
}

export function pick<T>(choices: readonly T[]): T | undefined {
  return choices[Math.floor(Math.random() * choices.length)]
}

export interface PathSample {
  /** Paths of values that are neither objects nor arrays. */
  readonly leaves: Path[]
  /** Paths of booleans, which writers may turn around. */
  readonly flags: Path[]
}

/** A fair sample of the places in the data, without recursion: the data may be deep. */
export function samplePaths(data: unknown, size: number): PathSample {
  const leaves = new Reservoir(size)
  const flags = new Reservoir(size)
  const path: Key[] = []
  const stack = [stepsOf(data)]
  while (stack.length > 0) {
    const steps = stack.at(-1) as Steps
    if (steps.next === steps.entries.length) {
      stack.pop()
      path.pop()
      continue
    }
    const [key, value] = steps.entries[steps.next++] as [Key, unknown]
    path.push(key)
    if (value !== null && typeof value === 'object') {
      stack.push(stepsOf(value))
      continue
    }
    leaves.offer(path)
    if (typeof value === 'boolean') flags.offer(path)
    path.pop()
  }
  return { leaves: leaves.kept, flags: flags.kept }
}

interface Steps {
  readonly entries: [Key, unknown][]
  next: number
}

function stepsOf(value: unknown): Steps {
  if (Array.isArray(value)) return { entries: [...value.entries()], next: 0 }
  const isObject = value !== null && typeof value === 'object'
  return { entries: isObject ? Object.entries(value) : [], next: 0 }
}

/** Keeps a fair sample of all that it is offered (Vitter's algorithm R). */
class Reservoir {
  readonly kept: Path[] = []
  readonly #size: number
  #offered = 0

  constructor(size: number) {
    this.#size = size
  }

  offer(path: readonly Key[]): void {
    const place = Math.floor(Math.random() * ++this.#offered)
    if (this.kept.length < this.#size) this.kept.push([...path])
    else if (place < this.#size) this.kept[place] = [...path]
  }
}
