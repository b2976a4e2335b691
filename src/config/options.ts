/** The options of `watchConfig`: defaults, ranges, and what wrong ones get. */

import { resolve } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { typeError } from '../errors.ts'
import type { StoreOptions } from '../store/open.ts'
import { text, whole } from '../store/options.ts'
import type { Immutable } from '../values/immutable.ts'
import { FileSource } from './file-source.ts'
import type { NamedFile } from './files.ts'
import { expectFormat, loadParser } from './formats.ts'
import type { Environment } from './interpolate.ts'
import { type Output, schemaOf, type StandardSchema } from './schema.ts'
import { Secrets } from './secrets.ts'
import type { Source } from './source.ts'

/** `undefined` and `true` accept. A text, `false`, or what is thrown says why not. */
export type Verdict = string | boolean | undefined | void

export interface ConfigOptions<T> {
  /** JSON (comments and trailing commas allowed), YAML or TOML, told by the end of the name.
   *  Later files override earlier ones, key by key; all are taken or none. */
  readonly files?: readonly string[]
  /** Where else it comes from, such as `etcd` of `rootswap/config/etcd`; these override `files`,
   *  and each the one before. The configuration closes them. At least one of both is needed. */
  readonly sources?: readonly Source[]
  /** Where `${NAME}` and `${NAME:-default}` come from, by default `process.env`; `false` leaves
   *  strings as they are. */
  readonly env?: Environment | false
  /** The last word on a valid value; `current` is undefined at the start. May be asynchronous. */
  readonly check?: (candidate: T, current: Immutable<T> | undefined) => Verdict | Promise<Verdict>
  /** A file that is kept as a copy of the last accepted ones, and from which the program starts
   *  when they are missing or invalid. Readable by its owner only. */
  readonly fallback?: string
  /** Paths, such as `'db.password'` or `['db', 'password']`; `*` is any key. */
  readonly secrets?: readonly (string | readonly (string | number)[])[]
  /** How long files must rest before they are read, in milliseconds. Default 100. */
  readonly debounceMs?: number
  /** How often files are compared where no events come, in milliseconds; 0 is never.
   *  Default 10,000. */
  readonly pollMs?: number
  /** Accepted versions that `rollback` can return to, the newest included. Default 10. */
  readonly history?: number
  /** Of the store. */
  readonly name?: string
  /** Further options of the store: `share`, `maxBytes`, `heap` and so on. */
  readonly store?: Omit<StoreOptions, 'name'>
  /** SIGHUP reloads; only in the main thread, where signals come. Default false. */
  readonly sighup?: boolean
  /** Larger files are refused. Default 16 MiB. */
  readonly maxFileBytes?: number
  /** How long a source, a schema or a check may take, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number
}

export interface SchemaOptions<S extends StandardSchema> extends ConfigOptions<Output<S>> {
  /** Any Standard Schema: of zod, valibot, arktype and others. What it returns is published. */
  readonly schema: S
}

export interface Plan {
  readonly sources: readonly Source[]
  readonly schema: StandardSchema | undefined
  readonly env: Environment | false
  readonly check: ((candidate: unknown, current: unknown) => Verdict | Promise<Verdict>) | undefined
  readonly fallback: string | undefined
  readonly secrets: Secrets
  readonly history: number
  readonly store: StoreOptions
  readonly sighup: boolean
  readonly timeoutMs: number
}

const MS_MAX = 2 ** 31 - 1
const MIB = 2 ** 20

type Given = ConfigOptions<never> & { readonly schema?: unknown }

/** Throws `TypeError`, `RangeError`. */
export function resolveOptions(options: Given): Plan {
  if (typeof options !== 'object' || options === null) throw wrong('options', 'an object')
  const { schema, check, env = process.env, fallback, name, sighup = false } = options
  if (env !== false && typeof env !== 'object') throw wrong('env', 'an object or false')
  if (check !== undefined && typeof check !== 'function') throw wrong('check', 'a function')
  if (typeof sighup !== 'boolean') throw wrong('sighup', 'true or false')
  if (sighup && !isMainThread) {
    throw wrong('sighup', 'left out in a worker: signals come to the main thread')
  }
  const named = name === undefined ? {} : { name: text('name', name) }
  return {
    schema: schemaOf(schema),
    env,
    check: check as Plan['check'],
    fallback: fallback === undefined ? undefined : resolve(text('fallback', fallback)),
    secrets: new Secrets(patternsOf(options.secrets)),
    history: whole('history', options.history ?? 10, [1, MIB]),
    store: { ...options.store, ...named },
    sighup,
    timeoutMs: whole('timeoutMs', options.timeoutMs ?? 10_000, [1, MS_MAX]),
    sources: sourcesOf(options),
  }
}

function sourcesOf({ files, sources = [], ...options }: Given): Source[] {
  const fileOptions = {
    debounceMs: whole('debounceMs', options.debounceMs ?? 100, [1, MS_MAX]),
    pollMs: whole('pollMs', options.pollMs ?? 10_000, [0, MS_MAX]),
    maxFileBytes: whole('maxFileBytes', options.maxFileBytes ?? 16 * MIB, [1, 2 ** 30]),
  }
  if (!Array.isArray(sources)) throw wrong('sources', 'a list of sources')
  for (const [index, source] of (sources as unknown[]).entries()) {
    if (!isSource(source)) throw wrong(`sources[${index}]`, 'a source: name, read, watch, close')
  }
  const all = [...(sources as readonly Source[])]
  if (files !== undefined || all.length === 0) {
    all.unshift(new FileSource({ files: filesOf(files), ...fileOptions }))
  }
  const isTwice = new Set(all.map(({ name }) => name)).size < all.length
  if (isTwice) throw wrong('sources', 'of different names')
  return all
}

function filesOf(files: unknown): NamedFile[] {
  if (!Array.isArray(files) || files.length === 0) throw wrong('files', 'a list of file names')
  return files.map((name: unknown, index) => {
    const file = text(`files[${index}]`, name)
    loadParser(expectFormat(file))
    return { file, path: resolve(file) }
  })
}

function isSource(source: unknown): boolean {
  const { name, read, watch, close } = (source ?? {}) as Partial<Source>
  return typeof name === 'string' && [read, watch, close].every((f) => typeof f === 'function')
}

function patternsOf(secrets: unknown): string[][] {
  if (secrets === undefined) return []
  if (!Array.isArray(secrets)) throw wrong('secrets', 'a list of paths')
  return secrets.map((path: unknown, index) => {
    const keys = typeof path === 'string' ? path.split('.') : path
    if (!Array.isArray(keys) || keys.length === 0) throw wrong(`secrets[${index}]`, 'a path')
    return keys.map(String)
  })
}

function wrong(argument: string, wanted: string): TypeError {
  return typeError('ERR_INVALID_ARGUMENT', `${argument} must be ${wanted}`, { argument })
}
