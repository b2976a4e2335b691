/** Packages that only some programs install: loaded when used, and missed in plain words. */

import { createRequire } from 'node:module'
import { RootswapError } from '../errors.ts'

const require = createRequire(import.meta.url)

/** The package `name`, for the subpath `user`. Throws `ERR_INVALID_ARGUMENT` that says what to
 *  install: `install`, or the package itself. */
export function loadPeer(user: string, name: string, install = name): unknown {
  try {
    return require(name) as unknown
  } catch (error) {
    if (!isMissing(error, name)) throw error
    throw new RootswapError(
      'ERR_INVALID_ARGUMENT',
      `${user} needs the package ${name}, which is not installed: npm install ${install}`,
      { missing: name },
    )
  }
}

/** Not what the package itself fails to find. */
function isMissing(error: unknown, name: string): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown }
  return code === 'MODULE_NOT_FOUND' && String(message).includes(`'${name}'`)
}
