/**
 * What maps and queues hold: 32-bit integers, strings, blocks; and how they come out again.
 *
 * **Invariants.** A block is in a structure by reference, and counted by it; a string as a block of
 * its own.
 *
 * **Ordering.** As the structure says.
 *
 * **Progress.** Wait-free, but for a hold, which is a transaction.
 *
 * **Crash.** As the structure says.
 */

import { typeError } from '../errors.ts'
import type { Memory } from '../memory/memory.ts'
import type { Offset } from '../memory/words.ts'
import { RcBlock } from '../store/block.ts'
import { identityOf } from '../store/handle.ts'
import type { Anchor, AnyBlock } from './anchored.ts'
import { BorrowedBlock } from './block.ts'
import { BLOCK, INTEGER, type Item, type KeyItem, mixed, TEXT } from './map-words.ts'
import { makeText, textHash } from './text.ts'

/** What goes in: an integer of 32 bits, a string, a block of the same heap. */
export type RcuValue = number | string | AnyBlock
/** What comes out: blocks are borrowed inside a section, held outside. */
export type RcuFound = number | string | BorrowedBlock | RcBlock

/** Throws `TypeError` with `ERR_UNSUPPORTED_VALUE`, `ERR_CLOSED`. */
export function itemOf(anchor: Anchor<string>, value: unknown): Item {
  const none = { integer: 0, text: '', block: 0 }
  if (typeof value === 'string') return { ...none, kind: TEXT, text: value }
  if (typeof value === 'number' && value === (value | 0) && !Object.is(value, -0)) {
    return { ...none, kind: INTEGER, integer: value }
  }
  if (value instanceof RcBlock || value instanceof BorrowedBlock) {
    return { ...none, kind: BLOCK, block: anchor.offsetOf(value) }
  }
  const shown = typeof value === 'number' ? String(value) : value === null ? 'null' : typeof value
  throw typeError(
    'ERR_UNSUPPORTED_VALUE',
    `a 32-bit integer, a string or a block is needed, not ${shown}`,
  )
}

/** A key, with its hash: of an integer or a string by value, of a block by identity. */
export function keyOf(anchor: Anchor<string>, key: unknown): KeyItem {
  const item = itemOf(anchor, key)
  const { memory } = anchor.thread
  const seed = identityOf(memory)[0]
  if (item.kind === TEXT) return { ...item, hash: mixed(textHash(item.text, seed)) }
  return { ...item, hash: mixed((item.kind === INTEGER ? item.integer : item.block) ^ seed) }
}

/** With a block of the open draft where it is a string. */
export function madeOf<I extends Item>(anchor: Anchor<string>, item: I): I {
  if (item.kind !== TEXT) return item
  return { ...item, block: makeText(anchor.thread, item.text) }
}

export function borrowedOf(memory: Memory, block: Offset): BorrowedBlock {
  return new BorrowedBlock(memory, block)
}
