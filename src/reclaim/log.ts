/**
 * Reading another thread's draft log.
 *
 * **Invariants.** Entries are in chunks, newest chunk first; a chunk that a thread added, or
 * emptied, just before it died has none.
 *
 * **Ordering.** Under the lock, for a thread that is dead or that waits for this one.
 *
 * **Progress.** Linear in the entries.
 *
 * **Crash.** Nothing shared is written.
 */

import { CHUNK_HEAD, chunkEntries } from '../memory/allocator.ts'
import { referenceTo, TAG_NODE } from '../memory/kinds.ts'
import { SLOT_LINK, SLOT_LOG, SLOT_LOG_COUNT } from '../memory/layout.ts'
import type { Memory } from '../memory/memory.ts'
import type { Offset } from '../memory/words.ts'

/** Calls `visit` with each block of the slot's draft log, newest first. */
export function eachLogged(memory: Memory, slotAt: Offset, visit: (block: Offset) => void): void {
  const { m, classes } = memory
  const entries = chunkEntries(classes)
  const count = m[slotAt + SLOT_LOG_COUNT] as number
  let chunk = m[slotAt + SLOT_LOG] as number
  let chunks = 0
  for (let next = chunk; next !== 0; chunks++) next = m[next + 2] as number // bound: chunks
  if (chunks > Math.max(1, Math.ceil(count / entries))) chunk = m[chunk + 2] as number
  for (let index = count - 1; index >= 0; index--) {
    visit(m[chunk + CHUNK_HEAD + (index % entries)] as number)
    if (index % entries === 0) chunk = m[chunk + 2] as number
  }
}

/** Is a draft of one block published by the reference that SLOT_LINK tells of? So a block is handed
 *  over by one store, without the lock: whoever owns the reference keeps its block while the slot
 *  tells of it. */
export function isLinked(memory: Memory, slotAt: Offset): boolean {
  const { words, m } = memory
  const at = words.load(slotAt + SLOT_LINK)
  if (at === 0 || m[slotAt + SLOT_LOG_COUNT] !== 1) return false
  const block = m[(m[slotAt + SLOT_LOG] as number) + CHUNK_HEAD] as number
  return words.load(at) === referenceTo(block, TAG_NODE)
}
