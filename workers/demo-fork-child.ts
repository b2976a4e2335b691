/** The child of `rootswap demo fork`: writes some of its pages, or runs another program. */

import { parentPort } from 'node:worker_threads'
import { AddressSpace } from '../src/cow/space.ts'
import { CHILD_THINKS_MS, type ChildReport, type ChildTask } from '../src/cli/fork/run.ts'

const port = parentPort
let given: { task: ChildTask; space: AddressSpace } | undefined

port?.on('message', (message: ChildTask | { readonly go: boolean | undefined }) => {
  if ('handle' in message) {
    given = { task: message, space: AddressSpace.open(message.handle) }
    port.postMessage('open')
  } else if (message.go === undefined) given?.space.exit()
  else if (given !== undefined) {
    const report = given.task.does === 'write' ? write(given) : run(given)
    port.postMessage(report)
  }
})

interface Given {
  readonly task: ChildTask
  readonly space: AddressSpace
}

function write({ task, space }: Given): ChildReport {
  const { address } = space.segment('data')
  for (let page = 0; page < task.pages; page++) {
    space.write(address + page * space.pageBytes, Uint8Array.of(0xcc))
  }
  const first = space.read(address, 2)
  const problem = first.join() === '204,0' ? '' : `the child reads ${first.join()}`
  return { pagesCopied: space.stats().pagesCopied, states: space.pages('data'), problem }
}

function run({ task, space }: Given): ChildReport {
  const until = performance.now() + CHILD_THINKS_MS
  while (performance.now() < until) continue
  // A child that borrows its parent's pages has none, and copies none.
  const pagesCopied = task.borrows ? 0 : space.stats().pagesCopied
  const program = new TextEncoder().encode('another program')
  space.exec({ segments: { text: { bytes: program, writable: false }, heap: { byteLength: 99 } } })
  space.view('heap').setFloat64(0, Math.E)
  const { address, byteLength } = space.segment('text')
  const text = new TextDecoder().decode(space.read(address, byteLength))
  const right = text === 'another program' && space.view('heap').getFloat64(0) === Math.E
  return { pagesCopied, states: [], problem: right ? '' : `the child runs '${text}'` }
}
