/** Holds a block three times, and two of its own; ends without a release. */
import { parentPort, workerData } from 'node:worker_threads'
import { type BlockHandle, RcBlock } from '../../src/cow.ts'
import { Heap } from '../../src/index.ts'

const { handle, ending } = workerData as { handle: BlockHandle; ending: 'exit' | 'terminate' }
const heap = Heap.open({ rootswap: 'heap', buffer: handle.buffer, identity: handle.identity })
const block = RcBlock.open(handle).retain()
RcBlock.open(handle)
heap.allocate(100)
heap.allocate(100_000).retain()
parentPort!.postMessage(block.count)
if (ending === 'terminate') setInterval(() => {}, 1000)
