/** The options of the source: defaults, ranges, and what wrong ones get. */

import { typeError } from '../../errors.ts'
import { text, whole } from '../../store/options.ts'
import { formats, loadParser } from '../formats.ts'
import type { FormatName } from '../text.ts'
import type { ClientOptions } from './client.ts'
import { prefixRange, type Limits, type Range, rangeOf } from './requests.ts'

export interface EtcdOptions {
  /** Members of the cluster, such as `'https://etcd-1:2379'`. */
  readonly hosts: string | readonly string[]
  /** The one key that is followed. Either this or `prefix`. */
  readonly key?: string
  /** All keys that begin so are followed; each is a document, and in the order of their bytes
   *  later ones override earlier ones. */
  readonly prefix?: string
  /** Of all documents; by default the end of each key tells it, as with files. */
  readonly format?: FormatName
  /** How often an idle connection is asked for a sign of life, in milliseconds. etcd drops who asks
   *  more often than its `--grpc-keepalive-min-time`, 5 s. Default 10,000. */
  readonly keepaliveMs?: number
  /** How long an answer may take, in milliseconds. Default 3,000. */
  readonly timeoutMs?: number
  /** The first pause after a failure is up to this long, at random; it doubles, in milliseconds.
   *  Default 1,000. */
  readonly retryMs?: number
  /** And it grows up to this. Default 30,000. */
  readonly retryMaxMs?: number
  /** More bytes in all values together are refused. Default 16 MiB. */
  readonly maxBytes?: number
  /** Further options of the package etcd3's client: `auth`, `credentials`, `grpcOptions`. */
  readonly etcd3?: Readonly<Record<string, unknown>>
}

export interface Plan extends Limits {
  readonly name: string
  readonly range: Range
  readonly format: FormatName | undefined
  readonly client: ClientOptions
  readonly retryMs: number
  readonly retryMaxMs: number
}

const MS_MAX = 2 ** 31 - 1
const MIB = 2 ** 20

/** Throws `TypeError`, `RangeError`. */
export function resolveEtcdOptions(options: EtcdOptions): Plan {
  if (typeof options !== 'object' || options === null) throw wrong('options', 'an object')
  const { key, prefix, format, etcd3 = {} } = options
  if ((key === undefined) === (prefix === undefined)) throw wrong('key', 'given, or else prefix')
  if (format !== undefined && !Object.hasOwn(formats, format)) {
    throw wrong('format', `one of ${Object.keys(formats).join(', ')}`)
  }
  if (format !== undefined) loadParser(formats[format])
  if (typeof etcd3 !== 'object' || etcd3 === null) throw wrong('etcd3', 'an object')
  const timeoutMs = whole('timeoutMs', options.timeoutMs ?? 3_000, [1, MS_MAX])
  const keepaliveMs = whole('keepaliveMs', options.keepaliveMs ?? 10_000, [1, MS_MAX])
  const retryMs = whole('retryMs', options.retryMs ?? 1_000, [1, MS_MAX])
  return {
    name: `etcd ${key ?? prefix}`,
    range: key === undefined ? prefixRange(filled('prefix', prefix)) : rangeOf(filled('key', key)),
    format,
    client: { hosts: hostsOf(options.hosts), keepaliveMs, timeoutMs, etcd3 },
    timeoutMs,
    retryMs,
    retryMaxMs: whole('retryMaxMs', options.retryMaxMs ?? 30_000, [retryMs, MS_MAX]),
    maxBytes: whole('maxBytes', options.maxBytes ?? 16 * MIB, [1, 2 ** 31]),
  }
}

function hostsOf(hosts: unknown): string[] {
  const list: unknown[] = Array.isArray(hosts) ? hosts : [hosts]
  if (list.length === 0) throw wrong('hosts', 'one or several addresses')
  return list.map((host, index) => filled(`hosts[${index}]`, host))
}

function filled(argument: string, value: unknown): string {
  const found = text(argument, value as string)
  if (found === '') throw wrong(argument, 'a text that is not empty')
  return found
}

function wrong(argument: string, wanted: string): TypeError {
  return typeError('ERR_INVALID_ARGUMENT', `${argument} must be ${wanted}`, { argument })
}
