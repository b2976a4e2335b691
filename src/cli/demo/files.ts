/** The files of the demo: its data, its configuration, its workers. */

import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { RootswapError } from '../../errors.ts'

export interface DemoData {
  readonly file: string
  readonly title: string
  readonly bytes: number
  readonly value: object
}

/** Workers are built beside the sources: dist/workers, or workers when nothing was built. */
export function workerFile(name: string): URL {
  const extension = import.meta.url.slice(-3)
  return new URL(`../../../workers/${name}${extension}`, import.meta.url)
}

/** The 200 lines of a real service's configuration. */
export function configFile(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) {
    folder = dirname(folder)
  }
  return join(folder, 'examples', 'service', 'app.json')
}

/** What the service is configured with before anybody edits anything. */
export function loadConfig(): unknown {
  const file = configFile()
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'))
  throw new RootswapError('ERR_INVALID_ARGUMENT', `${file} is missing: the demo configures with it`)
}

/** Reads and parses the data. Throws `ERR_INVALID_ARGUMENT` that says what to do instead. */
export function loadData(given: string | undefined): DemoData {
  const file = given ?? compatDataFile()
  const text = readText(file)
  const value = parse(file, text)
  if (value === null || typeof value !== 'object' || Object.keys(value).length === 0) {
    throw unusable(`${file} holds no object and no array with anything in it`)
  }
  return { file, title: titleOf(file, value), bytes: Buffer.byteLength(text), value }
}

function compatDataFile(): string {
  try {
    return createRequire(import.meta.url).resolve('@mdn/browser-compat-data')
  } catch {
    throw unusable(
      'the data of the demo, @mdn/browser-compat-data, is not installed: ' +
        'run npm install @mdn/browser-compat-data, or give a JSON file with --data',
    )
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw unusable(`${file} cannot be read (${code}): give a JSON file with --data`)
  }
}

function parse(file: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw unusable(`${file} is not JSON: ${(error as Error).message}`)
  }
}

function titleOf(file: string, value: object): string {
  const { version } = ((value as { __meta?: unknown }).__meta ?? {}) as { version?: unknown }
  return typeof version === 'string' ? `browser-compat-data ${version}` : basename(file)
}

function unusable(message: string): RootswapError {
  return new RootswapError('ERR_INVALID_ARGUMENT', message, { argument: '--data' })
}
