/**
 * The segments of an image: what a program says of them, and where they come to lie.
 *
 * Addresses begin at 64 KiB, so that a small number is no address; text, data and heap follow one
 * another with a gap that belongs to none, and the stack stands above, below its fixed top.
 *
 * **Invariants.** Regions begin on a page and do not overlap; a region is at most 1 GiB.
 *
 * **Ordering.** Pure arithmetic.
 *
 * **Progress.** Wait-free: nothing waits or retries.
 *
 * **Crash.** Nothing shared is written.
 */

import { rangeError, typeError } from '../errors.ts'

import { GROWS_DOWN, type SegmentPlace, WRITABLE } from './record.ts'
import { type Image, SEGMENT_NAMES, type SegmentName } from './segments.ts'

export interface SegmentOptions {
  /** What it holds at first. */
  readonly bytes?: Uint8Array
  /** How long it is; zeros where there are no `bytes`. */
  readonly byteLength?: number
  /** How long the heap or the stack may become. */
  readonly maxByteLength?: number
  /** Default: false for text, true for the others. */
  readonly writable?: boolean
}

export type Segments = { readonly [N in SegmentName]?: SegmentOptions }

/** Nothing lies below, or in the gap between two regions. */
const GAP = 1 << 16
const REGION_MAX = 2 ** 30
const HEAP_ROOM = 2 ** 26
const STACK_ROOM = 2 ** 23

export function expectPageBytes(pageBytes: number): void {
  const whole = Number.isInteger(pageBytes) && pageBytes >= 64 && pageBytes <= 65_536
  if (whole && (pageBytes & (pageBytes - 1)) === 0) return
  throw rangeError(`pageBytes is ${pageBytes}; it must be a power of two from 64 to 65536`)
}

export function planImage(pageBytes: number, segments: Segments): Image {
  if (typeof segments !== 'object' || segments === null) {
    throw typeError('ERR_INVALID_ARGUMENT', 'segments must be an object', { argument: 'segments' })
  }
  for (const name of Object.keys(segments)) {
    if (SEGMENT_NAMES.includes(name as SegmentName)) continue
    const why = `there is no segment '${name}': the segments are text, data, heap and stack`
    throw typeError('ERR_INVALID_ARGUMENT', why)
  }
  const places: SegmentPlace[] = []
  let next = GAP
  for (const name of SEGMENT_NAMES) {
    const place = placeOf(name, segments[name] ?? {}, next, pageBytes)
    places.push(place)
    next = place.regionPage * pageBytes + place.regionBytes + GAP
    next = Math.ceil(next / GAP) * GAP
  }
  const bytes = SEGMENT_NAMES.map((name) => segments[name]?.bytes)
  return { places, bytes }
}

function placeOf(
  name: SegmentName,
  given: SegmentOptions,
  address: number,
  pageBytes: number,
): SegmentPlace {
  const { bytes, byteLength = bytes?.length ?? 0, maxByteLength } = given
  if (bytes !== undefined && (!(bytes instanceof Uint8Array) || name === 'stack')) {
    const why = name === 'stack' ? 'begins empty' : 'takes a Uint8Array'
    throw typeError('ERR_INVALID_ARGUMENT', `segments.${name}.bytes: the segment ${why}`)
  }
  const room = { text: 0, data: 0, heap: HEAP_ROOM, stack: STACK_ROOM }[name]
  const most = maxByteLength ?? Math.min(REGION_MAX, Math.max(byteLength, room))
  for (const [field, value] of [
    ['byteLength', byteLength],
    ['maxByteLength', most],
  ] as const) {
    if (Number.isInteger(value) && value >= 0 && value <= REGION_MAX) continue
    throw rangeError(`segments.${name}.${field} is ${value}; it must be from 0 to ${REGION_MAX}`)
  }
  if (byteLength < (bytes?.length ?? 0) || byteLength > most) {
    throw rangeError(`segments.${name}.byteLength is ${byteLength}: its bytes do not fit`)
  }
  const writable = given.writable ?? name !== 'text'
  const flags = (writable ? WRITABLE : 0) | (name === 'stack' ? GROWS_DOWN : 0)
  const regionBytes = Math.ceil(most / pageBytes) * pageBytes
  return { regionPage: address / pageBytes, regionBytes, byteLength, flags }
}
