/** Scenarios: stores as programs use them, over the shipped reader, writer, drafts and decoder. */

import {
  type Layout,
  SLOT_CACHES,
  SLOT_SECTION,
  SLOT_STATE,
  SLOT_WORDS,
  CELL_TURN,
} from '../../src/memory/layout.ts'
import { type Memory, memoryOf } from '../../src/memory/memory.ts'
import { tagOf } from '../../src/memory/tag.ts'
import { slotAt } from '../../src/reclaim/slots.ts'
import { Attachment } from '../../src/store/attachment.ts'
import { StoreReader } from '../../src/store/reader.ts'
import { Writer } from '../../src/store/writer.ts'
import { makeCodec } from '../../src/values/codec.ts'
import { DraftSession } from '../../src/values/draft.ts'
import { createCell } from '../../src/versions/root.ts'
import { cellOf, type Model, modelOf, settled, threadAt } from './model-heap.ts'
import { common, type ModelScenario } from './model-run.ts'
import { shadowed } from './model-shadow.ts'
import { patient } from './model-waits.ts'

/** The first element says which version it is. */
type Document = [number, number[], unknown[]]

const sizes = [4, 6, 8, 20, 22]

/** `get`s after which a version is kept in the scenario of that, and how many there are. */
const KEPT_AFTER = 2
const GETS_OF_A_JOB = 5

function shared(slots: number): Model {
  const model = modelOf({ slots, trees: [], sizes })
  const thread = threadAt(model.memory, 0)
  const codec = makeCodec(model.memory, thread.allocator)
  thread.allocator.begin()
  codec.encoder.births = 1
  createCell(thread, codec.encoder.encode([1, [2, 3], [[5]]]), 0)
  return shadowed(model)
}

export interface ModelStore {
  readonly attachment: Attachment
  readonly reader: StoreReader
  readonly writer: Writer
  update(recipe: (draft: Document) => void): void
}

/** A port to a heap in which one slot, and no other, is there to be claimed: the thread's own. */
function claiming(words: Memory['words'], layout: Layout, slot: number): Memory['words'] {
  const isState = (at: number): boolean =>
    at >= layout.slotsAt &&
    at < layout.journalAt &&
    (at - layout.slotsAt) % SLOT_WORDS === SLOT_STATE
  const own = slotAt(layout, slot) + SLOT_STATE
  const port = {
    buffer: words.buffer,
    m: words.m,
    bytes: words.bytes,
    doubles: words.doubles,
    load: (at: number) => (isState(at) ? Number(at !== own) : words.load(at)),
    store: (at: number, value: number) => words.store(at, value),
    add: (at: number, value: number) => words.add(at, value),
    compareExchange: (at: number, expected: number, value: number) =>
      at === own ? 0 : words.compareExchange(at, expected, value),
    wait: (at: number, value: number, ms: number) => words.wait(at, value, ms),
    notify: (at: number) => words.notify(at),
  }
  return port as unknown as Memory['words']
}

export function storeAt(model: Model, slot: number, words = model.memory.words): ModelStore {
  const { layout } = model.memory
  const memory = memoryOf(claiming(words, layout, slot), layout)
  const attachment = new Attachment(memory, '').use()
  const { codec } = attachment
  const writer = new Writer(attachment, cellOf(memory))
  return {
    attachment,
    reader: new StoreReader(attachment, cellOf(memory)),
    writer,
    update(recipe) {
      writer.commit((root) => {
        const session = new DraftSession(codec, root)
        if (((memory.m[slotAt(layout, slot) + SLOT_SECTION] as number) & 1) === 1) {
          throw new RangeError('I9: a recipe runs inside a section')
        }
        recipe(session.root as Document)
        return (delta) => {
          const word = session.finish(undefined, delta)
          session.revoke()
          return word
        }
      })
    },
  }
}

const next = (draft: Document): void => {
  draft[0]++
}

export const poll = {
  permittedRace: (offset: number) => (offset === 128 ? 'the version poll of current' : false),
}

function expectWhole(value: unknown): string {
  const text = JSON.stringify(value)
  const [version] = value as Document
  const whole = JSON.stringify([version, [2 + version - 1, 3], [[5]]])
  if (text !== whole) throw new RangeError(`${text} is of no version`)
  return `version ${version}`
}

const step = (draft: Document): void => {
  next(draft)
  draft[1][0]!++
}

function publishTwice(model: Model): void {
  const store = storeAt(model, 0)
  store.update(step)
  store.update(step)
}

const get: ModelScenario = {
  name: 'store-get',
  claim: 'get reads one place of the newest version while versions are published and reclaimed',
  meets: ['1', '2', '3'],
  make: (seen) => ({
    ...common,
    ...poll,
    shared: () => shared(2),
    threads: {
      writer: publishTwice,
      reader(model) {
        const { reader } = storeAt(model, 1)
        const inner = reader.fields.get([1, 0]) as number
        const outer = reader.fields.get([0]) as number
        if (outer < inner - 1) throw new RangeError(`version ${outer} after ${inner - 1}`)
        seen.add(String(outer))
      },
    },
    preemptions: 3,
  }),
}

const kept: ModelScenario = {
  name: 'store-get-kept',
  claim: 'a version that a job keeps stays until the job ends; get goes on to newer ones',
  meets: ['kept', 'went on', 'ended'],
  make: (seen) => ({
    ...common,
    ...poll,
    shared: () => shared(2),
    threads: {
      writer: publishTwice,
      reader(model) {
        const { attachment, reader } = storeAt(model, 1)
        const ends: (() => void)[] = []
        attachment.afterJob = (run) => void ends.push(run)
        reader.fields.keepAfter = KEPT_AFTER
        let last = 0
        for (let count = 0; count < GETS_OF_A_JOB; count++) {
          const inner = (reader.fields.get([1, 0]) as number) - 1
          if (inner < last) throw new RangeError(`version ${inner} after ${last}`)
          if (ends.length > 0) seen.add(inner > last ? 'went on' : 'kept')
          last = inner
        }
        for (const end of ends) end()
        if (ends.length > 0) seen.add('ended')
        reader.close()
      },
    },
    preemptions: 2,
  }),
}

const current: ModelScenario = {
  name: 'store-current',
  claim: 'current is never older than a version that the thread has seen, offsets reused or not',
  meets: ['version 1', 'version 4', 'an offset again'],
  make: (seen) => ({
    ...common,
    ...poll,
    shared: () => starved(shared(3)),
    threads: {
      writer(model) {
        const store = storeAt(model, 0)
        const { rootAt } = cellOf(model.memory)
        const records = new Set([model.memory.words.load(rootAt)])
        for (let count = 0; count < 3; count++) {
          store.update(step)
          const record = model.memory.words.load(rootAt)
          if (records.has(record)) seen.add('an offset again')
          records.add(record)
        }
      },
      reader(model) {
        const { reader } = storeAt(model, 1)
        seen.add(expectWhole(reader.current))
        const { version } = reader
        const value = reader.current as Document
        seen.add(expectWhole(value))
        if (value[0] < version) throw new RangeError(`version ${value[0]} after ${version}`)
        reader.close()
      },
    },
    preemptions: 2,
  }),
}

/** Slot 0 has two records left, and slot 2 all others: freed offsets come back at once. */
export function starved(model: Model, size = 20): Model {
  const { words, memory } = model
  const record = memory.classes.classOf[size] as number
  const own = slotAt(memory.layout, 0) + SLOT_CACHES + record
  const other = slotAt(memory.layout, 2) + SLOT_CACHES + record
  const second = words.peek(words.peek(own) + 1)
  let last = words.peek(other)
  while (words.peek(last + 1) !== 0) last = words.peek(last + 1)
  words.poke(last + 1, words.peek(second + 1))
  words.poke(second + 1, 0)
  return model
}

const snapshots: ModelScenario = {
  name: 'store-snapshot',
  claim: 'a snapshot of a store stays what it was, parts that were never read included',
  meets: ['version 1', 'version 2', 'version 3'],
  make: (seen) => ({
    ...common,
    ...poll,
    shared: () => shared(2),
    threads: {
      writer: publishTwice,
      reader(model) {
        const { reader } = storeAt(model, 1)
        const snapshot = reader.snapshot()
        const inner = snapshot.get([1, 0]) as number
        seen.add(expectWhole(snapshot.value()))
        if ((snapshot.value() as Document)[0] !== inner - 1) throw new RangeError('two versions')
        snapshot.release()
        reader.close()
      },
    },
    preemptions: 2,
  }),
}

const twoWriters: ModelScenario = {
  name: 'store-two-writers',
  claim: 'two writers of a store lose no update, and their bases stay until the swap',
  meets: ['[3,[4,3],[[5]]]'],
  make: (seen) => ({
    ...common,
    ...poll,
    shared: () => shared(2),
    threads: {
      one: (model) => storeAt(model, 0).update(step),
      two: (model) => storeAt(model, 1).update(step),
    },
    after(model) {
      const thread = threadAt(model.memory, 0)
      const { reader } = storeAt(model, 0)
      thread.section.enter()
      seen.add(JSON.stringify([reader.fields.get([0]), [reader.fields.get([1, 0]), 3], [[5]]]))
      thread.section.leave()
      settled(model)
    },
    preemptions: 2,
    random: 300,
  }),
}

const turns: ModelScenario = {
  name: 'store-turn',
  claim: 'a writer that has the turn goes first, and wakes those that let it',
  meets: ['ok', 'in turn'],
  make: (seen) => ({
    ...common,
    ...poll,
    shared() {
      const model = shared(2)
      model.words.poke(model.memory.layout.cellsAt + CELL_TURN, tagOf(0, 0))
      return model
    },
    threads: {
      first: (model) => storeAt(model, 0).update(step),
      second(model) {
        storeAt(model, 1, patient(model.memory, seen).words).update(step)
        seen.add('in turn')
      },
    },
    preemptions: 2,
  }),
}

const sharedParts: ModelScenario = {
  name: 'store-moves',
  claim: 'recipes that move, duplicate and drop parts leave exact counts to any reader',
  meets: ['4'],
  make: (seen) => ({
    ...common,
    ...poll,
    shared: () => shared(2),
    threads: {
      writer(model) {
        const store = storeAt(model, 0)
        store.update((draft) => {
          draft[2].push(draft[1])
          next(draft)
        })
        store.update((draft) => {
          draft[1][0] = 8
          ;(draft[2][1] as number[])[0] = 9
          next(draft)
        })
        store.update((draft) => {
          draft[2].shift()
          next(draft)
        })
        store.writer.commit((root) => () => root)
      },
      reader(model) {
        const { reader } = storeAt(model, 1)
        const snapshot = reader.snapshot()
        seen.add(String((snapshot.value() as Document)[0]))
        snapshot.release()
        reader.close()
      },
    },
    preemptions: 2,
  }),
}

export const stores = [get, kept, current, snapshots, twoWriters, turns, sharedParts]
