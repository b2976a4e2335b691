/** Optional peer dependencies: loaded when they are needed. */

import { createRequire } from 'node:module'
import { RootswapError } from '../errors.ts'

/** `purpose` is what the package is for: 'X does Y'. Throws `ERR_INVALID_ARGUMENT` where it is not
 *  installed. */
export function loadPackage(name: string, purpose: string): unknown {
  const require = createRequire(import.meta.url)
  try {
    return require(name)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'MODULE_NOT_FOUND') throw error
    throw new RootswapError(
      'ERR_INVALID_ARGUMENT',
      `${purpose} by the package ${name}, which is not installed: npm install ${name}`,
      { missing: name },
    )
  }
}
