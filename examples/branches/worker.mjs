import { parentPort, workerData } from 'node:worker_threads'
import { openStore } from 'rootswap'

let config = openStore(workerData)

/** Stands for a request; takes 1 to 20 milliseconds on paper. */
function fails(request) {
  const { timeoutMs } = config.current
  return 1 + ((request * 7) % 20) > timeoutMs
}

parentPort.on('message', ({ open, serve }) => {
  if (open !== undefined) {
    const next = openStore(open)
    config.close()
    config = next
    parentPort.postMessage({ opened: config.name })
    return
  }
  let failed = 0
  for (let request = 0; request < serve; request++) if (fails(request)) failed++
  parentPort.postMessage({ failed, batch: config.get('batch') })
})
parentPort.postMessage('ready')
