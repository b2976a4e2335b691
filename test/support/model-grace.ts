/** Scenarios: grace periods of `rootswap/rcu` against readers of both flavors. */

import type { Control, Scenario, Words } from '../../src/explore.ts'
import { GracePeriods } from '../../src/rcu/grace.ts'
import { type Flavor, ReaderCore } from '../../src/rcu/reader.ts'
import { chunkWords, ReaderTable } from '../../src/rcu/readers.ts'
import { DOMAIN_WORDS, DONE, GP, LINE, QSBR, SECTION } from '../../src/rcu/words.ts'
import { referenceTo, TAG_NODE } from '../../src/memory/kinds.ts'
import type { Memory } from '../../src/memory/memory.ts'
import { tagOf } from '../../src/memory/tag.ts'
import { idOf, type Model, modelOf, threadAt } from './model-heap.ts'
import { common, type ModelScenario, type Seen } from './model-run.ts'
import { reapAll } from './model-slots.ts'

/** Words of a payload block, and its two halves: equal, or it is torn or freed. */
const PAYLOAD = 4
const ENTRIES = 6

/** Where the parts of a scenario stand: in the last spans, which no thread of it claims. */
export interface GraceParts {
  readonly domain: number
  /** Refers to the first chunk. */
  readonly chunkAt: number
  /** Names the payload that readers follow. */
  readonly pointer: number
  readonly payloads: readonly number[]
}

export function partsOf(memory: Memory): GraceParts {
  const { layout } = memory
  const end = layout.firstSpanAt + (layout.spanCount << layout.spanShift)
  const begin = (end - 512) & ~(LINE - 1)
  const pointer = begin + DOMAIN_WORDS + 4
  const payloads = [8, 16, 24].map((offset) => pointer + offset)
  return { domain: begin, chunkAt: begin + DOMAIN_WORDS, pointer, payloads }
}

export function graceModel(slots: number, gp = 0): Model {
  const model = modelOf({ slots, trees: [], sizes: [6], spans: slots + 8 })
  const { words, memory } = model
  const { domain, chunkAt, pointer, payloads } = partsOf(memory)
  const chunk = pointer + 64
  tableOf(memory).prepare(chunk, chunkWords(ENTRIES))
  words.poke(chunkAt, referenceTo(chunk, TAG_NODE))
  words.poke(domain + GP, gp)
  words.poke(domain + DONE, gp)
  words.shadow.allocated(payloads[0] as number, PAYLOAD)
  words.poke(pointer, payloads[0] as number)
  for (let index = 0; index < PAYLOAD; index++) words.poke((payloads[0] as number) + index, 1)
  return model
}

export function tableOf(memory: Memory): ReaderTable {
  const { domain, chunkAt } = partsOf(memory)
  return new ReaderTable(memory, domain, chunkAt)
}

export function graceOf(memory: Memory): GracePeriods {
  return new GracePeriods(memory, partsOf(memory).domain, tableOf(memory))
}

export function register(memory: Memory, slot: number, flavor: Flavor): ReaderCore {
  const kind = flavor === 'qsbr' ? QSBR : SECTION
  const entry = tableOf(memory).claim(tagOf(slot, 0), kind, '')
  if (entry === 0) throw new RangeError('the table is full')
  const tally = { inside: 0, online: 0, active: 0 }
  const place = { entry, gpAt: partsOf(memory).domain + GP }
  return new ReaderCore(memory.words, place, flavor, tally)
}

function rest(memory: Memory): void {
  ;(memory.words as unknown as Words).pause()
}

/** Waits for a grace period as every waiting form does, but for the clock. */
export function synchronize(memory: Memory, grace = graceOf(memory)): void {
  const cookie = grace.pass(false)
  if (cookie !== undefined) waitFor(memory, grace, cookie)
}

export function waitFor(memory: Memory, grace: GracePeriods, cookie: number): void {
  while (!grace.isOver(cookie)) {
    if (!grace.advance(cookie, false) && !grace.isOver(cookie) && !grace.passOver()) rest(memory)
  }
}

/** Follows the pointer and reads the payload: all of its words are equal, or it is not whole. */
export function follow(memory: Memory): number {
  const { words, m } = memory
  const block = words.load(partsOf(memory).pointer)
  const first = m[block] as number
  for (let index = 1; index < PAYLOAD; index++) {
    if (m[block + index] !== first) throw new RangeError(`torn: ${first}, ${m[block + index]}`)
  }
  return first
}

/** Replaces the payload, waits, frees the old one. */
export function replace(memory: Memory, which: number, wait = synchronize): void {
  const { words, m } = memory
  const { pointer, payloads } = partsOf(memory)
  const block = payloads[which] as number
  const { shadow } = words as unknown as Words
  shadow.allocated(block, PAYLOAD)
  m.fill(which + 1, block, block + PAYLOAD)
  const old = words.load(pointer)
  words.store(pointer, block)
  wait(memory)
  shadow.freed(old)
}

/** The last payload stays; domains keep GP - DONE in 0…1. */
export const ending = {
  ...common,
  watch: () => {},
  live: ({ memory, raw }: Model) => [raw[partsOf(memory).pointer] as number],
  always({ memory, words }: Model) {
    const { domain } = partsOf(memory)
    const ahead = (words.peek(domain + GP) - words.peek(domain + DONE)) | 0
    if (ahead !== 0 && ahead !== 1) throw new RangeError(`GP is ${ahead} ahead of DONE`)
  },
  after: () => {},
} satisfies Partial<Scenario<Model>>

const sections =
  (seen: Seen, times: number) =>
  ({ memory }: Model): void => {
    const reader = register(memory, 1, 'section')
    for (let turn = 0; turn < times; turn++) {
      reader.lock()
      seen.add(`saw ${follow(memory)}`)
      reader.unlock()
    }
  }

const section: ModelScenario = {
  name: 'rcu-section',
  claim: 'nothing is freed that a section may reach, whenever it registered or began',
  meets: ['saw 1', 'saw 2', 'saw 3'],
  make: (seen) => ({
    ...ending,
    shared: () => graceModel(2),
    threads: {
      writer({ memory }) {
        replace(memory, 1)
        replace(memory, 2)
      },
      reader: { run: sections(seen, 2), progress: 60 },
    },
    preemptions: 3,
  }),
}

const nested: ModelScenario = {
  name: 'rcu-nested',
  claim: 'what an inner section leaves the outer one still protects',
  meets: ['saw 1', 'saw 2'],
  make: (seen) => ({
    ...ending,
    shared: () => graceModel(2),
    threads: {
      writer: ({ memory }) => replace(memory, 1),
      reader({ memory }) {
        const reader = register(memory, 1, 'section')
        reader.lock()
        const { pointer } = partsOf(memory)
        const block = memory.words.load(pointer)
        reader.lock()
        seen.add(`saw ${follow(memory)}`)
        reader.unlock()
        if (memory.m[block] === 0) throw new RangeError('what was read first is gone')
        reader.unlock()
      },
    },
    preemptions: 3,
  }),
}

/** Reads, passes quiescent states, goes offline and comes back. */
function readQuietly(memory: Memory, seen: Seen): void {
  const reader = register(memory, 1, 'qsbr')
  seen.add(`saw ${follow(memory)}`)
  seen.add(`saw ${follow(memory)}`)
  reader.quiescent()
  seen.add(`saw ${follow(memory)}`)
  reader.offline()
  reader.online()
  seen.add(`then saw ${follow(memory)}`)
  reader.offline()
}

const qsbr: ModelScenario = {
  name: 'rcu-qsbr',
  claim: 'nothing is freed that was reachable after a reader’s last quiescent state',
  meets: ['saw 1', 'saw 2', 'then saw 3'],
  make: (seen) => ({
    ...ending,
    shared: () => graceModel(2),
    threads: {
      writer({ memory }) {
        replace(memory, 1)
        replace(memory, 2)
      },
      reader: { run: ({ memory }) => readQuietly(memory, seen), progress: 60 },
    },
    preemptions: 3,
  }),
}

const wraps: ModelScenario = {
  name: 'rcu-wrap',
  claim: 'grace periods are compared by equality and by difference: their wrap is a step like any',
  meets: ['saw 1', 'saw 2', 'then saw 3', 'wrapped'],
  make: (seen) => ({
    ...ending,
    shared: () => graceModel(2, 0x7fffffff),
    threads: {
      writer({ memory }) {
        replace(memory, 1)
        replace(memory, 2)
        if (memory.words.load(partsOf(memory).domain + DONE) === (0x80000001 | 0)) {
          seen.add('wrapped')
        }
      },
      reader: { run: ({ memory }) => readQuietly(memory, seen), progress: 60 },
    },
    preemptions: 2,
  }),
}

const shares: ModelScenario = {
  name: 'rcu-shared',
  claim: 'who waits at the same time shares grace periods: two suffice for any number',
  meets: ['one', 'two'],
  make: (seen) => ({
    ...ending,
    shared: () => graceModel(4),
    threads: {
      first: ({ memory }) => synchronize(memory),
      second: ({ memory }) => synchronize(memory),
      reader: sections(seen, 1),
    },
    after({ memory, raw }) {
      const begun = raw[partsOf(memory).domain + GP] as number
      if (begun > 2) throw new RangeError(`${begun} grace periods for two that wait`)
      seen.add(begun === 1 ? 'one' : 'two')
    },
    preemptions: 3,
    seconds: 40,
  }),
}

const helped: ModelScenario = {
  name: 'rcu-two-writers',
  claim: 'two that wait and one that reads: neither ends the other’s grace period too early',
  meets: ['saw 1', 'saw 2'],
  make: (seen) => ({
    ...ending,
    shared: () => graceModel(3),
    threads: {
      writer: ({ memory }) => replace(memory, 1),
      other: ({ memory }) => {
        synchronize(memory)
        synchronize(memory)
      },
      reader: sections(seen, 1),
    },
    preemptions: 2,
    seconds: 40,
  }),
}

const polled: ModelScenario = {
  name: 'rcu-poll',
  claim: 'a cookie’s grace period begins after the call that gave it',
  meets: ['saw 1', 'saw 2', 'not yet'],
  make: (seen) => ({
    ...ending,
    shared: () => graceModel(2, -2),
    threads: {
      writer: ({ memory }) => {
        replace(memory, 1, () => {
          const grace = graceOf(memory)
          const cookie = grace.next()
          if (!grace.isOver(cookie)) seen.add('not yet')
          waitFor(memory, grace, cookie)
        })
      },
      reader: sections(seen, 1),
    },
    preemptions: 3,
  }),
}

const dies: ModelScenario = {
  name: 'rcu-crash-reader',
  claim: 'a reader dies at any step: grace periods wait until it is reaped, and no longer',
  meets: ['saw 1', 'saw 2', 'reaped', 'swept'],
  make: (seen) => ({
    ...ending,
    shared: () => graceModel(3),
    threads: {
      writer: { crash: false, run: ({ memory }) => replace(memory, 1) },
      reader: ({ memory }: Model) => {
        const reader = register(memory, 1, 'section')
        reader.lock()
        seen.add(`saw ${follow(memory)}`)
        reader.unlock()
      },
      reaper: {
        after: 'reader crashed',
        crash: false,
        run: ({ memory }: Model, control: Control) => sweepAfter(memory, control, seen),
      },
    },
    crashes: 1,
    preemptions: 2,
    seconds: 40,
  }),
}

function sweepAfter(memory: Memory, _control: Control, seen: Seen): void {
  const thread = threadAt(memory, 2)
  reapAll(thread, idOf(1))
  seen.add('reaped')
  const { reclaimer } = thread
  if (!reclaimer.takeLock(100)) throw new RangeError('the lock is not to be had')
  tableOf(memory).sweep(reclaimer.journal)
  reclaimer.lock.give()
  tableOf(memory).each((entry) => {
    if (tableOf(memory).report(entry).tag !== 0) throw new RangeError('an entry stays claimed')
    seen.add('swept')
  })
}

/** A port whose waits have no time limit: a wake-up that is lost is a deadlock. */
const sleeping: ModelScenario = {
  name: 'rcu-sleep',
  claim: 'who sleeps until readers move on is woken, by them or by who ends the grace period',
  meets: ['saw 1', 'saw 2'],
  make: (seen) => ({
    ...ending,
    shared: () => graceModel(3),
    threads: {
      writer: ({ memory }) => replace(memory, 1, sleepFor),
      other: ({ memory }) => sleepFor(memory),
      reader: sections(seen, 1),
      quiet({ memory }) {
        const reader = register(memory, 2, 'qsbr')
        reader.quiescent()
        reader.offline()
      },
    },
    preemptions: 2,
    seconds: 40,
  }),
}

function sleepFor(memory: Memory): void {
  const grace = graceOf(memory)
  const cookie = grace.next()
  while (!grace.isOver(cookie)) grace.sleep(cookie, Infinity)
}

export const graces = [section, nested, qsbr, wraps, shares, helped, polled, dies, sleeping]
