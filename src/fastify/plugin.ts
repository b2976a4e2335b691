/**
 * A Fastify plugin that gives each request one version of a store.
 *
 * The version is leased when a request first asks for it, and let go when its response closes:
 * finished, failed, aborted or timed out. A hijacked reply keeps it as long as its socket, unless
 * the handler calls `release()`.
 */

import type { EventEmitter } from 'node:events'
import { type AnySource, sourceOf, type StoreSource, type ValueOf } from '../config/store-source.ts'
import { typeError } from '../errors.ts'
import { loadPeer } from '../store/peer.ts'
import type { Snapshot } from '../store/snapshot.ts'
import { HealthWatch } from './health.ts'

export interface PluginOptions<N extends string = 'config'> {
  /** What the decorators are called: `app.config`, `request.config`. Default `'config'`. */
  readonly as?: N
  /** Path of a route that answers with version and age, say `'/health'`. Default: none. */
  readonly health?: string
}

declare const carried: unique symbol

/** For `app.register`. */
export interface StorePlugin<S, N extends string> {
  (instance: object, options: object, done: (error?: Error) => void): void
  readonly [carried]?: { readonly source: S; readonly name: N }
}

/** What the plugin adds to `FastifyInstance`: the source itself. */
export type InstanceDecorators<P> =
  P extends StorePlugin<infer S, infer N> ? { readonly [name in N]: S } : never

/** What the plugin adds to `FastifyRequest`: the request's version. */
export type RequestDecorators<P> =
  P extends StorePlugin<infer S, infer N> ? { readonly [name in N]: Snapshot<ValueOf<S>> } : never

/**
 * A plugin, made by fastify-plugin, for the instance that registers it and all below. `source` is
 * a store or a watched configuration; who made it closes it. Throws `ERR_INVALID_ARGUMENT` where
 * fastify-plugin is not installed, and `TypeError`.
 *
 * @example
 * const plugin = storePlugin(config, { health: '/health' })
 * declare module 'fastify' {
 *   interface FastifyInstance extends InstanceDecorators<typeof plugin> {}
 *   interface FastifyRequest extends RequestDecorators<typeof plugin> {}
 * }
 * await app.register(plugin)
 * app.get('/', (request) => request.config.value.greeting)
 */
export function storePlugin<S extends AnySource, N extends string = 'config'>(
  source: S,
  options: PluginOptions<N> = {},
): StorePlugin<S, N> {
  const read = sourceOf(source)
  const as = nameOf('as', options.as ?? 'config')
  const health = options.health === undefined ? undefined : nameOf('health', options.health)
  const wrap = loadPeer('rootswap/fastify', 'fastify-plugin', 'fastify fastify-plugin') as Wrap
  const plugin = (instance: Instance, _: object, done: () => void): void => {
    decorate(instance, read, as)
    if (health !== undefined) addHealth(instance, read, health)
    done()
  }
  return wrap(plugin, { fastify: '5.x', name: `rootswap:${as}` }) as StorePlugin<S, N>
}

/* What is used of Fastify. Its own types are not imported: they would have to be installed where
 * this package is built and checked. */

type Wrap = (plugin: unknown, about: { fastify: string; name: string }) => unknown
type Decorator = Snapshot<unknown> | (() => void) | EventEmitter | undefined
type Socket = EventEmitter & { readonly destroyed?: boolean }
/** HTTP/2 has no socket for a stream that has ended. */
type Request = Record<symbol, Decorator> & { readonly raw: { readonly socket: Socket | null } }

interface Reply {
  readonly raw: EventEmitter & {
    readonly closed?: boolean
    /** Of HTTP/2, whose responses do not say that they are closed. */
    readonly stream?: { readonly destroyed?: boolean }
  }
  code(status: number): { send(body: unknown): unknown }
}

interface Instance {
  decorate(name: string, value: unknown): unknown
  decorateRequest(name: string | symbol, value: unknown): unknown
  addHook(name: string, hook: (request: Request, reply: Reply, done: () => void) => void): unknown
  addHook(name: string, hook: (instance: unknown, done: () => void) => void): unknown
  get(path: string, handler: (request: unknown, reply: Reply) => unknown): unknown
}

function decorate(instance: Instance, source: StoreSource, as: string): void {
  // Symbols of their own: an application may have several such plugins.
  const snapshot = Symbol(`rootswap.${as}`)
  const response = Symbol(`rootswap.${as}.response`)
  const early = Symbol(`rootswap.${as}.early`)
  instance.decorate(as, source)
  for (const field of [snapshot, response, early]) instance.decorateRequest(field, undefined)
  instance.decorateRequest(as, {
    getter(this: Request) {
      const held = this[snapshot]
      if (held !== undefined) return held
      const taken = source.snapshot()
      this[snapshot] = taken
      const until = this[response] as Reply['raw'] | undefined
      if (until !== undefined) releaseAtEnd(taken, until)
      else this[early] = releaseWith(taken, this.raw.socket)
      return taken
    },
  })
  instance.addHook('onRequest', (request, reply, done) => {
    request[response] = reply.raw
    done()
  })
  // For what a hook before that one took: it may have answered the request itself.
  instance.addHook('onResponse', (request, _, done) => {
    const release = request[early] as (() => void) | undefined
    if (release !== undefined) release()
    done()
  })
}

type Taken = Snapshot<unknown>

function releaseAtEnd(taken: Taken, response: Reply['raw']): void {
  // The handler went on after its client was gone: a version held now would stay.
  const isClosed = response.closed === true || response.stream?.destroyed === true
  if (isClosed) taken.release()
  else response.once('close', () => taken.release())
}

/** A socket outlives its requests: the listener goes with the snapshot. */
function releaseWith(taken: Taken, socket: Socket | null): () => void {
  const release = (): void => {
    socket?.off('close', release)
    taken.release()
  }
  if (socket === null || socket.destroyed === true) taken.release()
  else socket.once('close', release)
  return release
}

function addHealth(instance: Instance, source: StoreSource, path: string): void {
  const watch = new HealthWatch(source)
  instance.addHook('onClose', (_: unknown, done: () => void) => {
    watch.close()
    done()
  })
  instance.get(path, (_, reply) => {
    try {
      return watch.report()
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ERR_CLOSED') throw error
      return reply.code(503).send({ error: 'the store is closed' })
    }
  })
}

function nameOf(option: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  throw typeError('ERR_INVALID_ARGUMENT', `${option} must be a text, not ${typeof value}`, {
    argument: option,
  })
}
