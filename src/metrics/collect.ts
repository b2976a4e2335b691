/**
 * What heaps and their stores do, as metrics of prom-client. Numbers are read when somebody asks
 * for them; between two scrapes nothing is counted but what became of a configuration's files, and
 * how long the grace periods took that this thread ended. Reads are not counted. Nothing of a
 * store's value is in a metric or in a label.
 */

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type AnySource, isConfig, sourceOf, storeOf } from '../config/store-source.ts'
import { typeError } from '../errors.ts'
import type { ReclaimMessage } from '../store/channels.ts'
import { loadPeer } from '../store/peer.ts'
import { type Counted, countReloads } from './reloads.ts'
import { type Followed, type HeapReading, heapsOf, read } from './reading.ts'

export interface MetricsOptions {
  /** Stores or watched configurations of this thread, by what their labels shall say. */
  readonly stores: Readonly<Record<string, AnySource>>
  /** A `Registry` of prom-client. Default: its own `register`. */
  readonly registry?: MetricsRegistry
  /** Before each name. Default `'rootswap_'`. */
  readonly prefix?: string
}

/** What is used of prom-client's `Registry`. */
export interface MetricsRegistry {
  registerMetric(metric: never): void
  removeSingleMetric(name: string): void
}

export interface Metrics extends Disposable {
  /** The names of the metrics. */
  readonly names: readonly string[]
  /** Takes them out of the registry. Idempotent. */
  close(): void
}

/* Of prom-client, whose own types would have to be installed where this package is built. */
type Labels = Readonly<Record<string, string | number>>
interface Metric {
  reset(): void
  inc(labels: Labels, value: number): void
  set(labels: Labels, value: number): void
  observe(labels: Labels, value: number): void
}
interface About {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
  readonly registers: readonly unknown[]
  readonly buckets?: readonly number[]
  readonly collect?: (this: Metric) => void
}
type Kind = 'Counter' | 'Gauge' | 'Histogram'
type Library = Record<Kind, new (about: About) => Metric> & { readonly register: MetricsRegistry }

/** Seconds: a grace period with no reader in the way takes microseconds. */
const BUCKETS = [0.000_01, 0.000_1, 0.001, 0.01, 0.1, 1, 10]

type Emit = (labels: Labels, value: number) => void
interface Measure {
  readonly name: string
  readonly kind: 'Counter' | 'Gauge'
  readonly help: string
  readonly labels: readonly string[]
  emit(reading: HeapReading, emit: Emit): void
}

/**
 * Registers the metrics. Throws `ERR_INVALID_ARGUMENT` where prom-client is not installed, and
 * `TypeError`. A registry takes them once: for several stores, name them all in one call.
 *
 * @example
 * const metrics = collectMetrics({ stores: { config }, registry })
 * app.get('/metrics', () => registry.metrics())
 */
export function collectMetrics(options: MetricsOptions): Metrics {
  const followed = followedOf(options)
  const library = loadPeer('rootswap/metrics', 'prom-client') as Library
  const { registry = library.register, prefix = 'rootswap_' } = options
  const collection = new Collection(library, { registry, prefix, followed })
  try {
    return collection.begin()
  } catch (error) {
    // A name that the registry has already.
    collection.close()
    throw error
  }
}

function followedOf(options: MetricsOptions): Followed[] {
  const stores: unknown = (options as Partial<MetricsOptions> | undefined)?.stores
  if (typeof stores !== 'object' || stores === null) {
    throw typeError('ERR_INVALID_ARGUMENT', 'stores must be an object of stores by name', {
      argument: 'stores',
    })
  }
  return Object.entries(stores).map(([name, source]) => {
    const known = sourceOf(source)
    const config = isConfig(known) ? known : undefined
    return { name, store: storeOf(known), config }
  })
}

interface Plan {
  readonly registry: MetricsRegistry
  readonly prefix: string
  readonly followed: readonly Followed[]
}

class Collection implements Metrics {
  readonly names: string[] = []
  readonly #library: Library
  readonly #plan: Plan
  readonly #ends: (() => void)[] = []
  #readings: readonly HeapReading[] | undefined

  constructor(library: Library, plan: Plan) {
    this.#library = library
    this.#plan = plan
  }

  begin(): this {
    for (const measure of MEASURES) this.#addMeasure(measure)
    this.#addRounds()
    this.#addReloads()
    return this
  }

  close(): void {
    for (const end of this.#ends.splice(0)) end()
    for (const name of this.names.splice(0)) this.#plan.registry.removeSingleMetric(name)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #make(kind: Kind, about: Omit<About, 'registers'>): Metric {
    const name = this.#plan.prefix + about.name
    const { registry } = this.#plan
    const metric = new this.#library[kind]({ ...about, name, registers: [registry] })
    this.names.push(name)
    return metric
  }

  #addMeasure({ name, kind, help, labels, emit }: Measure): void {
    const readings = (): readonly HeapReading[] => this.#read()
    this.#make(kind, {
      name,
      help,
      labelNames: labels,
      collect() {
        // What was there at the last scrape may be gone: a thread, a store.
        this.reset()
        const put: Emit = (at, value) => {
          if (kind === 'Gauge') this.set(at, value)
          else this.inc(at, value)
        }
        for (const reading of readings()) emit(reading, put)
      },
    })
  }

  /** A scrape asks each metric in one go: they are of one moment, and are read once. */
  #read(): readonly HeapReading[] {
    if (this.#readings === undefined) {
      this.#readings = read(this.#plan.followed)
      queueMicrotask(() => (this.#readings = undefined))
    }
    return this.#readings
  }

  #addRounds(): void {
    const heaps = heapsOf(this.#plan.followed)
    const labelNames = ['heap']
    const waited = this.#make('Histogram', {
      name: 'grace_period_seconds',
      help: 'How long readers held up a round of reclaiming that this thread ended',
      labelNames,
      buckets: BUCKETS,
    })
    const took = this.#make('Histogram', {
      name: 'reclaim_seconds',
      help: 'How long a round of reclaiming took that this thread ended',
      labelNames,
      buckets: BUCKETS,
    })
    const hear = (message: unknown): void => {
      const { heap: key, waitedMs, durationMs } = message as ReclaimMessage
      const heap = heaps.get(key)
      if (heap === undefined || waitedMs === undefined || durationMs === undefined) return
      waited.observe({ heap }, waitedMs / 1000)
      took.observe({ heap }, durationMs / 1000)
    }
    subscribe('rootswap:reclaim', hear)
    this.#ends.push(() => unsubscribe('rootswap:reclaim', hear))
  }

  #addReloads(): void {
    const reloads = this.#make('Counter', {
      name: 'reloads_total',
      help: 'Looks at the files of a configuration, by what became of them',
      labelNames: ['store', 'outcome'],
    })
    const count: Counted = (store, outcome, by) => reloads.inc({ store, outcome }, by)
    for (const { name, config } of this.#plan.followed) {
      if (config !== undefined) this.#ends.push(...countReloads(name, config, count))
    }
  }
}

function ofHeap(
  kind: Measure['kind'],
  name: string,
  help: string,
  value: (reading: HeapReading) => number,
): Measure {
  const emit = (reading: HeapReading, put: Emit): void =>
    put({ heap: reading.heap }, value(reading))
  return { name, kind, help, labels: ['heap'], emit }
}

const MEASURES: readonly Measure[] = [
  ofHeap('Counter', 'publishes_total', 'Versions published', ({ stats }) => stats.publishes),
  ofHeap('Counter', 'conflicts_total', 'Publishes that another overtook', ({ stats }) => {
    return stats.conflicts
  }),
  ofHeap('Counter', 'grace_periods_total', 'Rounds of reclaiming', ({ stats }) => {
    return stats.gracePeriods
  }),
  ofHeap('Gauge', 'capacity_bytes', 'Length of the heap', ({ stats }) => stats.capacityBytes),
  ofHeap('Gauge', 'live_bytes', 'Reachable', ({ stats }) => stats.liveBytes),
  ofHeap('Gauge', 'limbo_bytes', 'Replaced, not yet free', ({ stats }) => stats.limboBytes),
  ofHeap('Gauge', 'free_bytes', 'Free', ({ stats }) => stats.freeBytes),
  ofHeap('Gauge', 'threads', 'Threads that have the heap open', ({ stats }) => stats.threads),
  ofHeap('Gauge', 'snapshots', 'Snapshots held', ({ stats }) => stats.snapshots),
  ofHeap('Gauge', 'oldest_snapshot_age_seconds', 'Since the oldest was taken; 0: none', (one) => {
    return one.oldestSnapshotAgeMs / 1000
  }),
  {
    name: 'version',
    kind: 'Gauge',
    help: 'The newest version',
    labels: ['store'],
    emit: ({ stores }, put) => {
      for (const { store, version } of stores) put({ store }, version)
    },
  },
  {
    name: 'thread_held_bytes',
    kind: 'Gauge',
    help: 'What only replaced versions reach and this thread keeps',
    labels: ['heap', 'thread', 'label'],
    emit: ({ heap, holders }, put) => {
      for (const { bytes, ...labels } of holders) put({ heap, ...labels }, bytes)
    },
  },
  {
    name: 'thread_version',
    kind: 'Gauge',
    help: 'The newest version that a thread has looked at',
    labels: ['store', 'thread', 'label'],
    emit: ({ threads }, put) => {
      for (const { version, ...labels } of threads) put(labels, version)
    },
  },
]
