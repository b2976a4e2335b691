import { describe, expect, test } from 'vitest'
import * as fc from 'fast-check'
import { watchConfig } from '../../src/config.ts'
import { interpolate } from '../../src/config/interpolate.ts'
import { failure, opened, quick, Stage } from './stage.ts'

const bom = '\uFEFF'

async function read(name: string, text: string, env = {}): Promise<unknown> {
  const files = [new Stage().write(name, text)]
  return (await opened(watchConfig({ ...quick, files, env }))).current
}

describe('formats', () => {
  test('JSON has comments and trailing commas, a byte order mark and CRLF', async () => {
    const text = `${bom}// a comment\r\n{ "a": [1, /* two */ 2,],\r\n "b": { "c": null }, }\r\n`
    expect(await read('a.json', text)).toEqual({ a: [1, 2], b: { c: null } })
    expect(await read('a.jsonc', text)).toEqual({ a: [1, 2], b: { c: null } })
  })

  test('YAML has anchors and merge keys, a byte order mark and CRLF', async () => {
    const text = [
      `${bom}base: &base { port: 1, on: yes }`,
      'server:',
      '  <<: *base',
      '  port: 2',
      'when: 2026-01-02',
    ]
    const value = { base: { port: 1, on: 'yes' }, server: { port: 2, on: 'yes' } }
    expect(await read('a.yaml', text.join('\r\n'))).toEqual({ ...value, when: '2026-01-02' })
    expect(await read('a.yml', text.join('\n'))).toEqual({ ...value, when: '2026-01-02' })
  })

  test('YAML keys are the same only if their properties are', async () => {
    const text = 'null: 1\n"null": 2\na: &k foo\nb: {*k : 1, bar: &k bar}\nc: {*k : 2, foo: 3}\n'
    expect(await read('a.yaml', text)).toEqual({
      '': 1,
      null: 2,
      a: 'foo',
      b: { foo: 1, bar: 'bar' },
      c: { bar: 2, foo: 3 },
    })
  })

  test('TOML has dates: with an offset a Date, local ones their text', async () => {
    const text = `${bom}at = 2026-01-02T03:04:05Z\r\nday = 2026-01-02\r\ntime = 03:04:05\r
local = 2026-01-02T03:04:05\r\nbig = 9007199254740993\r\n[a.b]\r\nc = [1, 2]\r\n`
    expect(await read('a.toml', text)).toEqual({
      at: new Date('2026-01-02T03:04:05Z'),
      day: '2026-01-02',
      time: '03:04:05.000',
      local: '2026-01-02T03:04:05.000',
      big: 9007199254740993n,
      a: { b: { c: [1, 2] } },
    })
  })

  test.each([
    ['a.json', '{"__proto__": {"admin": true}, "constructor": 1}'],
    ['a.yaml', '__proto__: {admin: true}\nconstructor: 1'],
    ['a.toml', 'constructor = 1\n[__proto__]\nadmin = true'],
  ])('__proto__ is data in %s', async (name, text) => {
    const value = (await read(name, text)) as Record<string, unknown>
    expect(Object.keys(value).sort()).toEqual(['__proto__', 'constructor'])
    expect(Object.getOwnPropertyDescriptor(value, '__proto__')?.value).toEqual({ admin: true })
    expect((value as { admin?: boolean }).admin).toBeUndefined()
    expect(({} as { admin?: boolean }).admin).toBeUndefined()
  })

  test('a name with another ending, and no names at all, are wrong arguments', async () => {
    for (const files of [['app.conf'], [], undefined, [1]]) {
      const error = await failure(watchConfig({ files: files as string[] }))
      expect(error).toBeInstanceOf(TypeError)
      expect(error['code']).toBe('ERR_INVALID_ARGUMENT')
    }
  })
})

describe('several files', () => {
  test('later ones override earlier ones key by key; lists are replaced', async () => {
    const stage = new Stage()
    const files = [
      stage.write('base.yaml', 'a: { x: 1, y: 2 }\nlist: [1, 2, 3]\ngone: { z: 1 }'),
      stage.write('env.toml', 'list = [4]\n[a]\ny = 3'),
      stage.write('local.json', '{"a": {"w": 4}, "gone": null, "__proto__": {"p": 1}}'),
    ]
    const { current } = await opened(watchConfig({ ...quick, files }))
    const { ['__proto__']: own, ...rest } = current as Record<string, unknown>
    expect(rest).toEqual({ a: { x: 1, y: 3, w: 4 }, list: [4], gone: null })
    expect(own).toEqual({ p: 1 })
  })

  test('one broken file among them is an error that names it', async () => {
    const stage = new Stage()
    const bad = stage.write('b.json', '{\n  "a": 1\n  "b": 2 }')
    const files = [stage.write('a.yaml', 'a: 1'), bad, stage.write('c.toml', 'c = 1')]
    const error = await failure(watchConfig({ ...quick, files }))
    expect(error).toMatchObject({ stage: 'parse', file: bad, line: 3, column: 3 })
    expect(error.message).toContain('comma expected')
  })
})

describe('variables', () => {
  test('are put into strings, once; the default stands for unset and empty', async () => {
    const env = { HOST: 'db', EMPTY: '', NESTED: '${HOST}' }
    const text = `
url: "pg://\${HOST}:\${PORT:-5432}/\${EMPTY:-main}"
list: ["\${NESTED}", "$\${HOST}", "\${EMPTY}|", "$HOST {}"]
empty: "\${NONE:-}"`
    expect(await read('a.yaml', text, env)).toEqual({
      url: 'pg://db:5432/main',
      list: ['${HOST}', '${HOST}', '|', '$HOST {}'],
      empty: '',
    })
  })

  test('a missing one is an error with line and column, unless a later file hides it', async () => {
    const stage = new Stage()
    const file = stage.write('a.yaml', 'db:\n  host: "${NO_SUCH_HOST}"\n')
    const error = await failure(watchConfig({ ...quick, files: [file], env: {} }))
    expect(error).toMatchObject({ stage: 'interpolate', file, line: 2, column: 9 })
    expect(error.message).toContain('NO_SUCH_HOST')
    const files = [file, stage.write('b.toml', '[db]\nhost = "here"')]
    const config = await opened(watchConfig({ ...quick, files, env: {} }))
    expect(config.current).toEqual({ db: { host: 'here' } })
  })

  test('what is no variable is an error, and with env: false just text', async () => {
    const file = new Stage().write('a.json', '{"a": "${not a name}"}')
    const error = await failure(watchConfig({ ...quick, files: [file] }))
    expect(error).toMatchObject({ stage: 'interpolate', file, line: 1, column: 7 })
    const config = await opened(watchConfig({ ...quick, files: [file], env: false }))
    expect(config.current).toEqual({ a: '${not a name}' })
  })

  test('are found as the pattern says, wherever the last } is', () => {
    const pattern = /\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?/g
    const parts = fc.constantFrom('$', '{', '}', ':-', 'A', 'B', 'C', '1', ' ', '${A', '${B:-')
    const env = { A: 'a}', B: '' }
    const count = { changed: 0, flawed: 0, unclosed: 0 }
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 12 }), (texts) => {
        const text = texts.join('')
        let flaws = 0
        const whole = (found: string, name?: string, otherwise?: string): string => {
          if (found === '$${') return '${'
          const value = name === undefined ? undefined : { ...env, C: undefined }[name]
          if (value !== undefined && (value !== '' || otherwise === undefined)) return value
          if (otherwise === undefined) flaws++
          return otherwise ?? found
        }
        const wanted = text.replaceAll(pattern, whole)
        const tree = { text }
        expect(interpolate(tree, env).length).toBe(flaws)
        expect(tree.text).toBe(wanted)
        count.changed += wanted === text ? 0 : 1
        count.flawed += flaws > 0 ? 1 : 0
        count.unclosed += text.lastIndexOf('${') > text.lastIndexOf('}') ? 1 : 0
      }),
      { numRuns: 2000, seed: 7 },
    )
    console.log(`interpolated, seed 7: ${JSON.stringify(count)} of 2000`)
    expect(Math.min(...Object.values(count))).toBeGreaterThan(100)
  })

  // What took minutes, since it grew with the square of the size; the test's time-out tells.
  test('that never end, and very many that are missing, take no longer than others', async () => {
    const endless = new Stage().write('a.json', JSON.stringify({ a: '${A:-'.repeat(150_000) }))
    const error = await failure(watchConfig({ ...quick, files: [endless], env: {} }))
    expect(error).toMatchObject({ stage: 'interpolate', file: endless, line: 1, column: 6 })
    const lines = Array.from({ length: 80_000 }, (_, index) => `key${index}: "\${NO_${index}}"`)
    const many = new Stage().write('a.yaml', lines.join('\n'))
    const refused = await failure(watchConfig({ ...quick, files: [many], env: {} }))
    expect(refused).toMatchObject({ stage: 'interpolate', file: many, line: 1, column: 7 })
    expect(refused['issues']).toHaveLength(100)
    expect(refused.message).toMatch(/NO_0 .*NO_1 .*NO_2 .*and 97 more$/)
  }, 60_000)

  test('come from process.env by default, of which only own properties count', async () => {
    process.env['ROOTSWAP_TEST_VARIABLE'] = 'seen'
    const file = new Stage().write('a.toml', 'a = "${ROOTSWAP_TEST_VARIABLE}"')
    const config = await opened(watchConfig({ ...quick, files: [file] }))
    expect(config.current).toEqual({ a: 'seen' })
    delete process.env['ROOTSWAP_TEST_VARIABLE']
    const inherited = new Stage().write('a.toml', 'a = "${constructor}"')
    const error = await failure(watchConfig({ ...quick, files: [inherited], env: {} }))
    expect(error['stage']).toBe('interpolate')
  })
})
