/** Looks names up, and gives and takes them, when told to; for the tests of names. */
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { findName, forgetName, setLocalName, shareName } from '../../src/store/names.ts'

export interface NamedHandle {
  readonly buffer: SharedArrayBuffer
  readonly label: string
}

export type NameOrder =
  | { do: 'find'; name: string }
  | { do: 'share' | 'local'; name: string; handle: NamedHandle }
  | { do: 'forget'; name: string }
  /** Looks in a child that is created now. */
  | { do: 'findInChild'; name: string }
  /** Says so, and then looks for so long without letting the event loop turn. */
  | { do: 'findBlocked'; name: string; milliseconds: number }

const port = parentPort!
const found = (name: string): string | undefined =>
  (findName(name) as NamedHandle | undefined)?.label

port.on('message', (order: NameOrder) => {
  if (order.do === 'find') port.postMessage(found(order.name))
  else if (order.do === 'findInChild') findInChild(order.name)
  else if (order.do === 'findBlocked') findBlocked(order.name, order.milliseconds)
  else {
    if (order.do === 'share') shareName(order.name, order.handle)
    else if (order.do === 'local') setLocalName(order.name, order.handle)
    else forgetName(order.name, findName(order.name) ?? {})
    port.postMessage('done')
  }
})
const first = (workerData as { first?: string } | undefined)?.first
port.postMessage(first === undefined ? 'ready' : found(first))

function findInChild(name: string): void {
  const child = new Worker(new URL(import.meta.url), { workerData: { first: name } })
  child.once('message', (label) => {
    port.postMessage(label)
    void child.terminate()
  })
}

function findBlocked(name: string, milliseconds: number): void {
  port.postMessage('blocked')
  const until = performance.now() + milliseconds
  let label = found(name)
  while (label === undefined && performance.now() < until) label = found(name)
  port.postMessage(label)
}
