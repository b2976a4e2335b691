/** Scenarios: a fault against the fork, the exit and the death of who shares the page. */

import type { Control, Scenario } from '../../src/explore.ts'
import { SpaceKernel } from '../../src/cow/kernel.ts'
import { GROWS_DOWN, WRITABLE } from '../../src/cow/record.ts'
import { SLOT_STATE } from '../../src/memory/layout.ts'
import { slotAt } from '../../src/reclaim/slots.ts'
import type { HeapThread } from '../../src/reclaim/thread.ts'
import { everyStore, reaperOf } from './model-crashes.ts'
import { type Model, modelOf, settled, threadAt } from './model-heap.ts'
import { openHeld } from './model-holds.ts'
import { common, type ModelScenario, type Seen } from './model-run.ts'
import { shadowed } from './model-shadow.ts'
import { drafted } from './model-strings.ts'

const PAGE = 64
const AT = 65_536
const image = {
  places: [1, 2, 3, 4].map((index) => ({
    regionPage: (index * AT) / PAGE,
    regionBytes: PAGE * 2,
    byteLength: index === 1 ? PAGE * 2 : 0,
    flags: index === 4 ? WRITABLE | GROWS_DOWN : WRITABLE,
  })),
  bytes: [new Uint8Array(PAGE * 2).fill(1)],
}

interface SpaceModel extends Model {
  /** The record of each owner: of slot 1, of slot 2. */
  readonly records: readonly number[]
  readonly serials: readonly number[]
}

function kernelAt(model: Model, slot: number, owner = slot): SpaceKernel {
  const thread = threadAt(model.memory, slot)
  const block = (model as SpaceModel).records[owner - 1]!
  return kernelOf(thread, block)
}

function kernelOf(thread: HeapThread, block: number): SpaceKernel {
  return new SpaceKernel(thread, block, (build) => drafted(thread, build))
}

/** Slot 1 has a space; slot 2 has a fork of it. */
function twoSpaces(tie: 'none' | 'first' | 'vfork' = 'none'): SpaceModel {
  const sizes = [6, 20, 44, 72]
  const model = modelOf({ slots: 3, trees: [], sizes, spans: 60 })
  const [, one, two] = [0, 1, 2].map((slot) => threadAt(model.memory, slot))
  for (const thread of [one!, two!]) thread.holds.reserve(2)
  const record = drafted(one!, () => SpaceKernel.create(one!, PAGE, image))
  const child = kernelOf(one!, record).fork(tie)
  const serials = [record, child].map((block) => model.raw[block + 2] as number)
  openHeld(two!, { block: child, serial: serials[1]! })
  // Who called `vfork` keeps the child: its record outlives the thread that runs in it.
  if (tie !== 'vfork') one!.holds.releaseSoon(child)
  return Object.assign(shadowed(model), { records: [record, child], serials })
}

/** Writes a byte to the first page and reads it back; the rest of the page is as it was. */
function writeByte(space: SpaceKernel, value: number, seen: Seen): void {
  space.write(AT, Uint8Array.of(value))
  const found = space.read(AT, 3)
  if (found.join() !== `${value},1,1`) throw new RangeError(`${found.join()} is read`)
  seen.add(space.stats().pagesCopied > 0 ? 'copied' : 'own')
}

/** Two faults: the first copies the table, too, the second finds it its own. */
function writeTwo(space: SpaceKernel, value: number, seen: Seen): void {
  writeByte(space, value, seen)
  space.write(AT + PAGE, Uint8Array.of(value))
  const found = space.read(AT + PAGE, 2)
  if (found.join() !== `${value},1`) throw new RangeError(`${found.join()} is read`)
}

const faults: ModelScenario = {
  name: 'space-faults',
  claim: 'parent and child write one shared page at one moment: each has its own bytes',
  meets: ['copied', 'own'],
  make: (seen) => ({
    ...common,
    shared: () => twoSpaces(),
    threads: {
      parent: (model) => writeTwo(kernelAt(model, 1), 7, seen),
      child: (model) => writeTwo(kernelAt(model, 2), 9, seen),
    },
    preemptions: 2,
  }),
}

const exits: ModelScenario = {
  name: 'space-exit',
  claim: 'a child exits or forks while the parent writes what they share',
  meets: ['copied', 'own'],
  make: (seen) => ({
    ...common,
    shared: () => twoSpaces(),
    threads: {
      parent: (model) => writeByte(kernelAt(model, 1), 7, seen),
      child(model) {
        const child = kernelAt(model, 2)
        const grandchild = kernelOf(child.thread, child.fork('none'))
        child.exit()
        const found = grandchild.read(AT, 2)
        if (found.join() !== '1,1') throw new RangeError(`the grandchild reads ${found.join()}`)
        grandchild.exit()
        child.thread.holds.releaseSoon(grandchild.record.block)
        child.thread.reclaimer.attempt(2)
      },
    },
    preemptions: 2,
  }),
}

/** Writes at both pages of the image. */
function writeBoth(space: SpaceKernel, value: number): void {
  for (const at of [AT, AT + PAGE]) space.write(at, Uint8Array.of(value))
}

function expectBytes(space: SpaceKernel, first: number, second: number): void {
  const found = [...space.read(AT, 1), ...space.read(AT + PAGE, 1)]
  if (found.join() === `${first},${second}`) return
  throw new RangeError(`a space reads ${found.join()}, ${first},${second} is right`)
}

const family: ModelScenario = {
  name: 'space-family',
  claim: 'what a space owned before a fork, and what it owns again after, is known anew',
  meets: ['kept'],
  make: (seen) => ({
    ...common,
    shared: () => twoSpaces(),
    threads: {
      parent(model) {
        const parent = kernelAt(model, 1)
        writeBoth(parent, 5)
        const second = kernelOf(parent.thread, parent.fork('none'))
        writeBoth(parent, 6)
        expectBytes(second, 5, 5)
        // The second has one page of its own; its tables have bits set when it forks, too.
        second.write(AT, Uint8Array.of(7))
        const third = kernelOf(parent.thread, second.fork('none'))
        third.write(AT + PAGE, Uint8Array.of(8))
        second.write(AT + PAGE, Uint8Array.of(9))
        second.write(AT, Uint8Array.of(9))
        expectBytes(third, 7, 8)
        expectBytes(parent, 6, 6)
        seen.add('kept')
        for (const space of [second, third]) {
          space.exit()
          parent.thread.holds.releaseSoon(space.record.block)
        }
      },
      child: (model) => {
        kernelAt(model, 2).exit()
      },
    },
    preemptions: 1,
  }),
}

const conflict: ModelScenario = {
  name: 'space-conflict',
  claim: 'two threads write one space: one does, or one after the other; a reader waits',
  meets: ['written', 'ERR_CONFLICT'],
  make: (seen) => ({
    ...common,
    shared: () => {
      const model = twoSpaces()
      const two = threadAt(model.memory, 2)
      openHeld(two, { block: model.records[0]!, serial: model.serials[0]! })
      return Object.assign(model, { records: [model.records[0], model.records[0]] })
    },
    threads: {
      one: (model) => seen.add(attempt(kernelAt(model, 1), 7)),
      two: (model) => seen.add(attempt(kernelAt(model, 2), 9)),
    },
    preemptions: 2,
  }),
}

function attempt(space: SpaceKernel, value: number): string {
  try {
    space.write(AT, new Uint8Array(PAGE).fill(value))
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_CONFLICT') return 'ERR_CONFLICT'
    throw error // also what the explorer unwinds by
  }
  const found = space.read(AT, PAGE)
  // The whole page was written by one of the two.
  if (found.some((byte) => byte !== found[0])) throw new RangeError('the page is torn')
  return 'written'
}

function dying(name: string, more: (base: Scenario<Model>) => Scenario<Model>): ModelScenario {
  return {
    name,
    claim: 'a child dies at any place of a write, a fork or an exit: its pages come back',
    meets: ['died', 'lived', 'copied'],
    make: (seen) =>
      more({
        ...common,
        shared: () => twoSpaces('first'),
        threads: {
          child(model) {
            const child = kernelAt(model, 2)
            writeByte(child, 9, seen)
            child.fork('none')
            child.exit()
          },
          parent: { crash: false, run: (model) => writeByte(kernelAt(model, 1), 7, seen) },
          reaper: reaperOf('child', 2, 0),
        },
        after(model, { crashed }) {
          seen.add(crashed.length > 0 ? 'died' : 'lived')
          settled(model)
        },
        crashes: 1,
      }),
  }
}

/** Writes, if that is possible now: another thread may be about to go on, or to be reaped. */
function tryWrite(space: SpaceKernel, value: number): string {
  try {
    space.write(AT, Uint8Array.of(value))
  } catch (error) {
    const { code = '' } = error as { code?: string }
    const waits = ['ERR_TIMEOUT', 'ERR_CONFLICT', 'ERR_RECLAIM_STALLED'].includes(code)
    if (!waits) throw error // also what the explorer unwinds by
    space.thread.settle()
    space.settle()
    return code
  }
  return 'written'
}

/** Writes in the end, and only once the child of `vfork` has gone on: a dead thread's is ended. */
function writeAfterChild(model: Model, control: Control, seen: Seen): void {
  const { words, layout } = model.memory
  const [parent, child] = [kernelAt(model, 1), kernelAt(model, 1, 2)]
  const isReaped = (): boolean =>
    control.crashed('child') && words.load(slotAt(layout, 2) + SLOT_STATE) === 0
  for (;;) {
    const reaped = isReaped()
    const outcome = tryWrite(parent, 7)
    seen.add(outcome)
    if (outcome === 'written') break
    if (!reaped) control.rest()
    else if (child.record.borrows) child.exit()
    else throw new RangeError(`${outcome}: the child has gone on, and its thread is dead`)
  }
  if (child.record.borrows) throw new RangeError('the parent wrote where the child still runs')
  const found = parent.read(AT, 3).join()
  const before = control.crashed('child') && found === '7,1,1' // it died before its own write
  if (found !== '7,9,1' && !before) throw new RangeError(`${found} is read`)
}

function leaving(how: 'exit' | 'exec'): ModelScenario {
  return {
    name: `crash-vfork-${how}`,
    claim: `a child of vfork dies at any place of its ${how}: its parent, which has it, writes`,
    meets: ['died', 'lived', 'written', 'ERR_TIMEOUT'],
    make: (seen) =>
      everyStore({
        ...common,
        shared: () => twoSpaces('vfork'),
        threads: {
          child(model) {
            const child = kernelAt(model, 2)
            child.write(AT + 1, Uint8Array.of(9))
            if (how === 'exit') return child.exit()
            child.exec(image)
            writeByte(child, 5, seen)
          },
          parent: { crash: false, run: (model, control) => writeAfterChild(model, control, seen) },
          reaper: reaperOf('child', 2, 0),
        },
        after(model, { crashed }) {
          seen.add(crashed.length > 0 ? 'died' : 'lived')
          settled(model)
        },
        crashes: 1,
        preemptions: 0,
        random: 200,
      }),
  }
}

export const spaces: readonly ModelScenario[] = [
  faults,
  exits,
  family,
  conflict,
  dying('crash-space', (base) => ({ ...base, preemptions: 0, random: 100 })),
  dying('crash-space-stores', (base) => everyStore({ ...base, preemptions: 0, random: 100 })),
  leaving('exit'),
  leaving('exec'),
]
