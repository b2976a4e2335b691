/** One thread under torture: turns until it is told to park, to go, or to stop. */

import { setImmediate as immediate } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import type { RootswapError } from '../errors.ts'
import { RandomNumbers } from '../explore/random.ts'
import { Control, Member, PARKED, PAUSE, RUN, RUNNING, STOP } from './control.ts'
import type { Context, Participant } from './structure.ts'
import { structureOf } from './structures.ts'

export interface ThreadData {
  readonly structure: string
  readonly role: 'reader' | 'writer'
  readonly handle: unknown
  readonly control: SharedArrayBuffer
  readonly member: number
  readonly seed: number
  /** The zero of all timestamps. */
  readonly epoch: bigint
}

export interface ViolationMessage {
  readonly violation: string
}

/** Turns between two looks at the event loop. */
const TURNS = 32
/** One delay in so many reads, and its longest in milliseconds. */
const DELAY_IN = 400
const DELAY_MS_MAX = 12
/** What a write may be refused with while a killed or delayed thread keeps memory. */
const refusals = new Set(['ERR_HEAP_FULL', 'ERR_RECLAIM_STALLED'])

export async function runThread(): Promise<void> {
  const data = workerData as ThreadData
  const control = new Control(data.control)
  const member = new Member(control, data.member)
  const context = contextOf(data, control, member)
  const structure = structureOf(data.structure)
  const { handle } = data
  const part =
    data.role === 'reader' ? structure.reader(handle, context) : structure.writer(handle, context)
  member.state = RUNNING
  for (;;) {
    for (let turn = 0; turn < TURNS && control.command === RUN; turn++) attempt(part, member)
    if (control.command === STOP || member.mustEnd) break
    if (control.command === PAUSE) park(control, member)
    if (member.logIsFull) control.pause(1)
    await immediate()
  }
  member.phase = 'leaving'
  part.close()
  member.state = PARKED
}

/** Refused for want of memory is an answer; everything else that is thrown ends the run. */
function attempt(part: Participant, member: Member): void {
  try {
    part.turn()
  } catch (error) {
    if (!refusals.has((error as RootswapError).code)) throw error
    member.count('refused')
  }
}

function park(control: Control, member: Member): void {
  member.phase = 'parked'
  member.state = PARKED
  control.awaitOther(PAUSE)
  member.state = RUNNING
}

function contextOf(data: ThreadData, control: Control, member: Member): Context {
  const numbers = new RandomNumbers(data.seed)
  const now = (): number => Number(process.hrtime.bigint() - data.epoch)
  return {
    control,
    numbers,
    phase(phase) {
      member.phase = phase
    },
    count: (counter, more) => member.count(counter, more),
    highest: (counter, value) => member.highest(counter, value),
    violation(violation) {
      parentPort?.postMessage({ violation } satisfies ViolationMessage)
    },
    delayRarely() {
      if (numbers.below(DELAY_IN) !== 0) return
      member.phase = 'delayed in a read'
      member.count('delays')
      control.pause(1 + numbers.below(DELAY_MS_MAX))
    },
    operation(code, run) {
      if (member.logIsFull) return
      const entry = member.begin(code, now())
      const result = run()
      member.finish(entry, result, now())
      member.count('operations')
    },
  }
}
