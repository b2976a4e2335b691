/**
 * The memories of a scenario: which region each `Words` gets, how memory returns to its beginning
 * before an execution, and raw accesses.
 *
 * A word that an `always` invariant reads is *observed*: the order of writes to observed words is
 * visible even where no thread reads them, so the scheduler must not leave such orders out.
 */

import { typeError } from '../errors.ts'
import { ShadowHeap } from './shadow.ts'
import { Region } from './slots.ts'
import type { Slots } from './slots.ts'
import { View, proxyOf } from './views.ts'
import type { ElementAccess, Elements } from './views.ts'

/** What a `Words` is made of. */
export interface Memory {
  readonly region: Region
  readonly shadow: ShadowHeap
  readonly m: Int32Array
  readonly bytes: Uint8Array
  readonly doubles: Float64Array
}

export function memoryOf(region: Region, access: ElementAccess): Memory {
  const view = <A extends Elements>(array: A): A => proxyOf<A>(new View(region, array, access))
  return {
    region,
    shadow: new ShadowHeap(region),
    m: view(region.m),
    bytes: view(region.bytes),
    doubles: view(region.doubles),
  }
}

export class Memories {
  readonly list: Memory[] = []
  /** Any block was ever reported: words have colours. */
  shadowed = false
  /** `shared()` has to be called for the execution that begins. */
  wantsShared = true
  /** `shared()` is running: a `Words` may be made. */
  open = false
  /** An `always` invariant is running. */
  observing = false
  /** Told of each word that an invariant reads. */
  observe: (slot: number) => void = () => {}
  readonly #access: ElementAccess
  readonly #slots: Slots
  readonly #restores: boolean
  #used = 0

  constructor(access: ElementAccess, slots: Slots, restores: boolean) {
    this.#access = access
    this.#slots = slots
    this.#restores = restores
  }

  begin(): void {
    if (this.#restores && !this.wantsShared) this.#slots.restore()
    else for (const { region } of this.list) region.m.fill(0)
    if (this.shadowed) for (const { shadow } of this.list) shadow.reset()
    this.open = this.wantsShared
    this.#used = 0
  }

  /** `shared()` has returned. */
  started(): void {
    this.open = false
    if (!this.#restores || !this.wantsShared) return
    this.wantsShared = false
    for (const { shadow } of this.list) shadow.keep()
  }

  /** The memory of the next `Words` that `shared()` makes. */
  adopt(bytes: number, name: string): Memory {
    if (!this.open) {
      throw typeError('ERR_INVALID_ARGUMENT', 'make Words in shared(), not while threads run')
    }
    const known = this.list[this.#used++]
    if (known !== undefined && known.region.m.byteLength === bytes) return known
    const region = new Region(this.#used - 1, name, new SharedArrayBuffer(bytes))
    const memory = memoryOf(region, this.#access)
    this.list[this.#used - 1] = memory
    return memory
  }

  load(region: Region, at: number): number {
    if (this.observing) this.#observe(region, at)
    return region.m[at]!
  }

  /** The region, ready for a raw write: a word written must be known, to be put back. */
  written(region: Region, at: number): Int32Array {
    if (!this.open) this.#slots.claim(region, at)
    return region.m
  }

  rawRead(view: View, index: number): number {
    if (this.observing) this.#observe(view.region, view.wordOf(index))
    return view.array[index]!
  }

  rawWrite(view: View, index: number, value: number): void {
    const at = view.wordOf(index)
    this.written(view.region, at)
    if (view.array.BYTES_PER_ELEMENT === 8) this.written(view.region, at + 1)
    view.array[index] = value
  }

  #observe(region: Region, at: number): void {
    this.observe(this.#slots.claim(region, at))
  }
}
