/** Configurations that follow an etcd of the tests. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Config, type ConfigOptions, watchConfig } from '../../src/config.ts'
import { etcd, type EtcdOptions } from '../../src/config-etcd.ts'
import { opened, quick } from './stage.ts'

/** Quick to notice and to come back, but patient with a busy machine. */
export const hasty = { keepaliveMs: 200, timeoutMs: 10_000, retryMs: 20, retryMaxMs: 200 }

/** For tests in which a member hangs: it is given up so soon. */
export const impatient = { timeoutMs: 1500 }

export type Values = Record<string, unknown>

/** Of JSON below `/app/`, or of a key. */
export async function follow(
  hosts: string | string[],
  options: Partial<EtcdOptions> = {},
  more: Partial<ConfigOptions<Values>> = {},
): Promise<Config<Values>> {
  const where = options.key === undefined ? ({ prefix: '/app/', format: 'json' } as const) : {}
  const source = etcd({ ...hasty, ...where, ...options, hosts })
  return await opened(watchConfig<Values>({ ...quick, ...more, sources: [source] }))
}

/** Resolves when the configuration says so; the test's time-out is the limit. */
export async function until(config: Config<Values>, holds: (value: Values) => boolean) {
  while (!holds(config.current as Values)) await sleep(5) // bound: the time-out of the test
}

/** Of the newest entry. */
export function revisionOf(config: Config<Values>): number {
  return Number(Object.values(config.entries().at(-1)?.revisions ?? {})[0])
}
