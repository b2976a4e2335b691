/**
 * Waiting for a publish: one bell per heap, and what one thread does to hear it. However many
 * subscriptions and waits a thread has on the stores of a heap, at most one asynchronous wait of
 * it is outstanding, because one cannot be cancelled.
 *
 * **Invariants.** While a watcher is registered, WAITERS counts this thread, and either a wait on
 * BELL is outstanding that the next ring ends, or a task is scheduled in which all watchers look.
 * WAITERS is at least the number of threads that wait: it may be too high, never too low.
 * A watcher's `look` runs no user code, does not throw, begins no other watch, and is called
 * outside sections.
 *
 * **Ordering.** `[bell-wait]` Pairs with [bell-check]. A waiter adds itself to WAITERS, loads BELL,
 * lets its watchers look at their cells, and waits on the bell value it loaded; a publisher swaps
 * the cell, loads WAITERS and, if that is not 0, adds to BELL and notifies. All of these are
 * sequentially consistent, so take their one order. Had a look missed the swap, the look would
 * come before it; then so do the load of BELL and the addition to WAITERS, and the publisher sees
 * a count above 0 and rings. Its addition to BELL comes after the load of BELL, so it falls either
 * before the wait began, and the wait ends at once because the value differs, or after, and the
 * notify ends it. The same holds for a watcher that joins while a wait is outstanding: its look
 * comes after the count, and any ring after the begin of the wait ends the wait. BELL wraps after
 * 2^32 rings; that many between a load and the wait that follows it do not happen.
 *
 * **Progress.** Publishers never wait here. A waiter that finds the bell rung again looks again;
 * each such turn means that another thread published, and after a few of them the rest of the
 * thread gets its turn first. `waitSync` blocks, by design, in slices.
 *
 * **Crash.** Counting adds to WAITERS before it sets the slot's WAITING word, uncounting clears
 * the word before it subtracts, and the reaper does the same: a death in between leaves the count
 * one too high, which costs publishers a ring and never loses one. A publisher that dies between
 * its swap and its ring leaves the ring to whoever reaps it (`ringAfterDeath`); a blocked thread,
 * which might be the one to reap, looks again after each slice.
 */

import { pause } from '../atomics-wait-polyfill/pause.ts'
import { now, type WaitAsyncResult } from '../atomics-wait-polyfill/request.ts'
import { waitAsync } from '../atomics-wait-polyfill/wait-async.ts'
import { BELL_AT, SLOT_WAITING, WAITERS_AT } from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import type { Offset } from '../memory/words.ts'
import { ring } from './root.ts'

/** Looks at what is waited for; true when it has come and the watcher may be removed. */
export type Look = () => boolean

/** What the bell needs of its surroundings. */
export interface BellHost {
  waitAsync(view: Int32Array, index: number, value: number): WaitAsyncResult
  /** Milliseconds on any clock: for the time limit of a blocking wait. */
  now(): number
}

interface Watcher {
  readonly look: Look
  readonly keepAlive: boolean
}

const platform: BellHost = { waitAsync, now }

/** How often in one task a thread looks again because the bell rang meanwhile. */
const LAPS_MAX = 8
/** Milliseconds after which it goes on then. */
const LAPS_PAUSE_MS = 1
/** Looks of a blocking wait before it blocks: about what two thread switches cost. */
const SPINS = 40
/** A blocked thread looks by itself this often, in milliseconds: see Crash. */
const SLICE_MS = 20
/** A timer that only keeps the thread alive. */
const NEVER_MS = 2 ** 31 - 1

export class Bell {
  readonly #memory: Memory
  readonly #waitingAt: Offset
  readonly #host: BellHost
  readonly #watchers = new Set<Watcher>()
  /** This thread is counted in WAITERS. */
  #counted = false
  /** A wait is outstanding, or a task that looks again is scheduled. */
  #armed = false
  #looking = false
  #waking = false
  /** Blocking waits in progress: a look may not end the count under them. */
  #blocked = 0
  #closed = false
  #keptAliveBy = 0
  #aliveTimer: ReturnType<typeof setInterval> | undefined

  constructor(memory: Memory, slotAt: Offset, host: BellHost = platform) {
    this.#memory = memory
    this.#waitingAt = slotAt + SLOT_WAITING
    this.#host = host
  }

  /** How many watchers are registered. */
  get size(): number {
    return this.#watchers.size
  }

  /** Watchers look because the bell rang, in a task that has nothing else to do. */
  get isWaking(): boolean {
    return this.#waking
  }

  /**
   * Calls `look` now and after each publish in the heap, until it returns true or the returned
   * function is called. With `keepAlive` the thread does not end before that.
   */
  watch(look: Look, keepAlive: boolean): () => void {
    if (this.#closed) {
      look()
      return () => {}
    }
    const watcher = { look, keepAlive }
    this.#watchers.add(watcher)
    if (keepAlive) this.#holdThread(1)
    this.#count()
    if (!this.#armed) this.#arm()
    else this.#lookOnce([watcher])
    return () => this.#remove(watcher)
  }

  /** Lets every watcher look, in this call: something else than a publish has changed. */
  wakeWatchers(): void {
    if (!this.#looking) this.#lookOnce(this.#watchers)
  }

  /** Rings for a publisher that died, perhaps before it could. */
  ringAfterDeath(): void {
    ring(this.#memory)
  }

  /** Blocks the thread until `look` returns true; false when the time is over. */
  waitSync(look: Look, timeoutMs: number): boolean {
    for (let spin = 0; spin < SPINS; spin++) {
      if (look()) return true
      if (timeoutMs <= 0) return false
      pause(spin)
    }
    const { words } = this.#memory
    const deadline = this.#host.now() + timeoutMs
    this.#blocked++
    this.#count()
    let done = false
    // bound: each turn waits for a slice, or another thread published
    for (;;) {
      const bell = words.load(BELL_AT) // [bell-wait] Pairs with [bell-check].
      done = look()
      const leftMs = deadline - this.#host.now()
      if (done || leftMs <= 0) break
      words.wait(BELL_AT, bell, Math.min(leftMs, SLICE_MS))
    }
    this.#blocked--
    this.#rest()
    return done
  }

  /** Ends all waiting of this thread, before its slot is given back; watchers look once more. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#look(this.#watchers)
    for (const watcher of this.#watchers) this.#drop(watcher)
    this.#rest()
  }

  #arm(): void {
    const { words, m } = this.#memory
    for (let lap = 0; lap < LAPS_MAX; lap++) {
      this.#count()
      const bell = words.load(BELL_AT) // [bell-wait] Pairs with [bell-check].
      this.#look(this.#watchers)
      if (this.#watchers.size === 0) return this.#rest()
      const result = this.#host.waitAsync(m, BELL_AT, bell)
      if (result.async) {
        this.#armed = true
        void result.value.then(() => this.#woken())
        return
      }
    }
    this.#armed = true
    setTimeout(() => this.#woken(), LAPS_PAUSE_MS).unref()
  }

  #woken(): void {
    this.#armed = false
    this.#waking = true
    if (this.#watchers.size > 0) this.#arm()
    this.#waking = false
  }

  #lookOnce(watchers: Iterable<Watcher>): void {
    this.#look(watchers)
    this.#rest()
  }

  #look(watchers: Iterable<Watcher>): void {
    this.#looking = true
    for (const watcher of watchers) if (watcher.look()) this.#drop(watcher)
    this.#looking = false
  }

  #remove(watcher: Watcher): void {
    this.#drop(watcher)
    if (!this.#looking) this.#rest()
  }

  #drop(watcher: Watcher): void {
    if (this.#watchers.delete(watcher) && watcher.keepAlive) this.#holdThread(-1)
  }

  /** With the last watcher the thread stops waiting: its own ring ends the wait outstanding. */
  #rest(): void {
    if (this.#watchers.size > 0 || this.#blocked > 0 || !this.#counted) return
    const { words, m } = this.#memory
    this.#counted = false
    m[this.#waitingAt] = 0
    words.add(WAITERS_AT, -1)
    if (!this.#armed) return
    words.add(BELL_AT, 1)
    words.notify(BELL_AT)
  }

  #count(): void {
    if (this.#counted) return
    this.#counted = true
    this.#memory.words.add(WAITERS_AT, 1)
    this.#memory.m[this.#waitingAt] = 1
  }

  #holdThread(change: number): void {
    this.#keptAliveBy += change
    if (this.#keptAliveBy > 0) this.#aliveTimer ??= setInterval(() => {}, NEVER_MS)
    else {
      clearInterval(this.#aliveTimer)
      this.#aliveTimer = undefined
    }
  }
}
