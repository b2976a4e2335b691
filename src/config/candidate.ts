/**
 * From the bytes of files to a value that may be published: parse, merge, interpolate, validate,
 * check. Whatever is wrong is thrown as one rejection, in which no secret can be read.
 */

import { serialize } from 'node:v8'
import type { RootswapError } from '../errors.ts'
import { parseFile, type ParsedFile } from './formats.ts'
import { interpolate } from './interpolate.ts'
import type { Packed } from './history.ts'
import type { Plan } from './options.ts'
import { type Issue, reasonOf, rejection, rejectionOf, type Stage } from './rejection.ts'
import { keysOf, within } from './schema.ts'
import type { Reading } from './source.ts'
import { depthOf, mergeInto, type Path, type Tree } from './tree.ts'

/** Issues that one rejection spells out. */
const ISSUES_MAX = 100

export class Candidates {
  readonly #plan: Plan

  constructor(plan: Plan) {
    this.#plan = plan
  }

  /** `current` is the value that is published now, if any. Throws a rejection. */
  async make({ texts }: Reading, current: unknown): Promise<Candidate> {
    const { secrets } = this.#plan
    const files = texts.map((text) => parseFile(text, !secrets.isEmpty))
    // It takes over the files' objects. A later file still has all that it put there, which is what
    // `locate` goes by.
    const merged = files.reduce<Tree>((tree, { value }) => mergeInto(tree, value), {})
    const seen: unknown[] = [current, merged]
    const trial = new Trial(this.#plan, files, seen)
    trial.interpolate(merged)
    const value = await trial.validate(merged)
    seen.push(value)
    await trial.check(value, current)
    return { value, packed: pack(value) }
  }

  /** An error of the store, as a rejection. */
  refused(error: unknown, values: readonly unknown[]): RootswapError {
    return new Trial(this.#plan, [], values).refuse('publish', [{ message: reasonOf(error) }])
  }
}

/** A value that may be published. */
export interface Candidate {
  readonly value: unknown
  readonly packed: Packed
}

class Trial {
  readonly #plan: Plan
  readonly #files: readonly ParsedFile[]
  readonly #seen: readonly unknown[]

  constructor(plan: Plan, files: readonly ParsedFile[], seen: readonly unknown[]) {
    this.#plan = plan
    this.#files = files
    this.#seen = seen
  }

  interpolate(merged: Tree): void {
    const { env } = this.#plan
    if (env === false) return
    // No more than are told: to find where in a file a path stands takes time with its length.
    const flaws = interpolate(merged, env, ISSUES_MAX)
    if (flaws.length === 0) return
    // Names of variables are no secrets; these messages have nothing else.
    const issues = flaws.map(({ message, path }) => this.#issue(message, path))
    throw rejection('interpolate', issues)
  }

  async validate(value: unknown): Promise<unknown> {
    const { schema, timeoutMs } = this.#plan
    if (schema === undefined) return value
    return await this.#call('validate', 'the schema', async () => {
      const call = () => schema['~standard'].validate(value)
      const result = await within('the schema', timeoutMs, call)
      if (result.issues === undefined && 'value' in result) return result.value
      const issues = [...(result.issues ?? [])].slice(0, ISSUES_MAX)
      const none = [{ message: 'the schema gave neither value nor issues' }]
      const found = issues.map((issue) => this.#issue(issue.message, keysOf(issue)))
      throw this.refuse('validate', found.length > 0 ? found : none)
    })
  }

  async check(value: unknown, current: unknown): Promise<void> {
    const { check, timeoutMs } = this.#plan
    if (check === undefined) return
    const verdict = await this.#call('check', 'check', () =>
      within('check', timeoutMs, () => check(value, current)),
    )
    if (verdict === undefined || verdict === true) return
    const message = typeof verdict === 'string' ? verdict : 'check did not accept it'
    throw this.refuse('check', [{ message }])
  }

  refuse(stage: Stage, issues: readonly Issue[]): RootswapError {
    const { secrets } = this.#plan
    const texts = secrets.textsIn(this.#seen)
    return rejection(
      stage,
      issues.map((issue) => secrets.hideIn(issue, texts)),
    )
  }

  async #call<R>(stage: Stage, what: string, call: () => Promise<R>): Promise<R> {
    try {
      return await call()
    } catch (error) {
      if (rejectionOf(error) !== undefined) throw error
      const isLate = (error as { code?: unknown } | null)?.code === 'ERR_TIMEOUT'
      const message = isLate ? (error as Error).message : `${what} threw ${reasonOf(error)}`
      throw this.refuse(stage, [{ message }])
    }
  }

  /** Placed in the file that has most of the path; of several, the last one, which overrides. */
  #issue(message: string, path: Path): Issue {
    let best: ParsedFile | undefined
    let depth = 0
    for (const file of this.#files) {
      const found = depthOf(file.value, path)
      if (found >= depth) [best, depth] = [file, found]
    }
    if (best === undefined) return { message, path }
    return { message, path, file: best.file, ...best.locate(path.slice(0, depth)) }
  }
}

/** The store says better than this, and with the path, what is wrong with a value. */
function pack(value: unknown): Packed {
  try {
    return serialize(value)
  } catch {
    return undefined
  }
}
