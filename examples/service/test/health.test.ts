import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import fastify from 'fastify'
import { type Config, watchConfig } from 'rootswap/config'
import { type Health, storePlugin } from 'rootswap/fastify'
import { afterEach, describe, expect, test } from 'vitest'
import { closeStages, listen } from './server.ts'

const ends: (() => void)[] = []
afterEach(async () => {
  await closeStages()
  for (const end of ends.splice(0)) end()
})

interface Watched {
  readonly config: Config<{ count: number; password: string }>
  health(): Promise<Health>
  write(text: string): void
}

async function watched(): Promise<Watched> {
  const folder = mkdtempSync(join(tmpdir(), 'rootswap-service-'))
  const file = join(folder, 'app.json')
  const write = (text: string): void => writeFileSync(file, text)
  write('{ "count": 1, "password": "hunter2" }')
  const config = await watchConfig<{ count: number; password: string }>({
    files: [file],
    secrets: ['password'],
    check: ({ count, password }) => count > 0 || `count is ${count} beside ${password}`,
    store: { maxBytes: 2 ** 22 },
    debounceMs: 60_000,
    pollMs: 0,
  })
  const app = fastify()
  app.register(storePlugin(config, { health: '/health' }))
  ends.push(() => {
    config.close()
    rmSync(folder, { recursive: true })
  })
  const health = async (): Promise<Health> => (await app.inject('/health')).json()
  await health()
  return { config, health, write }
}

describe('the health route', () => {
  test('says version and age of a store, also when nobody looked for a while', async () => {
    const { url, publish } = await listen(() => {})
    const ask = async (): Promise<Health> => (await (await fetch(url('/health'))).json()) as Health
    await sleep(30)
    const first = await ask()
    expect(first.version).toBe(1)
    expect(first.ageMs).toBeGreaterThan(20)
    publish()
    await sleep(300)
    const second = await ask()
    expect(second.version).toBe(2)
    expect(second.ageMs).toBeGreaterThan(20)
    expect(second).not.toHaveProperty('refused')
    const before = Date.now()
    publish()
    const third = await ask()
    expect(third.version).toBe(3)
    expect(third.ageMs).toBeLessThanOrEqual(Date.now() - before)
  })

  test('counts the age of a configuration from its entry', async () => {
    const { config, health } = await watched()
    await sleep(30)
    const since = Date.now() - (config.entries().at(-1)?.time ?? 0)
    const { version, ageMs } = await health()
    expect(version).toBe(1)
    expect(ageMs).toBeGreaterThanOrEqual(since)
  })

  test('says at which stage the files were refused, and nothing that is in them', async () => {
    const { config, health, write } = await watched()
    write('{ "count": 0, "password": "hunter3" }')
    expect((await config.reload()).type).toBe('rejected')
    const refused = await health()
    expect(refused).toMatchObject({ version: 1, refused: { stage: 'check' } })
    expect(JSON.stringify(refused)).not.toContain('hunter')
    write('{ "count": ')
    await config.reload()
    expect((await health()).refused?.stage).toBe('parse')
    write('{ "count": 2, "password": "hunter3" }')
    await config.reload()
    const good = await health()
    expect(good.version).toBe(2)
    expect(good).not.toHaveProperty('refused')
  })

  test('knows of a refusal from before it was there, until better files are taken', async () => {
    const { config, write } = await watched()
    const later = async (): Promise<() => Promise<Health>> => {
      const app = fastify()
      app.register(storePlugin(config, { health: '/health' }))
      await app.ready()
      return async () => (await app.inject('/health')).json()
    }
    write('{ "count": 0, "password": "hunter3" }')
    await config.reload()
    await sleep(30)
    const health = await later()
    const { version, refused } = await health()
    expect([version, refused?.stage]).toEqual([1, 'check'])
    expect(refused?.ageMs).toBeGreaterThan(20)
    write('{ "count": 1, "password": "hunter2" }')
    await config.reload()
    expect(await health()).not.toHaveProperty('refused')
    expect(await (await later())()).not.toHaveProperty('refused')
    write('{ "count": 2, "password": "hunter2" }')
    await config.reload()
    expect(await (await later())()).not.toHaveProperty('refused')
  })

  test('knows that the service started from its fallback', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rootswap-service-'))
    const [file, fallback] = [join(folder, 'app.json'), join(folder, 'last-good')]
    ends.push(() => rmSync(folder, { recursive: true }))
    const options = { files: [file], fallback, pollMs: 0, store: { maxBytes: 2 ** 22 } }
    writeFileSync(file, '{ "count": 1 }')
    ;(await watchConfig(options)).close()
    const stand: [string, string][] = [
      ['{ "count": ', 'parse'],
      ['', 'unavailable'],
    ]
    for (const [text, stage] of stand) {
      if (text === '') rmSync(file)
      else writeFileSync(file, text)
      for (const waits of [false, true]) {
        const config = await watchConfig(options)
        ends.push(() => config.close())
        if (waits) await sleep(20)
        const app = fastify()
        app.register(storePlugin(config, { health: '/health' }))
        const health: Health = (await app.inject('/health')).json()
        expect(health).toMatchObject({ version: 1, refused: { stage } })
        await app.close()
      }
    }
  })

  test('is not there unless a path is given', async () => {
    const { app } = await listen(() => {})
    const bare = fastify()
    bare.register(storePlugin(app.config))
    expect((await bare.inject('/health')).statusCode).toBe(404)
    expect((await app.inject('/health')).statusCode).toBe(200)
  })
})
