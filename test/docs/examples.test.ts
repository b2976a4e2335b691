/**
 * The examples in README.md and docs/ run, as they stand: a block that does not do what it says is
 * red here. What a block leaves out (`schema`, a file to watch) stands in its entry below.
 */
import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readText, root, source } from '../support/tidy/source.ts'
import { type Block, blocksOf, documents, spansOf, textOf } from './blocks.ts'
import { type Outcome, run, stage } from './stage.ts'

const isCode = ({ language }: Block): boolean => language === 'js' || language === 'ts'
const blocks = documents.flatMap((path) => blocksOf(path)).filter(isCode)
const ran = new Set<Block>()

/** The block with these words in it; there must be one. */
function block(path: string, words: string): Block {
  const found = blocks.filter((each) => each.path === path && each.code.includes(words))
  expect(found, `blocks of ${path} with ${words}`).toHaveLength(1)
  ran.add(found[0]!)
  return found[0]!
}

function expectFine(outcome: Outcome): void {
  expect(outcome).toMatchObject({ status: 0, err: '' })
}

describe('README.md', () => {
  test('in ten lines: a worker sees what the main thread changes', async () => {
    const main = block('README.md', '// main.js').code
    const worker = block('README.md', '// worker.js').code
    const folder = stage({ 'main.js': main, 'worker.js': worker })
    const told = (out: string): string[] => out.match(/^\d+ \d+$/gm) ?? []
    const { out, err } = await run(folder, 'main.js', (text) => told(text).length > 2)
    expect(err).toBe('')
    const pairs = told(out).map((line) => line.split(' ').map(Number))
    for (const [version, perMinute] of pairs) expect(perMinute).toBe(59 + version!)
    expect(pairs.at(-1)![0]).toBeGreaterThan(pairs[0]![0]!)
  })

  test('configuration files: published, and a broken one is rejected', async () => {
    const { code } = block('README.md', 'watchConfig({')
    const before = `
      import { writeFileSync } from 'node:fs'
      import { z } from 'zod'
      const schema = z.object({ port: z.number(), name: z.string() })
    `
    const after = `
      console.log(JSON.stringify(config.current))
      writeFileSync('local.yaml', 'port: none of these')
      console.log((await config.reload()).stage, config.current.port)
    `
    const folder = stage({
      'main.js': before + code + after,
      'app.yaml': 'port: 1\nname: app\n',
      'local.yaml': 'port: 2\n',
    })
    const { status, out, err } = await run(folder, 'main.js')
    expect({ status, out }).toEqual({ status: 0, out: '{"port":2,"name":"app"}\nvalidate 2\n' })
    expect(err).toMatch(/port/)
  })

  test('each way to read and to write in its tables does what it says', async () => {
    const given: Record<string, string> = {
      '(value, version) => …': '(value, version) => [value.limits.perMinute, version]',
      '{ … }': '{ draft.limits.perMinute += 1 }',
      '[…]': "['limits', 'burst']",
    }
    const [tables] = textOf('README.md').split('## What is guaranteed')
    const spans = spansOf(tables!, /^(using \w+ = |branch = )?store\.|^snapshot\./)
    expect(spans.length).toBeGreaterThan(8)
    const lines = spans.map((span) => {
      let line = span
      for (const [left, full] of Object.entries(given)) line = line.replace(left, full)
      expect(line).not.toContain('…')
      return line.startsWith('using') ? line : `seen.push(${line})`
    })
    const code = `
      import { createStore } from 'rootswap'
      interface Value { limits: { perMinute: number; burst?: number } }
      const store = createStore<Value>({ limits: { perMinute: 60, burst: 1 } }, { history: 9 })
      const version = 1
      let branch = store
      const next: Value = { limits: { perMinute: 70 } }
      const patches = [{ op: 'replace', path: ['limits', 'perMinute'], value: 80 }] as const
      const seen: unknown[] = []
      ${lines.join('\n')}
      console.log(JSON.stringify([store.current, store.version, seen.length]))
      store.verify()
    `
    const folder = stage({ 'main.ts': code })
    const outcome = await run(folder, 'main.js')
    expectFine(outcome)
    const [value, version, count] = JSON.parse(outcome.out) as [unknown, number, number]
    // Five writes in the order of the table, a branch that is adopted unchanged, a rollback to 1.
    expect(value).toEqual({ limits: { perMinute: 60, burst: 1 } })
    expect(version).toBe(7)
    expect(count).toBeGreaterThan(7)
  })
})

describe('docs/config.md', () => {
  const doc = 'docs/config.md'
  const worker = 'import { workerData, parentPort } from "node:worker_threads"\n'

  test('files, schema, secrets, events, and a worker that reads it', async () => {
    const { code } = block(doc, "from 'zod'")
    const comment = /\/\/ worker\.js: (.*)/.exec(code)?.[1]
    expect(comment).toContain('openStore(workerData)')
    const inWorker = comment!.replace('…', '\nparentPort.postMessage(').concat(')\n')
    const code2 = code.replace('new Worker(', 'const thread = new Worker(')
    const folder = stage({
      'worker.js': `${worker}import { openStore } from 'rootswap'\n${inWorker}`,
      'main.js': `import { Worker } from 'node:worker_threads'\n${code2}
        thread.on('message', (port) => console.log('worker', port))
        const { writeFileSync } = await import('node:fs')
        writeFileSync('local.toml', 'port = 3')
        await config.reload()`,
      'app.yaml': 'port: 1\ndb:\n  url: u\n  password: hidden\n',
      'local.toml': 'port = 2\n',
    })
    const outcome = await run(folder, 'main.js')
    expectFine(outcome)
    expect(outcome.out).toMatch(/^worker [23]$/m)
    expect(outcome.out).toMatch(/version 2 of .*app\.yaml/)
    expect(outcome.out).not.toContain('hidden')
  })

  test('using it', async () => {
    const { code } = block(doc, 'using one = config.snapshot()')
    const before = `
      import { watchConfig } from 'rootswap/config'
      class Limiter { constructor(readonly limits: { perMinute: number }) {} }
      const logger = { configure(log: string) { console.log('log', log) } }
      interface Value { limits: { perMinute: number }; log: string }
      const config = await watchConfig<Value>({ files: ['app.json'] })
      const { version } = config
    `
    const folder = stage({
      'main.ts': before + code.replace('config.rollback(version)', 'void config.rollback(version)'),
      'app.json': '{ "limits": { "perMinute": 5 }, "log": "quiet" }',
    })
    expectFine(await run(folder, 'main.js'))
  })

  test('a source of one’s own', async () => {
    const { code } = block(doc, "name: 'settings'")
    const before = `
      import { watchConfig } from 'rootswap/config'
      const client = {
        index: 1,
        async get(_: string) { return { document: '{ "port": 7 }', index: client.index } },
        follow(_: string, _revision: string | undefined, _changed: () => void) {},
        close() { console.log('closed') },
      }
      const schema = undefined
    `
    const after = 'console.log(JSON.stringify(config.current)); config.close()'
    // The types of the parameters are those of `Source`.
    const typed = code
      .replace('const source = {', 'const source: import("rootswap/config").Source = {')
      .replace('sources: [source], schema }', 'sources: [source] }')
    const folder = stage({ 'main.ts': before + typed + after, 'defaults.yaml': 'host: here\n' })
    const outcome = await run(folder, 'main.js')
    expectFine(outcome)
    expect(outcome.out).toBe('{"host":"here","port":7}\nclosed\n')
  })
})

/** A program that says in comments what it prints. */
const whole = blocks.filter(({ path, code }) => {
  return (
    path !== 'README.md' && path !== 'docs/config.md' && /^import .* from 'rootswap/m.test(code)
  )
})
test.each(whole.map((each) => [`${each.path}:${each.line}`, each] as const))(
  '%s runs, and prints what its comments say',
  async (_, each) => {
    ran.add(each)
    const name = `main.${each.language}`
    const outcome = await run(stage({ [name]: each.code }), 'main.js')
    expectFine(outcome)
    const promised = [...each.code.matchAll(/console\.log\(.*\) \/\/ ([^:\n]+)/g)]
    const printed = outcome.out.split('\n').slice(0, -1)
    expect(printed).toEqual(promised.map(([, text]) => text!.trim()))
  },
)

test('no example of README is forgotten, and the others are programs at least', () => {
  const left = blocks.filter((each) => !ran.has(each))
  expect(left.filter(({ path }) => path === 'README.md')).toEqual([])
  for (const { path, line, language, code } of left) {
    // A fragment may use `await` and name what it does not make.
    expect(() => source(`${path}.${language}`, code), `${path}:${line}`).not.toThrow()
  }
  const places = left.map(({ path, line }) => `${path}:${line}`)
  console.log(`examples: ${ran.size} run; only parsed: ${places.join(' ') || 'none'}`)
  expect(ran.size).toBeGreaterThan(5)
})

test('commands that the documents name exist', () => {
  const { scripts } = JSON.parse(readText('package.json')) as { scripts: Record<string, string> }
  let seen = 0
  for (const path of documents) {
    const text = textOf(path)
    for (const [, name] of text.matchAll(/npm run ([\w:-]+)/g)) {
      expect(Object.keys(scripts), `npm run ${name} in ${path}`).toContain(name)
      seen++
    }
    for (const [, file] of text.matchAll(/npx vitest run ((?:test|examples)\/[\w./-]*)/g)) {
      expect(existsSync(root + file!), `${file} in ${path}`).toBe(true)
      seen++
    }
  }
  expect(seen).toBeGreaterThan(5)
})
