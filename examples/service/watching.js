/**
 * Who reads the files: this thread, or one of its own, which then does the parsing and validating
 * of a large file while this one answers requests. The store is the same: shared memory needs no
 * messages for a new version, only the events are sent.
 */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { openStore } from 'rootswap'
import { watchConfig } from 'rootswap/config'
import { check, schema } from './settings.js'

const EVENTS = ['reloaded', 'unchanged', 'rejected', 'unavailable']

export function watchHere({ files, ...options }) {
  return watchConfig({
    files,
    schema,
    check,
    name: 'config',
    secrets: ['database'],
    sighup: isMainThread,
    store: { label: isMainThread ? 'main' : 'watcher', maxBytes: 2 ** 28 },
    ...options,
  })
}

/** What of a configuration the service, the plugin and the metrics use. */
export async function watchInThread(options) {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { watch: options } })
  // Rejects with what `watchConfig` rejected with.
  const [{ handle, entries }] = await once(worker, 'message')
  const store = openStore(handle, { label: 'main' })
  const listeners = new Map(EVENTS.map((name) => [name, new Set()]))
  worker.on('message', (event) => {
    for (const listener of listeners.get(event.type)) listener(event)
  })
  return {
    store,
    handle,
    get version() {
      return store.version
    },
    get current() {
      return store.current
    },
    snapshot: () => store.snapshot(),
    subscribe: (...args) => store.subscribe(...args),
    on: (name, listener) => {
      listeners.get(name).add(listener)
      return () => listeners.get(name).delete(listener)
    },
    entries: () => entries,
    propagated: (version, waiting) => store.drained(version, waiting),
    close: () => {
      store.close()
      worker.postMessage('close')
    },
  }
}

async function watchForParent(options) {
  const config = await watchHere(options)
  parentPort.postMessage({ handle: config.handle, entries: config.entries() })
  for (const name of EVENTS) config.on(name, (event) => parentPort.postMessage(event))
  parentPort.once('message', () => config.close())
}

if (!isMainThread && workerData?.watch !== undefined) await watchForParent(workerData.watch)
