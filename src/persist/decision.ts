/**
 * Whether a save takes place: decided once, between the helper thread that is about to rename its
 * file and the thread that would stop it. Who comes second learns that it did, so a save that is
 * said to be stopped has changed no file.
 */

import { Words } from '../memory/words.ts'

const OPEN = 0
const COMMITTING = 1
const STOPPED = 2

export class Decision {
  readonly #words: Words

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(8)) {
    this.#words = new Words(buffer)
  }

  /** For the other thread's `Decision`. */
  get buffer(): SharedArrayBuffer {
    return this.#words.buffer
  }

  /** Before the first change of what stands at the path. False: it was stopped, change nothing. */
  commits(): boolean {
    // [save-commits] Pairs with [save-stops]: one of two exchanges finds the word open.
    return this.#words.compareExchange(0, OPEN, COMMITTING) === OPEN
  }

  /** True: no file is changed any more, the helper may be ended at any point. False: it is
   *  committing, or has; only its answer says with what result. */
  stops(): boolean {
    // [save-stops] Pairs with [save-commits]. Also true when this thread asks again.
    return this.#words.compareExchange(0, OPEN, STOPPED) !== COMMITTING
  }
}
