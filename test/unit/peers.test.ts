import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

/** The package as it is installed, with nothing beside it. */
let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rootswap-'))
  const dist = fileURLToPath(new URL('../../dist/src', import.meta.url))
  cpSync(dist, join(folder, 'src'), { recursive: true })
  copyFileSync(join(dist, '../../package.json'), join(folder, 'package.json'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function run(script: string): string {
  const from = (name: string): string => pathToFileURL(join(folder, 'src', name)).href
  const args = [
    '--input-type=module',
    '--eval',
    `
    import { createStore } from '${from('index.js')}'
    import { storePlugin } from '${from('fastify.js')}'
    import { collectMetrics } from '${from('metrics.js')}'
    const store = createStore({ a: 1 }, { maxBytes: 2 ** 22 })
    try { ${script} } catch ({ name, code, missing, message }) {
      console.log([name, code, missing, message].join(' | '))
    }`,
  ]
  return execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 }).trim()
}

describe('a package that is not installed is named, with what to do about it', () => {
  test('fastify-plugin', () => {
    expect(run('storePlugin(store)')).toBe(
      'RootswapError | ERR_INVALID_ARGUMENT | fastify-plugin | rootswap/fastify needs the ' +
        'package fastify-plugin, which is not installed: npm install fastify fastify-plugin',
    )
  })

  test('prom-client', () => {
    expect(run('collectMetrics({ stores: { store } })')).toBe(
      'RootswapError | ERR_INVALID_ARGUMENT | prom-client | rootswap/metrics needs the package ' +
        'prom-client, which is not installed: npm install prom-client',
    )
  })

  test('and wrong arguments are told first', () => {
    expect(run('storePlugin({})')).toMatch(/^TypeError .*a store or a watched configuration/)
    expect(run('collectMetrics({})')).toMatch(/^TypeError .*stores must be an object/)
  })
})
