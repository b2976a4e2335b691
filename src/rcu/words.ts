/**
 * Where the words of an RCU domain lie: its grace periods, and the table of its readers.
 *
 * The domain's words stand in one block, the anchor; positions below count from the first word of
 * the block that is a multiple of 16, so that what is written often has a cache line of its own.
 * Readers have an entry each, of a line, in chunks that are linked from the anchor.
 *
 * **Invariants.** A word has one writer at a time, as in memory/layout.ts: `t` = the thread that
 * owns the entry, `L` = the holder of the reclaim lock, `CAS` = any thread by compare-and-swap.
 * GP - DONE is 0 or 1, modulo 2^32.
 *
 * **Ordering.** Every word here is accessed atomically, but those marked L and `once`.
 *
 * **Progress.** Nothing here runs.
 *
 * **Crash.** An entry names the tag of its owner; a tag whose slot has moved on is nobody's.
 */

import { SLOT_GENERATION } from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import { slotOfTag, tagOf } from '../memory/tag.ts'
import type { Offset, Words } from '../memory/words.ts'
import { slotAt } from '../reclaim/slots.ts'

export const LINE = 16

/** The first word of a block's data that begins a cache line. */
export function lineAt(at: Offset): Offset {
  return (at + LINE - 1) & ~(LINE - 1)
}

/* ---- the anchor ------------------------------------------------------------------------------ */

/** Its references: the first chunk of readers, the open bag, the oldest sealed bag. */
export const TO_READERS = 0
export const TO_OPEN_BAG = 1
export const TO_SEALED_BAG = 2
export const ANCHOR_REFERENCES = 3

/** CAS: grace periods begun; wraps. Readers of flavor qsbr copy it. */
export const GP = 0
/** 1 while somebody sleeps until a reader moves on; cleared by who wakes. In the line that readers
 *  look at anyway. */
export const SLEEP = GP + 1
/** CAS: grace periods over; wraps. A line of its own: each grace period writes it. */
export const DONE = LINE
/** L: callbacks that were lost with their threads; wraps. */
export const LOST = 2 * LINE
/** L: the youngest sealed bag, or 0; blocks in the open bag; blocks retired, and of these, given
 *  up to reclaiming; both wrap. See retired.ts. */
export const LAST_BAG = 2 * LINE + 1
export const BAG_FILL = 2 * LINE + 2
export const RETIRED = 2 * LINE + 3
export const RELEASED = 2 * LINE + 4
/** Words of the anchor, its alignment included. */
export const DOMAIN_WORDS = 4 * LINE

/* ---- a reader's entry ------------------------------------------------------------------------ */

export const READER_WORDS = LINE
/** t: 0 = holds up nobody; odd = a copy of GP (qsbr); else an even number that is new each time. */
export const READER_WORD = 0
/** CAS from 0: the owner's tag. t, L: 0 again, never by a transaction; see readers.ts. */
export const READER_TAG = 1
/** t: `SECTION`, `QSBR` or `MEMBER`. L: 0, as the word, when the tag is gone. */
export const READER_FLAVOR = 2
/** t: callbacks that a member has deferred, and of these, run; they wrap. */
export const READER_DEFERRED = 3
export const READER_RAN = 4
/** t: how often the entry was claimed; wraps. */
export const READER_CLAIMS = 5
/** t: UTF-8 label, zero-terminated. */
export const READER_LABEL = 6
export const READER_LABEL_WORDS = READER_WORDS - READER_LABEL

export const SECTION = 1
export const QSBR = 2
/** Of a thread that has the domain open, whether or not it reads. */
export const MEMBER = 3

/** Entries of a chunk that were ever used; monotone, CAS. Before the first entry. */
export const CHUNK_HIGH = 0
/** once: entries of the chunk. */
export const CHUNK_ENTRIES = 1

/** What a qsbr reader stores that has seen the grace period begin. */
export function copyOf(gp: number): number {
  return (gp << 1) | 1
}

/** Whether the owner of a tag has left the heap, or was reaped: its slot's generation moved on. */
export function isGone({ words, layout }: Memory, tag: number): boolean {
  const slot = slotOfTag(tag)
  // [generation-check] Pairs with [generation-end].
  return tagOf(slot, words.load(slotAt(layout, slot) + SLOT_GENERATION)) !== tag
}

/** Wakes who sleeps, if somebody does. A word left by a sleeper that died is cleared, too. */
export function wakeSleepers(words: Words, gpAt: Offset): void {
  const at = gpAt - GP + SLEEP
  if (words.load(at) === 0) return // [sleep-wake] Pairs with [sleep-tell].
  words.store(at, 0)
  words.notify(at)
}
