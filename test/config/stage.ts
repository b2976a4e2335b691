/** A temporary folder with real files, and configurations that follow them. */
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach } from 'vitest'
import type { Config, ConfigEvents } from '../../src/config.ts'

const folders: string[] = []
const configs: { close(): void }[] = []
afterEach(() => {
  for (const config of configs.splice(0)) config.close()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** Options of tests: a small heap; quick, and without polls unless a test is about them. */
export const quick = { debounceMs: 20, pollMs: 0, store: { maxBytes: 2 ** 22 } }

export class Stage {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'rootswap-config-')))

  constructor() {
    folders.push(this.folder)
  }

  at(name: string): string {
    return join(this.folder, name)
  }

  /** Returns the file's path. */
  write(name: string, text: string | Uint8Array): string {
    const path = this.at(name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    return path
  }

  /** As careful programs do: written beside, then renamed. */
  replace(name: string, text: string): string {
    this.write(`${name}.new`, text)
    renameSync(this.at(`${name}.new`), this.at(name))
    return this.at(name)
  }
}

/** Closes it after the test. */
export async function opened<T>(config: Promise<Config<T>>): Promise<Config<T>> {
  configs.push(await config)
  return config
}

/** All events from now on, as they come. */
export function eventsOf(config: Config<never>): ConfigEvents[keyof ConfigEvents][] {
  const events: ConfigEvents[keyof ConfigEvents][] = []
  for (const name of ['reloaded', 'unchanged', 'rejected', 'unavailable'] as const)
    config.on(name, (event) => events.push(event))
  return events
}

export function next<E extends keyof ConfigEvents>(
  config: Config<never>,
  name: E,
): Promise<ConfigEvents[E]> {
  return new Promise((resolve) => {
    const end = config.on(name, (event) => {
      end()
      resolve(event)
    })
  })
}

export async function failure(promise: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await promise
  } catch (error) {
    return error as Error & Record<string, unknown>
  }
  throw new TypeError('it was expected to fail')
}
