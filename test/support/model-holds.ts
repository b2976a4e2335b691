/** Scenarios: counted blocks, held by several threads, of which one may die. */

import { allocateCounted } from '../../src/memory/counted.ts'
import { TAG_NODE, referenceTo } from '../../src/memory/kinds.ts'
import { countedReference } from '../../src/memory/counted.ts'
import type { HeapThread } from '../../src/reclaim/thread.ts'
import type { Scenario } from '../../src/explore.ts'
import { type Model, modelOf, settled, threadAt } from './model-heap.ts'
import { everyStore, reaperOf } from './model-crashes.ts'
import { common, type ModelScenario } from './model-run.ts'
import { shadowed } from './model-shadow.ts'

/** A counted block of this thread, with references of which none is set. */
export function allocateHeld({ allocator, holds }: HeapThread, references: number): number {
  allocator.begin()
  holds.reserve(1)
  const block = allocateCounted(allocator, references, 8)
  holds.expect()
  holds.adopt(block)
  holds.publishDraft()
  holds.commit()
  allocator.end()
  return block
}

/** Changes counts in a transaction. */
export function change({ holds }: HeapThread, transaction: () => void): void {
  holds.reserve(1)
  holds.expect()
  transaction()
  holds.commit()
}

/** A block and its serial number, as a handle carries them. */
export interface Held {
  readonly block: number
  readonly serial: number
}

/** Opens what a handle names; false if nobody holds it any more. */
export function openHeld(thread: HeapThread, { block, serial }: Held): boolean {
  let current = false
  change(thread, () => {
    current = thread.holds.isCurrent(block, serial)
    if (current) thread.holds.retain(block)
  })
  return current
}

interface HoldModel extends Model {
  readonly held: Held
}

const sizes = [6, 8, 10, 12]

/** Slot 0 and slot 1 hold a block. */
function heldBlock(slots: number): HoldModel {
  const model = modelOf({ slots, trees: [], sizes, spans: 40 })
  const first = threadAt(model.memory, 0)
  const block = allocateHeld(first, 1)
  const second = threadAt(model.memory, 1)
  change(second, () => second.holds.retain(block))
  // The chunk that the third's hold needs is not what the scenario is about.
  for (let slot = 2; slot < slots; slot++) threadAt(model.memory, slot).holds.reserve(1)
  const held = { block, serial: model.raw[block + 2] as number }
  return { ...shadowed(model), held }
}

const blockOf = (model: Model): Held => (model as HoldModel).held

const holders: ModelScenario = {
  name: 'holds',
  claim: 'two holders release and a third opens: the block is freed once, when nobody holds it',
  meets: ['opened', 'gone'],
  make: (seen) => ({
    ...common,
    shared: () => heldBlock(3),
    threads: {
      one: ({ memory, ...model }) => {
        const thread = threadAt(memory, 0)
        change(thread, () => thread.holds.release(blockOf({ memory, ...model }).block))
        thread.reclaimer.attempt(2)
      },
      two: ({ memory, ...model }) => {
        const thread = threadAt(memory, 1)
        thread.holds.releaseSoon(blockOf({ memory, ...model }).block)
        while (!thread.holds.catchUp()) (memory.words as unknown as { pause(): void }).pause()
      },
      three: (model) => {
        const thread = threadAt(model.memory, 2)
        const opened = openHeld(thread, blockOf(model))
        seen.add(opened ? 'opened' : 'gone')
        if (!opened) return
        // Its word is this thread's to read as long as it holds it.
        if (model.memory.m[blockOf(model).block + 3] !== 8) throw new RangeError('not the block')
        change(thread, () => thread.holds.release(blockOf(model).block))
        thread.reclaimer.attempt(2)
      },
    },
    preemptions: 2,
  }),
}

/** Allocates, holds, makes a reference of a hold and back, and releases. */
function useBlocks(thread: HeapThread, given: Held): void {
  const { holds, memory } = thread
  if (!openHeld(thread, given)) throw new RangeError('another thread holds it')
  const anchor = allocateHeld(thread, 2)
  change(thread, () => holds.moveIn(given.block, countedReference(anchor, 0)))
  const other = allocateHeld(thread, 0)
  change(thread, () => {
    holds.share(other)
    holds.point(countedReference(anchor, 1), other)
    holds.moveOut(countedReference(anchor, 0))
  })
  const word = memory.m[countedReference(anchor, 1)]
  if (word !== referenceTo(other, TAG_NODE)) throw new RangeError('the reference is not there')
  change(thread, () => holds.release(anchor))
  thread.reclaimer.attempt(3)
}

function dying(name: string, more: (base: Scenario<Model>) => Scenario<Model>): ModelScenario {
  return {
    name,
    claim: 'a holder dies at any place: what it held is released, what it made is freed',
    meets: ['died', 'lived'],
    make: (seen) =>
      more({
        ...common,
        shared: () => heldBlock(3),
        threads: {
          worker: (model) => useBlocks(threadAt(model.memory, 2), blockOf(model)),
          other: {
            crash: false,
            run: (model) => {
              const thread = threadAt(model.memory, 1)
              thread.holds.releaseSoon(blockOf(model).block)
            },
          },
          reaper: reaperOf('worker', 2, 0),
        },
        after(model, { crashed }) {
          seen.add(crashed.length > 0 ? 'died' : 'lived')
          settled(model)
        },
        crashes: 1,
      }),
  }
}

export const holding: readonly ModelScenario[] = [
  holders,
  dying('crash-holds', (base) => ({ ...base, preemptions: 0, random: 100 })),
  dying('crash-holds-stores', (base) => everyStore({ ...base, preemptions: 0 })),
]
