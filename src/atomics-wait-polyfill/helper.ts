/**
 * One helper thread, as Node starts it or as a browser does. Its code is
 * `workers/atomics-wait.ts`, built.
 */
import type * as workerThreads from 'node:worker_threads'
import type { Wait, WaitOutcome } from './request.ts'

export interface Helper {
  /** It answered once, so threads can be started here. */
  readonly started: boolean
  /** One at a time: the next after the answer. */
  post(wait: Wait): void
  stop(): void
}

export interface HelperEvents {
  answered(outcome: WaitOutcome | 'not-equal'): void
  /** The thread is gone; called at most once, and not after `stop`. */
  failed(): void
}

/** Throws where no thread can be started. */
export type StartHelper = (events: HelperEvents) => Helper

/** The starter of this platform, or undefined where there are no threads. */
export function platformHelper(): StartHelper | undefined {
  // Not imported: a browser has no such module, and an entry point may not await one.
  const threads = globalThis.process?.getBuiltinModule?.('node:worker_threads')
  if (threads !== undefined) return nodeHelper(threads, helperUrl())
  const { Worker } = globalThis as { Worker?: WebWorkerConstructor }
  return Worker === undefined ? undefined : webHelper(Worker, helperUrl())
}

export function nodeHelper(threads: typeof workerThreads, url: URL): StartHelper {
  return (events) => {
    // Loaders and flags of the application are none of the helper's business.
    const worker = new threads.Worker(url, { name: 'atomics-wait', execArgv: [], stdin: false })
    const connection = connect(events, () => void worker.terminate())
    worker.on('message', connection.answered)
    worker.on('error', connection.failed)
    worker.on('exit', connection.failed)
    // A wait keeps no process alive, as the platform's does not.
    worker.unref()
    return Object.assign(connection.helper, { post: (wait: Wait) => worker.postMessage(wait) })
  }
}

interface WebWorker {
  postMessage(message: unknown): void
  terminate(): void
  addEventListener(type: string, listener: (event: { data?: unknown }) => void): void
}
export type WebWorkerConstructor = new (url: URL, options: { type: 'module' }) => WebWorker

export function webHelper(Worker: WebWorkerConstructor, url: URL): StartHelper {
  return (events) => {
    const worker = new Worker(url, { type: 'module' })
    const connection = connect(events, () => worker.terminate())
    worker.addEventListener('message', (event) => connection.answered(event.data))
    worker.addEventListener('error', connection.failed)
    worker.addEventListener('messageerror', connection.failed)
    return Object.assign(connection.helper, { post: (wait: Wait) => worker.postMessage(wait) })
  }
}

function connect(events: HelperEvents, terminate: () => void) {
  let over = false
  const helper = {
    started: false,
    stop(): void {
      over = true
      terminate()
    },
  }
  return {
    helper,
    answered(outcome: unknown): void {
      helper.started = true
      if (!over) events.answered(outcome as WaitOutcome | 'not-equal')
    },
    failed(): void {
      if (!over) events.failed()
      over = true
    },
  }
}

function helperUrl(): URL {
  // Run from source, by a test runner, the built helper is in dist/.
  return import.meta.url.endsWith('.ts')
    ? new URL('../../dist/workers/atomics-wait.js', import.meta.url)
    : new URL('../../workers/atomics-wait.js', import.meta.url)
}
