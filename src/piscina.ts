/** `rootswap/piscina`: a pool whose workers find their stores by name. */
export { createPool, type PoolOptions } from './piscina/pool.ts'
