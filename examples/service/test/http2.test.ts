import { once } from 'node:events'
import { type ClientHttp2Session, connect, constants, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import fastify, { type FastifyInstance } from 'fastify'
import { createStore } from 'rootswap'
import { storePlugin } from 'rootswap/fastify'
import { afterEach, expect, test } from 'vitest'
import { until } from './server.ts'

const ends: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** A client of the application, which listens from now on; all of it ends with the test. */
async function connected(
  app: FastifyInstance<Http2Server>,
  store: { close(): void },
): Promise<ClientHttp2Session> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  const client = connect(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`)
  ends.push(
    () => store.close(),
    async () => await app.close(),
    () => client.destroy(),
  )
  return client
}

/** `isEarly` asks for the snapshot in a hook before the plugin's. */
async function session(isEarly: boolean) {
  const store = createStore({ count: 0, text: 'a' }, { maxBytes: 2 ** 22 })
  const app = fastify({ http2: true })
  if (isEarly) {
    app.addHook('onRequest', async (request) => {
      expect(request.getDecorator<{ version: number }>('config').version).toBe(1)
    })
  }
  app.register(storePlugin(store))
  app.get('/', (request) => request.getDecorator<{ value: object }>('config').value)
  app.get('/never', (request) => new Promise(() => request.getDecorator<object>('config')))
  const client = await connected(app, store)
  return { store, client }
}

async function get(client: ClientHttp2Session, path: string): Promise<string> {
  const stream = client.request({ ':path': path })
  let text = ''
  for await (const chunk of stream) text += chunk
  return text
}

test.each([false, true])(
  'over HTTP/2 a version is let go with its stream, though the socket stays (early: %s)',
  async (isEarly) => {
    const { store, client } = await session(isEarly)
    for (let index = 0; index < 20; index++) {
      expect(JSON.parse(await get(client, '/'))).toEqual({ count: 0, text: 'a' })
    }
    await until(() => store.stats().snapshots === 0)
    const stream = client.request({ ':path': '/never' })
    await until(() => store.stats().snapshots === 1)
    stream.close()
    await once(stream, 'close')
    await until(() => store.stats().snapshots === 0)
    expect(client.destroyed).toBe(false)
  },
)

interface Asked {
  readonly raw: { readonly stream: { readonly destroyed: boolean } }
  getDecorator<T>(name: string): T
}

/** `asksEarly`: in a hook before the plugin's. Each request asks after its stream was cancelled. */
async function askedLate(asksEarly: boolean) {
  const store = createStore({ count: 0 }, { maxBytes: 2 ** 22 })
  const app = fastify({ http2: true })
  const outcomes: unknown[] = []
  let arrived = 0
  const ask = async (request: Asked): Promise<unknown> => {
    arrived++
    await until(() => request.raw.stream.destroyed)
    try {
      return outcomes.push(request.getDecorator<{ value: object }>('config').value)
    } catch (error) {
      outcomes.push((error as { code?: unknown }).code)
      throw error
    }
  }
  if (asksEarly) app.addHook('onRequest', async (request) => void (await ask(request)))
  app.register(storePlugin(store))
  app.get('/', (request) => (asksEarly ? 'late' : ask(request)))
  const client = await connected(app, store)
  const streams = Array.from({ length: 20 }, () => client.request({ ':path': '/' }))
  await until(() => arrived === 20)
  for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL)
  await until(() => outcomes.length === 20)
  return { store, client, outcomes }
}

test.each([false, true])(
  'over HTTP/2 who asks after its client has gone is told so, and holds nothing (early: %s)',
  async (asksEarly) => {
    const { store, client, outcomes } = await askedLate(asksEarly)
    expect(outcomes).toEqual(Array.from({ length: 20 }, () => 'ERR_STALE_SNAPSHOT'))
    expect(store.stats().snapshots).toBe(0)
    const { version } = store.set(['count'], 1)
    await store.drained(version)
    expect(client.destroyed).toBe(false)
  },
)
