import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { EDIT_COUNT, editLive, INVALID_COUNT } from '../../src/cli/demo/config-edits.ts'
import { ConfigFile } from '../../src/cli/demo/config-file.ts'
import { complaint } from '../../src/cli/demo/config-rules.ts'
import { configFile } from '../../src/cli/demo/files.ts'

const { signal } = new AbortController()
const open: ConfigFile[] = []
afterEach(() => open.splice(0).forEach((file) => file.close()))

function openFile(): { file: ConfigFile; published: unknown[] } {
  const published: unknown[] = []
  const file = new ConfigFile(configFile(), (config) => published.push(config))
  open.push(file)
  return { file, published }
}

describe("the demo's configuration file", () => {
  test('the original keeps every rule and has 200 lines', () => {
    const text = readFileSync(configFile(), 'utf8')
    expect(complaint(JSON.parse(text))).toBeUndefined()
    expect(text.trimEnd().split('\n')).toHaveLength(200)
  })

  test('a good change is published; a broken one is not, and is named', async () => {
    const { file, published } = openFile()
    const good = file.text.replace('"port": 8443', '"port": 9443')
    await file.save(good, signal)
    await file.save(good.replace('"host":', '"host"'), signal)
    await file.save(good.replace('"port": 9443', '"port": 70000'), signal)
    expect(published).toEqual([JSON.parse(good)])
    expect([file.applied, file.rejected]).toEqual([1, 2])
    expect(file.lastComplaint).toBe('server.port is 70000, not a port')
  })

  test('of twenty live changes two are rejected, and the original is not touched', async () => {
    const original = readFileSync(configFile(), 'utf8')
    const { file, published } = openFile()
    await editLive(file, 100, signal)
    expect([file.applied, file.rejected]).toEqual([EDIT_COUNT - INVALID_COUNT, INVALID_COUNT])
    expect([EDIT_COUNT, published.length]).toEqual([20, 18])
    // Each change was built upon the good ones before it.
    const last = published.at(-1) as { server: { port: number }; maintenance: object }
    expect(last.server.port).toBe(8443)
    expect(last.maintenance).toMatchObject({ enabled: true })
    expect(readFileSync(configFile(), 'utf8')).toBe(original)
  })

  test('closing removes the copy', () => {
    const { file } = openFile()
    file.close()
    expect(existsSync(dirname(file.path))).toBe(false)
  })

  test('each rule refuses what breaks it', () => {
    const good = JSON.parse(readFileSync(configFile(), 'utf8')) as Record<string, object>
    const broken = [
      { server: { port: 65_536 } },
      { metrics: { port: 'http' } },
      { database: { poolSize: 0 } },
      { limits: {} },
      { logging: { level: 'info', sampleRate: 1.5 } },
      { logging: { level: 'loud', sampleRate: 1 } },
      { features: { x: { rollout: -1 } } },
    ]
    for (const part of broken) expect(complaint({ ...good, ...part })).toBeTypeOf('string')
    expect(complaint(null)).toBeTypeOf('string')
  })
})
