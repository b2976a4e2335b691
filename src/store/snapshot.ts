/**
 * A snapshot: one version of a store, held across `await` until it is released. It pins exactly
 * what that version reaches and nothing that was published since.
 */

import { RootswapError } from '../errors.ts'
import type { Immutable, Key } from '../values/immutable.ts'
import type { Get, Has } from './paths.ts'

/** What a snapshot needs of the store that made it. */
export interface SnapshotSource {
  readonly version: number
  value(): unknown
  get(path: readonly Key[]): unknown
  has(path: readonly Key[]): boolean
  /** False when it was released before. */
  release(): boolean
}

export interface Snapshot<T> extends Disposable {
  readonly version: number
  /** The whole value. Throws `ERR_STALE_SNAPSHOT` after release. */
  readonly value: Immutable<T>
  /** One place, nothing else decoded; a missing path is `undefined`. */
  readonly get: Get<T>
  readonly has: Has
  readonly isReleased: boolean
  /** Lets the version go. Idempotent. */
  release(): void
}

export class HeldSnapshot {
  readonly version: number
  #source: SnapshotSource | undefined

  constructor(source: SnapshotSource) {
    this.version = source.version
    this.#source = source
  }

  get value(): unknown {
    return this.#held().value()
  }

  get(...path: readonly Key[]): unknown {
    return this.#held().get(path)
  }

  has(...path: readonly Key[]): boolean {
    return this.#held().has(path)
  }

  get isReleased(): boolean {
    return this.#source === undefined
  }

  release(): void {
    const source = this.#source
    this.#source = undefined
    source?.release()
  }

  [Symbol.dispose](): void {
    this.release()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `Snapshot { version: ${this.version}${this.isReleased ? ', released' : ''} }`
  }

  #held(): SnapshotSource {
    if (this.#source !== undefined) return this.#source
    throw new RootswapError(
      'ERR_STALE_SNAPSHOT',
      `the snapshot of version ${this.version} was released`,
      { version: this.version },
    )
  }
}
