/** What a worker says that is about to fail. */

import type { Worker } from 'node:worker_threads'

/** The next message of a worker; rejects where it ends without one. Its error may come before what
 *  it has sent, which `once` takes for an end without it; its exit comes after both. */
export function nextMessage(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('exit', (code) => reject(new Error(`the worker ended with ${code}, silent`)))
  })
}
