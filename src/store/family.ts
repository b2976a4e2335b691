/**
 * Who created whom, for the whole process: how a thread's death gets known.
 *
 * The only notice of a death is the `exit` event in the thread that created the dead one, and a
 * thread whose creator ends stops without any. So each thread that loads this module watches the
 * workers that it creates, and all of them keep one shared table: child, creator.
 *
 * **Invariants.** Thread ids are never used twice in a process. An entry names an ancestor of its
 * thread; marked "watched" it names the creator, which listens for the exit. When an ancestor's
 * exit is seen, the thread has stopped too, so reporting it is right in either case.
 *
 * **Ordering.** An entry's key is stored after its other word, and looked up by its key. The exit
 * event comes after everything that the dead thread and its descendants did, entries included.
 *
 * **Progress.** Lock-free: a lost swap means that another thread got that place in the table.
 *
 * **Crash.** A thread that dies between claiming a place and filling it leaves the place unusable:
 * one of 32,768. A thread created in the very task in which its creator dies is not entered by
 * that one; it enters itself, with the ancestor that it inherited, when it loads this module.
 */

import { getEnvironmentData, setEnvironmentData, threadId, type Worker } from 'node:worker_threads'
import { Words } from '../memory/words.ts'
import { reportUncaught } from './deliveries.ts'

const KEY = 'rootswap.family.1'

/** Twice as many as threads that may live at once. */
const PLACES = 32_768
const PLACE_WORDS = 2
const PLACE_KEY = 0
/** (creator's id + 1) << 1 | watched. */
const PLACE_CREATOR = 1
/** Places looked through for one thread: with half of all taken, none is full that far. */
const PROBES = 256
const CLAIMED = -1
/** Threads that died, the newest last; wraps around. */
const DEATHS_AT = PLACES * PLACE_WORDS
const DEATHS = 16_384
const TABLE_BYTES = (DEATHS_AT + 1 + DEATHS) * 4

/** What a worker inherits from its creator. */
interface Inherited {
  readonly table: SharedArrayBuffer
  /** The nearest ancestor that has loaded this module. */
  readonly ancestor: number
}

export type DeathListener = (threadId: number) => void

const inherited = getEnvironmentData(KEY) as Inherited | undefined
const words = new Words(inherited?.table ?? new SharedArrayBuffer(TABLE_BYTES))
const listeners = new Set<DeathListener>()

/**
 * Calls the listener with the id of each thread that this thread created, once it has ended, and
 * then of each recorded descendant of it, deepest last. Returns what ends that.
 */
export function onThreadDeath(listener: DeathListener): () => void {
  const own: DeathListener = (id) => listener(id)
  listeners.add(own)
  return () => void listeners.delete(own)
}

/** The thread that created this one, or a nearer known ancestor; -1 when unknown or main. */
export function creatorOf(id: number): number {
  const at = find(id)
  return at < 0 ? -1 : ((words.m[at + PLACE_CREATOR] as number) >> 1) - 1
}

/** Whether some thread listens for this one's exit, or outlives it in any case. */
export function isWatched(id: number): boolean {
  if (id === 0) return true
  const at = find(id)
  return at >= 0 && ((words.m[at + PLACE_CREATOR] as number) & 1) === 1
}

/** Whether the thread is known to have ended: any thread may ask, of the last 16,384 deaths. */
export function hasDied(id: number): boolean {
  const seen = Math.min(deathCount(), DEATHS)
  for (let index = 0; index < seen; index++) {
    if (words.m[DEATHS_AT + 1 + index] === id + 1) return true
  }
  return false
}

/** How many deaths were noticed in the process so far; a change says that there was another. */
export function deathCount(): number {
  return words.load(DEATHS_AT)
}

function enter(id: number, creator: number, watched: boolean): void {
  const creatorWord = ((creator + 1) << 1) | (watched ? 1 : 0)
  const known = find(id)
  if (known >= 0) {
    const before = words.load(known + PLACE_CREATOR)
    if (watched || (before & 1) === 0) words.store(known + PLACE_CREATOR, creatorWord)
    return
  }
  for (let probe = 0; probe < PROBES; probe++) {
    const at = placeAt(id, probe)
    if (words.compareExchange(at + PLACE_KEY, 0, CLAIMED) !== 0) continue
    words.store(at + PLACE_CREATOR, creatorWord)
    words.store(at + PLACE_KEY, id + 1)
    return
  }
}

/** The place of a thread, or -1; the watched one, if it and its creator entered it at once. */
function find(id: number): number {
  let found = -1
  for (let probe = 0; probe < PROBES; probe++) {
    const at = placeAt(id, probe)
    if (words.load(at + PLACE_KEY) !== id + 1) continue
    if ((words.load(at + PLACE_CREATOR) & 1) === 1) return at
    found = at
  }
  return found
}

function remove(id: number): void {
  for (let probe = 0; probe < PROBES; probe++) {
    const at = placeAt(id, probe)
    words.compareExchange(at + PLACE_KEY, id + 1, 0)
  }
}

/** Ids are consecutive: scattered, so that long-lived threads do not stand together. */
function placeAt(id: number, probe: number): number {
  const scattered = Math.imul(id, 0x9e3779b1) >>> 17
  return ((scattered + probe) % PLACES) * PLACE_WORDS
}

/** The thread and its recorded descendants, nearest first. */
function withDescendants(id: number): number[] {
  const children = new Map<number, number[]>()
  for (let place = 0; place < PLACES; place++) {
    const at = place * PLACE_WORDS
    const key = words.m[at + PLACE_KEY] as number
    if (key <= 0) continue
    const creator = ((words.m[at + PLACE_CREATOR] as number) >> 1) - 1
    const siblings = children.get(creator)
    if (siblings === undefined) children.set(creator, [key - 1])
    else siblings.push(key - 1)
  }
  const family = new Set([id])
  // A set's iteration reaches what is added meanwhile.
  for (const member of family) for (const child of children.get(member) ?? []) family.add(child)
  return [...family]
}

function died(id: number): void {
  const dead = withDescendants(id)
  for (const each of dead) {
    const index = words.add(DEATHS_AT, 1) & (DEATHS - 1)
    words.store(DEATHS_AT + 1 + index, each + 1)
  }
  for (const listener of listeners) for (const each of dead) tell(listener, each)
  // Not now: another copy of the package in this thread looks for the descendants too.
  process.nextTick(() => {
    for (const each of dead) remove(each)
  })
}

function tell(listener: DeathListener, id: number): void {
  try {
    listener(id)
  } catch (error) {
    reportUncaught(error)
  }
}

function watch(worker: Worker): void {
  // In the exit handler it is -1.
  const id = worker.threadId
  if (id < 0) return
  enter(id, threadId, true)
  // First: whoever awaits the exit finds everything settled.
  worker.prependOnceListener('exit', () => died(id))
}

setEnvironmentData(KEY, { table: words.buffer, ancestor: threadId } satisfies Inherited)
if (inherited !== undefined && inherited.ancestor !== threadId) {
  enter(threadId, inherited.ancestor, false)
}
process.on('worker', watch)
