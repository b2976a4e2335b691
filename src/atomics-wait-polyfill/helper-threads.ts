/**
 * The back end where the platform has `Atomics.wait` but no `waitAsync`: a thread blocks in place
 * of the caller. A blocked thread holds one wait, so that `notify` counts and wakes them as the
 * platform would; a thread that woke is used again. What exceeds `THREADS_MAX` waits at a time is
 * polled, and so is everything once a thread turned out not to start.
 *
 * What differs from the platform: between the call and the helper's own wait a few dozen
 * microseconds pass (at the first wait the thread's start, some 30 ms). A change in that time is
 * seen, and answered 'ok'; a `notify` without a change is not, and wakes nobody.
 */
import { type Backend, type Wait, type WaitOutcome, holds } from './request.ts'
import type { Helper, StartHelper } from './helper.ts'

/** A thread takes 4 to 9 MB; this package itself never has more than one wait in a thread. */
export const THREADS_MAX = 8
/** Threads kept for the next wait; starting one costs some 30 ms. */
const IDLE_MAX = 2

interface Job extends Wait {
  readonly resolve: (outcome: WaitOutcome) => void
}

export class HelperThreads {
  readonly #start: StartHelper
  readonly #poll: Backend
  readonly #idle: Helper[] = []
  readonly #busy = new Map<Helper, Job>()
  /** No thread can be started here: a policy forbids it, or the file is not there. */
  #unusable = false

  constructor(start: StartHelper, poll: Backend) {
    this.#start = start
    this.#poll = poll
  }

  /** Threads that exist; for tests. */
  get size(): number {
    return this.#idle.length + this.#busy.size
  }

  get unusable(): boolean {
    return this.#unusable
  }

  readonly wait = (wait: Wait): Promise<WaitOutcome> => {
    const helper = this.#idle.pop() ?? this.#startHelper()
    if (helper === undefined) return this.#poll(wait)
    return new Promise((resolve) => {
      const { view, index, value, deadlineMs } = wait
      this.#busy.set(helper, { ...wait, resolve })
      helper.post({ view, index, value, deadlineMs })
    })
  }

  #startHelper(): Helper | undefined {
    if (this.#unusable || this.#busy.size >= THREADS_MAX) return undefined
    try {
      const helper = this.#start({
        answered: (outcome) => this.#answered(helper, outcome),
        failed: () => this.#failed(helper),
      })
      return helper
    } catch {
      // Whatever forbids a thread here (Node's --permission, a page's policy) forbids the next.
      this.#unusable = true
      return undefined
    }
  }

  #answered(helper: Helper, outcome: WaitOutcome | 'not-equal'): void {
    const job = this.#busy.get(helper)
    if (job === undefined) return
    this.#busy.delete(helper)
    if (this.#idle.length < IDLE_MAX) this.#idle.push(helper)
    else helper.stop()
    // The element held the value when the caller asked: it changed on the way, so this is a wake.
    job.resolve(outcome === 'not-equal' ? 'ok' : outcome)
  }

  /** The thread ended: its wait is polled from here on, and nobody is told. */
  #failed(helper: Helper): void {
    const job = this.#busy.get(helper)
    const place = this.#idle.indexOf(helper)
    if (place >= 0) this.#idle.splice(place, 1)
    this.#busy.delete(helper)
    if (!helper.started) this.#unusable = true
    if (job === undefined) return
    if (holds(job.view, job.index, job.value)) void this.#poll(job).then(job.resolve)
    else job.resolve('ok')
  }
}
