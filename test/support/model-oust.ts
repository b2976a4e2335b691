/** Scenarios: caches that are given up when memory is short, against the thread that has them. */

import type { RootswapError } from '../../src/errors.ts'
import { oustOldest } from '../../src/reclaim/oust.ts'
import { makeCodec } from '../../src/values/codec.ts'
import { Decoder } from '../../src/values/view.ts'
import { createCell } from '../../src/versions/root.ts'
import { type Model, modelOf, threadAt } from './model-heap.ts'
import { common, type ModelScenario, type Seen } from './model-run.ts'
import { shadowed } from './model-shadow.ts'
import { type ModelStore, poll, starved, storeAt } from './model-store.ts'

/** `part` is decoded when it is asked for; its members say which version it is of. */
interface Document {
  n: number
  part: { x: number; y: number }
}

const sizes = [4, 6, 8, 20, 22, 24]
/** Of what `publish` writes. */
const RECORD_WORDS = 20

function shared(slots: number): Model {
  const model = modelOf({ slots, trees: [], sizes })
  const thread = threadAt(model.memory, 0)
  const codec = makeCodec(model.memory, thread.allocator)
  thread.allocator.begin()
  codec.encoder.births = 1
  createCell(thread, codec.encoder.encode({ n: 1, part: { x: 1, y: 1 } }), 0)
  return shadowed(model)
}

/** A store that decodes no more than it is asked for, and that holds what it did not decode. */
function lazyStoreAt(model: Model, slot: number): ModelStore {
  const store = storeAt(model, slot)
  const { attachment } = store
  const { settle } = attachment.pins
  const options = { lightWeightMax: 0, leftoverValuesMax: -1, settle }
  Object.assign(attachment, { decoder: new Decoder(attachment.codec, options) })
  return store
}

function publish(store: ModelStore): void {
  store.update((draft) => {
    const document = draft as unknown as Document
    document.n++
    document.part.x++
    document.part.y++
  })
}

/** Gives up all that is idle, and lets it be reused. */
function oustAll({ attachment }: ModelStore): number {
  const { reclaimer, allocator } = attachment.thread
  while (reclaimer.attempt(8) === 'more') continue
  if (!reclaimer.takeLock(3)) return 0
  const given = oustOldest(reclaimer, allocator.chunkWords, Infinity, () => 1)
  reclaimer.lock.give()
  while (reclaimer.attempt(8) === 'more') continue
  return given
}

/** One member of the part of a value: of its version, or a word that it was given up. */
function look(seen: Seen, value: Document, key: 'x' | 'y'): void {
  try {
    const found = value.part[key]
    if (found !== value.n) throw new RangeError(`version ${value.n} has a part of ${found}`)
    seen.add('read')
  } catch (error) {
    if ((error as RootswapError).code !== 'ERR_STALE_SNAPSHOT') throw error
    seen.add('given up')
  }
}

const short = (model: Model): void => {
  const store = storeAt(model, 0)
  publish(store)
  oustAll(store)
  publish(store)
}

const decode: ModelScenario = {
  name: 'oust-decode',
  claim: 'what is first read of a version that may be given up is of that version, or is an error',
  meets: ['read', 'given up'],
  make: (seen) => ({
    ...common,
    ...poll,
    shared: () => shared(2),
    threads: {
      short,
      reader(model) {
        const { reader } = lazyStoreAt(model, 1)
        const value = reader.current as Document
        look(seen, value, 'x')
        look(seen, value, 'y')
        reader.close()
      },
    },
    preemptions: 2,
    random: 150,
  }),
}

const refresh: ModelScenario = {
  name: 'oust-refresh',
  claim: 'current goes on to the newest version, whether or not the last one was given up',
  meets: ['read', 'given up', 'version 1', 'version 3'],
  make: (seen) => ({
    ...common,
    ...poll,
    shared: () => shared(2),
    threads: {
      short,
      reader(model) {
        const { reader } = lazyStoreAt(model, 1)
        const before = reader.current as Document
        const { version } = reader
        const after = reader.current as Document
        seen.add(`version ${after.n}`)
        if (after.n < version) throw new RangeError(`version ${after.n} after ${version}`)
        look(seen, before, 'x')
        look(seen, after, 'x')
        reader.close()
      },
    },
    preemptions: 2,
    random: 150,
  }),
}

const place: ModelScenario = {
  name: 'oust-place',
  claim: 'the place of a record that current compares with is nobody else’s, ousted or not',
  meets: ['given up', 'version 1', 'version 5'],
  make: (seen) => ({
    ...common,
    ...poll,
    shared: () => starved(shared(3), RECORD_WORDS),
    threads: {
      short(model) {
        const store = storeAt(model, 0)
        publish(store)
        if (oustAll(store) > 0) seen.add('given up')
        for (let count = 0; count < 3; count++) {
          publish(store)
          oustAll(store)
        }
      },
      reader(model) {
        const { reader } = lazyStoreAt(model, 1)
        void reader.current
        const { version } = reader
        const { n } = reader.current as Document
        seen.add(`version ${n}`)
        if (n < version) throw new RangeError(`version ${n} after ${version}`)
        reader.close()
      },
    },
    preemptions: 2,
    random: 150,
  }),
}

const held: ModelScenario = {
  name: 'oust-snapshot',
  claim: 'a version that a snapshot holds is not given up, nor one whose value is being read',
  meets: ['read'],
  make: (seen) => ({
    ...common,
    ...poll,
    shared: () => shared(2),
    threads: {
      short,
      reader(model) {
        const { reader } = lazyStoreAt(model, 1)
        const snapshot = reader.snapshot()
        const value = snapshot.value() as Document
        look(seen, value, 'x')
        if (seen.of('given up') > 0) throw new RangeError('a snapshot was given up')
        snapshot.release()
        const lease = reader.beginRead()
        look(seen, reader.cachedValue as Document, 'y')
        if (seen.of('given up') > 0) throw new RangeError('a read was given up')
        reader.endRead(lease)
        reader.close()
      },
    },
    preemptions: 2,
    random: 150,
  }),
}

export const ousts = [decode, refresh, place, held]
