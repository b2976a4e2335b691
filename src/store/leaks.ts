/**
 * Snapshots that a program dropped without releasing them: released when they are collected, as a
 * backstop, and reported once on `rootswap:leak`.
 */

import { threadId } from 'node:worker_threads'
import { DEBUG_AT } from '../memory/layout.ts'
import type { Attachment } from './attachment.ts'
import { channels } from './channels.ts'
import { HeldSnapshot, type SnapshotSource } from './snapshot.ts'

/** What is known of a snapshot without keeping it. */
interface Watched {
  readonly source: SnapshotSource
  readonly label: string
  readonly stack: string | undefined
}

const dropped = new FinalizationRegistry<Watched>(({ source, label, stack }) => {
  if (!source.release() || !channels.leak.hasSubscribers) return
  channels.leak.publish({ version: source.version, threadId, label, stack })
})

/** A snapshot that is released when it is collected, if nobody did before. */
export function watchLeaks({ memory, thread }: Attachment, source: SnapshotSource): HeldSnapshot {
  const snapshot = new HeldSnapshot(source)
  const stack = memory.m[DEBUG_AT] === 1 ? stackHere() : undefined
  dropped.register(snapshot, { source, label: thread.identity.label, stack })
  return snapshot
}

function stackHere(): string | undefined {
  const here: { stack?: string } = {}
  Error.captureStackTrace(here, watchLeaks)
  return here.stack
}
