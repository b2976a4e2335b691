import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const doc = readFileSync(new URL('../../../docs/config.md', import.meta.url), 'utf8')

/** The block whose first line is a comment with the file's name. */
function block(name: string): string {
  const found = new RegExp(`\`\`\`js\\n// ${name}\\n([^]*?)\`\`\``).exec(doc)?.[1]
  if (found === undefined) throw new TypeError(`docs/config.md has no block ${name}`)
  return found
}

test('the service of docs/config.md runs as it stands', async () => {
  const cache = fileURLToPath(new URL('../node_modules/.cache', import.meta.url))
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'docs-'))
  const port = 'console.log(app.server.address().port)'
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'app.json'), '{ "greeting": "hello", "vat": 0.19 }')
  writeFileSync(join(folder, 'price.js'), block('price.js'))
  writeFileSync(
    join(folder, 'service.js'),
    `${block('service.js').replace('port: 3000', 'port: 0')}\n${port}`,
  )
  const child = spawn(process.execPath, ['service.js'], { cwd: folder, stdio: 'pipe' })
  let complaints = ''
  child.stderr.on('data', (text) => (complaints += text))
  try {
    const [said] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
    const url = `http://localhost:${String(said).trim()}`
    const json = async (path: string) => (await fetch(url + path)).json()
    expect(complaints).toBe('')
    expect(await json('/greeting')).toEqual({ text: 'hello' })
    expect(await json('/price')).toEqual({ gross: 1190, version: 1 })
    expect(await json('/health')).toMatchObject({ version: 1 })
    expect(await (await fetch(`${url}/metrics`)).text()).toContain(
      'rootswap_version{store="config"} 1',
    )
  } finally {
    child.kill()
    rmSync(folder, { recursive: true })
  }
})

test('the metrics that docs/config.md lists are those that there are', async () => {
  const { collectMetrics } = await import('rootswap/metrics')
  const { Registry } = await import('prom-client')
  const table = doc.slice(doc.indexOf('| metric | labels |'), doc.indexOf('The histograms hear'))
  const rows = table
    .split('\n')
    .slice(2)
    .map((row) => row.split('|')[1] ?? '')
  const listed = rows.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name))
  const metrics = collectMetrics({ stores: {}, registry: new Registry(), prefix: '' })
  expect([...listed].sort()).toEqual([...metrics.names].sort())
})
