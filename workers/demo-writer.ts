/** The demo's writing worker, a piscina task: updates the document while the main thread does. */

import { setTimeout } from 'node:timers/promises'
import { threadId } from 'node:worker_threads'
import { type DemoDocument, moveAmount, sometimes } from '../src/cli/demo/document.ts'
import { ProgressRow } from '../src/cli/demo/progress.ts'
import type { WriterTask } from '../src/cli/demo/tasks.ts'
import { openStore } from '../src/index.ts'

const UPDATES_PER_TURN = 4
const PAUSE_MS = 2

export default async function write(task: WriterTask): Promise<void> {
  const row = ProgressRow.of(task.progress, task.row)
  const store = openStore<DemoDocument>('demo', { label: 'writer' })
  row.begin(threadId)
  while (!row.mustStop) {
    for (let count = 0; count < UPDATES_PER_TURN; count++) {
      store.update((draft) => moveAmount(draft, 'worker', sometimes(task.flags)))
      row.addCommit()
    }
    await setTimeout(PAUSE_MS)
  }
  row.end()
  store.close()
}
