import { once } from 'node:events'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { createStore, RootswapError, type Snapshot } from 'rootswap'
import { storePlugin } from 'rootswap/fastify'
import { afterEach, describe, expect, expectTypeOf, test } from 'vitest'
import { closeStages, listen, type Settings, until } from './server.ts'

afterEach(closeStages)

/** A handler or hook that asks for its version after its client has gone. */
class Late {
  /** What it got. */
  readonly errors: unknown[] = []
  #arrived = false

  readonly ask = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    this.#arrived = true
    await once(reply.raw, 'close')
    try {
      this.errors.push(request.config.value)
    } catch (error) {
      this.errors.push(error)
    }
  }

  /** The client goes once it has been heard; returns when the handler has asked. */
  async goneFrom(socket: Socket): Promise<void> {
    await until(() => this.#arrived)
    socket.destroy()
    await until(() => this.errors.length > 0)
  }
}

describe('request.config', () => {
  test('is one version for the whole request, whatever is published meanwhile', async () => {
    const { url, publish } = await listen((app) => {
      app.get('/', async ({ config }) => {
        const seen = new Set<number>()
        for (let turn = 0; turn < 20; turn++) {
          seen
            .add(config.value.count)
            .add(config.get('count'))
            .add(config.version - 1)
          await sleep(1)
        }
        return [...seen]
      })
    })
    let published = 0
    const timer = setInterval(() => {
      publish()
      published++
    }, 1)
    const answers = await Promise.all(Array.from({ length: 40 }, async () => fetch(url('/'))))
    const versions = await Promise.all(answers.map(async (one) => (await one.json()) as number[]))
    clearInterval(timer)
    console.log(`${versions.length} requests beside ${published} publishes`)
    expect(published).toBeGreaterThan(5)
    expect(versions.filter((seen) => seen.length !== 1)).toEqual([])
  })

  test('is the same snapshot at each use, of the type of the store', async () => {
    const { url } = await listen((app) => {
      app.get('/', (request) => {
        expectTypeOf(request.config).toEqualTypeOf<Snapshot<Settings>>()
        expectTypeOf(request.config.value.count).toEqualTypeOf<number>()
        expectTypeOf(app.config.current.text).toEqualTypeOf<string>()
        const { config } = request
        return { same: config === request.config, ofInstance: app.config.version }
      })
    })
    expect(await (await fetch(url('/'))).json()).toEqual({ same: true, ofInstance: 1 })
  })

  test('is taken when it is asked for, so a request that does not ask holds nothing', async () => {
    const { url, store, released } = await listen((app, store) => {
      app.get('/asks', async ({ config }) => [config.version, store.stats().snapshots])
      app.get('/', async () => [0, store.stats().snapshots])
    })
    expect(await (await fetch(url('/asks'))).json()).toEqual([1, 1])
    await released()
    expect(await (await fetch(url('/'))).json()).toEqual([0, 0])
    expect(store.stats().snapshots).toBe(0)
  })

  test('works in inject, in 404 handlers, and below in scopes of their own', async () => {
    const { app, released } = await listen((app) => {
      app.register(async (scope) => {
        scope.get('/below', ({ config }) => ({ count: config.value.count }))
      })
      app.setNotFoundHandler(({ config }) => ({ none: config.value.count }))
    })
    expect((await app.inject('/below')).json()).toEqual({ count: 0 })
    expect((await app.inject('/nowhere')).json()).toEqual({ none: 0 })
    await released()
  })

  test('has the name that it was given, and there may be several', async () => {
    const first = createStore({ a: 1 }, { maxBytes: 2 ** 22 })
    const second = createStore({ b: 2 }, { maxBytes: 2 ** 22 })
    const app = fastify()
    app.register(storePlugin(first, { as: 'first' }))
    app.register(storePlugin(second, { as: 'second' }))
    app.get('/', (request) => {
      const one = request.getDecorator<Snapshot<{ a: number }>>('first')
      const other = request.getDecorator<Snapshot<{ b: number }>>('second')
      return { a: one.value.a, b: other.value.b }
    })
    expect((await app.inject('/')).json()).toEqual({ a: 1, b: 2 })
    await app.close()
    expect([first.stats().snapshots, second.stats().snapshots]).toEqual([0, 0])
    for (const store of [first, second]) store.close()
  })
})

describe('the version is let go', () => {
  test('when the response is finished, also a stream; not before', async () => {
    const chunks = new Readable({ read() {} })
    const { url, store, publish, released } = await listen((app) => {
      app.get('/', async ({ config }, reply) => {
        chunks.push(`${config.version}`)
        return reply.send(chunks)
      })
    })
    const answer = await fetch(url('/'))
    publish()
    expect(store.stats()).toMatchObject({ snapshots: 1, oldestSnapshotVersion: 1 })
    chunks.push(null)
    expect(await answer.text()).toBe('1')
    await released()
    await store.drained(2, { signal: AbortSignal.timeout(60_000) })
  })

  test('when the handler throws, at once or later', async () => {
    const { url, released } = await listen((app) => {
      app.get('/now', ({ config }) => {
        throw new TypeError(`of version ${config.version}`)
      })
      app.get('/later', async ({ config }) => {
        const { version } = config
        await sleep(5)
        throw new TypeError(`of version ${version}`)
      })
    })
    for (const path of ['/now', '/later']) {
      const answer = await fetch(url(path))
      const said = await answer.text()
      expect([answer.status, said]).toEqual([500, expect.stringContaining('of version 1')])
    }
    await released()
  })

  test('when the client goes away, although the handler never ends', async () => {
    const { send, store, released, publish } = await listen((app) => {
      app.get('/', async ({ config }) => await new Promise(() => config.version))
    })
    const socket = await send('/')
    await until(() => store.stats().snapshots === 1)
    publish()
    socket.destroy()
    await released()
    await store.drained(2, { signal: AbortSignal.timeout(60_000) })
  })

  test('when the request takes longer than the server allows', async () => {
    const counts: number[] = []
    const { url, released } = await listen(
      (app, store) => {
        app.get('/', async ({ config }) => {
          counts.push(config.version, store.stats().snapshots)
          return await new Promise(() => {})
        })
      },
      { connectionTimeout: 1000 },
    )
    await expect(fetch(url('/'))).rejects.toThrow()
    await released()
    expect(counts.slice(0, 2)).toEqual([1, 1])
  })

  test('when the socket of a hijacked reply closes, or the handler says so', async () => {
    const { send, store, released } = await listen((app) => {
      app.get('/:early', ({ config, params }, reply) => {
        reply.hijack()
        reply.raw.write(`event of ${config.version}\n`)
        if ((params as { early: string }).early === 'yes') config.release()
      })
    })
    const first = await send('/yes')
    await once(first, 'data')
    expect(store.stats().snapshots).toBe(0)
    const second = await send('/no')
    await once(second, 'data')
    expect(store.stats().snapshots).toBe(1)
    for (const socket of [first, second]) socket.destroy()
    await released()
  })

  test('and a handler that goes on after its client is told so, and holds nothing', async () => {
    const late = new Late()
    const { send, store } = await listen((app) => {
      app.get('/', late.ask)
    })
    await late.goneFrom(await send('/'))
    const { errors } = late
    expect(errors).toEqual([expect.any(RootswapError)])
    expect(errors[0]).toMatchObject({ code: 'ERR_STALE_SNAPSHOT' })
    expect(store.stats().snapshots).toBe(0)
  })
})

describe('a hook before the plugin', () => {
  test('that asks after its client has gone is told so, and holds nothing', async () => {
    const late = new Late()
    const { send, store } = await listen((app) => {
      app.addHook('onRequest', late.ask)
      app.get('/', () => 'late')
    })
    await late.goneFrom(await send('/'))
    const { errors } = late
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_STALE_SNAPSHOT' })])
    expect(store.stats().snapshots).toBe(0)
  })

  test('gets the version that the handler gets', async () => {
    const { url, released } = await listen((app) => {
      const seen = new WeakMap<object, number>()
      app.addHook('onRequest', async (request) => {
        seen.set(request, request.config.version)
        app.config.set(['count'], 7)
      })
      app.get('/', (request) => [seen.get(request), request.config.version, app.config.version])
    })
    expect(await (await fetch(url('/'))).json()).toEqual([1, 1, 2])
    await released()
  })

  test('that answers, or never does, leaves nothing held and no listeners behind', async () => {
    const warnings: Error[] = []
    const hear = (warning: Error): void => void warnings.push(warning)
    process.on('warning', hear)
    const { url, send, released, store } = await listen((app) => {
      app.addHook('onRequest', async ({ config, url }, reply) => {
        if (url === '/never') await new Promise(() => config.version)
        return reply.code(401).send({ version: config.version })
      })
      app.get('/', () => 'not reached')
    })
    for (let index = 0; index < 30; index++) {
      expect(await (await fetch(url('/'))).json()).toEqual({ version: 1 })
    }
    await released()
    const socket = await send('/never')
    await until(() => store.stats().snapshots === 1)
    socket.destroy()
    await released()
    process.off('warning', hear)
    expect(warnings).toEqual([])
  })
})

describe('the end', () => {
  test('a store that is closed first fails requests, and health says so', async () => {
    const { app, store } = await listen((app) => {
      app.get('/', ({ config }) => config.value)
    })
    store.close()
    expect((await app.inject('/')).statusCode).toBe(500)
    expect((await app.inject('/health')).statusCode).toBe(503)
    await app.close()
  })

  test('a snapshot that outlives the store does no harm', async () => {
    const { send, store, app } = await listen((app) => {
      app.get('/', async ({ config }) => await new Promise(() => config.version))
    })
    const socket = await send('/')
    await until(() => store.stats().snapshots === 1)
    store.close()
    socket.destroy()
    await app.close()
    expect(app.server.listening).toBe(false)
  })
})

test('what is no store is refused', () => {
  const store = createStore({ a: 1 }, { maxBytes: 2 ** 22 })
  expect(() => storePlugin(store.handle as never)).toThrow(TypeError)
  expect(() => storePlugin(undefined as never)).toThrow(/a store or a watched configuration/)
  expect(() => storePlugin(store, { as: '' })).toThrow(TypeError)
  expect(() => storePlugin(store, { health: 1 as never })).toThrow(TypeError)
  store.close()
})
