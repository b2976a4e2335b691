/** Eight workers that read 10,000 random paths each: a store against private copies. */

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { createStore } from '../src/index.ts'
import { documentText, randomPaths, seeded, STORE_BYTES } from './document.ts'
import { report } from './rows.ts'

const WORKERS = 8
const PATHS = 10_000
const MODES = ['store-idle', 'store', 'copies-idle', 'copies'] as const
type Mode = (typeof MODES)[number]

/** In a process of its own: resident bytes after eight workers did what the mode says. */
async function measure(mode: Mode): Promise<number> {
  const text = documentText()
  const document: unknown = JSON.parse(text)
  const paths = randomPaths(document, PATHS, seeded(7))
  const store = mode.startsWith('store')
    ? createStore(document, { maxBytes: STORE_BYTES })
    : undefined
  const workers = await Promise.all(
    Array.from({ length: WORKERS }, async () => {
      const worker = new Worker(new URL('./memory-worker.js', import.meta.url), {
        workerData: { mode, handle: store?.handle },
      })
      await once(worker, 'message')
      return worker
    }),
  )
  for (const worker of workers) {
    worker.postMessage({ paths, text: mode === 'copies' ? text : '' })
    await once(worker, 'message')
  }
  globalThis.gc?.()
  const { rss } = process.memoryUsage()
  await Promise.all(workers.map((worker) => worker.terminate()))
  return rss
}

function measured(mode: Mode): number {
  const self = fileURLToPath(import.meta.url)
  const out = execFileSync(process.execPath, ['--expose-gc', self, mode], { encoding: 'utf8' })
  return Number(out.trim())
}

const mode = process.argv[2] as Mode | undefined
if (mode !== undefined && MODES.includes(mode)) {
  console.log(await measure(mode))
  process.exit()
}
const bytes = Object.fromEntries(MODES.map((one) => [one, measured(one)])) as Record<Mode, number>
const ours = bytes.store - bytes['store-idle']
const copies = bytes.copies - bytes['copies-idle']
const mega = (value: number) => `${(value / 2 ** 20).toFixed(0)} MB`

report([
  {
    job: 'eight workers on the 20 MB document, each `get`ting 10,000 random paths',
    reached: `${mega(ours)} added, ${(ours / copies).toFixed(3)} of the ${mega(copies)} of copies`,
    goal: '≤ 1/8 of what eight private `JSON.parse`d copies add',
    met: ours <= copies / 8,
    how: 'resident memory after gc() in all threads, minus the same with eight idle workers',
  },
])
