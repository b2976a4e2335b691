/**
 * Notices threads that stopped inside library code, where reclaiming waits for them: under a
 * debugger, or dead without a notice. User code never runs there, so nothing else is a stall: no
 * read that computes, no thread that is idle, parked or blocked.
 *
 * A thread looks when it tried to reclaim in vain. It knows how long it has seen the other one
 * stand still, not how long that stood before.
 */

import { threadId } from 'node:worker_threads'
import { typeError } from '../errors.ts'
import { BEGUN_AT, ON_STALL_AT, STALL_MS_AT, STALL_TOLD_AT } from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import { oustThread } from '../reclaim/oust.ts'
import { reportSlots } from '../reclaim/slots.ts'
import { type Standing, standing } from '../reclaim/stalls.ts'
import type { HeapThread } from '../reclaim/thread.ts'
import { channels } from './channels.ts'
import { reportUncaught } from './deliveries.ts'
import { limboWords } from './stats.ts'

/** A thread that stopped inside library code, as the thread that noticed it knows of it. */
export interface Stall {
  /** `handle.identity` of the heap, joined by ':'. */
  readonly heap: string
  readonly slot: number
  readonly threadId: number
  readonly label: string
  /** Somebody will notice that thread's death. */
  readonly watched: boolean
  /** What it stands in: a read of the library's, or one step of reclaiming. */
  readonly holds: 'section' | 'lock'
  /** For at least so many milliseconds. */
  readonly forMs: number
  /** Bytes of replaced versions that wait, of all stores of the heap. */
  readonly limboBytes: number
}

/** `'warn'` and `'oust'` are of the heap, a function is of the thread that gave it. */
export type OnStall = 'warn' | 'oust' | ((stall: Stall) => void)

const OUST = 1
/** Looks in one stall time: between two of them nobody is looked at. */
const LOOKS = 8

interface Seen {
  readonly mark: string
  readonly since: number
  told: boolean
}

export function onStallOf({ onStall }: { readonly onStall?: unknown }): OnStall | undefined {
  if (onStall === undefined || onStall === 'warn' || onStall === 'oust') return onStall
  if (typeof onStall === 'function') return onStall as OnStall
  const message = "onStall must be 'warn', 'oust' or a function"
  throw typeError('ERR_INVALID_ARGUMENT', message, { argument: 'onStall' })
}

export class StallWatch {
  readonly #memory: Memory
  readonly #thread: HeapThread
  readonly #heap: string
  readonly #seen = new Map<number, Seen>()
  #listener: ((stall: Stall) => void) | undefined
  #looked = -Infinity

  constructor(memory: Memory, thread: HeapThread, heap: string) {
    this.#memory = memory
    this.#thread = thread
    this.#heap = heap
  }

  decide(onStall: OnStall | undefined): void {
    if (typeof onStall === 'function') this.#listener = onStall
    else if (onStall !== undefined) {
      this.#memory.words.store(ON_STALL_AT, onStall === 'oust' ? OUST : 0)
    }
  }

  /** After an attempt to reclaim that ended 'waiting' or 'busy'. Cheap but for a few times in each
   *  stall time. */
  look(): void {
    const stallMs = this.#memory.m[STALL_MS_AT] as number
    const now = performance.now()
    if (now - this.#looked < stallMs / LOOKS) return
    for (const [stands, seen] of this.#note(now)) {
      if (seen.told || now - seen.since < stallMs) continue
      seen.told = true
      this.#tell(this.#stallOf(stands, seen, now))
    }
  }

  /** Who stands in the way now, for an error. */
  stalled(): Stall[] {
    const now = performance.now()
    return this.#note(now).map(([stands, seen]) => this.#stallOf(stands, seen, now))
  }

  /** Forgets whom it saw move. */
  #note(now: number): [Standing, Seen][] {
    this.#looked = now
    const found = standing(this.#memory)
    const slots = new Set(found.map(({ slot }) => slot))
    for (const slot of this.#seen.keys()) if (!slots.has(slot)) this.#seen.delete(slot)
    return found.map((stands) => {
      let seen = this.#seen.get(stands.slot)
      if (seen?.mark !== stands.mark) {
        seen = { mark: stands.mark, since: now, told: false }
        this.#seen.set(stands.slot, seen)
      }
      return [stands, seen]
    })
  }

  #stallOf({ slot, threadId: id, holds }: Standing, { since }: Seen, now: number): Stall {
    const report = reportSlots(this.#memory).find((one) => one.slot === slot)
    return {
      heap: this.#heap,
      slot,
      threadId: id,
      label: report?.label ?? '',
      watched: report?.watched ?? false,
      holds,
      forMs: Math.floor(now - since),
      limboBytes: limboWords(this.#thread) * 4,
    }
  }

  #tell(stall: Stall): void {
    const { words } = this.#memory
    // A write goes on here, and who is told may write.
    process.nextTick(() => {
      channels.stall.publish(stall)
      try {
        this.#listener?.(stall)
      } catch (error) {
        reportUncaught(error)
      }
    })
    if (this.#listener !== undefined) return
    if (words.load(ON_STALL_AT) === OUST) this.#oust(stall.slot)
    // The round's number, as all threads see the same one wait.
    const round = words.load(BEGUN_AT)
    const told = words.load(STALL_TOLD_AT)
    if (told === round || words.compareExchange(STALL_TOLD_AT, told, round) !== told) return
    process.emitWarning(`thread ${threadId} of rootswap: ${describe(stall)}`, {
      code: 'ROOTSWAP_STALL',
      type: 'RootswapWarning',
    })
  }

  /** What can be done without asking the stopped thread: nothing about its section. */
  #oust(slot: number): void {
    const { reclaimer, allocator } = this.#thread
    reclaimer.reapDead?.()
    if (!reclaimer.takeLock(0)) return
    oustThread(reclaimer, allocator.chunkWords, slot)
    reclaimer.lock.give()
  }
}

export function describe({ threadId: id, label, holds, forMs, limboBytes }: Stall): string {
  const what = holds === 'lock' ? 'the reclaim lock' : 'a section'
  return (
    `thread ${id} '${label}' has stood still inside library code for at least ${forMs} ms, in ` +
    `${what}: ${limboBytes} bytes of replaced versions wait for it`
  )
}
