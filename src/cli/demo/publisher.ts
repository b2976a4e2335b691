/**
 * The main thread's own updates, some thousand a second, with two clocks: how soon the last
 * worker sees a version, and how long a grace period takes.
 */

import type { Store } from '../../store/contract.ts'
import { micros, pause } from './clock.ts'
import { type DemoDocument, moveAmount, type Path, sometimes } from './document.ts'
import type { ProgressRow } from './progress.ts'

/** A few thousand versions a second: what is read mostly is not written without a break. */
const UPDATES_PER_TURN = 4
const PAUSE_MS = 1
const GRACE_PERIOD_EVERY_MICROS = 20_000
const GRACE_PERIOD_MS_MAX = 5000

export class Publisher {
  commits = 0
  /** Grace periods are not waited for while this holds: a reader is being killed inside a read,
   *  and this thread has to do it. */
  mustNotWait = false
  readonly propagationMicros: number[] = []
  readonly gracePeriodMicros: number[] = []
  readonly #store: Store<DemoDocument>
  readonly #flags: readonly Path[]
  readonly #readers: readonly ProgressRow[]
  #probe = 0
  #probeAt = 0
  /** Nobody is timed at the moment: the next update may be. */
  #probeSettled = true
  #gracePeriodAt = 0

  constructor(store: Store<DemoDocument>, flags: readonly Path[], readers: readonly ProgressRow[]) {
    this.#store = store
    this.#flags = flags
    this.#readers = readers
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (let count = 0; count < UPDATES_PER_TURN; count++) this.#update()
      this.#settleProbe()
      this.#waitForGracePeriod()
      await pause(PAUSE_MS, signal)
    }
  }

  #update(): void {
    const flag = sometimes(this.#flags)
    const begins = this.#probeSettled
    if (begins) this.#beginProbe()
    this.#store.update((draft) => {
      moveAmount(draft, 'main', flag)
      draft.early.probe = this.#probe
    })
    this.commits++
  }

  #beginProbe(): void {
    this.#probeSettled = false
    this.#probe++
    this.#probeAt = micros()
  }

  /** When every worker that was at work at the publish has seen it: the last one's time counts.
   *  The clock starts before the update, so the time to write is part of it. */
  #settleProbe(): void {
    const readers = this.#readers.filter((row) => row.isWorking && row.beganAt < this.#probeAt)
    if (this.#probeSettled || !readers.every((row) => row.probe === this.#probe)) return
    this.#probeSettled = true
    if (readers.length === 0) return
    const seenAt = Math.max(...readers.map((row) => row.probeSeenAt))
    this.propagationMicros.push(seenAt - this.#probeAt)
  }

  #waitForGracePeriod(): void {
    const begin = micros()
    if (this.mustNotWait || begin - this.#gracePeriodAt < GRACE_PERIOD_EVERY_MICROS) return
    this.#store.synchronizeSync(GRACE_PERIOD_MS_MAX)
    this.#gracePeriodAt = micros()
    this.gracePeriodMicros.push(this.#gracePeriodAt - begin)
  }
}
