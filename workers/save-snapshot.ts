/** The helper thread of `rootswap/persist`: writes one version to a file, then ends. */

import { parentPort, workerData } from 'node:worker_threads'
import { dump, type Job } from '../src/persist/dump.ts'

try {
  const done = dump(workerData as Job, (progress) => parentPort?.postMessage({ progress }))
  parentPort?.postMessage({ done })
} catch (error) {
  const { message, code, syscall } = error as NodeJS.ErrnoException
  parentPort?.postMessage({ failed: { message, code, syscall } })
}
