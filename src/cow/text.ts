/**
 * Copy-on-write text: what a string is in shared memory, and every change of one.
 *
 * A string is an *anchor*, a counted block with one reference, to a *buffer* of UTF-16 units, and
 * with the place of its text in there. Strings that share bytes reference one buffer, whose count
 * says how many do. A write to a buffer that others reference copies it first.
 *
 * **Invariants.** A buffer with a count above 1 is never written. One with a count of 1 is written
 * under the lock, after the count was seen there, by the thread that holds the one anchor; what is
 * visible of it changes in a transaction. An anchor is held by one thread alone.
 *
 * **Ordering.** Who finds a string by its handle takes the lock, and so sees a write wholly or not
 * at all. A thread reads the buffer of its own anchor without the lock: while the anchor references
 * it nobody else writes it, since the count is above 1 for everybody else who could.
 *
 * That is what C++ could not say. There `operator[]` gives out a reference that outlives the check
 * for other owners, so that each non-const access had to copy beforehand and spoil the sharing;
 * here no reference into the bytes leaves the library.
 *
 * **Progress.** As transactions of holds.ts: bounded waits for the lock. Copies are made without.
 *
 * **Crash.** A new anchor and a new buffer are in the draft's log until the transaction publishes
 * them. Units written beyond a text's end are not part of it until the transaction says so.
 */

import { allocateCounted, COUNTED_BYTES, countedData, countedReference } from '../memory/counted.ts'
import { nodeOf, referenceTo, TAG_NODE } from '../memory/kinds.ts'
import type { Offset } from '../memory/words.ts'
import type { HeapThread } from '../reclaim/thread.ts'

/** L: units of the buffer before the text. Within the anchor's data. */
const START = 0
/** L: units of the text. */
const LENGTH = 1
const ANCHOR_BYTES = 8
/** Changed in place are at most so many words: they take a pair of the journal each. */
const IN_PLACE_WORDS_MAX = 1024
/** Units of a string, as of JavaScript's own. */
export const UNITS_MAX = 2 ** 29 - 24

/** An edit: at `at` remove `remove` units, insert `insert`. */
export interface Edit {
  readonly at: number
  readonly remove: number
  readonly insert: string
}

export function lengthOf({ memory: { m } }: HeapThread, anchor: Offset): number {
  return m[countedData(m, anchor) + LENGTH] as number
}

/** The buffer that a string references. */
export function bufferOf({ memory: { m } }: HeapThread, anchor: Offset): Offset {
  return nodeOf(m[countedReference(anchor, 0)] as number)
}

/** The first unit of the text, counted in units from the beginning of the heap. */
export function firstUnit({ memory: { m } }: HeapThread, anchor: Offset): number {
  const buffer = nodeOf(m[countedReference(anchor, 0)] as number)
  return countedData(m, buffer) * 2 + (m[countedData(m, anchor) + START] as number)
}

export function unitAt({ memory: { m } }: HeapThread, unit: number): number {
  return ((m[unit >>> 1] as number) >>> ((unit & 1) << 4)) & 0xffff
}

/** A new string, held by this thread; within a draft. */
export function createText(thread: HeapThread, text: string): Offset {
  const { holds } = thread
  const buffer = newBuffer(thread, text.length)
  writeUnits(thread, countedData(thread.memory.m, buffer) * 2, text)
  const anchor = newAnchor(thread, buffer, 0, text.length)
  holds.reserve(1)
  holds.expect()
  holds.adopt(anchor)
  holds.publishDraft()
  holds.commit()
  return anchor
}

/** A string that shares the units from `from` to `to` of a string of this thread; in a draft. */
export function shareText(thread: HeapThread, anchor: Offset, from: number, to: number): Offset {
  const { holds, memory } = thread
  const { m } = memory
  const start = m[countedData(m, anchor) + START] as number
  const buffer = bufferOf(thread, anchor)
  const shared = newAnchor(thread, buffer, start + from, to - from)
  holds.reserve(1)
  holds.expect()
  holds.share(buffer)
  holds.adopt(shared)
  holds.publishDraft()
  holds.commit()
  return shared
}

/** A string of this thread that shares the bytes of the one that a handle names, as it is at this
 *  moment; 0 where nobody holds that one any more. Within a draft. */
export function openText(thread: HeapThread, block: Offset, serial: number): Offset {
  const { holds, memory } = thread
  const { m } = memory
  const anchor = newAnchor(thread, 0, 0, 0)
  holds.reserve(1)
  holds.expect()
  if (!holds.isCurrent(block, serial)) {
    holds.commit() // nothing
    return 0
  }
  const buffer = nodeOf(m[countedReference(block, 0)] as number)
  holds.share(buffer)
  m[countedReference(anchor, 0)] = referenceTo(buffer, TAG_NODE)
  m[countedData(m, anchor) + START] = m[countedData(m, block) + START] as number
  m[countedData(m, anchor) + LENGTH] = m[countedData(m, block) + LENGTH] as number
  holds.adopt(anchor)
  holds.publishDraft()
  holds.commit()
  return anchor
}

/** Edits a string of this thread: in place where nobody shares its bytes and they have room, else
 *  in a copy. Returns whether it was in place. Within a draft. */
export function editText(thread: HeapThread, anchor: Offset, edit: Edit): boolean {
  const { holds } = thread
  const length = lengthOf(thread, anchor) - edit.remove + edit.insert.length
  const buffer = bufferOf(thread, anchor)
  holds.expect()
  // Who shares the bytes does so under the lock: alone at this moment is alone until it is given.
  const alone = holds.count(buffer) === 1
  if (alone && editInPlace(thread, anchor, edit, length)) {
    holds.commit()
    return true
  }
  holds.commit() // nothing
  // While this anchor references it nobody else writes the buffer: it may be copied without.
  const grows = length > lengthOf(thread, anchor)
  const next = newBuffer(thread, grows ? Math.min(UNITS_MAX, length + (length >>> 1)) : length)
  copyEdited(thread, anchor, edit, next)
  holds.expect()
  holds.point(countedReference(anchor, 0), next)
  setPlace(thread, anchor, 0, length)
  holds.publishDraft()
  holds.commit()
  return false
}

function editInPlace(thread: HeapThread, anchor: Offset, edit: Edit, length: number): boolean {
  const { m } = thread.memory
  const start = m[countedData(m, anchor) + START] as number
  const before = lengthOf(thread, anchor)
  const first = firstUnit(thread, anchor)
  const capacity = (m[bufferOf(thread, anchor) + COUNTED_BYTES] as number) >>> 1
  if (start + length > capacity) return false
  const visible = Math.min(before, length)
  // Units that are visible before and after, and change.
  const end = edit.insert.length === edit.remove ? edit.at + edit.remove : visible
  if ((end - edit.at) / 2 > IN_PLACE_WORDS_MAX) return false
  const rest = textBetween(thread, first + edit.at + edit.remove, first + before)
  const changed = edit.insert.length === edit.remove ? edit.insert : edit.insert + rest
  // Beyond the end nothing is visible yet: plain stores, but for a word that is half visible.
  const shown = Math.max(0, end - edit.at)
  const odd = shown + ((first + edit.at + shown) & 1)
  setUnits(thread, first + edit.at, changed.slice(0, odd))
  writeUnits(thread, first + edit.at + odd, changed.slice(odd))
  setPlace(thread, anchor, start, length)
  return true
}

function copyEdited(thread: HeapThread, anchor: Offset, edit: Edit, to: Offset): void {
  const { m } = thread.memory
  const from = firstUnit(thread, anchor)
  const length = lengthOf(thread, anchor)
  const first = countedData(m, to) * 2
  copyUnits(thread, from, from + edit.at, first)
  writeUnits(thread, first + edit.at, edit.insert)
  const rest = from + edit.at + edit.remove
  copyUnits(thread, rest, from + length, first + edit.at + edit.insert.length)
}

function setPlace({ holds, memory: { m } }: HeapThread, anchor: Offset, ...place: number[]): void {
  const data = countedData(m, anchor)
  holds.set(data + START, place[0] as number)
  holds.set(data + LENGTH, place[1] as number)
}

function newBuffer({ allocator }: HeapThread, units: number): Offset {
  return allocateCounted(allocator, 0, units * 2)
}

function newAnchor(
  { allocator, memory: { m } }: HeapThread,
  buffer: Offset,
  start: number,
  length: number,
): Offset {
  const anchor = allocateCounted(allocator, 1, ANCHOR_BYTES)
  if (buffer !== 0) m[countedReference(anchor, 0)] = referenceTo(buffer, TAG_NODE)
  m[countedData(m, anchor) + START] = start
  m[countedData(m, anchor) + LENGTH] = length
  return anchor
}

/** Plain stores of whole units; the other half of a word stays. */
function writeUnits({ memory: { m } }: HeapThread, first: number, text: string): void {
  for (let index = 0; index < text.length; index++) {
    const unit = first + index
    m[unit >>> 1] = withUnit(m[unit >>> 1] as number, unit, text.charCodeAt(index))
  }
}

/** As `writeUnits`, within the open transaction. */
function setUnits({ holds }: HeapThread, first: number, text: string): void {
  for (let index = 0; index < text.length; index++) {
    const unit = first + index
    holds.set(unit >>> 1, withUnit(holds.get(unit >>> 1), unit, text.charCodeAt(index)))
  }
}

function withUnit(word: number, unit: number, code: number): number {
  return (unit & 1) === 0 ? (word & ~0xffff) | code : (word & 0xffff) | (code << 16)
}

function copyUnits(thread: HeapThread, from: number, to: number, target: number): void {
  const { m } = thread.memory
  if (((from ^ target) & 1) === 0 && to - from > 4) {
    // Even with each other: words at a time, but for the ends.
    const odd = from & 1
    const words = (to - from - odd) >>> 1
    if (odd === 1) copyUnit(thread, from, target)
    m.copyWithin((target + odd) >>> 1, (from + odd) >>> 1, ((from + odd) >>> 1) + words)
    from += odd + 2 * words
    target += odd + 2 * words
  }
  for (; from < to; from++, target++) copyUnit(thread, from, target)
}

function copyUnit(thread: HeapThread, from: number, target: number): void {
  const { m } = thread.memory
  m[target >>> 1] = withUnit(m[target >>> 1] as number, target, unitAt(thread, from))
}

/** The text of units, decoded by the thousand. */
export function textBetween(thread: HeapThread, from: number, to: number): string {
  const parts: string[] = []
  const codes: number[] = []
  for (let unit = from; unit < to; unit++) {
    codes.push(unitAt(thread, unit))
    if (codes.length < 4096 && unit + 1 < to) continue
    parts.push(String.fromCharCode(...codes))
    codes.length = 0
  }
  return parts.join('')
}
