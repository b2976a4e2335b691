/** Scenarios: entries of dead readers are given back while others claim them, and who does so may
 *  die, too. */

import type { Memory } from '../../src/memory/memory.ts'
import { tagOf } from '../../src/memory/tag.ts'
import {
  LOST,
  MEMBER,
  READER_DEFERRED,
  READER_RAN,
  READER_TAG,
  READER_WORD,
  SECTION,
} from '../../src/rcu/words.ts'
import { ending, follow, graceModel, partsOf, register, replace, tableOf } from './model-grace.ts'
import { idOf, type Model, threadAt } from './model-heap.ts'
import type { ModelScenario, Seen } from './model-run.ts'
import { reapAll } from './model-slots.ts'

/** Slots: who replaces, who registers, who reaps, who sweeps, and who died before all that. */
const [NEWCOMER, REAPER, SWEEPER, DEAD] = [1, 2, 3, 4] as const
/** Callbacks that the dead thread had deferred, and of these, run. */
const DEFERRED = 3
const RAN = 1

/** A thread died inside of a section, with callbacks that had not run, and was reaped. */
function deadModel(): Model {
  const model = graceModel(5)
  const { memory } = model
  const table = tableOf(memory)
  const member = table.claim(tagOf(DEAD, 0), MEMBER, '')
  memory.words.store(member + READER_DEFERRED, DEFERRED)
  memory.words.store(member + READER_RAN, RAN)
  memory.words.store(table.claim(tagOf(DEAD, 0), SECTION, '') + READER_WORD, 2)
  reapAll(threadAt(memory, REAPER), idOf(DEAD))
  return model
}

/** As of `Domain`: only where the lock is to be had at once; whether it was. */
function sweep(memory: Memory, slot: number): boolean {
  const { reclaimer } = threadAt(memory, slot)
  if (!reclaimer.takeLock(0)) return false
  tableOf(memory).sweep(reclaimer.journal)
  reclaimer.lock.give()
  return true
}

/** Sweeps, maybe while another does; registers, maybe in an entry of the dead; reads inside of a
 *  section. */
function readAnew(memory: Memory, seen: Seen): void {
  seen.add(sweep(memory, NEWCOMER) ? 'sweeps' : 'another sweeps')
  const reader = register(memory, NEWCOMER, 'section')
  if (reader.entry === tableOf(memory).beginOf(tableOf(memory).first())) seen.add('in its place')
  reader.lock()
  seen.add(`saw ${follow(memory)}`)
  reader.unlock()
}

function expectSwept({ memory, raw }: Model): void {
  const lost = raw[partsOf(memory).domain + LOST] as number
  if (lost !== DEFERRED - RAN) throw new RangeError(`${lost} callbacks are told to be lost`)
  tableOf(memory).each((entry) => {
    if (raw[entry + READER_TAG] === tagOf(DEAD, 0)) throw new RangeError('an entry stays claimed')
  })
}

const sweeps: ModelScenario = {
  name: 'rcu-crash-sweep',
  claim: 'a sweep dies at any step: entries given back are not written to, nothing counts twice',
  meets: ['in its place', 'saw 1', 'saw 2', 'sweeps', 'another sweeps', 'swept again'],
  make: (seen) => ({
    ...ending,
    shared: deadModel,
    threads: {
      sweeper: ({ memory }) => sweep(memory, SWEEPER),
      newcomer: { crash: false, run: ({ memory }) => readAnew(memory, seen) },
      writer: { crash: false, run: ({ memory }) => replace(memory, 1) },
      reaper: {
        after: 'sweeper crashed',
        crash: false,
        run({ memory }: Model) {
          reapAll(threadAt(memory, REAPER), idOf(SWEEPER))
          seen.add(sweep(memory, REAPER) ? 'swept again' : 'another sweeps')
        },
      },
    },
    after: expectSwept,
    crashes: 1,
    preemptions: 1,
  }),
}

export const sweepings = [sweeps]
