/** `rootswap/config/etcd`: configuration that follows keys of etcd. */
export { etcd } from './config/etcd/etcd.ts'
export type { EtcdOptions } from './config/etcd/options.ts'
