/** Who has a heap open, what each thread holds, and since when. */

import { isReference, nodeOf, referenceCount, referencesAt } from '../memory/kinds.ts'
import {
  CELL_NAME,
  SLOT_READ_SINCE,
  SLOT_READING,
  SLOT_SNAPSHOT_SINCE,
  SLOT_SNAPSHOTS,
} from '../memory/layout.ts'
import { type Memory, wordsOfBlock } from '../memory/memory.ts'
import { RECORD_CELL, RECORD_ROOT, RECORD_STATE, STATE_ZOMBIE } from '../memory/record.ts'
import type { Offset } from '../memory/words.ts'
import { knownRecords } from '../reclaim/cells.ts'
import { recordOfLease, scanLeases } from '../reclaim/leases.ts'
import { reportSlots, slotAt } from '../reclaim/slots.ts'
import type { HeapThread } from '../reclaim/thread.ts'
import type { Source } from '../values/decode-cells.ts'
import { RootCell } from '../versions/root.ts'
import type { Attachment } from './attachment.ts'
import type { ThreadReport, ThreadVersions } from './report.ts'
import { isWatched } from './family.ts'
import { ageOf, clockMs } from './held.ts'

/** Milliseconds that the report waits for the reclaim lock; without it nothing is held in it. */
const LOCK_WAIT_MS = 20
/** Slices that let replaced versions depart first: what departed is counted exactly. */
const SLICES = 64
/** Nodes that are counted of one thread's versions; of larger ones the report says too little. */
const NODES_MAX = 1 << 18

/** A branch's name goes with it; a section keeps it meanwhile. */
const IN_SECTION: Source = { era: -1, check: () => {} }

interface Holdings {
  readonly bytes: number
  readonly stores: readonly ThreadVersions[]
}

const NOTHING: Holdings = { bytes: 0, stores: [] }

export function reportThreads(attachment: Attachment): ThreadReport[] {
  const { memory, thread } = attachment
  const { words, layout } = memory
  const reports = reportSlots(memory)
  const holdings = holdingsOf(thread, (cell) => nameOfStore(attachment, cell), reports)
  const now = clockMs()
  return reports.map(({ slot, threadId, label, watched }) => {
    const at = slotAt(layout, slot)
    const reading = (words.load(at + SLOT_READING) & 1) === 1
    const snapshots = words.load(at + SLOT_SNAPSHOTS)
    const held = holdings.get(slot) ?? NOTHING
    return {
      slot,
      threadId,
      label,
      watched: watched || isWatched(threadId),
      readAgeMs: reading ? ageOf(words.load(at + SLOT_READ_SINCE), now) : 0,
      snapshots,
      oldestSnapshotAgeMs: snapshots > 0 ? ageOf(words.load(at + SLOT_SNAPSHOT_SINCE), now) : 0,
      heldBytes: held.bytes,
      stores: held.stores,
    }
  })
}

/** The name of the store in a cell, or ''. */
export function nameOfStore({ memory, decoder, thread }: Attachment, cell: RootCell): string {
  try {
    thread.section.enter()
    const word = cell.isNamed() ? (memory.m[cell.at + CELL_NAME] as number) : 0
    return word === 0 ? '' : (decoder.decodeWhole(word, IN_SECTION) as string)
  } finally {
    thread.section.leave()
  }
}

/** By slot; under the lock, where neither a leased record nor a chunk of leases can go. */
function holdingsOf(
  thread: HeapThread,
  nameOf: (cell: RootCell) => string,
  slots: readonly { readonly slot: number }[],
): Map<number, Holdings> {
  const { memory, reclaimer, allocator } = thread
  const found = new Map<number, Holdings>()
  reclaimer.attempt(SLICES)
  if (!reclaimer.takeLock(LOCK_WAIT_MS)) return found
  const known = knownRecords(memory)
  const bytesOf = new Map<number, number>()
  const numbers = new Map<Offset, Version>()
  const leased = new Map<number, Set<Offset>>()
  for (const { slot } of slots) {
    const records = new Set<Offset>()
    scanLeases(memory.words, slotAt(memory.layout, slot), allocator.chunkWords, (lease) => {
      const record = recordOfLease(lease)
      if (known.has(record)) records.add(record)
    })
    for (const record of records) numbers.set(record, versionOf(memory, record))
    bytesOf.set(slot, bytesHeldBy(memory, records))
    leased.set(slot, records)
  }
  reclaimer.lock.give()
  for (const [slot, records] of leased) {
    const stores = versionsIn([...records].map((record) => numbers.get(record) as Version))
    found.set(slot, {
      bytes: bytesOf.get(slot) as number,
      stores: stores.map(({ cell, version, oldestVersion }) => {
        const root = new RootCell(memory, cell & 0xffff)
        // Of a branch that has ended there is no name left.
        return { store: root.tag === cell ? nameOf(root) : '', version, oldestVersion }
      }),
    })
  }
  return found
}

interface Version {
  readonly cell: number
  readonly number: number
}

function versionOf(memory: Memory, record: Offset): Version {
  const cell = memory.m[record + RECORD_CELL] as number
  return { cell, number: new RootCell(memory, cell & 0xffff).numberOf(record) }
}

function versionsIn(versions: readonly Version[]) {
  const stores = new Map<number, { cell: number; version: number; oldestVersion: number }>()
  for (const { cell, number } of versions) {
    const store = stores.get(cell) ?? { cell, version: number, oldestVersion: number }
    store.version = Math.max(store.version, number)
    store.oldestVersion = Math.min(store.oldestVersion, number)
    stores.set(cell, store)
  }
  return [...stores.values()]
}

/** What would come back if these versions were let go, all of them together: everything below
 *  their roots that nothing else refers to. One that has not departed keeps nothing by itself. */
export function bytesHeldBy(memory: Memory, records: Iterable<Offset>): number {
  const { m, layout } = memory
  let words = 0
  const visit: number[] = []
  for (const record of records) {
    if (m[record + RECORD_STATE] !== STATE_ZOMBIE) continue
    words += wordsOfBlock(memory, record)
    visit.push(m[record + RECORD_ROOT] as number)
  }
  // Of nodes with several references: how many were met. The last one opens the node.
  const met = new Map<Offset, number>()
  for (let nodes = 0; nodes < NODES_MAX;) {
    const word = visit.pop()
    if (word === undefined) break
    if (!isReference(word)) continue
    const node = nodeOf(word)
    const references = m[node + 1] as number
    if (references > 1) {
      const count = (met.get(node) ?? 0) + 1
      met.set(node, count)
      if (count < references) continue
    }
    nodes++
    words += wordsOfBlock(memory, node)
    const first = referencesAt(m, node)
    const children = referenceCount(m, node, layout)
    for (let index = 0; index < children; index++) visit.push(m[first + index] as number)
  }
  return words * 4
}
