/** What users call. */

import type { Source } from '../source.ts'
import type { EtcdOptions } from './options.ts'
import { EtcdSource } from './source.ts'

/**
 * A source for `watchConfig`: keys of etcd, by the package etcd3. While they are followed the
 * process is kept alive, until the configuration is closed.
 *
 * Throws `TypeError` and `RangeError` for wrong options, and `ERR_INVALID_ARGUMENT` if etcd3 is not
 * installed.
 *
 * @example
 * const sources = [etcd({ hosts: ['https://etcd-1:2379'], prefix: '/app/' })]
 * const config = await watchConfig({ files: ['defaults.yaml'], sources, schema })
 */
export function etcd(options: EtcdOptions): Source {
  return new EtcdSource(options)
}
