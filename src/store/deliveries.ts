/**
 * When listeners run: in a task of their own, all that are due one after the other, and only then
 * are the errors of those that threw reported, each as an uncaught exception.
 *
 * **Invariants.** A listener never runs inside another call of the package, and never inside
 * another listener.
 */

/** Something to run; at most once per task, however often it is due. */
export interface Delivery {
  deliver(): void
}

export class Deliveries {
  readonly #due = new Set<Delivery>()
  #scheduled = false
  #microtask = false
  #running = false
  readonly #bell: { readonly isWaking: boolean }

  constructor(bell: { readonly isWaking: boolean }) {
    this.#bell = bell
  }

  /** While the bell wakes, a publish alone began the task in hand: there is no need of another. */
  add(delivery: Delivery): void {
    this.#due.add(delivery)
    if (this.#bell.isWaking) return this.hurry()
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#run()
    })
  }

  /**
   * Runs what is due after the current job, before the next task. For a thread whose event loop
   * may not turn for long, as that of an idle pool worker. Listeners themselves do not get this:
   * one that always publishes must not keep the loop from turning.
   */
  hurry(): void {
    if (this.#due.size === 0 || this.#microtask || this.#running) return
    this.#microtask = true
    queueMicrotask(() => {
      this.#microtask = false
      this.#run()
    })
  }

  #run(): void {
    const due = [...this.#due]
    this.#due.clear()
    this.#running = true
    const errors: unknown[] = []
    for (const delivery of due) {
      try {
        delivery.deliver()
      } catch (error) {
        errors.push(error)
      }
    }
    this.#running = false
    for (const error of errors) reportUncaught(error)
  }
}

/** As if nobody had caught it. */
export function reportUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}
