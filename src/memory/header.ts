/**
 * The heap's header: made once, checked by every thread that opens the heap.
 *
 * **Invariants.** All `once` words are written before READY is set to 1; nobody reads another word
 * of a heap whose header does not say READY.
 *
 * **Ordering.** `[heap-ready]` the creator stores READY atomically after all `once` words.
 * Pairs with [heap-open]: the opener loads READY atomically before it reads any of them.
 *
 * **Progress.** Wait-free.
 *
 * **Crash.** A heap whose creator died before READY is refused by everybody (`ERR_BAD_HANDLE`).
 */

import { RootswapError } from '../errors.ts'
import {
  CAPACITY_AT,
  CELLS_AT,
  CHECKSUM_AT,
  CLAIMED_CELLS_AT,
  DEBUG_AT,
  FORMAT,
  FORMAT_AT,
  IDENTITY_AT,
  type Layout,
  layoutOf,
  LIMBO_MAX_AT,
  MAGIC,
  MAGIC_AT,
  MAX_WAIT_MS_AT,
  READY_AT,
  RECLAIM_EVERY_AT,
  SLOTS_AT,
  SPAN_SHIFT_AT,
  spanShiftFor,
  STALL_MS_AT,
  THREADS_AT,
} from './layout.ts'
import type { Words } from './words.ts'

export interface HeaderOptions {
  /** Length of the heap in words. */
  readonly capacity: number
  readonly threads: number
  readonly cells: number
  readonly limboWordsMax: number
  readonly stallMs: number
  readonly maxWaitMs: number
  /** Versions that may wait before a publisher starts a round. */
  readonly reclaimEvery: number
  /** Poison freed blocks; slow. */
  readonly debug?: boolean
  /** Two random words that tell heaps apart. */
  readonly identity: readonly [number, number]
}

export function writeHeader(words: Words, options: HeaderOptions): Layout {
  const { m } = words
  const shift = spanShiftFor(options.capacity)
  m[MAGIC_AT] = MAGIC
  m[FORMAT_AT] = FORMAT
  m[CAPACITY_AT] = options.capacity
  m[THREADS_AT] = options.threads
  m[CELLS_AT] = options.cells
  m[SPAN_SHIFT_AT] = shift
  m[IDENTITY_AT] = options.identity[0]
  m[IDENTITY_AT + 1] = options.identity[1]
  m[RECLAIM_EVERY_AT] = options.reclaimEvery
  m[LIMBO_MAX_AT] = options.limboWordsMax
  m[STALL_MS_AT] = options.stallMs
  m[MAX_WAIT_MS_AT] = options.maxWaitMs
  m[DEBUG_AT] = options.debug === true ? 1 : 0
  m[CHECKSUM_AT] = checksum(m)
  words.store(READY_AT, 1) // [heap-ready] Pairs with [heap-open].
  return layoutOf(options.capacity, options.threads, options.cells, shift)
}

/** Checks every field that a foreign or damaged buffer could have wrong; names the first. */
export function readHeader(words: Words): Layout {
  const { m } = words
  if (m.length < 1024) throw bad('length', m.length, 'a heap has at least 1,024 words')
  const ready = words.load(READY_AT) // [heap-open] Pairs with [heap-ready].
  expectField('magic', m[MAGIC_AT] as number, MAGIC)
  expectField('format version', m[FORMAT_AT] as number, FORMAT)
  expectField('ready', ready, 1)
  expectField('capacity', m[CAPACITY_AT] as number, m.length)
  const capacity = m.length
  const threads = inRange('threads', m[THREADS_AT] as number, 1, 1 << 16)
  const cells = inRange('cells', m[CELLS_AT] as number, 1, 1 << 16)
  expectField('span size', m[SPAN_SHIFT_AT] as number, spanShiftFor(capacity))
  expectField('checksum', m[CHECKSUM_AT] as number, checksum(m))
  inRange('registered slots', words.load(SLOTS_AT), 0, threads)
  inRange('claimed cells', words.load(CLAIMED_CELLS_AT), 0, cells)
  const layout = layoutOf(capacity, threads, cells, spanShiftFor(capacity))
  if (layout.spanCount < 1) throw bad('threads', threads, 'leaves no room for blocks')
  return layout
}

/** Of DEBUG and the words before READY: FNV-1a, a word at a time, so that each flipped bit changes
 *  it. Upper bits are folded down after each step: else the top bits of two words would cancel. */
function checksum(m: Int32Array): number {
  let sum = fold(0x811c9dc5 ^ (m[DEBUG_AT] as number))
  for (let at = 0; at < READY_AT; at++) sum = fold(sum ^ (m[at] as number))
  return sum
}

function fold(sum: number): number {
  const product = Math.imul(sum, 0x01000193)
  return product ^ (product >>> 15)
}

function expectField(field: string, found: number, expected: number): void {
  if (found !== expected) throw bad(field, found, `expected ${expected}`)
}

function inRange(field: string, found: number, low: number, high: number): number {
  if (found < low || found > high) throw bad(field, found, `expected ${low}…${high}`)
  return found
}

function bad(field: string, found: number, why: string): RootswapError {
  return new RootswapError(
    'ERR_BAD_HANDLE',
    `the buffer is not a rootswap heap: ${field} is ${found}, ${why}`,
    { field, found },
  )
}
