/**
 * Waiting for readers: `synchronize` returns when no synchronous read that began before the call
 * is still running, in any thread; then what only those could see is reclaimed.
 *
 * **Ordering.** `[grace-scan]` Pairs with [section-enter]. A reader makes its word odd before it
 * loads anything, and even after it loaded the last; all are sequentially consistent. A word that
 * is loaded even here, or that changed since, belongs to a read that began after this call did,
 * and so sees all that the caller did before the call. A slot that is registered later begins its
 * first read later. An odd word that came back to the same value would have to be entered 2^31
 * times between two looks.
 *
 * **Progress.** Waits for readers inside `read(fn)` and inside library calls that read, for
 * nobody else: a thread parked outside, however long, has an even word.
 *
 * **Crash.** A thread that died inside leaves its word odd until it is reaped, in the thread that
 * created it. The synchronous form, called in that very thread, cannot be told: it ends by its
 * time limit.
 */

import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises'
import { pause } from '../atomics-wait-polyfill/pause.ts'
import { RootswapError } from '../errors.ts'
import { READY_AT, SLOT_READING, SLOT_SECTION, SLOT_STATE, SLOT_WORDS } from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import type { Offset } from '../memory/words.ts'
import type { Reclaimer } from '../reclaim/reclaimer.ts'
import { slotAt, slotsInUse } from '../reclaim/slots.ts'
import { signalOf, timeoutOf } from './wait-arguments.ts'

/** Looks before the first pause of a millisecond. */
const EAGER_LOOKS = 64
/** The longest pause between two looks, in milliseconds. */
const PAUSE_MS_MAX = 8
const SLICES = 64
/** How often the round is tried while others hold the lock, or are inside a section. */
const RECLAIM_TRIES = 16

/** A read that had begun: its word, and what the word held. */
interface OpenRead {
  readonly at: Offset
  readonly seen: number
}

/** Throws `ERR_IN_READ_SECTION`, the signal's reason, `TypeError`. */
export async function synchronize(
  memory: Memory,
  reclaimer: Reclaimer,
  options: { signal?: AbortSignal } = {},
): Promise<void> {
  const signal = signalOf(options)
  signal?.throwIfAborted()
  let open = openReads(memory, reclaimer)
  for (let look = 0; ; look++) {
    open = stillOpen(memory, open)
    if (open.length === 0) break
    reclaimer.reapDead?.()
    await waitAwhile(look, signal)
  }
  for (let attempt = 0; attempt < RECLAIM_TRIES; attempt++) {
    const end = reclaimer.attempt(SLICES)
    if (end === 'idle') return
    await waitAwhile(end === 'more' ? 0 : EAGER_LOOKS + attempt, signal)
  }
}

/** Blocks the thread. Throws `ERR_TIMEOUT`, `ERR_IN_READ_SECTION`, `TypeError`. */
export function synchronizeSync(memory: Memory, reclaimer: Reclaimer, timeoutMs?: number): void {
  const limitMs = timeoutOf(timeoutMs)
  const deadline = performance.now() + limitMs
  let open = openReads(memory, reclaimer)
  for (let look = 0; ; look++) {
    open = stillOpen(memory, open)
    if (open.length === 0) break
    if (performance.now() >= deadline) throw timedOut(memory, open, limitMs)
    reclaimer.reapDead?.()
    blockAwhile(memory, look)
  }
  for (let attempt = 0; attempt < RECLAIM_TRIES; attempt++) {
    const end = reclaimer.attempt(SLICES)
    if (end === 'idle' || performance.now() >= deadline) return
    if (end !== 'more') blockAwhile(memory, EAGER_LOOKS)
  }
}

function openReads(memory: Memory, reclaimer: Reclaimer): OpenRead[] {
  const { words, layout } = memory
  const own = words.load(reclaimer.slot.at + SLOT_STATE)
  const open: OpenRead[] = []
  const slots = slotsInUse(words)
  for (let slot = 0; slot < slots; slot++) {
    const first = slotAt(layout, slot)
    for (const at of [first + SLOT_SECTION, first + SLOT_READING]) {
      const seen = words.load(at) // [grace-scan] Pairs with [section-enter].
      if ((seen & 1) === 0) continue
      // Another slot of this thread belongs to another copy of the package in it.
      if (words.load(first + SLOT_STATE) === own) throw insideRead()
      open.push({ at, seen })
    }
  }
  return open
}

function stillOpen(memory: Memory, open: readonly OpenRead[]): OpenRead[] {
  return open.filter(({ at, seen }) => memory.words.load(at) === seen)
}

async function waitAwhile(look: number, signal: AbortSignal | undefined): Promise<void> {
  if (look < EAGER_LOOKS) await immediate()
  else await sleep(Math.min(1 + ((look - EAGER_LOOKS) >> 3), PAUSE_MS_MAX))
  signal?.throwIfAborted()
}

function blockAwhile(memory: Memory, look: number): void {
  if (look < EAGER_LOOKS) pause(look)
  // Nobody changes READY: this is a pause of a millisecond.
  else memory.words.wait(READY_AT, memory.words.load(READY_AT), 1)
}

function insideRead(): RootswapError {
  return new RootswapError(
    'ERR_IN_READ_SECTION',
    'waiting for readers inside read(fn) would wait for this read itself; do it after',
  )
}

function timedOut(memory: Memory, open: readonly OpenRead[], timeoutMs: number): RootswapError {
  const threadIds = open.map(({ at }) => threadAt(memory, at))
  return new RootswapError(
    'ERR_TIMEOUT',
    `reads of ${open.length} threads (ids ${threadIds.join(', ')}) did not end ` +
      `within ${timeoutMs} ms`,
    { timeoutMs, threadIds },
  )
}

function threadAt(memory: Memory, at: Offset): number {
  const first = memory.layout.slotsAt
  const slot = Math.floor((at - first) / SLOT_WORDS)
  return memory.words.load(slotAt(memory.layout, slot) + SLOT_STATE) - 1
}
