/**
 * `rootswap/atomics-wait-polyfill`: `Atomics.waitAsync` and `Atomics.pause` where the platform
 * lacks them. Importing it changes nothing; `install()` puts what is missing on `Atomics`.
 */
export { waitAsync } from './atomics-wait-polyfill/wait-async.ts'
export { pause } from './atomics-wait-polyfill/pause.ts'
export { install } from './atomics-wait-polyfill/install.ts'
export type { Waitable, WaitAsync, WaitAsyncResult } from './atomics-wait-polyfill/request.ts'
