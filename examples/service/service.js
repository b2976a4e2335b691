/**
 * The service: a watched configuration, a Fastify instance that gives each request one version of
 * it, and a pool whose workers read the same store.
 */
import fastify from 'fastify'
import { Registry } from 'prom-client'
import { storePlugin } from 'rootswap/fastify'
import { collectMetrics } from 'rootswap/metrics'
import { createPool } from 'rootswap/piscina'
import { watchHere, watchInThread } from './watching.js'

const ownWorker = new URL('./worker.js', import.meta.url)

/**
 * Starts nothing that `close` does not end; listening is the caller's. With `inThread` a thread of
 * its own reads the files.
 */
export async function createService({
  files,
  threads = 2,
  logger = false,
  worker = ownWorker,
  inThread = false,
  ...options
}) {
  const config = await (inThread ? watchInThread : watchHere)({ files, ...options })
  const pool = createPool({
    filename: worker.href,
    stores: { config },
    minThreads: threads,
    maxThreads: threads,
  })
  const app = fastify({ logger })
  const registry = new Registry()
  const metrics = collectMetrics({ stores: { config }, registry })

  config.on('rejected', ({ message }) => {
    app.log.error(`version ${config.version} stays: ${message}`)
  })
  config.on('reloaded', ({ version }) => app.log.info(`version ${version}`))

  app.register(storePlugin(config, { health: '/health' }))
  app.addHook('onClose', async () => {
    metrics.close()
    await pool.destroy()
    config.close()
  })
  addRoutes(app, pool, registry)
  return { app, config, pool, registry }
}

function addRoutes(app, pool, registry) {
  app.get('/metrics', async (_, reply) => {
    return reply.type(registry.contentType).send(await registry.metrics())
  })

  // In the main thread, across an await: request.config is one version until the response is out.
  app.get('/regions/:id', async (request, reply) => {
    const { version, value } = request.config
    const region = value.regions.find(({ id }) => id === request.params.id)
    if (region === undefined) return reply.code(404).send({ version, error: 'no such region' })
    await new Promise(setImmediate)
    const { service, maintenance, prices } = request.config.value
    return {
      version: request.config.version,
      release: service.release,
      currency: region.currency,
      standard: region.vatRates.standard,
      sum: prices?.sum,
      message: maintenance.message,
    }
  })

  app.get('/prices/:item', async (request, reply) => {
    const { region = 'de' } = request.query
    const answer = await pool.run({ item: Number(request.params.item), region }, { name: 'price' })
    return answer.found ? answer : reply.code(404).send(answer)
  })

  app.get('/audit', () => pool.run({}, { name: 'audit' }))
}
