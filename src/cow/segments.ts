/**
 * The four segments of a space: which one an address lies in, and the trees that they begin with.
 *
 * **Invariants.** The words of a record that are read and written here belong to who has its turn.
 *
 * **Ordering.** As record.ts says.
 *
 * **Progress.** Wait-free: nothing waits or retries.
 *
 * **Crash.** The length of a stack that grows is one word; trees are private until published.
 */

import { rangeError } from '../errors.ts'
import type { Offset } from '../memory/words.ts'
import type { HeapThread } from '../reclaim/thread.ts'
import { GROWS_DOWN, type SegmentPlace, type SpaceRecord, WRITABLE } from './record.ts'
import { depthFor, plantTree } from './tree.ts'

export const SEGMENT_NAMES = ['text', 'data', 'heap', 'stack'] as const
export type SegmentName = (typeof SEGMENT_NAMES)[number]

/** What a new image is made of. */
export interface Image {
  readonly places: readonly SegmentPlace[]
  /** What the segments hold at first; zeros beyond. */
  readonly bytes: readonly (Uint8Array | undefined)[]
}

export interface SpaceStats {
  /** Pages that exist: what was never written is zeros and takes no page. */
  readonly pages: number
  /** Of these, pages that another space has, too. */
  readonly sharedPages: number
  /** Writes that stopped at a page which was not this space's own. */
  readonly faults: number
  /** Pages that were copied for them. */
  readonly pagesCopied: number
  /** Bytes that copies of the shared pages would take. */
  readonly bytesSaved: number
}

/** Where an address lies. */
export interface Located {
  readonly segment: number
  /** Bytes from the beginning of the segment's region. */
  readonly offset: number
}

/** Levels of tables under a segment's root. */
export function depthOf(place: SegmentPlace, pageBytes: number): number {
  return depthFor(Math.max(1, Math.ceil(place.regionBytes / pageBytes)))
}

/** Private trees with what an image holds at first; a root or 0 for each. In a draft. */
export function plantAll(
  thread: HeapThread,
  pageBytes: number,
  { places, bytes }: Image,
): Offset[] {
  return places.map((place, index) => {
    const given = bytes[index] ?? new Uint8Array(0)
    return plantTree(thread, given, depthOf(place, pageBytes), pageBytes)
  })
}

/** The segment in which all of the bytes lie, or why there is none. A write just below the stack
 *  lets it grow. */
export function locate(
  record: SpaceRecord,
  address: number,
  length: number,
  writes: boolean,
): Located | Error {
  if (!Number.isInteger(address)) {
    return outside('an address is a whole number', address, length, undefined)
  }
  for (let index = 1; index < 3; index++) {
    const offset = record.offsetIn(index, address)
    if (record.isPlain(index, offset, length)) return { segment: index, offset }
  }
  for (let index = 0; index < SEGMENT_NAMES.length; index++) {
    const { regionPage, regionBytes, byteLength, flags } = record.segment(index)
    const offset = address - regionPage * record.pageBytes
    if (!(offset >= 0 && offset < regionBytes)) continue
    const name = SEGMENT_NAMES[index] as SegmentName
    const down = (flags & GROWS_DOWN) !== 0
    const begin = down ? regionBytes - byteLength : 0
    const end = down ? regionBytes : byteLength
    if (writes && (flags & WRITABLE) === 0) {
      return outside(`segment '${name}' is read-only`, address, length, name)
    }
    if (offset + length > end) {
      return outside(`segment '${name}' ends ${end - offset} bytes later`, address, length, name)
    }
    if (offset < begin) {
      // Where nothing below the stack is left the write fails as any other.
      if (!writes || offset < record.pageBytes) {
        return outside(`segment '${name}' begins ${begin - offset} later`, address, length, name)
      }
      record.setLength(index, regionBytes - (offset - (offset % record.pageBytes)))
    }
    return { segment: index, offset }
  }
  return outside('no segment is there', address, length, undefined)
}

function outside(why: string, address: number, length: number, segment?: string): Error {
  const where = Number.isInteger(address) ? `0x${address.toString(16)}` : String(address)
  const fields = { address, length, segment }
  return rangeError(`${length} bytes at address ${where}: ${why}`, fields)
}
