/**
 * What is used of the package etcd3: its requests and its streams. Its watcher is not: that one
 * resumes behind the newest revision of the store rather than behind the last event it was sent, so
 * a connection that breaks while it catches up costs it events; and it does not tell compaction
 * from other ends.
 */

import type { Readable } from 'node:stream'
import { loadPackage } from '../packages.ts'

/** 64-bit numbers are decimal texts. */
export interface Header {
  readonly cluster_id: string
  readonly revision: string
}

export interface KeyValue {
  readonly key: Buffer
  readonly value: Buffer
  readonly create_revision: string
  readonly mod_revision: string
  /** How many times it was put since it was created. */
  readonly version: string
}

export interface WatchEvent {
  readonly type: 'Put' | 'Delete'
  readonly kv: KeyValue
}

export interface RangeResponse {
  readonly header: Header
  readonly kvs: readonly KeyValue[]
  readonly more: boolean
}

export interface WatchResponse {
  readonly header: Header
  readonly created: boolean
  readonly canceled: boolean
  readonly compact_revision: string
  readonly cancel_reason: string
  readonly events: readonly WatchEvent[]
}

export interface WatchStream extends Readable {
  write(request: object): boolean
  cancel(): void
}

export interface Client {
  readonly kv: {
    range(request: object, options: { deadline: number }): Promise<RangeResponse>
  }
  readonly watchClient: {
    watch(options: { interceptors: readonly unknown[] }): Promise<WatchStream>
  }
  close(): void
}

export interface ClientOptions {
  readonly hosts: readonly string[]
  readonly keepaliveMs: number
  readonly timeoutMs: number
  /** Further options of the package. */
  readonly etcd3: Readonly<Record<string, unknown>>
}

type Constructor = new (options: object) => Client

/** Whether a revision is compacted, or is not there yet. The package keeps gRPC's code in the
 *  message alone. */
export function isOutOfRange(error: unknown): boolean {
  return /^11 OUT_OF_RANGE\b/.test((error as { message?: string } | null)?.message ?? '')
}

/** One policy of the package for all its faults: none. Who retries, and when, is decided here. */
const once = { execute: async (call: (context: object) => unknown) => await call({}) }

interface Call {
  start(metadata: { set(key: string, value: string): void }, listener: unknown): void
}

/** A member that has lost its cluster ends the stream, rather than go on without news. */
export function requireLeader(options: unknown, next: (options: unknown) => Call): Call {
  const call = next(options)
  const start = call.start.bind(call)
  call.start = (metadata, listener) => {
    metadata.set('hasleader', 'true')
    start(metadata, listener)
  }
  return call
}

/** The members of a cluster: a client of one of them at a time, of another when it has failed. */
export class Members {
  readonly #options: ClientOptions
  readonly #etcd3: Constructor
  readonly #hosts: readonly string[]
  #next = 0
  #client: Client | undefined
  #closed = false

  /** Throws `ERR_INVALID_ARGUMENT` where the package is not installed. */
  constructor(options: ClientOptions) {
    const library = loadPackage('etcd3', 'rootswap/config/etcd talks to etcd')
    this.#etcd3 = (library as { Etcd3: Constructor }).Etcd3
    this.#options = options
    // So that not all machines begin with the same one.
    this.#hosts = shuffled(options.hosts)
  }

  get count(): number {
    return this.#hosts.length
  }

  /** The client; does not wait for its connection. */
  connect(): Client {
    this.#client ??= this.#make(this.#hosts[this.#next % this.#hosts.length] as string)
    return this.#client
  }

  /** Not this one again, if it is still the one. */
  drop(client: Client): void {
    if (client !== this.#client) return
    this.#client = undefined
    this.#next++
    client.close()
  }

  close(): void {
    this.#closed = true
    this.#client?.close()
  }

  #make(host: string): Client {
    const { etcd3, keepaliveMs, timeoutMs } = this.#options
    const client = new this.#etcd3({
      faultHandling: { host: () => once, global: once },
      ...etcd3,
      hosts: host,
      grpcOptions: {
        // A member that hangs, or is cut off, answers no ping.
        'grpc.keepalive_time_ms': keepaliveMs,
        'grpc.keepalive_timeout_ms': timeoutMs,
        'grpc.max_receive_message_length': -1,
        // Else the pauses of an earlier client's connection would count for this one too.
        'grpc.use_local_subchannel_pool': 1,
        ...(etcd3['grpcOptions'] as object | undefined),
      },
    })
    if (this.#closed) client.close()
    return client
  }
}

function shuffled(hosts: readonly string[]): string[] {
  return hosts
    .map((host) => ({ host, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ host }) => host)
}
