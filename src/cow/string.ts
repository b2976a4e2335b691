/**
 * Strings that share their bytes until somebody writes: what `std::string` was before C++11, for
 * several threads. Indexes and lengths count UTF-16 units, as JavaScript's do.
 *
 * **Invariants.** An object of this class is one owner; a clone, a slice, and what another thread
 * opens are owners of their own, which share the bytes but not the object.
 *
 * **Ordering.** As cow/text.ts says.
 *
 * **Progress.** Each method waits for the lock for at most `maxWaitMs`. `toString`, `at` and
 * `length` take no lock.
 *
 * **Crash.** A thread's strings are released with it.
 */

import { rangeError, RootswapError, typeError } from '../errors.ts'
import type { Offset } from '../memory/words.ts'
import type { Attachment } from '../store/attachment.ts'
import { atomically, attached, inDraft, releaseBlock } from '../store/block.ts'
import type { Heap } from '../store/contract.ts'
import { type BlockHandle, blockHandle, memoryOfHandle } from '../store/handle.ts'
import {
  bufferOf,
  createText,
  type Edit,
  editText,
  firstUnit,
  lengthOf,
  openText,
  shareText,
  textBetween,
  unitAt,
  UNITS_MAX,
} from './text.ts'

export type StringHandle = BlockHandle<'string'>

export class CowString {
  readonly #attachment: Attachment
  readonly #anchor: Offset
  readonly #serial: number
  #released = false

  private constructor(attachment: Attachment, anchor: Offset) {
    this.#attachment = attachment.use()
    this.#anchor = anchor
    this.#serial = attachment.memory.m[anchor + 2] as number
  }

  /** A new string. Throws `ERR_HEAP_FULL`, `ERR_RECLAIM_STALLED`. */
  static create(heap: Pick<Heap, 'handle'>, text: string): CowString {
    expectText('text', text)
    return attached(memoryOfHandle(heap.handle, 'heap'), (attachment) => {
      const anchor = inDraft(attachment, () => createText(attachment.thread, text))
      return new CowString(attachment, anchor)
    })
  }

  /**
   * An owner of its own of the bytes that a string of another thread has at this moment. Throws
   * `ERR_BAD_HANDLE`; `ERR_CLOSED` when that string is released; `ERR_RECLAIM_STALLED`.
   */
  static open(handle: StringHandle): CowString {
    const memory = memoryOfHandle(handle, 'string')
    const { block, serial } = handle
    if (!Number.isInteger(block) || !Number.isInteger(serial)) {
      throw new RootswapError('ERR_BAD_HANDLE', 'not a usable handle: block or serial')
    }
    return attached(memory, (attachment) => {
      const anchor = inDraft(attachment, () => openText(attachment.thread, block, serial))
      if (anchor !== 0) return new CowString(attachment, anchor)
      throw new RootswapError('ERR_CLOSED', 'the string of this handle is released')
    })
  }

  /** Send this to another thread, which calls `CowString.open(handle)` before this is released. */
  get handle(): StringHandle {
    this.#expectHeld()
    return blockHandle(this.#attachment.memory, 'string', this.#anchor, this.#serial)
  }

  /** UTF-16 units. */
  get length(): number {
    this.#expectHeld()
    return lengthOf(this.#attachment.thread, this.#anchor)
  }

  /** How many strings share these bytes, in all threads, at this moment. */
  get count(): number {
    this.#expectHeld()
    const { thread } = this.#attachment
    return atomically(this.#attachment, () => thread.holds.count(bufferOf(thread, this.#anchor)))
  }

  /** Where the text lies: bytes from the beginning of the heap. Another number: it has moved. */
  get address(): number {
    this.#expectHeld()
    return firstUnit(this.#attachment.thread, this.#anchor) * 2
  }

  get isReleased(): boolean {
    return this.#released
  }

  toString(): string {
    this.#expectHeld()
    const { thread } = this.#attachment
    const first = firstUnit(thread, this.#anchor)
    return textBetween(thread, first, first + lengthOf(thread, this.#anchor))
  }

  /** One unit, as a string; a negative index counts from the end; `undefined` outside. */
  at(index: number): string | undefined {
    const { length } = this
    const place = (Math.trunc(index) || 0) + (index < 0 ? length : 0)
    if (!(place >= 0 && place < length)) return undefined
    const { thread } = this.#attachment
    return String.fromCharCode(unitAt(thread, firstUnit(thread, this.#anchor) + place))
  }

  /** Do both strings lie in the same bytes? */
  sharesWith(other: CowString): boolean {
    this.#expectHeld()
    other.#expectHeld()
    if (this.#attachment !== other.#attachment) return false
    const { thread } = this.#attachment
    return bufferOf(thread, this.#anchor) === bufferOf(thread, other.#anchor)
  }

  /** Another string that shares these bytes. */
  clone(): CowString {
    return this.slice()
  }

  /** A part, that shares the bytes; indexes as `String.prototype.slice` takes them. */
  slice(start = 0, end = Infinity): CowString {
    const { length } = this
    const from = clamp(start, length)
    const to = Math.max(from, clamp(end, length))
    const { thread } = this.#attachment
    const shared = inDraft(this.#attachment, () => shareText(thread, this.#anchor, from, to))
    return new CowString(this.#attachment, shared)
  }

  /** Writes one unit: in place if nobody shares the bytes, else this string moves to a copy. */
  set(index: number, unit: string): this {
    expectText('unit', unit)
    if (unit.length !== 1) {
      throw rangeError(`set() writes one UTF-16 unit, not ${unit.length}: use splice()`)
    }
    this.#expectPlace(index, this.length - 1)
    return this.#edit({ at: index, remove: 1, insert: unit })
  }

  /** Removes `remove` units at `start` and inserts `text` there. */
  splice(start: number, remove: number, text = ''): this {
    expectText('text', text)
    const { length } = this
    this.#expectPlace(start, length)
    if (!(remove >= 0)) throw rangeError(`splice() can not remove ${remove} units`)
    const rest = Math.min(length - start, Math.trunc(remove))
    return this.#edit({ at: start, remove: rest, insert: text })
  }

  append(text: string): this {
    expectText('text', text)
    return this.#edit({ at: this.length, remove: 0, insert: text })
  }

  /** Ends this owner; the last owner of the bytes frees them. Never throws; idempotent. */
  release(): void {
    if (this.#released) return
    this.#released = true
    releaseBlock(this.#attachment, this.#anchor)
    this.#attachment.release()
  }

  [Symbol.dispose](): void {
    this.release()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.#released ? 'CowString { released }' : `CowString ${JSON.stringify(`${this}`)}`
  }

  #edit(edit: Edit): this {
    const length = this.length - edit.remove + edit.insert.length
    if (length > UNITS_MAX)
      throw rangeError(`a string of ${length} units is longer than any can be`)
    if (edit.remove === 0 && edit.insert === '') return this
    const attachment = this.#attachment
    const inPlace = inDraft(attachment, () => editText(attachment.thread, this.#anchor, edit))
    if (!inPlace) attachment.thread.reclaimer.attempt(1)
    return this
  }

  #expectHeld(): void {
    if (this.#released) throw new RootswapError('ERR_CLOSED', 'the string is released')
  }

  #expectPlace(index: number, last: number): void {
    if (Number.isInteger(index) && index >= 0 && index <= last) return
    throw rangeError(`index ${index} is not from 0 to ${last}`, { index, length: this.length })
  }
}

function clamp(index: number, length: number): number {
  const whole = Math.trunc(index) || 0
  return whole < 0 ? Math.max(0, length + whole) : Math.min(whole, length)
}

function expectText(name: string, value: unknown): void {
  if (typeof value === 'string') return
  throw typeError('ERR_INVALID_ARGUMENT', `${name} is of type ${typeof value}, not a string`)
}
