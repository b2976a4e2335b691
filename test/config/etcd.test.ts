/** Keys of a real etcd as a configuration: what is read, followed, refused. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { etcd } from '../../src/config-etcd.ts'
import { Gate } from './gate.ts'
import { absent, EtcdServer, freePort, newWriter } from './etcd-server.ts'
import { follow, hasty, impatient, revisionOf, until } from './etcd-following.ts'
import { eventsOf, failure, next, Stage } from './stage.ts'

if (absent !== undefined) console.log(`skipped: ${absent}`)

describe.skipIf(absent !== undefined)('keys of etcd', () => {
  test('below a prefix are documents, merged in order; each revision is a version', async () => {
    const server = await EtcdServer.start()
    await server.put('/app/1', { a: 1, b: { x: 1 } })
    await server.put('/app/2', { b: { y: 2 } })
    await server.put('/apq', { c: 'of another prefix' })
    const config = await follow(server.host)
    expect(config.current).toEqual({ a: 1, b: { x: 1, y: 2 } })
    expect(revisionOf(config)).toBe(4)
    expect(config.entries()[0]?.files).toEqual(['/app/1', '/app/2'])
    const events = eventsOf(config as never)
    const listings = await server.requests('Range')
    for (let n = 5; n < 25; n++) {
      const revision = await server.put('/app/2', { b: { y: n } })
      await until(config, ({ b }) => (b as { y: number }).y === n)
      expect(revisionOf(config)).toBe(revision)
    }
    const revision = await server.delete('/app/1')
    await until(config, ({ a }) => a === undefined)
    expect([revision, revisionOf(config), config.version]).toEqual([25, 25, 22])
    expect(events.map(({ type }) => type)).toEqual(Array.from({ length: 21 }, () => 'reloaded'))
    expect([listings, await server.requests('Range')]).toEqual([1, 1])
    expect(await server.requests('Watch')).toBe(1)
  })

  test('or one key, whose end tells the format; keys that begin like it are none', async () => {
    const server = await EtcdServer.start()
    const put = (key: string, text: string) =>
      server.writer.kv.put({ key: Buffer.from(key), value: Buffer.from(text) })
    await put('/app.toml', 'n = 1')
    await put('/app.toml2', 'broken')
    const config = await follow(server.host, { key: '/app.toml' })
    expect(config.current).toEqual({ n: 1 })
    const rejected = next(config as never, 'rejected')
    await put('/app.toml', 'n = ')
    expect(await rejected).toMatchObject({ stage: 'parse', file: '/app.toml', line: 1, version: 1 })
    const reloaded = next(config as never, 'reloaded')
    await put('/app.toml', 'n = 2')
    expect(await reloaded).toMatchObject({ version: 2, files: ['/app.toml'] })
  })

  test('are listed by pages, all at one revision, while they are written', async () => {
    const server = await EtcdServer.start()
    const keys = Array.from({ length: 350 }, (_, index) => `/app/${String(index).padStart(4, '0')}`)
    const txn = (from: number, n: number) => {
      const part = keys.slice(from, from + 100)
      const success = part.map((key, index) => {
        const value = Buffer.from(JSON.stringify({ [`k${from + index}`]: n }))
        return { request_put: { key: Buffer.from(key), value } }
      })
      return server.writer.kv.txn({ compare: [], success, failure: [] })
    }
    for (let from = 0; from < 350; from += 100) await txn(from, 0)
    const config = await follow(server.host)
    expect(Object.keys(config.current)).toHaveLength(350)
    const writing = new AbortController()
    const writes = (async () => {
      for (let n = 1; !writing.signal.aborted; n++)
        for (let from = 0; from < 350; from += 100) await txn(from, n)
    })()
    const seen = new Set<string>()
    for (let reload = 0; reload < 30; reload++) {
      await config.reload()
      const values = config.current as Record<string, number>
      // The parts are written one after the other: none is ahead of one before it.
      const parts = [0, 100, 200, 300].map((from) => values[`k${from}`] as number)
      expect([...parts].sort((a, b) => b - a)).toEqual(parts)
      expect((parts[0] as number) - (parts[3] as number)).toBeLessThanOrEqual(1)
      seen.add(parts.join())
    }
    writing.abort()
    await writes
    expect(seen.size).toBeGreaterThan(3)
    console.log(`listings while writing: 30, different ${seen.size}`)
  })

  test('that are all gone are unavailable: an empty store is no configuration', async () => {
    const server = await EtcdServer.start()
    const error = await failure(follow(server.host))
    expect(error).toMatchObject({ code: 'ERR_INVALID_CONFIG', unavailable: true })
    expect(error.message).toBe('etcd /app/: there is no such key')
    await server.put('/app/1', { n: 1 })
    const config = await follow(server.host)
    const gone = next(config as never, 'unavailable')
    await server.delete('/app/1')
    expect(await gone).toMatchObject({ file: 'etcd /app/', version: 1 })
    expect(config.current).toEqual({ n: 1 })
    const back = next(config as never, 'reloaded')
    await server.put('/app/1', { n: 2 })
    expect(await back).toMatchObject({ version: 2 })
  })

  test('that hold too much are refused, at the start and later', async () => {
    const server = await EtcdServer.start()
    await server.put('/app/1', { n: 'x'.repeat(500) })
    const said = 'the keys hold more than 200 bytes, the limit that maxBytes sets'
    const error = await failure(follow(server.host, { maxBytes: 200 }))
    expect(error).toMatchObject({ unavailable: false, message: said })
    await server.put('/app/1', { n: 1 })
    const config = await follow(server.host, { maxBytes: 200 })
    const rejected = next(config as never, 'rejected')
    await server.put('/app/1', { n: 'x'.repeat(500) })
    expect(await rejected).toMatchObject({ stage: 'read', version: 1, message: said })
  })

  test('are read with a password, also from a server that has forgotten its tokens', async () => {
    const server = await EtcdServer.start()
    await server.put('/app/1', { n: 1 })
    const { auth } = server.writer
    await auth['userAdd']!({ name: 'root', password: 'open sesame' })
    await auth['roleAdd']!({ name: 'root' })
    await auth['userGrantRole']!({ user: 'root', role: 'root' })
    await auth['authEnable']!()
    const login = { auth: { username: 'root', password: 'open sesame' } }
    const error = await failure(follow(server.host))
    expect(error).toMatchObject({ unavailable: true })
    const wrong = { auth: { username: 'root', password: 'hunter2' } }
    const denied = await failure(follow(server.host, { etcd3: wrong }))
    expect(denied.message).toMatch(/authentication failed/)
    expect(denied.message).not.toContain('hunter2')
    const config = await follow(server.host, { etcd3: login })
    await server.kill()
    await server.start()
    const writer = newWriter(server.host, login)
    const request = { key: Buffer.from('/app/1'), value: Buffer.from('{"n": 2}') }
    const put = (): Promise<unknown> => writer.kv.put(request)
    // The package's connection for passwords has pauses of its own.
    while (!(await put().then(Boolean, () => false))) await sleep(100)
    await until(config, ({ n }) => n === 2)
    writer.close()
  })
})

describe.skipIf(absent !== undefined)('an etcd that is away', () => {
  test('at the start is an error, unless there is a fallback', async () => {
    const host = `http://127.0.0.1:${await freePort()}`
    const error = await failure(follow(host))
    expect(error).toMatchObject({ code: 'ERR_INVALID_CONFIG', stage: 'read', unavailable: true })
    expect(error.message).toContain('ECONNREFUSED')

    const fallback = new Stage().at('last-good')
    const server = await EtcdServer.start()
    await server.put('/app/1', { n: 1 })
    ;(await follow(server.host, {}, { fallback })).close()
    await server.kill()
    const config = await follow(server.host, {}, { fallback })
    expect(config.current).toEqual({ n: 1 })
    expect(config.entries()[0]).toMatchObject({ reason: 'fallback', revisions: {} })
    const events = eventsOf(config as never)
    await sleep(500)
    expect(events.map(({ type }) => type)).toEqual(['unavailable'])
    const reloaded = next(config as never, 'reloaded')
    await server.start()
    await server.put('/app/1', { n: 2 })
    expect(await reloaded).toMatchObject({ reason: 'changed' })
    await until(config, ({ n }) => n === 2)
  })

  test('later is one event, as is its return; what was published stays', async () => {
    const server = await EtcdServer.start()
    await server.put('/app/1', { n: 1 })
    const config = await follow(server.host)
    const events = eventsOf(config as never)
    for (let times = 1; times <= 2; times++) {
      const gone = next(config as never, 'unavailable')
      await server.kill()
      expect(await gone).toMatchObject({ file: 'etcd /app/', version: 1, reason: 'changed' })
      expect(await config.reload()).toMatchObject({ type: 'unavailable' })
      expect(config.current).toEqual({ n: 1 })
      await sleep(300)
      const back = next(config as never, 'unchanged')
      await server.start()
      await back
    }
    const types = ['unavailable', 'unavailable', 'unchanged'] // the second was asked for
    expect(events.map(({ type }) => type)).toEqual([...types, ...types])
  })

  test('in that it hangs is noticed too, and what was written after it is taken', async () => {
    const server = await EtcdServer.start()
    await server.put('/app/1', { n: 1 })
    const config = await follow(server.host, impatient)
    const gone = next(config as never, 'unavailable')
    server.hang()
    expect(await gone).toMatchObject({ version: 1 })
    expect(await config.reload()).toMatchObject({ type: 'unavailable' })
    server.goOn()
    await server.put('/app/1', { n: 2 })
    await until(config, ({ n }) => n === 2)
    expect(config.version).toBe(2)
  })

  test('and comes back as another one, with fewer revisions, is listed anew', async () => {
    const server = await EtcdServer.start()
    for (let n = 1; n <= 20; n++) await server.put('/app/1', { n })
    await server.put('/app/2', { old: true })
    const config = await follow(server.host)
    expect(revisionOf(config)).toBe(22)
    await server.wipe()
    await server.start()
    await server.put('/app/1', { n: 'of the new store' })
    await until(config, ({ n }) => n === 'of the new store')
    expect(config.current).toEqual({ n: 'of the new store' })
    expect(revisionOf(config)).toBe(2)
  })
})

describe.skipIf(absent !== undefined)('another store under the same address', () => {
  test('is noticed though it has more revisions, and none of the old keys stays', async () => {
    const server = await EtcdServer.start()
    const gate = await Gate.open(server.host)
    await server.put('/app/1', { n: 1 })
    await server.put('/app/2', { old: true })
    const config = await follow(gate.host)
    gate.close()
    await server.wipe()
    await server.start()
    await server.put('/app/1', { n: 2 })
    for (let n = 0; n < 20; n++) await server.put('/elsewhere', { n })
    await gate.reopen()
    await until(config, ({ n }) => n === 2)
    expect(config.current).toEqual({ n: 2 })
  })
})

describe.skipIf(absent !== undefined)('a cluster', () => {
  test('is followed through the loss of each of its members', async () => {
    const cluster = await EtcdServer.cluster(3)
    const [first, second] = cluster as [EtcdServer, EtcdServer, EtcdServer]
    const taken = (by: EtcdServer, n: number): Promise<boolean> =>
      by.put('/app/1', { n }).then(Boolean, () => false)
    await first.put('/app/1', { n: 0 })
    first.hang()
    // The others may have to find a leader.
    while (!(await taken(second, 0))) await sleep(50)
    const hosts = cluster.map(({ host }) => host)
    const config = await follow(hosts, impatient, { timeoutMs: 30_000 })
    expect(config.current).toEqual({ n: 0 })
    first.goOn()
    let n = 0
    for (const [index, lost] of cluster.entries()) {
      await lost.kill()
      const writing = cluster[(index + 1) % 3] as EtcdServer
      n++
      while (!(await taken(writing, n))) await sleep(50)
      await until(config, (value) => value['n'] === n)
      await lost.start()
    }
    expect(config.entries().map(({ reason }) => reason)).not.toContain('fallback')
  })
})

test.skipIf(absent !== undefined)('wrong options name the option', () => {
  const wrong: [string, object][] = [
    ['key', {}],
    ['key', { key: 'a', prefix: 'b' }],
    ['prefix', { prefix: '' }],
    ['hosts', { prefix: 'a', hosts: [] }],
    ['hosts[0]', { prefix: 'a', hosts: [7] }],
    ['format', { prefix: 'a', format: 'ini' }],
    ['etcd3', { prefix: 'a', etcd3: 7 }],
    ['keepaliveMs', { prefix: 'a', keepaliveMs: 0 }],
    ['timeoutMs', { prefix: 'a', timeoutMs: -1 }],
    ['retryMs', { prefix: 'a', retryMs: 0.5 }],
    ['retryMaxMs', { prefix: 'a', retryMaxMs: 1 }],
    ['maxBytes', { prefix: 'a', maxBytes: '1' }],
  ]
  for (const [argument, options] of wrong) {
    const call = () => etcd({ hosts: 'http://127.0.0.1:1', ...hasty, ...options } as never)
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', argument }))
  }
})
