/**
 * The table of readers of an RCU domain: entries in chunks, claimed by compare-and-swap, looked
 * through by whoever waits for a grace period.
 *
 * **Invariants.** An entry belongs to the thread whose tag it holds: that one alone writes its
 * words, or, when the tag is gone, the owner of the lock. While it belongs to nobody its word and
 * its flavor are 0. Chunks are added at the end and never taken away while the domain lives.
 *
 * **Ordering.** `[reader-claim]` an entry is claimed, and CHUNK_HIGH raised, before the first store
 * to its word. Pairs with [reader-scan]: a scan that does not see the entry loaded CHUNK_HIGH (or
 * the link to the chunk) before the reader's first read began. `[reader-release]` the tag is the
 * last word of an entry that is cleared. Pairs with [reader-claim]: who claims an entry finds it
 * clear, and nobody writes to it any more but the new owner.
 *
 * **Progress.** Claiming is lock-free while a chunk has room: a lost swap means that another thread
 * got that entry. Adding a chunk takes the reclaim lock. Looking through is wait-free.
 *
 * **Crash.** Entries of a dead thread stay claimed by a tag that is gone: their words count for
 * nothing from then on, and the next sweep gives them back. A sweep may die, too. Claiming takes no
 * lock, so a transaction must not give the tag back: applied but not yet disarmed, its repair would
 * write into what another thread has claimed since. So it clears the flavor and the word, and
 * counts what is lost; the tag, which is still the dead thread's when it is repaired, goes after it
 * by a store of its own. A death between the two leaves an entry that the next sweep finds again:
 * it is no member's any more, so nothing is counted twice, and the zeros are written over zeros.
 * Nobody else gives that tag back meanwhile: sweeps come one after the other, under the lock, which
 * a dead one keeps until it is reaped, and the store is before the lock is given.
 */

import { COUNTED_REFERENCES } from '../memory/counted.ts'
import { nodeOf } from '../memory/kinds.ts'
import type { Memory } from '../memory/memory.ts'
import { slotOfTag } from '../memory/tag.ts'
import type { Offset } from '../memory/words.ts'
import type { Journal } from '../reclaim/journal.ts'
import { raise, threadOfSlot } from '../reclaim/slots.ts'
import {
  CHUNK_ENTRIES,
  CHUNK_HIGH,
  isGone,
  LINE,
  lineAt,
  LOST,
  MEMBER,
  READER_CLAIMS,
  READER_DEFERRED,
  READER_FLAVOR,
  READER_LABEL,
  READER_LABEL_WORDS,
  READER_RAN,
  READER_TAG,
  READER_WORD,
  READER_WORDS,
} from './words.ts'

/** Who holds up a grace period, or could. */
export interface ReaderReport {
  readonly tag: number
  readonly flavor: number
  readonly label: string
}

/** The reference of a chunk to the next one. */
export const CHUNK_LINK = COUNTED_REFERENCES
const CHUNK_HEAD = COUNTED_REFERENCES + 2

/** Words of data that a chunk of so many entries needs, its alignment included. */
export function chunkWords(entries: number): number {
  return LINE + LINE + entries * READER_WORDS
}

export class ReaderTable {
  readonly #memory: Memory
  /** First word of the domain's lines. */
  readonly #domain: Offset
  /** The word that refers to the first chunk. */
  readonly #firstAt: Offset
  #first = 0

  constructor(memory: Memory, domain: Offset, firstAt: Offset) {
    this.#memory = memory
    this.#domain = domain
    this.#firstAt = firstAt
  }

  /** Calls `visit` with each entry that was ever used. */
  each(visit: (entry: Offset) => void): void {
    for (let chunk = this.first(); chunk !== 0; chunk = this.next(chunk)) {
      // bound: chunks of the domain
      const end = this.endOf(chunk)
      for (let entry = this.beginOf(chunk); entry < end; entry += READER_WORDS) visit(entry)
    }
  }

  beginOf(chunk: Offset): Offset {
    return lineAt(chunk + CHUNK_HEAD) + LINE
  }

  /** Behind the last entry of a chunk that was ever used. */
  endOf(chunk: Offset): Offset {
    const at = lineAt(chunk + CHUNK_HEAD)
    const used = this.#memory.words.load(at + CHUNK_HIGH) // [reader-scan]
    return at + LINE + used * READER_WORDS
  }

  /** The first chunk stays the first as long as the domain. */
  first(): Offset {
    if (this.#first === 0) this.#first = nodeOf(this.#memory.words.load(this.#firstAt))
    return this.#first
  }

  next(chunk: Offset): Offset {
    return nodeOf(this.#memory.words.load(chunk + CHUNK_LINK)) // [reader-scan]
  }

  /** Prepares a chunk of so many words of data, before it is linked. */
  prepare(chunk: Offset, words: number): void {
    const { m } = this.#memory
    const at = lineAt(chunk + CHUNK_HEAD)
    const end = chunk + CHUNK_HEAD + words
    m.fill(0, chunk + CHUNK_LINK, end)
    m[at + CHUNK_ENTRIES] = Math.floor((end - at - LINE) / READER_WORDS)
  }

  /** The word that the next chunk is to be linked by. */
  linkAt(): Offset {
    let at = this.#firstAt
    for (let chunk = this.first(); chunk !== 0; chunk = this.next(chunk)) at = chunk + CHUNK_LINK
    return at
  }

  /** Claims an entry; 0 when every chunk is full. */
  claim(tag: number, flavor: number, label: string): Offset {
    const { words, m } = this.#memory
    for (let chunk = this.first(); chunk !== 0; chunk = this.next(chunk)) {
      // bound: chunks of the domain
      const at = lineAt(chunk + CHUNK_HEAD)
      const entries = m[at + CHUNK_ENTRIES] as number
      for (let index = 0; index < entries; index++) {
        const entry = at + LINE + index * READER_WORDS
        if (words.load(entry + READER_TAG) !== 0) continue
        // [reader-claim] Pairs with [reader-scan], [reader-release].
        if (words.compareExchange(entry + READER_TAG, 0, tag) !== 0) continue
        raise(words, at + CHUNK_HIGH, index + 1)
        words.store(entry + READER_CLAIMS, (words.load(entry + READER_CLAIMS) + 1) | 0)
        // They go on from where the last owner's were: to who waits for that one, all have run.
        words.store(entry + READER_RAN, words.load(entry + READER_DEFERRED))
        words.store(entry + READER_FLAVOR, flavor)
        this.#writeLabel(entry, label)
        return entry
      }
    }
    return 0
  }

  /** Gives an own entry back. */
  unclaim(entry: Offset): void {
    const { words } = this.#memory
    words.store(entry + READER_WORD, 0)
    words.store(entry + READER_FLAVOR, 0)
    // [reader-release] Pairs with [reader-claim].
    words.store(entry + READER_TAG, 0)
  }

  /** Whether the owner of an entry is gone. */
  isOrphan(entry: Offset): boolean {
    const tag = this.#memory.words.load(entry + READER_TAG)
    return tag !== 0 && isGone(this.#memory, tag)
  }

  /** Gives back the entries of threads that are gone; under the lock. How many callbacks were lost
   *  with them. */
  sweep(journal: Journal): number {
    const { words } = this.#memory
    let lost = 0
    this.each((entry) => {
      if (!this.isOrphan(entry)) return
      if (words.load(entry + READER_FLAVOR) === MEMBER) {
        const pending = words.load(entry + READER_DEFERRED) - words.load(entry + READER_RAN)
        lost += pending | 0
        const lostAt = this.#domain + LOST
        journal.publish(lostAt, (journal.get(lostAt) + pending) | 0)
      }
      journal.publish(entry + READER_FLAVOR, 0)
      journal.publish(entry + READER_WORD, 0)
      journal.commit()
      words.store(entry + READER_TAG, 0) // [reader-release], behind what may be repaired
    })
    return lost
  }

  /** Whether a reader of that thread holds up grace periods, whichever copy of the package in it
   *  the reader is of. Asked by the thread itself: then nothing of that changes meanwhile. */
  isHeldUpBy(threadId: number): boolean {
    const { words } = this.#memory
    let found = false
    this.each((entry) => {
      if (words.load(entry + READER_WORD) === 0) return
      const tag = words.load(entry + READER_TAG)
      // The slot of a tag that is gone may be this thread's by now.
      if (tag === 0 || isGone(this.#memory, tag)) return
      found ||= threadOfSlot(this.#memory, slotOfTag(tag)) === threadId
    })
    return found
  }

  report(entry: Offset): ReaderReport {
    const { words } = this.#memory
    return {
      tag: words.load(entry + READER_TAG),
      flavor: words.load(entry + READER_FLAVOR),
      label: this.#readLabel(entry),
    }
  }

  /** Characters beyond the entry's room are cut off; a byte a time, in words stored atomically, as
   *  others may read it any time. */
  #writeLabel(entry: Offset, label: string): void {
    const bytes = new TextEncoder().encode(label).subarray(0, READER_LABEL_WORDS * 4 - 1)
    for (let index = 0; index < READER_LABEL_WORDS; index++) {
      let word = 0
      for (let byte = 3; byte >= 0; byte--) word = (word << 8) | (bytes[index * 4 + byte] ?? 0)
      this.#memory.words.store(entry + READER_LABEL + index, word)
    }
  }

  #readLabel(entry: Offset): string {
    const bytes: number[] = []
    for (let index = 0; index < READER_LABEL_WORDS * 4; index++) {
      const word = this.#memory.words.load(entry + READER_LABEL + (index >> 2))
      const byte = (word >>> ((index & 3) * 8)) & 0xff
      if (byte === 0) break
      bytes.push(byte)
    }
    return new TextDecoder().decode(Uint8Array.from(bytes))
  }
}
