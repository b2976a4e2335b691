/**
 * Where the words of a version record lie. A record says what one publish did: the new root, what
 * it replaced (`out`) and which nodes of older versions it references anew (`inc`).
 *
 * `out` is a list of entries `node, drops, index…`: one per copied edge, parents first; the
 * indexes name the children (counted within the node's references) that the successor dropped. All
 * other children are *staying*: kept by the successor, or themselves replaced below. `inc` is a
 * list of nodes, one entry per new reference to an old node.
 *
 * **Invariants.** A record is immutable once published, but for NEXT and STATE.
 *
 * **Ordering.** It is complete before the swap that publishes it ([publish-root]).
 *
 * **Progress.** Wait-free: reads and writes of one record.
 *
 * **Crash.** An unpublished record is in its writer's draft log, where the reaper finds it.
 */

import type { Offset } from './words.ts'

/** L: the successor, once linked; of a zombie, the next zombie. */
export const RECORD_NEXT = 2
/** once: the predecessor's offset, or 0. Never followed below the oldest undeparted record. */
export const RECORD_PREVIOUS = 3
/** once: two words, the version number. */
export const RECORD_NUMBER = 4
/** once: value word of the root. */
export const RECORD_ROOT = 6
/** once: slot of the writer. */
export const RECORD_WRITER = 7
/** once: ticket of the draft. */
export const RECORD_TICKET = 8
/** once: 1 when the predecessor's root is dropped whole, 2 when another version's comes back. */
export const RECORD_DROP_ROOT = 9
/** L: 0, or one of the states below. */
export const RECORD_STATE = 10
/** Departed, and it owns a reference to its root: a lease holds it. */
export const STATE_ZOMBIE = 1
/** Departed, and it owns nothing: only its place is still compared with. */
export const STATE_SHELL = 2
/** once: words of `out`. */
export const RECORD_OUT_WORDS = 11
/** once: entries of `inc`. */
export const RECORD_INC_COUNT = 12
/** once: index of the root cell that it was published in | the cell's generation << 16: who holds a
 *  version may outlive its branch, and the cell serves others. */
export const RECORD_CELL = 13
/** once: two words, words retired by this record and all before it in its cell. */
export const RECORD_RETIRED = 14
/** once: `out`, then `inc`. */
export const RECORD_OUT = 16

const HALF = 2 ** 30

/** Writes a whole number below 2^60 into two words. */
export function writeWide(m: Int32Array, at: Offset, value: number): void {
  m[at] = Math.floor(value / HALF)
  m[at + 1] = value % HALF
}

export function readWide(m: Int32Array, at: Offset): number {
  return (m[at] as number) * HALF + (m[at + 1] as number)
}

export function incAt(m: Int32Array, record: Offset): Offset {
  return record + RECORD_OUT + (m[record + RECORD_OUT_WORDS] as number)
}

/** CELL_DEPARTED counts retired words in these units, modulo the mask plus one. */
export const LIMBO_UNIT = 256
export const LIMBO_MASK = 0x3fffffff
