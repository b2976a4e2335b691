/**
 * Branches and kept versions as writes: a branch begins as another name of one version, and a
 * version comes back, from a branch or from history, as one more reference to its root. None of
 * them copies or visits a node, so all cost the same whatever the size.
 *
 * **Invariants.** The version that is shared is leased from before its root is read until after
 * the swap, or the store that names the branch (I3): its record arrives, and is counted, before
 * the source can depart.
 */

import { RootswapError } from '../errors.ts'
import type { Offset } from '../memory/words.ts'
import { noteAdopted, originVersion } from '../versions/branch.ts'
import type { Delta } from '../versions/delta.ts'
import { leaseVersion } from '../versions/kept.ts'
import { nameCell, type RootCell } from '../versions/root.ts'
import type { Attachment } from './attachment.ts'
import { orGiveUp } from './shortage.ts'
import type { Build, Commit, Writer, WriteOptions } from './writer.ts'

export interface AdoptOptions extends Omit<WriteOptions, 'ifVersion'> {
  /** Adopt although the store moved since the branch was forked, or is not its origin: what was
   *  published in between is replaced. */
  readonly force?: boolean
}

/** Begins a branch at the newest version, open in this thread. Throws `ERR_HEAP_FULL`. */
export function forkCell(attachment: Attachment, from: RootCell, name: string): RootCell {
  return orGiveUp(attachment, () => fork(attachment, from, name))
}

function fork(attachment: Attachment, from: RootCell, name: string): RootCell {
  const { thread, codec } = attachment
  const { allocator, leases } = thread
  const record = leases.take(from.rootAt, 0)
  let cell: RootCell | undefined
  try {
    allocator.begin()
    const nameWord = name === '' ? 0 : codec.encoder.encode(name)
    const root = from.rootOf(record)
    const origin = { cell: from, record }
    cell = nameCell(thread, { root, nameWord, history: from.history, origin })
  } finally {
    if (cell === undefined) thread.abandonDraft()
    else allocator.end()
    leases.release(record, 0)
  }
  return cell
}

/** What takes part when a branch is adopted. */
export interface Adoption {
  readonly attachment: Attachment
  readonly cell: RootCell
  readonly writer: Writer
}

/** Publishes a branch's newest value in `cell`. Throws `ERR_CONFLICT`. */
export function adoptBranch(
  { attachment, cell, writer }: Adoption,
  branch: RootCell,
  { force = false, ...options }: AdoptOptions,
): Commit {
  const { thread } = attachment
  const { leases } = thread
  const record = leases.take(branch.rootAt, 0)
  try {
    const word = branch.rootOf(record)
    const expected = force ? {} : { ifVersion: expectedVersion(attachment, cell, branch) }
    const commit = writer.commit((root) => whole(root, word), { ...options, ...expected })
    noteAdopted(thread, branch, cell, commit.version)
    return commit
  } finally {
    leases.release(record, 0)
  }
}

/** Publishes a kept version's value again. Throws `ERR_UNKNOWN_VERSION`. */
export function rollBack(
  { attachment, cell, writer }: Adoption,
  version: number,
  options: WriteOptions,
): Commit {
  const { leases } = attachment.thread
  const record = leaseKept(attachment, cell, version)
  try {
    const word = cell.rootOf(record)
    return writer.commit((root) => whole(root, word), options)
  } finally {
    leases.release(record, 0)
  }
}

/** Leases a version that is kept. Throws `ERR_UNKNOWN_VERSION`, `ERR_TIMEOUT`. */
export function leaseKept(attachment: Attachment, cell: RootCell, version: number): Offset {
  const { thread, maxWaitMs } = attachment
  const record = leaseVersion(thread, { cell, version, flag: 0 }, maxWaitMs)
  if (record > 0) return record
  if (record < 0) {
    throw new RootswapError('ERR_TIMEOUT', `the reclaim lock was not free within ${maxWaitMs} ms`)
  }
  const newest = newestVersion(attachment, cell)
  throw new RootswapError(
    'ERR_UNKNOWN_VERSION',
    `version ${version} is not kept: the newest is ${newest}, ` +
      'and older ones are kept by the option history and by snapshots',
    { version, newestVersion: newest },
  )
}

/** The whole value is replaced by that of another version. */
function whole(root: number, word: number): Build {
  return (delta: Delta) => {
    if (word === root) return root
    delta.tookOver(word)
    return word
  }
}

function expectedVersion(attachment: Attachment, cell: RootCell, branch: RootCell): number {
  const version = newestVersion(attachment, cell)
  const expected = originVersion(attachment.thread, branch, cell, version)
  if (expected !== undefined) return expected
  throw new RootswapError(
    'ERR_CONFLICT',
    'the branch was not forked from this store; say { force: true } to replace its value',
    { version },
  )
}

function newestVersion({ thread }: Attachment, cell: RootCell): number {
  const { section } = thread
  try {
    section.enter()
    return cell.numberOf(cell.newest())
  } finally {
    section.leave()
  }
}
