/** A thread that looks at a store when it is told to. */
import { parentPort, threadId, workerData } from 'node:worker_threads'
import { openStore } from 'rootswap'

const store = openStore(workerData, { label: 'reader' })
const look = () => parentPort.postMessage({ threadId, count: store.current.count })
parentPort.on('message', look)
look()
