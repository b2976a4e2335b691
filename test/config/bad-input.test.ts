/** What may stand where a good file should: refused with a clear reason, the last good version
 *  stays, and the next good file is taken. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdirSync, renameSync, rmSync, symlinkSync, truncateSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { watchConfig } from '../../src/config.ts'
import { readFiles } from '../../src/config/files.ts'
import { eventsOf, failure, next, opened, quick, Stage } from './stage.ts'

/** Nine of nine of nine: 9^9 values in 400 bytes. */
function explosion(): string {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]']
  for (let level = 1; level <= 9; level++) {
    const uses = Array.from({ length: 9 }, () => `*a${level - 1}`)
    lines.push(`a${level}: &a${level} [${uses.join(', ')}]`)
  }
  return lines.join('\n')
}

/** Each use is looked up among all of them: minutes, if nobody counts first. */
function manyAliases(): string {
  const uses = Array.from({ length: 20_000 }, (_, index) => `b${index}: *a`)
  return `a: &a [1]\n${uses.join('\n')}`
}

const nested = (levels: number): string => `{"a": ${'['.repeat(levels)}${']'.repeat(levels)}}`

const texts: [string, string, string | Uint8Array, RegExp][] = [
  ['empty', 'a.json', '', /is empty/],
  ['blank', 'a.yaml', ' \n\r\n ', /is empty/],
  ['only comments', 'a.yaml', '# nothing\n', /is empty/],
  ['binary', 'a.json', Uint8Array.of(0xff, 0xfe, 0, 1, 0x80), /not text in UTF-8/],
  ['binary in ASCII', 'a.yaml', 'a: "\0\0"', /is binary/],
  ['broken JSON', 'a.json', '{"a": [1, }', /a\.json:1:\d+: broken JSON/],
  ['JSON cut off', 'a.json', '{"a": {"b": 1', /broken JSON: close brace expected/],
  ['two JSON values', 'a.json', '{"a": 1} {"b": 2}', /end of file expected/],
  ['broken YAML', 'a.yaml', 'a: 1\n b: [', /a\.yaml:2:\d+: broken YAML/],
  ['two YAML documents', 'a.yaml', 'a: 1\n---\nb: 2', /broken YAML/],
  ['a YAML tag that nobody knows', 'a.yaml', 'a: !env HOME', /a\.yaml:1:4: broken YAML/],
  ['broken TOML', 'a.toml', 'a = 1\nb = \n', /a\.toml:2:\d+: broken TOML/],
  ['a JSON key twice', 'a.json', '{"a": 1,\n "a": 2}', /a\.json:2:2: .*"a" is there twice/],
  ['a YAML key twice', 'a.yaml', 'a: 1\na: 2\n', /a\.yaml:2:1: .*unique/],
  ['a TOML key twice', 'a.toml', 'a = 1\na = 2\n', /a\.toml:2:\d+: /],
  ['YAML anchors that explode', 'a.yaml', explosion(), /a\.yaml: .*(more than \d+ values|alias)/i],
  ['a YAML key twice, as number and text', 'a.yaml', '1: a\n"1": b\n', /a\.yaml:2:1: .*unique/],
  ['a YAML key twice, by an alias', 'a.yaml', 'x: &k foo\n*k : 1\nfoo: 2\n', /:3:1: .*unique/],
  [
    'a YAML key twice, as its anchor',
    'a.yaml',
    '&k foo: 1\na: {*k : 1, foo: 2}\n*k : 3',
    /:2:.*que/,
  ],
  ['a YAML key twice, as null and ""', 'a.yaml', '? null\n: 1\n"": 2\n', /a\.yaml:3:1: .*unique/],
  ['many YAML aliases', 'a.yaml', manyAliases(), /20001 aliases and anchors are too many/],
  ['a YAML alias without anchor', 'a.yaml', 'a: 1\nb: *c\n', /a\.yaml:2:4: .*no anchor c/],
  [
    'YAML merges that explode',
    'a.yaml',
    explosion().replaceAll('[', '{<<: [').replaceAll(']', ']}'),
    /YAML/,
  ],
  ['a YAML anchor within itself', 'a.yaml', 'a: &a [*a]', /broken YAML|nested/],
  ['NaN in JSON', 'a.json', '{"a": NaN}', /a\.json:1:7: broken JSON/],
  ['NaN in YAML', 'a.yaml', 'b: 1\na: [.nan]', /a\.yaml:2:5: is NaN.*at a\.0/],
  ['NaN in TOML', 'a.toml', 'a = nan', /is NaN.*at a/],
  ['deep JSON', 'a.json', nested(1e5), /nested/],
  ['quite deep JSON', 'a.json', nested(300), /a\.json:1:206: is nested/],
  ['very deep JSON', 'a.json', '['.repeat(5e6), /nested/],
  ['deep YAML', 'a.yaml', `a: ${'['.repeat(2e4)}${']'.repeat(2e4)}`, /nested/],
  ['quite deep YAML', 'a.yaml', `a:\n  ${'- '.repeat(300)}x`, /nested more than 200 levels/],
  ['deep TOML', 'a.toml', `a = ${'['.repeat(2e4)}${']'.repeat(2e4)}`, /nested|TOML/],
  ['a list at the top', 'a.json', '[1]', /must have keys and values at the top, not a list/],
  ['a text at the top', 'a.yaml', 'hello', /must have keys and values at the top, not a string/],
]

test.each(texts)('%s is refused, at the start and later (%s)', async (_what, name, text, said) => {
  const stage = new Stage()
  const file = stage.write(name, text)
  const start = await failure(watchConfig({ ...quick, files: [file] }))
  expect(start).toMatchObject({ name: 'RootswapError', stage: 'parse', file })
  expect(start.message).toMatch(said)

  const good = name.endsWith('.toml') ? 'good = 1' : '{"good": 1}'
  stage.replace(name, good)
  const config = await opened(watchConfig({ ...quick, files: [file] }))
  stage.write(name, text)
  const outcome = await config.reload()
  expect(outcome).toMatchObject({ type: 'rejected', stage: 'parse', file, version: 1 })
  expect(config.current).toEqual({ good: 1 })
  stage.replace(name, good.replace('1', '2'))
  expect(await config.reload()).toMatchObject({ type: 'reloaded', version: 2 })
})

test('100 MB are refused without being read', async () => {
  const stage = new Stage()
  const file = stage.write('a.json', '{"good": 1}')
  const config = await opened(watchConfig({ ...quick, files: [file] }))
  const rejected = next(config as never, 'rejected')
  truncateSync(file, 100 * 2 ** 20)
  const before = process.memoryUsage().arrayBuffers
  expect(await rejected).toMatchObject({ stage: 'read', file, version: 1 })
  expect((await rejected).message).toContain('larger than 16777216 bytes')
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50 * 2 ** 20)
  stage.replace('a.json', '{"good": 2}')
  expect(await next(config as never, 'reloaded')).toMatchObject({ version: 2 })
})

test('a folder, a device, a pipe, dangling and cyclic links are refused by name', async () => {
  const stage = new Stage()
  const file = stage.write('a.json', '{"good": 1}')
  const config = await opened(watchConfig({ ...quick, files: [file] }))
  const circle = stage.at('circle')
  symlinkSync('a.json', circle)
  const stand: [() => void, RegExp][] = [
    [() => mkdirSync(file), /is a folder/],
    [() => symlinkSync('/dev/null', file), /is not a regular file/],
    [() => symlinkSync('nowhere', file), /a link to nowhere, which is not there/],
    [() => symlinkSync('a.json', file), /leads back to itself/],
    [() => symlinkSync(circle, file), /leads back to itself/],
    [() => execFileSync('mkfifo', [file]), /is not a regular file/],
  ]
  for (const [make, said] of stand) {
    rmSync(file, { recursive: true, force: true })
    make()
    const outcome = await config.reload()
    expect(outcome).toMatchObject({ type: 'rejected', stage: 'read', file, version: 1 })
    expect((outcome as { message: string }).message).toMatch(said)
    expect(await failure(watchConfig({ ...quick, files: [file] }))).toMatchObject({ stage: 'read' })
  }
  rmSync(file)
  expect(await config.reload()).toMatchObject({ type: 'unavailable', file, version: 1 })
  stage.write('a.json', '{"good": 2}')
  expect(await config.reload()).toMatchObject({ type: 'reloaded', version: 2 })
})

test('a file without permission is refused', () => {
  const script = fileURLToPath(new URL('nobody.mjs', import.meta.url))
  const file = new Stage().write('a.json', '{"good": 1}')
  const said = execFileSync(process.execPath, [script, file], { encoding: 'utf8' })
  expect(said).toMatch(/^read: .*a\.json: may not be read by this process: no permission\n$/)
})

test('a file that changes while it is read is never taken in halves', async () => {
  const stage = new Stage()
  const text = (n: number): string => JSON.stringify({ n, pad: `${n}`.repeat(200_000), end: n })
  const file = stage.write('a.json', text(1))
  const config = await opened(watchConfig({ ...quick, files: [file] }))
  const events = eventsOf(config as never)
  let reloads = 0
  for (let n = 2; n < 8; n++) {
    const asked = config.reload()
    stage.write('a.json', text(n).slice(0, 100_000))
    await new Promise((resolve) => setImmediate(resolve))
    appendFileSync(file, text(n).slice(100_000))
    reloads += (await asked).type === 'reloaded' ? 1 : 0
    const { n: found, end, pad } = config.current as { n: number; end: number; pad: string }
    expect([end, pad.length]).toEqual([found, 200_000])
  }
  expect(await config.reload()).toMatchObject({ type: expect.stringMatching(/reloaded|unchanged/) })
  expect(config.current).toMatchObject({ n: 7, end: 7 })
  console.log(`changed while read: ${reloads} of 6 taken at once, ${events.length} events`)
})

test('files that are swapped while they are read are all of one moment', async () => {
  const stage = new Stage()
  const names = ['a', 'b', 'c', 'd']
  let n = 0
  const swap = (): void => {
    n++
    for (const name of names) stage.write(`v${n}/${name}`, `${n}`)
    symlinkSync(`v${n}`, stage.at('turning'))
    renameSync(stage.at('turning'), stage.at('data'))
  }
  swap()
  const sources = names.map((name) => ({ file: name, path: stage.at(`data/${name}`) }))
  let refused = 0
  const seen = new Set<string>()
  for (let reading = 0; reading < 100; reading++) {
    const asked = readFiles(sources, 100)
    await new Promise((resolve) => setTimeout(resolve, reading % 3))
    swap()
    try {
      const texts = await asked
      const found = texts.map(({ bytes }) => Buffer.from(bytes).toString())
      expect(new Set(found).size).toBe(1)
      seen.add(found[0] as string)
    } catch (error) {
      if ((error as { stage?: string }).stage !== 'read') throw error
      refused++
    }
  }
  console.log(`swapped while read: ${seen.size} different readings, ${refused} refused`)
  expect(seen.size).toBeGreaterThan(10)
})

test('what is wrong only later keeps the last version, and the watcher lives', async () => {
  const stage = new Stage()
  const file = stage.write('a.yaml', 'n: 1')
  const env = { THERE: 'yes' }
  const schema = z
    .object({ n: z.number() })
    .passthrough()
    .refine(async ({ n }) => {
      if (n === 3) await new Promise(() => {})
      if (n === 4) throw new RangeError('four')
      return n !== 5
    }, 'not five')
  const options = { ...quick, files: [file], env, schema, timeoutMs: 2000 }
  const config = await opened(watchConfig(options))
  const huge = `n: 6\nhuge: ${'x'.repeat(8 * 2 ** 20)}` // more than the store can hold
  const later: [string, string, RegExp][] = [
    ['n: 2\na: ${NOT_THERE}', 'interpolate', /a\.yaml:2:4: .*NOT_THERE/],
    ['n: 3', 'validate', /the schema did not settle within 2000 ms/],
    ['n: 4', 'validate', /RangeError: four/],
    ['n: 5', 'validate', /not five/],
    [huge, 'publish', /maxBytes/],
  ]
  for (const [index, [text, stage_, said]] of later.entries()) {
    const rejected = next(config as never, 'rejected')
    stage.replace('a.yaml', text)
    expect(await rejected).toMatchObject({ stage: stage_, version: index + 1, reason: 'changed' })
    expect((await rejected).message).toMatch(said)
    expect(config.current.n).toBe(index === 0 ? 1 : 100 + index - 1)
    const reloaded = next(config as never, 'reloaded')
    stage.replace('a.yaml', `n: ${100 + index}\na: \${THERE}`)
    expect(await reloaded).toMatchObject({ version: index + 2 })
    expect(config.current).toEqual({ n: 100 + index, a: 'yes' })
  }
})

test('wrong options are TypeError or RangeError, and name the option', async () => {
  const files = [new Stage().write('a.json', '{}')]
  const wrong: [string, unknown][] = [
    ['schema', {}],
    ['check', 1],
    ['env', 'x'],
    ['fallback', 1],
    ['secrets', 'a'],
    ['secrets[0]', [1]],
    ['debounceMs', 0],
    ['pollMs', -1],
    ['history', 0],
    ['name', 1],
    ['sighup', 1],
    ['maxFileBytes', '1'],
    ['timeoutMs', 0],
  ]
  for (const [argument, value] of wrong) {
    const options = { files, [argument.replace('[0]', '')]: value }
    const error = await failure(watchConfig(options as { files: string[] }))
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', argument })
    expect(error).not.toHaveProperty('stage')
  }
})
