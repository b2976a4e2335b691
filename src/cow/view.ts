/**
 * A segment as a DataView: offsets count bytes from the segment's first one.
 *
 * **Invariants.** It holds no memory of its own: each access is a read or a write of the space.
 *
 * **Ordering.** As the space's `read` and `write`.
 *
 * **Progress.** As they.
 *
 * **Crash.** As they.
 */

import { rangeError } from '../errors.ts'
import type { SegmentName } from './segments.ts'

type Getter<T> = (byteOffset: number, littleEndian?: boolean) => T
type Setter<T> = (byteOffset: number, value: T, littleEndian?: boolean) => void

/** What a view needs of its space. */
interface Viewed {
  segment(name: SegmentName): { readonly address: number; readonly byteLength: number }
  read(address: number, length: number): Uint8Array
  write(address: number, bytes: Uint8Array): void
}

export class SegmentView {
  readonly #space: Viewed
  readonly #name: SegmentName
  readonly #scratch: Uint8Array
  readonly #view: DataView

  constructor(space: Viewed, name: SegmentName) {
    const eight = new ArrayBuffer(8)
    this.#scratch = new Uint8Array(eight)
    this.#view = new DataView(eight)
    this.#space = space
    this.#name = name
  }

  get byteLength(): number {
    return this.#segment.byteLength
  }

  readonly getInt8: Getter<number> = (at) => this.#get(1, at).getInt8(0)
  readonly getUint8: Getter<number> = (at) => this.#get(1, at).getUint8(0)
  readonly getInt16: Getter<number> = (at, little) => this.#get(2, at).getInt16(0, little)
  readonly getUint16: Getter<number> = (at, little) => this.#get(2, at).getUint16(0, little)
  readonly getInt32: Getter<number> = (at, little) => this.#get(4, at).getInt32(0, little)
  readonly getUint32: Getter<number> = (at, little) => this.#get(4, at).getUint32(0, little)
  readonly getFloat32: Getter<number> = (at, little) => this.#get(4, at).getFloat32(0, little)
  readonly getFloat64: Getter<number> = (at, little) => this.#get(8, at).getFloat64(0, little)
  readonly getBigInt64: Getter<bigint> = (at, little) => this.#get(8, at).getBigInt64(0, little)
  readonly getBigUint64: Getter<bigint> = (at, little) => this.#get(8, at).getBigUint64(0, little)

  readonly setInt8: Setter<number> = (at, value) => {
    this.#view.setInt8(0, value)
    this.#set(1, at)
  }
  readonly setUint8: Setter<number> = (at, value) => {
    this.#view.setUint8(0, value)
    this.#set(1, at)
  }
  readonly setInt16: Setter<number> = (at, value, little) => {
    this.#view.setInt16(0, value, little)
    this.#set(2, at)
  }
  readonly setUint16: Setter<number> = (at, value, little) => {
    this.#view.setUint16(0, value, little)
    this.#set(2, at)
  }
  readonly setInt32: Setter<number> = (at, value, little) => {
    this.#view.setInt32(0, value, little)
    this.#set(4, at)
  }
  readonly setUint32: Setter<number> = (at, value, little) => {
    this.#view.setUint32(0, value, little)
    this.#set(4, at)
  }
  readonly setFloat32: Setter<number> = (at, value, little) => {
    this.#view.setFloat32(0, value, little)
    this.#set(4, at)
  }
  readonly setFloat64: Setter<number> = (at, value, little) => {
    this.#view.setFloat64(0, value, little)
    this.#set(8, at)
  }
  readonly setBigInt64: Setter<bigint> = (at, value, little) => {
    this.#view.setBigInt64(0, value, little)
    this.#set(8, at)
  }
  readonly setBigUint64: Setter<bigint> = (at, value, little) => {
    this.#view.setBigUint64(0, value, little)
    this.#set(8, at)
  }

  get #segment(): ReturnType<Viewed['segment']> {
    return this.#space.segment(this.#name)
  }

  #get(bytes: number, at: number): DataView {
    this.#scratch.set(this.#space.read(this.#addressOf(bytes, at), bytes))
    return this.#view
  }

  #set(bytes: number, at: number): void {
    this.#space.write(this.#addressOf(bytes, at), this.#scratch.subarray(0, bytes))
  }

  /** Throws `RangeError`, as a DataView does. */
  #addressOf(bytes: number, at: number): number {
    const { address, byteLength } = this.#segment
    if (Number.isInteger(at) && at >= 0 && at + bytes <= byteLength) return address + at
    throw rangeError(`${bytes} bytes at ${at} are outside of the segment's ${byteLength}`, {
      argument: 'byteOffset',
      value: at,
      segment: this.#name,
    })
  }
}
