/**
 * Counted blocks: a header, references to other counted blocks, then bytes that only the block's
 * users read. Strings, pages and page tables of `rootswap/cow`, and the anchors of `rootswap/rcu`,
 * are made of them.
 *
 * | word | what |
 * | --- | --- |
 * | 0 | kind COUNTED, size class, own: how many references |
 * | 1 | L: the count, or a list's link once it is 0 |
 * | 2 | L: the serial number that handles carry; 0 = no handle can open it (any more) |
 * | 3 | once: bytes of data |
 * | 4 … | L: references (value words, 0 = none) |
 * | then | the data, 8-byte aligned |
 *
 * **Invariants.** References name counted blocks, and change under the lock, in transactions that
 * change the counts too. A block whose count fell to 0 has serial number 0.
 *
 * **Ordering.** A block is private until a transaction publishes it; its data is ordered by
 * whatever its users order it by (the lock, or a word of their own).
 *
 * **Progress.** Wait-free: arithmetic, and plain stores to private blocks.
 *
 * **Crash.** A private block is in its thread's draft log.
 */

import { rangeError } from '../errors.ts'
import type { Allocator } from './allocator.ts'
import { COUNTED, kindOf, ownOf, stamp } from './kinds.ts'
import type { Memory } from './memory.ts'
import { isBlock } from './span-table.ts'
import type { Offset } from './words.ts'

/** L. */
export const COUNTED_SERIAL = 2
/** once. */
export const COUNTED_BYTES = 3
/** L: the first reference. */
export const COUNTED_REFERENCES = 4

/** One transaction releases them all. */
export const REFERENCES_MAX = 1024
/** Freeing a block with references takes one transaction, so it is not a long run of spans. */
const BESIDE_REFERENCES_MAX = 1 << 20

/** The word where the data begins. */
export function countedData(m: Int32Array, block: Offset): Offset {
  return block + COUNTED_REFERENCES + ((ownOf(m, block) + 1) & ~1)
}

/** The word of a reference. */
export function countedReference(block: Offset, index: number): Offset {
  return block + COUNTED_REFERENCES + index
}

/** Is there the block that had this serial number? Memory that was reused may hold anything. */
export function isNamed(memory: Memory, block: Offset, serial: number): boolean {
  const { words, m, layout, classes } = memory
  if (serial === 0 || !isBlock(words, layout, classes, block)) return false
  return kindOf(m, block) === COUNTED && m[block + COUNTED_SERIAL] === serial
}

/** A private block of the open draft, with empty references; its bytes are undefined. Throws
 *  `ERR_HEAP_FULL`. */
export function allocateCounted(
  allocator: Allocator,
  references: number,
  byteLength: number,
): Offset {
  const { m } = allocator
  if (references > REFERENCES_MAX || (references > 0 && byteLength > BESIDE_REFERENCES_MAX)) {
    throw rangeError(`a counted block of ${references} references and ${byteLength} bytes`)
  }
  const head = COUNTED_REFERENCES + ((references + 1) & ~1)
  const block = allocator.allocate(head + Math.ceil(byteLength / 4))
  stamp(m, block, COUNTED, references)
  m[block + COUNTED_SERIAL] = 0
  m[block + COUNTED_BYTES] = byteLength
  for (let at = block + COUNTED_REFERENCES; at < block + head; at++) m[at] = 0
  return block
}
