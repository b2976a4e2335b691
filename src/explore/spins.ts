/**
 * Notices a thread that waits by reading: the same word, the same value, again and again, while no
 * word changes. Such a thread is put to rest as if it had said so; otherwise the first execution,
 * which never makes way without need, would read forever.
 */

/** Equal reads that are still believed to be a coincidence. */
const readsMax = 16

export class Spins {
  readonly #threads: number
  /** The change counter at the thread's last read of the word, plus 1. */
  #seen = new Int32Array(1024)
  #repeats = new Uint8Array(1024)

  constructor(threads: number) {
    this.#threads = threads
  }

  reset(slots: number): void {
    const used = (slots + 1) * this.#threads
    this.#seen.fill(0, 0, used)
  }

  /** Whether the thread's read of the word was one too many. */
  read(thread: number, slot: number, changes: number): boolean {
    const at = slot * this.#threads + thread
    if (at >= this.#seen.length) this.#grow(at)
    if (this.#seen[at] !== changes + 1) {
      this.#seen[at] = changes + 1
      this.#repeats[at] = 0
      return false
    }
    return ++this.#repeats[at]! >= readsMax
  }

  #grow(at: number): void {
    const length = Math.max(this.#seen.length * 2, at + 1)
    const seen = new Int32Array(length)
    const repeats = new Uint8Array(length)
    seen.set(this.#seen)
    repeats.set(this.#repeats)
    this.#seen = seen
    this.#repeats = repeats
  }
}
