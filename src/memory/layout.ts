/**
 * Where every shared word of a heap lies: the one declaration of each.
 *
 * A heap is one SharedArrayBuffer of fixed length: a header, the root cells, the thread slots, the
 * span table, the shape table, the journal, then the spans that blocks are cut from. Positions are
 * computed from four numbers that stand in the header (capacity, threads, cells, span size), so
 * that every thread that opens the heap derives the same layout.
 *
 * **Invariants.** A word has one writer at a time, named below: `t` = the thread that owns the
 * slot, `L` = whoever holds the reclaim lock, `P` = publishers by compare-and-swap, `once` =
 * written before the heap is shared. Offset 0 is never a block, so 0 means "none".
 *
 * **Ordering.** Words of kind `t` and `P` are accessed atomically where another thread decides on
 * them (said per word); words of kind `L` are plain and ordered by the lock.
 *
 * **Progress.** Nothing here runs.
 *
 * **Crash.** Words `t` are cleared by the reaper; words `L` are repaired from the journal.
 */

import type { Offset } from './words.ts'

export const MAGIC = 0x72737770
export const FORMAT = 3

/* ---- header: one word each ------------------------------------------------------------------ */

/** once. */
export const MAGIC_AT = 0
/** once. */
export const FORMAT_AT = 1
/** once: length of the heap in words. */
export const CAPACITY_AT = 2
/** once: how many thread slots. */
export const THREADS_AT = 3
/** once: how many root cells. */
export const CELLS_AT = 4
/** once: log2 of a span's words. */
export const SPAN_SHIFT_AT = 5
/** once: two words that tell heaps apart. */
export const IDENTITY_AT = 6
/** once: published versions that may wait before a publisher starts a round. */
export const RECLAIM_EVERY_AT = 8
/** once: limbo limit in words. */
export const LIMBO_MAX_AT = 9
/** once: milliseconds after which a stopped section is reported. */
export const STALL_MS_AT = 10
/** once: the longest that a writer waits, in milliseconds. */
export const MAX_WAIT_MS_AT = 11
/** once: set to 1 when the header is complete; atomic. */
export const READY_AT = 12
/** once: over the words that never change, so that a damaged one is found at opening. */
export const CHECKSUM_AT = 13
/** once: 1 where freed blocks are poisoned. */
export const DEBUG_AT = 14
/** Any thread: 1 where stalls oust what the stopped thread was handed; atomic. */
export const ON_STALL_AT = 15
/** CAS by any thread: BEGUN of the round whose stall the process was warned of; atomic. */
export const STALL_TOLD_AT = 16

/** CAS by any thread: 0 or the owner's tag; atomic. A cache line of its own. */
export const LOCK_AT = 32
/** L writes, atomic: what the round does next; see reclaim/round.ts. */
export const PHASE_AT = 33
/** L: rounds finished, wraps; compared for equality only. Atomic loads by `synchronize`. */
export const ROUND_AT = 34
/** L: nodes whose count fell to 0, linked by their count word. */
export const DEAD_AT = 35
/** L: departed records that a lease holds, linked by their `next`. */
export const ZOMBIE_AT = 36
/** L: spans that were given back, linked by the span table. */
export const FREE_SPANS_AT = 37
/** L writes, atomic: rounds begun; wraps. */
export const BEGUN_AT = 38
/** L: BEGUN of the round that the next three words are of; a statistic, as they are. */
export const TIMED_AT = 39
/** L: when it began, in microseconds, wraps. */
export const TIMED_SINCE_AT = 40
/** L: when no section held it up any more, likewise. */
export const TIMED_CLOSED_AT = 41
/** L: FREED when it began. */
export const TIMED_FREED_AT = 42
/** L writes, atomic: slices run; wraps. Says to who waits for the lock that its owner moves. */
export const SLICES_AT = 43

/** CAS-carved: first span that may never have been used; a hint, monotone, atomic. */
export const SPAN_HINT_AT = 48
/** Rung (added to, then notified) by a publisher while somebody waits; wraps; atomic. */
export const BELL_AT = 49
/** How many threads wait for the bell; atomic. */
export const WAITERS_AT = 50
/** 0 or the tag of a thread that asks writers to pause (`verify`); atomic. */
export const FREEZE_AT = 51
/** Shapes published so far; monotone hint, atomic. */
export const SHAPES_AT = 52
/** One more than the highest slot ever registered; monotone, atomic. */
export const SLOTS_AT = 53
/** Lost compare-and-swaps of publishers; a statistic, atomic add. */
export const CONFLICTS_AT = 54
/** L: blocks freed so far, wraps; a statistic. */
export const FREED_AT = 55
/** Set by a thread that published and found the lock taken; cleared by its owner; atomic. */
export const REQUEST_AT = 56
/** L: two words, versions that were published in branches that have ended; atomic. */
export const RECYCLED_AT = 58

/** How many threads wait for the lock to be given; too many after a death; atomic add. */
export const LOCK_WAITERS_AT = 62
/** L: the serial number of the newest counted block that has one; wraps, never 0 in a block. */
export const SERIAL_AT = 57

/** L, atomic: reference to the anchor of the heap's RCU domain (src/rcu), or 0; set once. */
export const RCU_AT = 60
/** One more than the highest root cell ever claimed; monotone, atomic. */
export const CLAIMED_CELLS_AT = 61

/** L: per size class, the first span with free blocks. */
export const CLASS_HEADS_AT = 64
export const CLASSES_MAX = 64
const HEADER_WORDS = CLASS_HEADS_AT + CLASSES_MAX

/* ---- a root cell ---------------------------------------------------------------------------- */

/** Four cache lines: readers poll the first, which changes with each publish; what reclaiming
 *  writes, several times a version, stands in the last. */
export const CELL_WORDS = 64
/** P: the newest record, or 0; atomic, but for the poll that `current` makes. */
export const CELL_ROOT = 0
/** CAS from FREE, then stored by L: one of the states below, the claimer's slot + 1 << 2 beside
 *  CLAIMED; atomic. */
export const CELL_STATE = 1
/** L: how often the cell was freed; wraps; atomic. */
export const CELL_GENERATION = 2
/** CAS: 0 or the tag of a writer that lost often and has its turn; atomic. */
export const CELL_TURN = 3
/** once per naming: value word of the store's name, or 0. */
export const CELL_NAME = 4
/** once per naming: how many replaced versions are kept, or `HISTORY_ALL`. */
export const CELL_HISTORY = 16
/** L writes, atomic: of a cell with history, the lowest version that may be named late. Low 32
 *  bits of a version number, compared by difference, as the next two. */
export const CELL_FLOOR = 17
/** L: the floor that a thread short of memory wants. */
export const CELL_WANTED = 18
/** Of a branch: the version of the origin that it was forked from, or last adopted as; atomic. */
export const CELL_ORIGIN_VERSION = 19
/** once per naming: the origin's cell, and that one's generation. */
export const CELL_ORIGIN = 20
export const CELL_ORIGIN_GENERATION = 21
/** once per naming, then L: two words, one less than the number of the first version. */
export const CELL_BORN = 22
/** L: the version of the last arrived adoption or rollback, else the first; low 32 bits; atomic. */
export const CELL_LINE = 24
/** L: the record that ends a branch: room for one without `out` and `inc`. */
export const CELL_TOMBSTONE = 32
/** L: the oldest record that has not departed. */
export const CELL_OLDEST = 48
/** L: the newest record that has arrived, or 0. */
export const CELL_ARRIVED = 49
/** L: how far the departure of the oldest record is; 0 = not begun. */
export const CELL_CURSOR = 50
/** L: the newest record when the round began; 0 = the cell does not depart this round, as one that
 *  is free or claimed. */
export const CELL_TOP = 51
/** L: how many of the arriving record's `inc` entries have been counted. */
export const CELL_ARRIVING = 52
/** L writes, atomic: RETIRED of the oldest undeparted record in 256-word units; a statistic. */
export const CELL_DEPARTED = 53

/** All replaced versions are kept, until a writer needs the room. */
export const HISTORY_ALL = -1

export const CELL_FREE = 0
export const CELL_CLAIMED = 1
/** A store of its own: for as long as the heap. All states from here on have versions, and these
 *  two low bits. */
export const CELL_NAMED = 2
/** A branch: for as long as some thread has a stake in it. */
export const CELL_BRANCH = 6
/** L: a branch in which nobody seemed to have a stake; before the slice ends it is one of its
 *  neighbours here. */
export const CELL_CLOSING = 10
/** L: a branch whose newest record is its tombstone. */
export const CELL_DROPPED = 14
/** Of a state: has the cell versions? */
export const STATE_MASK = 3

/* ---- a thread slot -------------------------------------------------------------------------- */

export const SLOT_WORDS = 128
/** t: odd while inside library code that reads unleased nodes; atomic. */
export const SLOT_SECTION = 0
/** t: odd while inside `read(fn)`; holds up `synchronize`, not reclaiming; atomic. */
export const SLOT_READING = 1
/** CAS from 0: the owner's thread id + 1, unique in the process; 0 = free; atomic. */
export const SLOT_STATE = 2
/** L: how often the slot was freed; part of the owner's tag. */
export const SLOT_GENERATION = 3
/** t: thread id of the creator of the owner, or -1. */
export const SLOT_CREATOR = 4
/** t: number of the draft being built or swapped, 0 = none; atomic. */
export const SLOT_TICKET = 5
/** L: the newest of the owner's tickets whose record has arrived; compared by difference. */
export const SLOT_PUBLISHED = 6
/** t: newest chunk of the draft log. */
export const SLOT_LOG = 7
/** t: entries in the draft log. */
export const SLOT_LOG_COUNT = 8
/** t: words in the caches, a statistic. */
export const SLOT_CACHED_WORDS = 9
/** t: chain of further lease words. */
export const SLOT_LEASE_CHAIN = 10
/** t: 1 while counted in WAITERS. */
export const SLOT_WAITING = 11
/** creator: 1 when somebody will see the owner's `exit`. */
export const SLOT_WATCHED = 12
/** L writes, atomic: the section word when the round began. */
export const SLOT_SNAPSHOT = 13
/** t: the last ticket given; never reset within a generation of the slot. */
export const SLOT_LAST_TICKET = 14
/** t: chain of hold entries; the entries themselves are L words. */
export const SLOT_HOLD_CHAIN = 15
/** t: the first lease words; atomic. */
export const SLOT_LEASES = 16
export const SLOT_LEASE_COUNT = 16
/** t: head of the cache of each size class, linked by the blocks' count word. */
export const SLOT_CACHES = 32
/** t: UTF-8 label, zero-terminated. */
export const SLOT_LABEL = 96
export const SLOT_LABEL_WORDS = 28
/** t: when its `read(fn)` began, in milliseconds modulo 2^30; a statistic. */
export const SLOT_READ_SINCE = 124
/** t: how many snapshots it holds; a statistic, atomic. */
export const SLOT_SNAPSHOTS = 125
/** t: when it took the oldest of them, as above; a statistic, atomic. */
export const SLOT_SNAPSHOT_SINCE = 126
/** t: the reference that publishes a draft of one block once it names that block, 0 = none; atomic.
 *  See reclaim/log.ts. */
export const SLOT_LINK = 127

/* ---- the span table ------------------------------------------------------------------------- */

export const SPAN_WORDS = 8
/** CAS from FRESH to the claimer, who makes it OWNED (or FRESH again); atomic. */
export const SPAN_STATE = 0
/** The claimer while CARVING (atomic), then L: use | class or slot << 8. */
export const SPAN_USE = 1
/** L: first free block. */
export const SPAN_FREE = 2
/** L: how many free blocks. */
export const SPAN_FREE_COUNT = 3
/** L: neighbours in the list of the class, or of the free spans, as index + 1. */
export const SPAN_NEXT = 4
export const SPAN_PREVIOUS = 5
/** The claimer while CARVING, then L: spans of a large block, in its first span. */
export const SPAN_RUN = 6

export const SPAN_FRESH = 0
/** | slot << 8. */
export const SPAN_CARVING = 1
export const SPAN_OWNED = 2

/** | class << 8: cut into blocks of one class. */
export const USE_BLOCKS = 1
/** In the list of free spans. */
export const USE_NONE = 2
/** | slot << 8: first span of a large block. */
export const USE_LARGE = 3
/** | slot << 8: a further span of a large block. */
export const USE_BODY = 4

/* ---- a lease word --------------------------------------------------------------------------- */

/* Beside the record offset, which is even and below 2^30. */

/** The lease is a cache of `current`, or what one call needs, not a snapshot. */
export const LEASE_SOFT = 1
/** Its thread is not reading through it: the lock's owner may oust it. Without SOFT beside it the
 *  thread does not compare with the record's place either. */
export const LEASE_IDLE = 2 ** 30
/** It was ousted: the version may go, but not the place of the record, if one is still named. */
export const LEASE_OUSTED = -(2 ** 31)
export const LEASE_RECORD = 2 ** 30 - 2

/** A lease word below 0 is a stake in a branch, of a thread that has it open: this less the
 *  branch's cell. */
export const STAKE_FIRST = -1

export interface Layout {
  readonly capacity: number
  readonly threads: number
  readonly cells: number
  readonly spanShift: number
  readonly cellsAt: Offset
  readonly slotsAt: Offset
  readonly spansAt: Offset
  readonly spanCount: number
  /** First word of span 0; a multiple of the span size is not needed. */
  readonly firstSpanAt: Offset
  readonly shapesAt: Offset
  readonly shapesMax: number
  /** armed count, then pairs of address and value. */
  readonly journalAt: Offset
  readonly journalPairs: number
}

/** Pairs in the journal: a node has at most 1,024 references, each one pair, and a few words. */
const JOURNAL_PAIRS = 4096

export function layoutOf(
  capacity: number,
  threads: number,
  cells: number,
  spanShift: number,
): Layout {
  const cellsAt = HEADER_WORDS
  const slotsAt = cellsAt + cells * CELL_WORDS
  const journalAt = slotsAt + threads * SLOT_WORDS
  const shapesAt = journalAt + 2 + 2 * JOURNAL_PAIRS
  const shapesMax = Math.max(256, Math.min(1 << 17, capacity >> 9))
  const spansAt = (shapesAt + shapesMax + 15) & ~15
  const spanWords = 1 << spanShift
  const spanCount = Math.max(0, Math.floor((capacity - spansAt - 16) / (spanWords + SPAN_WORDS)))
  const firstSpanAt = (spansAt + spanCount * SPAN_WORDS + 15) & ~15
  return {
    capacity,
    threads,
    cells,
    spanShift,
    cellsAt,
    slotsAt,
    spansAt,
    spanCount,
    firstSpanAt,
    shapesAt,
    shapesMax,
    journalAt,
    journalPairs: JOURNAL_PAIRS,
  }
}

/** log2 of a span's words: small heaps get small spans, so that few classes do not fill them. */
export function spanShiftFor(capacity: number): number {
  if (capacity >= 1 << 24) return 14
  if (capacity >= 1 << 21) return 12
  return 10
}
