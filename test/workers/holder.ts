/**
 * A thread with a store open that does what it is told: holds, reads, sticks, stops. Each order is
 * answered by a message; orders that park answer before they do.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { openStore, type Snapshot, type StoreHandle } from '../../src/index.ts'
import { attach } from '../../src/store/attachment.ts'
import { memoryOfHandle } from '../../src/store/handle.ts'

export interface HolderData {
  readonly handle: StoreHandle<unknown>
  readonly label: string
  /** Word 0 is for parking. */
  readonly control: Int32Array
}

export type Order =
  | {
      do:
        | 'current'
        | 'snapshot'
        | 'release'
        | 'drop'
        | 'read-park'
        | 'stop'
        | 'stop-locked'
        | 'park'
        | 'close'
    }
  | { do: 'touch' | 'get'; path: (string | number)[] }
  | { do: 'get-wait'; path: (string | number)[]; times: number; version: number; ms: number }
  | { do: 'read-spin'; ms: number }
  | { do: 'spin'; ms: number }

export interface Answer {
  readonly value?: unknown
  readonly code?: string
  readonly version: number
}

const port = parentPort!
const { handle, label, control } = workerData as HolderData
const store = openStore(handle, { label })
const { thread } = attach(memoryOfHandle(handle, 'store'), '')
let kept: unknown
let snapshots: Snapshot<unknown>[] = []

function walk(path: readonly (string | number)[]): unknown {
  let at = kept
  for (const key of path) {
    at = at instanceof Map ? at.get(key) : (at as Record<string | number, unknown>)[key]
  }
  return at
}

/** Blocks until word 0 is no more 0. */
function park(enter = (): void => {}): void {
  const { version } = store
  enter() // what follows uses the store no more
  port.postMessage({ version } satisfies Answer)
  Atomics.wait(control, 0, 0)
}

function spin(ms: number): void {
  port.postMessage({ version: store.version } satisfies Answer)
  const until = performance.now() + ms
  while (performance.now() < until) continue
}

/** Reads a place so many times, and then blocks in the library for a version, in one job. */
function getAndWait({ path, times, ...wait }: Extract<Order, { do: 'get-wait' }>): string {
  const { version } = store
  for (let time = 0; time < times; time++) (store.get as (...path: unknown[]) => unknown)(...path)
  port.postMessage({ version } satisfies Answer)
  try {
    store.waitForVersionSync(wait.version, wait.ms)
    return 'it came'
  } catch (error) {
    return (error as { code: string }).code
  }
}

function obey(order: Order): unknown {
  switch (order.do) {
    case 'current':
      kept = store.current
      return undefined
    case 'touch':
      return walk(order.path)
    case 'get':
      return (store.get as (...path: unknown[]) => unknown)(...order.path)
    case 'get-wait':
      return getAndWait(order)
    case 'snapshot':
      snapshots.push(store.snapshot())
      return undefined
    case 'release':
      for (const snapshot of snapshots) snapshot.release()
      snapshots = []
      return undefined
    case 'drop':
      snapshots = []
      return undefined
    case 'read-park':
      return store.read((value) => (park(), JSON.stringify(value).length))
    case 'read-spin':
      return store.read((value) => (spin(order.ms), JSON.stringify(value).length))
    case 'park':
      kept = store.current
      park()
      return undefined
    case 'spin':
      kept = store.current
      spin(order.ms)
      return undefined
    case 'stop':
      // As a debugger would: between two instructions of the library.
      park(() => thread.section.enter())
      thread.section.leave()
      return undefined
    case 'stop-locked':
      park(() => thread.reclaimer.takeLock(1000))
      thread.reclaimer.lock.give()
      return undefined
    case 'close':
      store.close()
      port.close()
      return undefined
  }
}

port.on('message', (order: Order) => {
  try {
    const value = obey(order)
    const version = order.do === 'close' ? 0 : store.version
    port.postMessage({ value: typeof value === 'object' ? undefined : value, version })
  } catch (error) {
    port.postMessage({ code: (error as { code?: string }).code ?? String(error), version: 0 })
  }
})
port.postMessage({ version: store.version } satisfies Answer)
