/**
 * Which versions leases name, as the last scan of a round found it.
 *
 * **Invariants.** A version below the tops can not be leased anew, so what is found stays true or
 * becomes less: an older scan only keeps more.
 *
 * **Ordering.** `[lease-scan]` after the sections that were open have closed; see round.ts.
 *
 * **Progress.** Linear in the lease words of the slots.
 *
 * **Crash.** Nothing shared is written.
 */

import type { Memory } from '../memory/memory.ts'
import type { Offset } from '../memory/words.ts'
import { isOusted, recordOfLease, scanWords } from './leases.ts'
import { slotAt, slotsInUse } from './slots.ts'

/** Up to so many leases are searched one by one. */
const FEW_LEASES = 32

type Records = readonly number[] | ReadonlySet<number>

export class Leased {
  readonly #memory: Memory
  readonly #chunkWords: number
  #leased: Records = []
  /** Records of which only the place is named, by leases that were ousted. */
  #places: Records = []

  constructor(memory: Memory, chunkWords: number) {
    this.#memory = memory
    this.#chunkWords = chunkWords
  }

  scan(): void {
    const { words, layout } = this.#memory
    const leased: number[] = []
    const places: number[] = []
    const slots = slotsInUse(words)
    for (let slot = 0; slot < slots; slot++) {
      scanWords(words, slotAt(layout, slot), this.#chunkWords, (word) => {
        if (word > 0) leased.push(recordOfLease(word))
        else if (isOusted(word)) places.push(recordOfLease(word))
      })
    }
    this.#leased = searchable(leased)
    this.#places = searchable(places)
  }

  /** Does a lease hold the version? */
  has(record: Offset): boolean {
    return isAmong(this.#leased, record)
  }

  /** Does a thread compare with the place of a version that was given up? */
  isPlace(record: Offset): boolean {
    return isAmong(this.#places, record)
  }
}

function searchable(records: readonly number[]): Records {
  return records.length > FEW_LEASES ? new Set(records) : records
}

function isAmong(records: Records, record: Offset): boolean {
  return records instanceof Set ? records.has(record) : (records as number[]).includes(record)
}
