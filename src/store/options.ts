/** The options of a heap and of a store: defaults, ranges, and what wrong ones get. */

import { rangeError, typeError } from '../errors.ts'
import { HISTORY_ALL } from '../memory/layout.ts'
import type { OnStall } from './stalls.ts'

export interface HeapOptions {
  /** Bytes reserved for the heap; committed by the operating system as they are touched.
   *  64 KiB … just under 4 GiB. Default 1 GiB. */
  readonly maxBytes?: number
  /** Threads that may have the heap open at once. Default 1,024. */
  readonly maxThreads?: number
  /** Stores and branches that the heap may hold at once. Default 64. */
  readonly maxStores?: number
  /** Bytes of replaced versions that may wait for readers. Default a quarter of the heap. */
  readonly maxLimboBytes?: number
  /** Milliseconds after which a thread stopped inside library code is reported. Default 1,000. */
  readonly stallMs?: number
  /** The longest that a write waits for memory or for its turn, in milliseconds. Default 50. */
  readonly maxWaitMs?: number
  /** Overwrites freed memory, so that a read of it is `ERR_CORRUPT_HEAP`. Slow; default false. */
  readonly debug?: boolean
}

export interface ThreadOptions {
  /** Names this thread in errors and reports. */
  readonly label?: string
  /**
   * What becomes of a thread that stops inside library code for `stallMs` while this heap's memory
   * waits for it. `'warn'` (the default) and `'oust'` hold for the heap: a process warning
   * `ROOTSWAP_STALL`, once; `'oust'` also reaps the thread if it is known to be dead, and gives up
   * the replaced versions that only it was handed values of. Its section is left alone: memory that
   * it may be reading is never freed. A function is called instead of that in this thread, in a
   * task of its own, once for each stall that this thread noticed.
   */
  readonly onStall?: OnStall
}

/** Of a store in a heap that is there already. */
export interface NewStoreOptions {
  /** Under which other threads open it. */
  readonly name?: string
  /** Makes the name known to the other threads of this process. */
  readonly share?: boolean
  /** How many replaced versions `snapshot(version)` and `rollback` can still name: a number, or
   *  `'while-memory-lasts'`: all, until a writer needs the room; the oldest go first. Default 0. */
  readonly history?: number | 'while-memory-lasts'
}

/** The option as the store's cell says it. */
export function historyOf(history: unknown): number {
  if (history === 'while-memory-lasts') return HISTORY_ALL
  return whole('history', history ?? 0, [0, 2 ** 30])
}

export interface ResolvedHeapOptions {
  readonly capacityWords: number
  readonly threads: number
  readonly cells: number
  readonly limboWords: number
  readonly stallMs: number
  readonly maxWaitMs: number
  readonly debug: boolean
}

const GIB = 2 ** 30

export function resolveHeapOptions(options: HeapOptions): ResolvedHeapOptions {
  const small = (options.maxBytes ?? GIB) < 2 ** 24
  const maxBytes = whole('maxBytes', options.maxBytes ?? GIB, [2 ** 16, 2 ** 32 - 2 ** 16])
  const threads = whole('maxThreads', options.maxThreads ?? (small ? 64 : 1024), [1, 2 ** 16 - 2])
  const cells = whole('maxStores', options.maxStores ?? 64, [1, 4096])
  const limbo = whole('maxLimboBytes', options.maxLimboBytes ?? Math.floor(maxBytes / 4), [
    0,
    maxBytes,
  ])
  return {
    capacityWords: Math.floor(maxBytes / 8) * 2,
    threads,
    cells,
    limboWords: Math.floor(limbo / 4),
    stallMs: whole('stallMs', options.stallMs ?? 1000, [1, 2 ** 30]),
    maxWaitMs: whole('maxWaitMs', options.maxWaitMs ?? 50, [0, 2 ** 30]),
    debug: options.debug === true,
  }
}

/** A whole number in a range, or the error that says which option is wrong and why. */
export function whole(name: string, value: unknown, range: readonly [number, number]): number {
  if (typeof value !== 'number') {
    throw typeError('ERR_INVALID_ARGUMENT', `${name} must be a number, not ${typeof value}`, {
      argument: name,
    })
  }
  const [low, high] = range
  if (!Number.isInteger(value) || value < low || value > high) {
    throw rangeError(`${name} is ${value}; it must be a whole number from ${low} to ${high}`, {
      argument: name,
      value,
    })
  }
  return value
}

export function text(name: string, value: unknown): string {
  if (typeof value === 'string') return value
  throw typeError('ERR_INVALID_ARGUMENT', `${name} must be a string, not ${typeof value}`, {
    argument: name,
  })
}
