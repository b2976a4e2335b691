/**
 * Thread slots: where a thread's own shared words are, and who it is.
 *
 * **Invariants.** A slot belongs to the thread whose id + 1 its STATE holds; thread ids are never
 * used twice in a process, so a late notice of a death can not hit the next owner. All other words
 * of a free slot are as the reaper left them: no leases, no caches, no draft.
 *
 * **Ordering.** `[slot-claim]` the claim Pairs with [slot-free], the store that ends a reap: the
 * new owner sees the cleared words. SLOTS_AT is raised before the owner's first section: a round
 * that does not see the slot has loaded its tops before, so the owner's section loads them or
 * newer ones.
 *
 * **Progress.** Claiming is lock-free: a lost swap means that another thread got that slot.
 *
 * **Crash.** A thread that dies right after the claim is found by its id, as at any later time.
 */

import { RootswapError } from '../errors.ts'
import {
  type Layout,
  SLOT_CREATOR,
  SLOT_GENERATION,
  SLOT_LABEL,
  SLOT_LABEL_WORDS,
  SLOT_STATE,
  SLOT_WATCHED,
  SLOT_WORDS,
  SLOTS_AT,
} from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import type { Offset, Words } from '../memory/words.ts'
import { tagOf } from '../memory/tag.ts'

export interface ThreadIdentity {
  /** `worker_threads.threadId`, unique in the process. */
  readonly threadId: number
  /** The thread that created this one, or -1 for the main thread or an unknown creator. */
  readonly creatorId: number
  /** Somebody will see this thread's exit. */
  readonly watched: boolean
  /** Names the thread in errors and reports. */
  readonly label: string
}

export interface Slot {
  readonly index: number
  readonly at: Offset
  readonly tag: number
}

export interface SlotReport {
  readonly slot: number
  readonly threadId: number
  readonly label: string
  readonly watched: boolean
}

export function slotAt(layout: Layout, slot: number): Offset {
  return layout.slotsAt + slot * SLOT_WORDS
}

/** How many slots may be in use: those below were registered at some time. */
export function slotsInUse(words: Words): number {
  return words.load(SLOTS_AT)
}

/** The id of the thread that has the slot; -1 where none has. */
export function threadOfSlot({ words, layout }: Memory, slot: number): number {
  return words.load(slotAt(layout, slot) + SLOT_STATE) - 1
}

/** Claims a slot for the calling thread. Throws `ERR_TOO_MANY_THREADS`. */
export function claimSlot(memory: Memory, who: ThreadIdentity): Slot {
  const { words, m, layout } = memory
  for (let index = 0; index < layout.threads; index++) {
    const at = slotAt(layout, index)
    if (words.load(at + SLOT_STATE) !== 0) continue
    raise(words, SLOTS_AT, index + 1) // before the claim: a reaper looks no further
    // [slot-claim] Pairs with [slot-free].
    if (words.compareExchange(at + SLOT_STATE, 0, who.threadId + 1) !== 0) continue
    m[at + SLOT_CREATOR] = who.creatorId
    words.store(at + SLOT_WATCHED, who.watched ? 1 : 0)
    writeLabel(memory, at, who.label)
    return { index, at, tag: tagOf(index, m[at + SLOT_GENERATION] as number) }
  }
  const holders = reportSlots(memory)
  throw new RootswapError(
    'ERR_TOO_MANY_THREADS',
    `all ${layout.threads} thread slots of the heap are taken; raise maxThreads`,
    { maxThreads: layout.threads, holders },
  )
}

export function reportSlots(memory: Memory): SlotReport[] {
  const { words, layout } = memory
  const reports: SlotReport[] = []
  for (let slot = 0; slot < slotsInUse(words); slot++) {
    const at = slotAt(layout, slot)
    const threadId = threadOfSlot(memory, slot)
    if (threadId < 0) continue
    const watched = words.load(at + SLOT_WATCHED) !== 0
    reports.push({ slot, threadId, label: readLabel(memory, at), watched })
  }
  return reports
}

/** Raises a monotone word to at least `value`. */
export function raise(words: Words, at: Offset, value: number): void {
  for (;;) {
    const found = words.load(at)
    if (found >= value) return
    // A failed swap means that another thread raised it.
    if (words.compareExchange(at, found, value) === found) return
  }
}

function writeLabel(memory: Memory, at: Offset, label: string): void {
  const start = (at + SLOT_LABEL) * 4
  const bytes = memory.words.bytes.subarray(start, start + SLOT_LABEL_WORDS * 4)
  const text = new TextEncoder().encode(label).subarray(0, bytes.length - 1)
  bytes.fill(0)
  bytes.set(text)
}

function readLabel(memory: Memory, at: Offset): string {
  const start = (at + SLOT_LABEL) * 4
  const bytes = memory.words.bytes.slice(start, start + SLOT_LABEL_WORDS * 4)
  const end = bytes.indexOf(0)
  return new TextDecoder().decode(bytes.slice(0, end < 0 ? bytes.length : end))
}
