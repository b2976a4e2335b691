/** What is asked of etcd, and what of its answers counts. */

import { rejection } from '../rejection.ts'
import type { Client, KeyValue, RangeResponse } from './client.ts'
import type { Listing } from './keys.ts'

/** A key, or all keys with a prefix. */
export interface Range {
  readonly key: Buffer
  /** The first key behind them. Left out for one key alone: an empty one that is sent is no end at
   *  all for etcd. */
  readonly range_end?: Buffer
}

/** Keys that one request asks for. */
const PAGE_KEYS = 100

export function rangeOf(key: string): Range {
  return { key: Buffer.from(key) }
}

export function prefixRange(prefix: string): Range {
  const end = Buffer.from(prefix)
  // UTF-8 has no byte 0xff, so the last one has a successor.
  end[end.length - 1]! += 1
  return { key: Buffer.from(prefix), range_end: end }
}

export interface Limits {
  /** For each request. */
  readonly timeoutMs: number
  /** Of all values together. */
  readonly maxBytes: number
}

/** All keys with their values, at one revision: the newest, by a linearizable read. Throws a
 *  rejection for too many bytes. */
export async function list(client: Client, range: Range, limits: Limits): Promise<Listing> {
  const { timeoutMs, maxBytes } = limits
  const found: KeyValue[] = []
  let bytes = 0
  let revision = '0' // the newest
  let key = range.key
  for (;;) {
    const request = { ...range, key, revision, limit: PAGE_KEYS }
    const page: RangeResponse = await client.kv.range(request, { deadline: Date.now() + timeoutMs })
    found.push(...page.kvs) // bound: the keys of that revision
    bytes += page.kvs.reduce((sum, { value }) => sum + value.byteLength, 0)
    if (bytes > maxBytes) throw tooBig(maxBytes)
    if (revision === '0') revision = page.header.revision
    const last = page.kvs.at(-1)
    if (!page.more || last === undefined) {
      return { cluster: page.header.cluster_id, revision: BigInt(revision), found }
    }
    key = Buffer.concat([last.key, Buffer.of(0)])
  }
}

/** All keys without their values, as they were at a revision. Throws where it is not there: it is
 *  compacted, or the store has not come that far. */
export async function listNames(
  client: Client,
  range: Range,
  revision: bigint,
  { timeoutMs }: Limits,
): Promise<Listing> {
  const request = { ...range, keys_only: true, revision: String(revision) }
  const { header, kvs } = await client.kv.range(request, { deadline: Date.now() + timeoutMs })
  return { cluster: header.cluster_id, revision, found: kvs }
}

export function tooBig(maxBytes: number): Error {
  const message = `the keys hold more than ${maxBytes} bytes, the limit that maxBytes sets`
  return rejection('read', [{ message }])
}
