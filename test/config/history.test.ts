import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { describe, expect, test } from 'vitest'
import { watchConfig } from '../../src/config.ts'
import { refusalOf } from '../../src/config/watched.ts'
import { openStore } from '../../src/index.ts'
import { eventsOf, failure, next, opened, quick, Stage } from './stage.ts'

describe('entries', () => {
  test('say version, hash, time, files and reason of what was accepted, to a limit', async () => {
    const stage = new Stage()
    const files = [stage.write('a.yaml', 'n: 1')]
    const begin = Date.now()
    const config = await opened(watchConfig({ ...quick, files, history: 3 }))
    for (const text of ['n: 2', 'n: [', 'n: 3', 'n: 4']) {
      stage.write('a.yaml', text)
      await config.reload()
    }
    const entries = config.entries()
    expect(entries.map(({ version, reason }) => [version, reason])).toEqual([
      [2, 'requested'],
      [3, 'requested'],
      [4, 'requested'],
    ])
    expect(new Set(entries.map(({ hash }) => hash)).size).toBe(3)
    for (const entry of entries) {
      expect(entry).toMatchObject({ files, hash: expect.stringMatching(/^[0-9a-f]{64}$/) })
      expect(entry.time).toBeGreaterThanOrEqual(begin)
      expect(Object.isFrozen(entry)).toBe(true)
    }
    expect(() => config.rollback(1)).toThrow(
      expect.objectContaining({ code: 'ERR_UNKNOWN_VERSION', versions: [2, 3, 4] }),
    )
  })
})

describe('rollback', () => {
  test('publishes an old value as a new version, in all threads', async () => {
    const stage = new Stage()
    const files = [stage.write('a.toml', 'n = 1\nat = 2026-01-02T03:04:05Z')]
    const config = await opened(watchConfig({ ...quick, files }))
    const events = eventsOf(config as never)
    stage.write('a.toml', 'n = 2')
    await config.reload()
    expect(config.rollback(1)).toMatchObject({ version: 3, changed: true })
    expect(config.current).toEqual({ n: 1, at: new Date('2026-01-02T03:04:05Z') })
    const other = openStore(config.handle)
    expect(other.version).toBe(3)
    other.close()
    const [first, , third] = config.entries()
    expect(third).toMatchObject({ version: 3, reason: 'rollback', of: 1, hash: first?.hash })
    expect(events.map(({ type, reason }) => [type, reason])).toEqual([
      ['reloaded', 'requested'],
      ['reloaded', 'rollback'],
    ])
    await config.propagated(3)
  })

  test('keeps __proto__ data, and what TOML and the schema made', async () => {
    const stage = new Stage()
    const files = [stage.write('a.json', '{"__proto__": {"admin": 1}, "big": 1}')]
    const made = { set: new Set([1]), bytes: Uint8Array.of(1, 2), big: 2n ** 70n, none: undefined }
    const validate = (value: unknown) => ({ value: { ...(value as object), ...made } })
    const schema = { '~standard': { version: 1, vendor: 'test', validate } } as const
    const config = await opened(watchConfig({ ...quick, files, schema }))
    const before = config.current as Record<string, unknown>
    stage.write('a.json', '{"other": 1}')
    await config.reload()
    config.rollback(1)
    const after = config.current as Record<string, unknown>
    expect(Object.keys(after)).toEqual(Object.keys(before))
    expect(Object.entries(after)[0]).toEqual(['__proto__', { admin: 1 }])
    expect([after['big'], after['bytes'], [...(after['set'] as Set<number>)]]).toEqual([
      2n ** 70n,
      Uint8Array.of(1, 2),
      [1],
    ])
  })

  test('holds reloads until the files change again', async () => {
    const stage = new Stage()
    const files = [stage.write('a.yaml', 'n: 1')]
    const config = await opened(watchConfig({ ...quick, files, pollMs: 20 }))
    stage.write('a.yaml', 'n: 2')
    await config.reload()
    config.rollback(1)
    const touched = next(config as never, 'unchanged')
    stage.write('a.yaml', 'n: 2')
    expect(await touched).toMatchObject({ held: true, version: 3 })
    expect(await config.reload()).toMatchObject({ type: 'unchanged', held: true, version: 3 })
    expect(config.current).toEqual({ n: 1 })
    const changed = next(config as never, 'reloaded')
    stage.write('a.yaml', 'n: 3')
    expect(await changed).toMatchObject({ version: 4 })
    expect(config.current).toEqual({ n: 3 })
    stage.write('a.yaml', 'n: 2')
    expect(await config.reload()).toMatchObject({ type: 'reloaded', version: 5 })
  })

  test('during a reload keeps that from publishing', async () => {
    const stage = new Stage()
    const files = [stage.write('a.yaml', 'n: 1')]
    let checking = (): void => {}
    let go = (): void => {}
    const check = (_value: unknown, current: unknown): Promise<undefined> | undefined => {
      if (current === undefined || config.version === 1) return undefined
      checking()
      return new Promise((resolve) => (go = () => resolve(undefined)))
    }
    const config = await opened(watchConfig({ ...quick, files, check }))
    stage.write('a.yaml', 'n: 2')
    await config.reload()
    stage.write('a.yaml', 'n: 3')
    const began = new Promise<void>((resolve) => (checking = resolve))
    const asked = config.reload()
    await began
    config.rollback(1)
    go()
    expect(await asked).toMatchObject({ type: 'unchanged', held: true, version: 3 })
    expect(config.current).toEqual({ n: 1 })
    expect(await config.reload()).toMatchObject({ type: 'unchanged', held: true })
    stage.write('a.yaml', 'n: 4')
    const later = new Promise<void>((resolve) => (checking = resolve))
    const reloaded = config.reload()
    await later
    go()
    expect(await reloaded).toMatchObject({ type: 'reloaded', version: 4 })
  })
})

describe('the fallback', () => {
  test('is what a start with invalid or missing files goes on with', async () => {
    const stage = new Stage()
    const files = [stage.write('a.yaml', 'n: 1'), stage.write('b.json', '\uFEFF{"m": "${M}"}')]
    const fallback = stage.at('last-good')
    const env = { M: 'from outside' }
    const first = await opened(watchConfig({ ...quick, files, fallback, env }))
    stage.write('a.yaml', 'n: 2')
    await first.reload()
    first.close()
    expect(statSync(fallback).mode & 0o777).toBe(0o600)
    expect(readFileSync(fallback, 'utf8')).not.toContain('from outside')

    stage.write('a.yaml', 'n: [')
    const second = await opened(watchConfig({ ...quick, files, fallback, env, pollMs: 10 }))
    const rejected = await next(second as never, 'rejected')
    expect(rejected).toMatchObject({ reason: 'fallback', file: files[0], version: 1 })
    expect(second.current).toEqual({ n: 2, m: 'from outside' })
    expect(second.entries()).toMatchObject([{ version: 1, reason: 'fallback' }])
    const fixed = next(second as never, 'reloaded')
    stage.write('a.yaml', 'n: 3')
    await fixed
    expect(second.current).toEqual({ n: 3, m: 'from outside' })
    await second.reload() // the fallback of the one before is written then
    second.close()

    for (const file of files) rmSync(file)
    const third = await opened(watchConfig({ ...quick, files, fallback, env }))
    expect(await next(third as never, 'unavailable')).toMatchObject({ file: files[0] })
    expect(readdirSync(stage.folder)).toEqual(['last-good'])
  })

  test('is told of before better files are, though somebody asks for them at once', async () => {
    const stage = new Stage()
    const fallback = stage.at('last-good')
    let text: string | undefined = '{"n": 1}'
    const read = async () => {
      if (text === undefined) throw new TypeError('away')
      return { texts: [{ file: 'a', format: 'json', bytes: Buffer.from(text) } as const] }
    }
    const source = () => ({ name: 'memory', read, watch: () => {}, close: () => {} })
    const start = () => watchConfig({ ...quick, sources: [source()], fallback })
    ;(await start()).close()
    text = undefined
    const config = await opened(start())
    const events = eventsOf(config as never)
    expect(refusalOf(config)).toMatchObject({ stage: 'unavailable' })
    text = '{"n": 2}'
    await config.reload()
    await new Promise((resolve) => setImmediate(resolve))
    expect(events.map(({ type, version }) => [type, version])).toEqual([
      ['unavailable', 1],
      ['reloaded', 2],
    ])
    expect(refusalOf(config)).toBeUndefined()
  })

  test('follows a rollback', async () => {
    const stage = new Stage()
    const files = [stage.write('a.yaml', 'n: 1')]
    const fallback = stage.at('last-good')
    const config = await opened(watchConfig({ ...quick, files, fallback }))
    stage.write('a.yaml', 'n: 2')
    await config.reload()
    config.rollback(1)
    while (!readFileSync(fallback, 'utf8').includes('n: 1'))
      await new Promise((resolve) => setTimeout(resolve, 1))
  })

  test('that is damaged, or no longer valid, is an error that tells both reasons', async () => {
    const stage = new Stage()
    const files = [stage.write('a.yaml', 'n: 1')]
    const fallback = stage.at('last-good')
    const start = () => opened(watchConfig({ ...quick, files, fallback }))
    ;(await start()).close()
    const whole = readFileSync(fallback, 'utf8')
    stage.write('a.yaml', 'n: [')
    const damages: [string, string][] = [
      [whole.replace('n: 1', 'n: 7'), 'checksum'],
      [whole.slice(0, 40), 'not JSON'],
      ['{}', 'not of the format'],
      [whole.replace(/\[.*\]/, '[null]'), 'not of the format'],
      [whole.replace('"text":"n: 1"', '"text":1'), 'not of the format'],
      [whole.replace('"text":"n: 1"', '"content":"n: 1"'), 'not of the format'],
      [whole.replace(/"file":"[^"]*",/, ''), 'not of the format'],
      [whole.replace(/"hash":"[^"]*",/, ''), 'checksum'],
    ]
    for (const [text, said] of damages) {
      expect(text).not.toBe(whole)
      writeFileSync(fallback, text)
      const error = await failure(start())
      expect(error).toMatchObject({ stage: 'parse', file: files[0] })
      expect(error.message).toContain(said)
    }
    rmSync(fallback)
    expect((await failure(start())).message).toContain('ENOENT')
    expect(existsSync(fallback)).toBe(false)
    writeFileSync(fallback, whole)
    const check = (): string => 'never'
    const error = await failure(watchConfig({ ...quick, files, fallback, check }))
    expect(error.message).toContain('never')
  })

  test('removes what killed writers have left beside it, and nothing else', async () => {
    const stage = new Stage()
    const files = [stage.write('a.yaml', 'password: sesame')]
    const id = 'd2719ad6-7dd2-4b6c-9e4f-2f1d3c0a8b11'
    const old = [
      `last-good.${id}.tmp`,
      `last-good.${id}.tmp.tmp`,
      `last-good.${id}`,
      `last-good.${id.slice(1)}.tmp`,
      `other-last-good.${id}.tmp`,
      `last-goodx${id}.tmp`,
      'last-good.mine.tmp',
    ]
    const hourAgo = new Date(Date.now() - 3_600_000)
    for (const name of old) utimesSync(stage.write(name, 'sesame'), hourAgo, hourAgo)
    mkdirSync(stage.at(`last-good.${id.replace('d', 'a')}.tmp`))
    utimesSync(stage.at(`last-good.${id.replace('d', 'a')}.tmp`), hourAgo, hourAgo)
    const young = `last-good.${id.replace('d', 'b')}.tmp`
    stage.write(young, 'being written by another process')
    const before = readdirSync(stage.folder)
    const config = await opened(
      watchConfig({ ...quick, files, fallback: stage.at('last-good'), history: 1 }),
    )
    const after = readdirSync(stage.folder)
    expect(after).toContain('last-good')
    expect(before.filter((name) => !after.includes(name))).toEqual([old[0]])
    utimesSync(stage.at(young), hourAgo, hourAgo)
    stage.write('a.yaml', 'password: open')
    await config.reload()
    expect(readdirSync(stage.folder)).not.toContain(young)
  })

  test('that can not be written is a warning', async () => {
    const stage = new Stage()
    const files = [stage.write('a.yaml', 'n: 1')]
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
    const config = await opened(watchConfig({ ...quick, files, fallback: stage.at('no/such/f') }))
    expect(await warned).toMatchObject({ code: 'ROOTSWAP_CONFIG_FALLBACK' })
    expect(config.version).toBe(1)
  })
})

test('a snapshot keeps its version; propagated waits for it', async () => {
  const stage = new Stage()
  const files = [stage.write('a.yaml', 'n: 1')]
  const config = await opened(watchConfig<{ n: number }>({ ...quick, files, name: 'named' }))
  expect(config.store.name).toBe('named')
  const snapshot = config.snapshot()
  const double = config.select(({ n }) => n, (n) => 2 * n) // prettier-ignore
  const changes: unknown[] = []
  const heard = new Promise<void>((resolve) => {
    const hear = (...heard: unknown[]): void => {
      changes.push(heard.slice(0, 2))
      resolve()
    }
    config.subscribe(({ n }) => n, hear)
  })
  stage.write('a.yaml', 'n: 2')
  await config.reload()
  expect([snapshot.value.n, config.current.n, double()]).toEqual([1, 2, 4])
  let drained = false
  const propagated = config.propagated(2).then(() => (drained = true))
  await heard
  expect(changes).toEqual([[2, 1]])
  expect(drained).toBe(false)
  snapshot.release()
  await propagated
})
