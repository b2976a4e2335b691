/** Uses blocks, strings and spaces of another thread until it is killed. */
import { parentPort, workerData } from 'node:worker_threads'
import {
  AddressSpace,
  type BlockHandle,
  CowString,
  RcBlock,
  type SpaceHandle,
  type StringHandle,
} from '../../src/cow.ts'
import { Heap } from '../../src/index.ts'

export interface CowVictimData {
  readonly space: SpaceHandle
  readonly string: StringHandle
  readonly block: BlockHandle
  readonly seed: number
  /** What it is doing. */
  readonly note: SharedArrayBuffer
}

const data = workerData as CowVictimData
const { buffer, identity } = data.block
const heap = Heap.open({ rootswap: 'heap', buffer, identity })
const note = new Int32Array(data.note)
let state = data.seed

function upTo(most: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) | 0
  return (state >>> 8) % (most + 1)
}

/** Another thread may be in the space at this moment. */
function forked(space: AddressSpace): AddressSpace {
  for (;;) {
    try {
      return space.fork({ childFirst: upTo(3) === 0 })
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_CONFLICT') throw error
    }
  }
}

const space = AddressSpace.open(data.space)
parentPort!.postMessage('begun')
for (;;) {
  Atomics.store(note, 0, 0)
  const block = RcBlock.open(data.block).retain()
  const own = heap.allocate(upTo(5000))
  own.bytes.fill(1)
  block.release()
  Atomics.store(note, 0, 1)
  const string = CowString.open(data.string)
  const part = string.slice(upTo(100), 200 + upTo(100))
  string.splice(upTo(100), upTo(50), 'inserted '.repeat(upTo(5)))
  part.append('more').release()
  string.release()
  Atomics.store(note, 0, 3)
  const child = forked(space)
  Atomics.store(note, 0, 2)
  const { address } = child.segment('data')
  for (let turn = 0; turn < 10; turn++) {
    const at = upTo(60_000)
    child.write(address + at, new Uint8Array(upTo(3000)).fill(7))
    // Of the parent's writes none is seen: bytes are of the image, written by it before, or ours.
    const byte = child.read(address + at, 1)[0]!
    if (byte > 63) throw new RangeError(`${byte} is read`)
  }
  Atomics.store(note, 0, 4)
  const other = child.vfork()
  other.write(address, Uint8Array.of(1))
  other.exec({ segments: { heap: { byteLength: 5000 } } })
  other.view('heap').setInt32(0, 9)
  if (upTo(1) === 0) other.exit()
  child.exit()
  own.release()
  block.release()
  if (upTo(1) === 0) other.release()
}
