/**
 * Slots: a dense number for each word that any execution has touched. Per-word state (who reads and
 * writes it, its clocks, its value at the start) lives in arrays indexed by slot, so that resetting
 * an execution costs what the scenario touches, not what the heap holds. A slot is never given back
 * during one exploration; slot 0 is "no word".
 *
 * A `Region` is the memory of one `Words` of the scenario. The k-th `Words` that `shared()` makes
 * gets the k-th region in every execution, zeroed: a new SharedArrayBuffer for each of a million
 * executions would cost more than running them.
 */

import { rangeError } from '../errors.ts'
import type { Scenario } from './scenario.ts'

/** Colours of a word in the shadow heap. */
export const Shade = { none: 0, freed: 1, published: 2 } as const

export class Region {
  readonly index: number
  readonly name: string
  readonly buffer: SharedArrayBuffer
  readonly m: Int32Array
  readonly bytes: Uint8Array
  readonly doubles: Float64Array
  readonly slotOf: Int32Array
  readonly shade: Uint8Array

  constructor(index: number, name: string, buffer: SharedArrayBuffer) {
    this.index = index
    this.name = name
    this.buffer = buffer
    this.m = new Int32Array(buffer)
    this.bytes = new Uint8Array(buffer)
    this.doubles = new Float64Array(buffer, 0, buffer.byteLength >> 3)
    this.slotOf = new Int32Array(this.m.length)
    this.shade = new Uint8Array(this.m.length)
  }
}

/** What the scenario says about a word, asked once. */
export const Flag = { step: 1, permitted: 2 } as const

type Predicates = Pick<Scenario<never>, 'steps' | 'permittedRace' | 'nameOf'>

export class Slots {
  readonly threads: number
  count = 0
  regionOf: Region[] = []
  offsetOf = new Int32Array(1024)
  /** Value when the exploration first touched it: what 'restore' writes back. */
  initial = new Int32Array(1024)
  flags = new Uint8Array(1024)
  /** Bit t: thread t accessed the word, by steps, in any execution so far. */
  readers = new Int32Array(1024)
  writers = new Int32Array(1024)
  /** 1: an `always` invariant read the word. */
  observed = new Uint8Array(1024)
  /** The same three as the search in progress takes them for granted; see conflicts.ts. */
  knownReaders = new Int32Array(1024)
  knownWriters = new Int32Array(1024)
  knownObserved = new Uint8Array(1024)
  readonly #predicates: Predicates

  constructor(threads: number, predicates: Predicates) {
    this.threads = threads
    this.#predicates = predicates
  }

  /** The slot of a word; makes one at the first access. */
  claim(region: Region, at: number): number {
    const known = region.slotOf[at]
    if (known === undefined) {
      throw rangeError(`word ${at} is outside of the ${region.m.length} words of the memory`, {
        offset: at,
        words: region.m.length,
      })
    }
    if (known !== 0) return known
    const slot = ++this.count
    if (slot >= this.offsetOf.length) this.#grow()
    region.slotOf[at] = slot
    this.regionOf[slot] = region
    this.offsetOf[slot] = at
    this.initial[slot] = region.m[at] ?? 0
    const { steps, permittedRace } = this.#predicates
    let flags = 0
    if (steps?.(at, region.name)) flags |= Flag.step
    if (permittedRace?.(at, region.name)) flags |= Flag.permitted
    this.flags[slot] = flags
    return slot
  }

  /** Gives every touched word the value that `shared()` had left in it. */
  restore(): void {
    for (let slot = 1; slot <= this.count; slot++) {
      const region = this.regionOf[slot]
      if (region) region.m[this.offsetOf[slot] ?? 0] = this.initial[slot] ?? 0
    }
  }

  /** What was seen so far becomes what is known. */
  adopt(): void {
    this.knownReaders.set(this.readers)
    this.knownWriters.set(this.writers)
    this.knownObserved.set(this.observed)
  }

  name(slot: number): string {
    const region = this.regionOf[slot]
    if (!region) return ''
    const at = this.offsetOf[slot] ?? 0
    const name = this.#predicates.nameOf?.(at, region.name) ?? String(at)
    return region.name === '' ? name : `${region.name}.${name}`
  }

  #grow(): void {
    const length = this.offsetOf.length * 2
    this.offsetOf = enlarged(this.offsetOf, new Int32Array(length))
    this.initial = enlarged(this.initial, new Int32Array(length))
    this.flags = enlarged(this.flags, new Uint8Array(length))
    this.readers = enlarged(this.readers, new Int32Array(length))
    this.writers = enlarged(this.writers, new Int32Array(length))
    this.observed = enlarged(this.observed, new Uint8Array(length))
    this.knownReaders = enlarged(this.knownReaders, new Int32Array(length))
    this.knownWriters = enlarged(this.knownWriters, new Int32Array(length))
    this.knownObserved = enlarged(this.knownObserved, new Uint8Array(length))
  }
}

function enlarged<A extends Int32Array | Uint8Array>(from: A, to: A): A {
  to.set(from)
  return to
}
