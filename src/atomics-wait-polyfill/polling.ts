/**
 * The back end of last resort: a timer that looks whether the element changed. It serves where no
 * helper thread can be started, and what exceeds the helper threads.
 *
 * It sees a change, not a notification: a `notify` that changes nothing goes unseen, and so does
 * a value that changes and changes back between two looks. It looks after 1 ms, then ever less
 * often, at least every 16 ms.
 */
import { type Wait, type WaitOutcome, holds, now } from './request.ts'

const FIRST_DELAY_MS = 1
const LAST_DELAY_MS = 16

interface Polled extends Wait {
  readonly resolve: (outcome: WaitOutcome) => void
}

export class Polling {
  readonly #waits = new Set<Polled>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #delayMs = FIRST_DELAY_MS

  readonly wait = (wait: Wait): Promise<WaitOutcome> =>
    new Promise((resolve) => {
      this.#waits.add({ ...wait, resolve })
      this.#delayMs = FIRST_DELAY_MS
      clearTimeout(this.#timer)
      this.#schedule()
    })

  #schedule(): void {
    let delay = this.#delayMs
    for (const wait of this.#waits) delay = Math.min(delay, wait.deadlineMs - now())
    this.#timer = setTimeout(() => this.#look(), Math.max(delay, 0))
    // A wait keeps no process alive, as the platform's does not; browsers have no unref.
    this.#timer.unref?.()
  }

  #look(): void {
    const at = now()
    for (const wait of this.#waits) {
      if (!holds(wait.view, wait.index, wait.value)) this.#answer(wait, 'ok')
      else if (at >= wait.deadlineMs) this.#answer(wait, 'timed-out')
    }
    this.#delayMs = Math.min(this.#delayMs * 2, LAST_DELAY_MS)
    if (this.#waits.size > 0) this.#schedule()
  }

  #answer(wait: Polled, outcome: WaitOutcome): void {
    this.#waits.delete(wait)
    wait.resolve(outcome)
  }
}
