/** `rootswap/fastify`: one version of a store for each request. */
export type { Health } from './fastify/health.ts'
export {
  type InstanceDecorators,
  type PluginOptions,
  type RequestDecorators,
  type StorePlugin,
  storePlugin,
} from './fastify/plugin.ts'
