/** A Fastify instance on a port of its own, and clients that behave well or badly. */
import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { createStore, type Store } from 'rootswap'
import { type InstanceDecorators, type RequestDecorators, storePlugin } from 'rootswap/fastify'

export interface Settings {
  readonly count: number
  readonly text: string
}

export const plugin = (store: Store<Settings>) => storePlugin(store, { health: '/health' })
type Plugin = ReturnType<typeof plugin>

declare module 'fastify' {
  // oxlint-disable-next-line no-empty-object-type
  interface FastifyInstance extends InstanceDecorators<Plugin> {}
  // oxlint-disable-next-line no-empty-object-type
  interface FastifyRequest extends RequestDecorators<Plugin> {}
}

export interface Stage {
  readonly app: FastifyInstance
  readonly store: Store<Settings>
  publish(): void
  url(path: string): string
  /** Sends a request on a connection of its own, and does not wait for an answer. */
  send(path: string): Promise<Socket>
  /** Resolves when no thread holds a snapshot. */
  released(): Promise<void>
}

const open: (() => Promise<void>)[] = []

export async function closeStages(): Promise<void> {
  for (const close of open.splice(0)) await close()
}

/** `prepare` adds hooks before the plugin, or routes. */
export async function listen(
  prepare: (app: FastifyInstance, store: Store<Settings>) => void,
  options: FastifyServerOptions = {},
): Promise<Stage> {
  const initial: Settings = { count: 0, text: 'a' }
  const store = createStore(initial, { maxBytes: 2 ** 22 })
  const app = fastify({ forceCloseConnections: true, ...options })
  prepare(app, store)
  app.register(plugin(store))
  open.push(async () => {
    await app.close()
    store.close()
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return {
    app,
    store,
    publish: () => void store.set(['count'], store.current.count + 1),
    url: (path) => `http://127.0.0.1:${port}${path}`,
    send: async (path) => {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      socket.on('error', () => {})
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
      return socket
    },
    released: async () => await until(() => store.stats().snapshots === 0),
  }
}

export async function until(holds: () => boolean, withinMs = 60_000): Promise<void> {
  for (let waited = 0; waited < withinMs; waited += 5) {
    if (holds()) return
    await sleep(5)
  }
  throw new TypeError(`not so within ${withinMs} ms: ${holds.toString()}`)
}
