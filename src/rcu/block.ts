/**
 * Blocks as RCU meets them: retired by their holder, or borrowed by a reader for the time of its
 * section.
 *
 * **Invariants.** A borrowed block is alive as long as the section that it was loaded in.
 *
 * **Ordering.** A block's words are written before it is stored where readers find it.
 *
 * **Progress.** Borrowing is wait-free; retiring is a transaction.
 *
 * **Crash.** Before the transaction the block is its thread's, after it the domain's.
 */

import { COUNTED_BYTES, COUNTED_SERIAL, countedData, isNamed } from '../memory/counted.ts'
import { typeError } from '../errors.ts'
import type { Memory } from '../memory/memory.ts'
import type { Offset } from '../memory/words.ts'
import { RcBlock } from '../store/block.ts'
import type { Session } from './session.ts'

/** Gives one hold of a block to the domain. */
export function retireBlock(session: Session, block: RcBlock): void {
  if (!(block instanceof RcBlock)) throw notABlock(block)
  const { domain, attachment } = session
  const offset = RcBlock.offsetIn(attachment, block)
  if (offset === 0) throw notABlock(block)
  // No user's callback: what was open is put right. Without a closure, as floods come by here.
  try {
    domain.retired.retire(offset)
  } catch (error) {
    attachment.thread.settle()
    throw error
  }
  block.letGo()
  session.attend()
}

/** A block that a reader found: readable until the section ends in which it was loaded. */
export class BorrowedBlock {
  readonly byteLength: number
  /** The data as 32-bit words; the last ones may be padding. */
  readonly words: Int32Array
  readonly #memory: Memory
  readonly #offset: Offset
  readonly #serial: number
  /** Made when asked for: a view costs as much as ten reads. */
  #bytes: Uint8Array | undefined

  constructor(memory: Memory, offset: Offset) {
    const { m } = memory
    const data = countedData(m, offset)
    this.#memory = memory
    this.#offset = offset
    this.#serial = m[offset + COUNTED_SERIAL] as number
    this.byteLength = m[offset + COUNTED_BYTES] as number
    this.words = m.subarray(data, data + Math.ceil(this.byteLength / 4))
  }

  get bytes(): Uint8Array {
    const at = countedData(this.#memory.m, this.#offset) * 4
    return (this.#bytes ??= this.#memory.words.bytes.subarray(at, at + this.byteLength))
  }

  /** Does the block that was borrowed still live? Inside the section it does. */
  get isAlive(): boolean {
    return isNamed(this.#memory, this.#offset, this.#serial)
  }

  /** For the package: as `isAlive`, where something names a block there. */
  static isSame(block: BorrowedBlock): boolean {
    return block.#memory.m[block.#offset + COUNTED_SERIAL] === block.#serial
  }

  /** For the package: where the block is, in a heap; 0 if it is another heap's, or gone. */
  static offsetIn(memory: Memory, block: BorrowedBlock): Offset {
    if (block.#memory.words.buffer !== memory.words.buffer || !block.isAlive) return 0
    return block.#offset
  }
}

export function notABlock(value: unknown): TypeError {
  const found = value === null ? 'null' : typeof value
  const message =
    typeof value === 'object' && value !== null
      ? 'the block is of another heap, or was borrowed in a section that is over'
      : `a block is needed, not ${found}`
  return typeError('ERR_INVALID_ARGUMENT', message, { argument: 'block' })
}
