/**
 * Names of stores. A shared name is known to every worker that is created later (its environment
 * data) and to every thread that runs already and has loaded this module (a broadcast). Of two
 * stores with one name the newer wins, by a clock that all threads read alike.
 */

import {
  BroadcastChannel,
  getEnvironmentData,
  type MessagePort,
  receiveMessageOnPort,
  setEnvironmentData,
  threadId,
  workerData,
} from 'node:worker_threads'

const CHANNEL = 'rootswap.names.1'
const KEY = 'rootswap.name.1:'
/** Under this key `workerData` carries the names that a pool binds for its own workers. */
export const BOUND_KEY = 'rootswap.stores.1'
const LOCAL = Symbol.for('rootswap.names.1')

interface Entry {
  readonly handle: object
  /** Microseconds, on the machine's monotonic clock. */
  readonly at: number
  readonly by: number
}

interface Message {
  readonly name: string
  readonly entry: Entry
  readonly forget: boolean
}

/** What this thread knows; shared by the copies of the package in it. */
interface Known {
  readonly names: Map<string, Entry>
  /** Names that the thread's pool binds: a shared name of others does not replace them. */
  readonly bound: Map<string, Entry>
  lastAt: number
}

const place = globalThis as { [LOCAL]?: Known }
const known: Known = (place[LOCAL] ??= { names: new Map(), bound: boundNames(), lastAt: 0 })

const channel = new BroadcastChannel(CHANNEL)
// oxlint-disable-next-line unicorn/prefer-add-event-listener
channel.onmessage = (event) => learn((event as { data: Message }).data)
channel.unref()

/** Makes the name known in this thread, in workers created later, and in those that run. */
export function shareName(name: string, handle: object): void {
  const entry = newEntry(handle)
  known.names.set(name, entry)
  known.bound.delete(name)
  setEnvironmentData(KEY + name, entry as never)
  channel.postMessage({ name, entry, forget: false } satisfies Message)
}

/** Makes the name known in this thread alone. */
export function setLocalName(name: string, handle: object): void {
  known.names.set(name, newEntry(handle))
  known.bound.delete(name)
}

/** The newest handle of that name that this thread can know of. */
export function findName(name: string): object | undefined {
  drain()
  const bound = known.bound.get(name)
  if (bound !== undefined) return bound.handle
  const here = known.names.get(name)
  const inherited = getEnvironmentData(KEY + name) as Entry | undefined
  if (inherited === undefined || (here !== undefined && !isNewer(inherited, here))) {
    return here?.handle
  }
  // Kept, so that the handle is the same object each time.
  known.names.set(name, inherited)
  return inherited.handle
}

/** Takes the name back, wherever it still stands for this handle, as this thread got or gave it. */
export function forgetName(name: string, handle: object): void {
  drain()
  const entry = known.names.get(name)
  if (known.bound.get(name)?.handle === handle) known.bound.delete(name)
  if (entry?.handle !== handle) return
  const shared = getEnvironmentData(KEY + name) as Entry | undefined
  forget(name, entry)
  if (shared === undefined || !isSame(shared, entry)) return
  channel.postMessage({ name, entry, forget: true } satisfies Message)
}

/** Binds names for the workers of one pool: the value goes into their `workerData`. */
export function bindNames(handles: Readonly<Record<string, object>>): Readonly<object> {
  const entries = Object.entries(handles).map(([name, handle]) => [name, newEntry(handle)])
  return { [BOUND_KEY]: Object.fromEntries(entries) as Record<string, Entry> }
}

function learn(message: Message): void {
  const { name, entry } = message
  if (message.forget) return forget(name, entry)
  const here = known.names.get(name)
  if (here === undefined || isNewer(entry, here)) known.names.set(name, entry)
  const inherited = getEnvironmentData(KEY + name) as Entry | undefined
  // Workers that this thread creates from now on inherit it.
  if (inherited === undefined || isNewer(entry, inherited)) {
    setEnvironmentData(KEY + name, entry as never)
  }
}

function forget(name: string, entry: Entry): void {
  const here = known.names.get(name)
  if (here !== undefined && isSame(here, entry)) known.names.delete(name)
  const inherited = getEnvironmentData(KEY + name) as Entry | undefined
  if (inherited !== undefined && isSame(inherited, entry)) setEnvironmentData(KEY + name, undefined)
}

/** Messages that wait for the event loop: a thread may not have turned it since they were sent. */
function drain(): void {
  for (;;) {
    const received = receiveMessageOnPort(channel as unknown as MessagePort)
    if (received === undefined) return
    learn((received as { message: Message }).message)
  }
}

function newEntry(handle: object): Entry {
  const now = Number(process.hrtime.bigint() / 1000n)
  known.lastAt = Math.max(now, known.lastAt + 1)
  return { handle, at: known.lastAt, by: threadId }
}

function isNewer(a: Entry, b: Entry): boolean {
  return a.at > b.at || (a.at === b.at && a.by > b.by)
}

function isSame(a: Entry, b: Entry): boolean {
  return a.at === b.at && a.by === b.by
}

function boundNames(): Map<string, Entry> {
  const data: unknown = workerData
  if (typeof data !== 'object' || data === null) return new Map()
  const entries = (data as { [BOUND_KEY]?: Record<string, Entry> })[BOUND_KEY] ?? {}
  const bound = new Map(Object.entries(entries))
  // Workers that a pool's worker creates find the same stores.
  for (const [name, entry] of bound) setEnvironmentData(KEY + name, entry as never)
  return bound
}
