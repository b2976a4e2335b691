/**
 * The helper thread of `rootswap/atomics-wait-polyfill`: blocks in place of a thread that must
 * not block, one wait at a time, and posts how it ended.
 */
import { type Wait, now } from '../src/atomics-wait-polyfill/request.ts'

interface Port {
  postMessage(message: unknown): void
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void
}

// Node has the port in a module, a browser's worker is its own port.
const threads = globalThis.process?.getBuiltinModule?.('node:worker_threads')
const port = (threads?.parentPort ?? globalThis) as unknown as Port

port.addEventListener('message', ({ data }) => {
  const { view, index, value, deadlineMs } = data as Wait
  const timeoutMs = Math.max(deadlineMs - now(), 0)
  port.postMessage(Atomics.wait(view as Int32Array, index, value as number, timeoutMs))
})
