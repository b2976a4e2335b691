/** How a program gets a configuration that follows its files. */

import { RootswapError } from '../errors.ts'
import { createStore } from '../store/open.ts'
import type { Store } from '../store/contract.ts'
import { Candidates } from './candidate.ts'
import { Fallback } from './fallback.ts'
import { type ConfigOptions, type Plan, resolveOptions, type SchemaOptions } from './options.ts'
import { rejection, rejectionOf } from './rejection.ts'
import type { Output, StandardSchema } from './schema.ts'
import { type Reading, Sources } from './source.ts'
import { type Config, type First, type Parts, WatchedConfig } from './watched.ts'

/**
 * Reads the files, or what else the sources are, publishes what they say, and follows them from
 * then on. Files do not keep the process alive.
 *
 * Rejects with `ERR_INVALID_CONFIG`, which carries `stage`, `issues`, `file`, `line` and
 * `column`, if the files are not valid and there is no valid `fallback`; with a `TypeError` or
 * `RangeError` for wrong options; and with `ERR_INVALID_ARGUMENT` if the package that reads a
 * format is not installed.
 *
 * @example
 * const config = await watchConfig({ files: ['app.yaml'], schema })
 * config.on('rejected', ({ message }) => console.error(message))
 * new Worker(file, { workerData: config.handle }) // there: openStore(workerData).current
 */
export function watchConfig<S extends StandardSchema>(
  options: SchemaOptions<S>,
): Promise<Config<Output<S>>>
export function watchConfig<T = Record<string, unknown>>(
  options: ConfigOptions<T> & { readonly schema?: undefined },
): Promise<Config<T>>
export async function watchConfig(options: object): Promise<unknown> {
  const plan = resolveOptions(options as ConfigOptions<never>)
  const { fallback: path } = plan
  const parts: Parts = {
    plan,
    candidates: new Candidates(plan),
    sources: new Sources(plan.sources, plan.timeoutMs),
    fallback: path === undefined ? undefined : new Fallback(path),
  }
  let config: WatchedConfig | undefined
  try {
    const first = await start(parts)
    config = new WatchedConfig(parts, first)
    if (first.refused === undefined) await parts.fallback?.save(first.reading)
    return config
  } finally {
    if (config === undefined) parts.sources.close()
  }
}

async function start(parts: Parts): Promise<First> {
  const { sources, fallback } = parts
  let seen: Reading | undefined
  try {
    seen = await sources.read({ fresh: true })
    return { ...(await begin(parts, seen)), seen, reason: 'start', refused: undefined }
  } catch (refused) {
    if (rejectionOf(refused) === undefined || fallback === undefined) throw refused
    return { ...(await beginFrom(fallback, parts, refused)), seen, reason: 'fallback', refused }
  }
}

async function beginFrom(fallback: Fallback, parts: Parts, refused: unknown): Promise<Begun> {
  try {
    return await begin(parts, await fallback.load())
  } catch (error) {
    const [first, second] = [rejectionOf(refused), rejectionOf(error)]
    if (first === undefined || second === undefined) throw error
    throw rejection(first.stage, [...first.issues, ...second.issues])
  }
}

type Begun = Pick<First, 'store' | 'reading' | 'packed'>

async function begin({ plan, candidates }: Parts, reading: Reading): Promise<Begun> {
  const { value, packed } = await candidates.make(reading, undefined)
  return { store: newStore(plan, candidates, value), reading, packed }
}

function newStore(plan: Plan, candidates: Candidates, value: unknown): Store<unknown> {
  try {
    return createStore(value, plan.store)
  } catch (error) {
    // Wrong options are not what the files say.
    if (!(error instanceof RootswapError)) throw error
    throw candidates.refused(error, [value])
  }
}
