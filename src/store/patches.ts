/**
 * What one subscriber saw last, held so that the next change can say what became of it.
 *
 * **Invariants.** A track leases its version as a cache (soft): `drained` does not wait for it,
 * but memory does: what was replaced since stays until the next step, or the end of the track, or
 * until a writer is short of memory. Then the version is given up, and the next step says that the
 * whole value was replaced.
 *
 * **Ordering.** Patches lead from one leased version to another, and the value is that of the
 * second: the version number says so, since the leased record is protected and only the newest
 * can be leased.
 *
 * **Progress.** A step that finds a newer version than it leased begins again; then another thread
 * published between the two.
 *
 * **Crash.** Leases are words of the thread's slot; the reaper clears them.
 */

import { LEASE_SOFT } from '../memory/layout.ts'
import type { Offset } from '../memory/words.ts'
import type { Lease } from '../reclaim/leases.ts'
import type { Codec } from '../values/codec.ts'
import type { Source } from '../values/decode-cells.ts'
import type { Patch } from '../values/patch.ts'
import { compareWords } from '../values/patch-compare.ts'
import { mayHoldViews, withoutViews } from '../values/patch-values.ts'
import type { Decoder } from '../values/view.ts'
import type { RootCell } from '../versions/root.ts'
import type { Attachment } from './attachment.ts'

/** Patches are decoded whole at once, while both versions are protected: no string is cached. */
const PROTECTED: Source = { era: -1, check: () => {} }

/** The patches between the roots of two protected versions. */
export function patchesBetween(
  { codec, decoder }: Attachment,
  before: number,
  after: number,
): readonly Patch[] {
  return compareWords(codec, before, after, (word) => plainValue(decoder, codec, word))
}

/** What says that the whole value is another one, where the older is not there to compare with. */
function replacement({ codec, decoder }: Attachment, word: number): Patch {
  return Object.freeze({ op: 'replace', path: [], value: plainValue(decoder, codec, word) })
}

function plainValue(decoder: Decoder, codec: Codec, word: number): unknown {
  return mayHoldViews(codec.memory.m, word)
    ? withoutViews(decoder.decode(word, PROTECTED))
    : decoder.decodeWhole(word, PROTECTED)
}

/** One version of a store, its value, and what led to it. */
export interface TrackedChange<T> {
  readonly version: number
  readonly value: T
  readonly patches: readonly Patch[]
}

/** Follows the versions of a store. */
export interface Track {
  /** The version that it stands at. */
  readonly version: number
  /** Goes on to the newest version, if that is wanted; else stays, and returns undefined. */
  step(wanted: (value: unknown, version: number) => boolean): TrackedChange<unknown> | undefined
  /** Another track from where this one is. */
  fork(): Track
  /** Lets the version go. Idempotent. */
  end(): void
}

/** What can be followed, beside being watched. */
export interface Trackable {
  /** Begins to follow the versions. */
  track(): Track
  /** Ends a track when its owner has been collected. */
  endTrackWith(owner: object, track: Track): void
}

/** A store can be followed; what stands for one in a test need not be. */
export function trackable(watched: object): Partial<Trackable> {
  return watched
}

/** What a track needs of its store. */
export interface TrackedStore {
  readonly attachment: Attachment
  readonly cell: RootCell
  /** The newest version's value and number. */
  observe(): { readonly version: number; readonly value: unknown }
}

/** A leased record, as often as tracks stand at it. */
interface Basis {
  readonly record: Offset
  readonly lease: Lease
  uses: number
}

/** The tracks of one store in this thread. */
export class Tracks {
  readonly #store: TrackedStore
  readonly #open = new Set<Track>()
  readonly #collected = new FinalizationRegistry<Track>((track) => track.end())

  constructor(store: TrackedStore) {
    this.#store = store
  }

  /** A track that begins at the newest version. */
  begin(): Track {
    const basis = this.#take()
    const track = this.#track(basis)
    this.#store.attachment.thread.leases.unpin(basis.lease)
    return track
  }

  /** Ends a track when the object that uses it has been collected; the track must not reach it. */
  endWith(owner: object, track: Track): void {
    this.#collected.register(owner, track)
  }

  /** The store is being closed: its leases are not this thread's afterwards. */
  close(): void {
    for (const track of this.#open) track.end()
  }

  #track(from: Basis): Track {
    const { attachment, cell } = this.#store
    let basis = from
    let version = cell.numberOf(from.record)
    const track: Track = {
      get version() {
        return version
      },
      step: (wanted) => {
        const next = this.#newest()
        let taken = false
        try {
          // The user's callback may throw, and it may end this track, which lets `basis` go.
          if (!wanted(next.value, next.version) || !this.#open.has(track)) return undefined
          const patches = this.#patches(basis, next.basis)
          this.#release(basis)
          basis = next.basis
          version = next.version
          taken = true
          return { version, value: next.value, patches }
        } finally {
          attachment.thread.leases.unpin(next.basis.lease)
          if (!taken) this.#release(next.basis)
        }
      },
      fork: () => {
        basis.uses++
        return this.#track(basis)
      },
      end: () => {
        if (this.#open.delete(track)) this.#release(basis)
      },
    }
    this.#open.add(track)
    return track
  }

  /** The newest version, leased and pinned. */
  #take(): Basis {
    const { attachment, cell } = this.#store
    const { leases } = attachment.thread
    const record = leases.take(cell.rootAt, LEASE_SOFT)
    return { record, lease: leases.find(record, LEASE_SOFT) as Lease, uses: 1 }
  }

  /** From a version, if it was not given up, to a newer one that is pinned. */
  #patches(older: Basis, newer: Basis): readonly Patch[] {
    const { attachment, cell } = this.#store
    const { leases } = attachment.thread
    const word = cell.rootOf(newer.record)
    if (!leases.pin(older.lease)) {
      return Object.freeze([replacement(attachment, word)])
    }
    try {
      return patchesBetween(attachment, cell.rootOf(older.record), word)
    } finally {
      leases.unpin(older.lease)
    }
  }

  /** Leases the newest version, pinned, and finds its value. */
  #newest(): { readonly basis: Basis; readonly version: number; readonly value: unknown } {
    const { cell } = this.#store
    const { leases } = this.#store.attachment.thread
    for (;;) {
      const basis = this.#take()
      let isSame = false
      try {
        const { version, value } = this.#store.observe()
        isSame = version === cell.numberOf(basis.record)
        if (isSame) return { basis, version, value }
      } finally {
        if (!isSame) {
          // Another thread published, or an error unwinds.
          leases.unpin(basis.lease)
          this.#release(basis)
        }
      }
    }
  }

  #release(basis: Basis): void {
    if (--basis.uses === 0) {
      this.#store.attachment.thread.leases.forget(basis.lease)
    }
  }
}
