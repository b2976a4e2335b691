/** `rootswap/metrics`: what heaps and their stores do, for prom-client. */
export {
  collectMetrics,
  type Metrics,
  type MetricsOptions,
  type MetricsRegistry,
} from './metrics/collect.ts'
export type { ReloadOutcome } from './metrics/reloads.ts'
