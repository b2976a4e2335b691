/**
 * Grace periods: a span of time in which every reader was outside of its sections, or passed a
 * quiescent state, at least once.
 *
 * Any thread may take the next step, and all may at the same time: begin a grace period (GP + 1)
 * when none is open, look through the readers, note that it is over (DONE = GP). Who waits needs
 * the grace period after the one that it found: GP + 1. So all that wait at the same time share
 * one, whoever does the looking, and nobody waits for a thread that only wanted to wait.
 *
 * **Invariants.** GP - DONE is 0 or 1. A grace period is over only after each reader was seen idle,
 * or with a word that it stored after the grace period began, or gone (its thread was reaped).
 *
 * **Ordering.** `[grace-begin]` GP is swapped before the readers are loaded; a reader makes its
 * word active before it loads a pointer, a writer replaces a pointer before it asks for a grace
 * period. All are sequentially consistent. Pairs with [reader-enter], [reader-quiescent]: a word
 * that is loaded idle, or differs from what was loaded first, or copies this GP, was stored outside
 * of sections that began before GP was swapped; what comes after such a store sees what was
 * replaced before. Words are compared for equality only, so nothing depends on how far counters
 * are: a wrap of GP is like any other step. A reader that comes back to the same word (2^31
 * sections later) only seems to be still inside.
 *
 * `[sleep-tell]` who sleeps says so before its last look at the readers. Pairs with [sleep-wake]: a
 * reader loads that word after it has stored its own, and so does who ends a grace period. One of
 * the two sees the other's store.
 *
 * **Progress.** `advance` never waits: it is linear in the readers. A grace period waits for
 * readers only.
 *
 * **Crash.** A thread that dies leaves a grace period that any other ends. A dead reader holds it
 * up until it is reaped: then its tag is gone. Nothing here is written but GP and DONE, each by
 * one swap.
 */

import type { Memory } from '../memory/memory.ts'
import type { Offset, Words } from '../memory/words.ts'
import type { ReaderTable } from './readers.ts'
import { copyOf, DONE, GP, READER_WORD, READER_WORDS, SLEEP, wakeSleepers } from './words.ts'

/** Looks at one reader's word before the others have their turn. */
const SPINS = 1000

export class GracePeriods {
  readonly #words: Words
  readonly #gpAt: Offset
  readonly #doneAt: Offset
  readonly #readers: ReaderTable
  /** The readers that the grace period `#of` waits for: entry and word, in pairs. */
  readonly #open: number[] = []
  #of: number | undefined

  constructor(memory: Memory, domain: Offset, readers: ReaderTable) {
    this.#words = memory.words
    this.#gpAt = domain + GP
    this.#doneAt = domain + DONE
    this.#readers = readers
  }

  /** A cookie: the grace period that begins after this call. */
  next(): number {
    return (this.#words.load(this.#gpAt) + 1) | 0
  }

  /** Whether that grace period is over. A cookie that is 2^31 grace periods old says no again. */
  isOver(cookie: number): boolean {
    return ((this.#words.load(this.#doneAt) - cookie) | 0) >= 0
  }

  /** Grace periods that are over; wraps. */
  get over(): number {
    return this.#words.load(this.#doneAt)
  }

  /** Takes a step towards the grace period of a cookie: begins one, or looks at the readers of the
   *  open one; `patient`: looks at each again for about a microsecond. Whether the step led on. */
  advance(cookie: number, patient: boolean): boolean {
    const words = this.#words
    const gp = words.load(this.#gpAt)
    if (words.load(this.#doneAt) === gp) {
      // Others may have led it on meanwhile: none is begun that nobody needs.
      if (((gp - cookie) | 0) >= 0) return true
      // [grace-begin] Pairs with [reader-enter], [reader-quiescent]. Another may have begun it.
      return words.compareExchange(this.#gpAt, gp, (gp + 1) | 0) === gp
    }
    return this.#end(gp, patient)
  }

  /** A whole grace period, in as few steps as there are, where none is open and no reader is in the
   *  way; `patient` as of `advance`. Returns a cookie to wait for, or undefined: it is over. */
  pass(patient: boolean): number | undefined {
    const words = this.#words
    const gp = words.load(this.#gpAt)
    const mine = (gp + 1) | 0
    if (words.load(this.#doneAt) !== gp) return mine
    // [grace-begin] as in `advance`; where it fails another thread has begun it meanwhile.
    if (words.compareExchange(this.#gpAt, gp, mine) !== gp) return mine
    return this.#end(mine, patient) ? undefined : mine
  }

  /** Ends the open grace period, if each reader has moved on. */
  #end(gp: number, patient: boolean): boolean {
    const words = this.#words
    if (this.#of !== gp) this.#collect(gp)
    if (!this.#look(patient)) return false
    this.#of = undefined
    const before = (gp - 1) | 0
    if (words.compareExchange(this.#doneAt, before, gp) !== before) return false
    wakeSleepers(words, this.#gpAt)
    return true
  }

  /** Sleeps until a reader moves on, another thread ends a grace period, or the time is over. */
  sleep(cookie: number, timeoutMs: number): void {
    const words = this.#words
    const at = this.#gpAt - GP + SLEEP
    words.store(at, 1) // [sleep-tell] Pairs with [sleep-wake].
    if (this.advance(cookie, false) || this.isOver(cookie)) return
    words.wait(at, 1, timeoutMs)
  }

  /** The entries that the open grace period waits for, as this thread last saw them. */
  holders(): Offset[] {
    return this.#open.filter((_word, index) => index % 2 === 0)
  }

  /** Takes readers that are gone for idle; whether there were any. */
  passOver(): boolean {
    const open = this.#open
    let kept = 0
    for (let index = 0; index < open.length; index += 2) {
      if (this.#readers.isOrphan(open[index] as number)) continue
      open[kept++] = open[index] as number
      open[kept++] = open[index + 1] as number
    }
    const passed = open.length > kept
    open.length = kept
    return passed
  }

  #collect(gp: number): void {
    const words = this.#words
    const open = this.#open
    const copy = copyOf(gp)
    open.length = 0
    const readers = this.#readers
    for (let chunk = readers.first(); chunk !== 0; chunk = readers.next(chunk)) {
      // bound: chunks of the domain; a loop of its own, as all that wait go through it
      const end = readers.endOf(chunk)
      for (let entry = readers.beginOf(chunk); entry < end; entry += READER_WORDS) {
        const word = words.load(entry + READER_WORD)
        if (word !== 0 && word !== copy) open.push(entry, word)
      }
    }
    this.#of = gp
  }

  /** Whether every reader has moved on. */
  #look(patient: boolean): boolean {
    const words = this.#words
    const open = this.#open
    while (open.length > 0) {
      const word = open[open.length - 1] as number
      const at = (open[open.length - 2] as number) + READER_WORD
      let left = patient ? SPINS : 1
      while (words.load(at) === word) if (--left <= 0) return false
      open.length -= 2
    }
    return true
  }
}
