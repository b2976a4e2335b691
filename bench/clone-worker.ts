/** Takes values, and says so. */

import { parentPort } from 'node:worker_threads'

parentPort?.on('message', (value: object) => parentPort?.postMessage(Object.keys(value).length))
parentPort?.postMessage('ready')
