/** Ports to shared memory with one thing wrong each: the proof that a litmus test can fail. */

import { type Offset, Words } from '../../src/memory/words.ts'

/** Stores without the fence that `Atomics.store` is: x86 lets a later load overtake them. */
export class PlainStores extends Words {
  override store(at: Offset, value: number): void {
    this.m[at] = value
  }
}

/** Swaps by a plain store: x86 keeps stores in order, so nothing can be seen of it there. */
export class PlainSwaps extends Words {
  override compareExchange(at: Offset, expected: number, value: number): number {
    if (this.m[at] !== expected) return this.m[at] as number
    this.m[at] = value
    return expected
  }
}

/** Loads and stores plainly. */
export class PlainWords extends PlainStores {
  override load(at: Offset): number {
    return this.m[at] as number
  }
}
