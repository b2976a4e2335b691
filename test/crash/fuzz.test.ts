/**
 * Threads that die at any store of anything they do, and reapers that die while they reap them: the
 * heap is whole afterwards, its stores hold what was published last, and it can be used on.
 *
 * `ROOTSWAP_SEED` repeats a run; a failure names the seed of its one heap, which
 * `ROOTSWAP_SEED=… ROOTSWAP_RUNS=1` repeats alone.
 */

import { expect, test } from 'vitest'
import type { RootswapError } from '../../src/errors.ts'
import type { Memory } from '../../src/memory/memory.ts'
import type { HeapThread } from '../../src/reclaim/thread.ts'
import { verifyHeap } from '../../src/reclaim/verify.ts'
import { RootCell } from '../../src/versions/root.ts'
import { createTree, encodeTree, type Tree } from '../support/arrays.ts'
import { testMemory, testThread } from '../support/heap.ts'
import { randomFrom, seedOf } from '../unit/store/inside.ts'
import {
  type Access,
  dies,
  expectWhole,
  hasty,
  hooked,
  kill,
  reap,
  setRoot,
  treeOf,
} from './killing.ts'

const CELLS = 3
const victimId = 2
const reaperId = 3

/** Integers from 0 up to a limit. */
type Draw = (limit: number) => number

const numbers = (count: number): Tree => Array.from({ length: count }, () => 5)
const leaves = (count: number): Tree => Array.from({ length: count }, (_, n) => [n])

/** One heap, and what its cells hold as far as its threads have told. */
class World {
  readonly memory: Memory
  readonly draw: Draw
  readonly #published: string[] = []
  #underWay = ''

  constructor(memory: Memory, draw: Draw) {
    this.memory = memory
    this.draw = draw
  }

  create(thread: HeapThread, tree: Tree): void {
    this.#published[createTree(thread, tree).index] = JSON.stringify(tree)
  }

  publish(thread: HeapThread, tree: Tree): void {
    const index = this.draw(CELLS)
    this.#underWay = JSON.stringify(tree)
    if (setRoot(thread, index, tree)) this.#published[index] = this.#underWay
  }

  /** A thread that died may have published what it was about to, or not. */
  expectPublished(): void {
    for (const [index, published] of this.#published.entries()) {
      const found = JSON.stringify(treeOf(this.memory, index))
      if (found !== published) expect(found).toBe(this.#underWay)
      this.#published[index] = found
    }
  }
}

/** A thread at work on a world, and the versions that it holds. */
class Worker {
  readonly thread: HeapThread
  readonly #world: World
  readonly #held: number[] = []

  constructor(world: World, thread: HeapThread) {
    this.#world = world
    this.thread = thread
  }

  work(count: number): void {
    for (let turn = 0; turn < count; turn++) this.#act(turn)
  }

  #act(turn: number): void {
    const { draw } = this.#world
    switch (draw(8)) {
      case 0:
        return this.#world.publish(this.thread, [1, [2, [3, 4]], [turn]])
      case 1:
        return this.#world.publish(this.thread, leaves(200))
      case 2: // a large block
        return this.#world.publish(this.thread, [numbers(700 + draw(900)), [1]])
      case 3: // a draft of several chunks, given up
        this.thread.allocator.begin()
        encodeTree(this.thread, [numbers(600 + draw(900)), leaves(700), leaves(500)])
        return this.thread.allocator.abort()
      case 4: // more versions than the slot has lease words for
        return this.#hold(draw(2) === 0 ? 1 : 18)
      case 5:
        for (const record of this.#held.splice(0)) this.thread.leases.release(record, 0)
        return
      case 6: // part of a round
        return void this.thread.reclaimer.attempt(1 + draw(20))
      default:
        return this.#world.publish(this.thread, [leaves(draw(2) === 0 ? 130 : 1200)])
    }
  }

  #hold(count: number): void {
    for (let turn = 0; turn < count; turn++) {
      const { rootAt } = new RootCell(this.#world.memory, this.#world.draw(CELLS))
      this.#held.push(this.thread.leases.take(rootAt, 0))
      this.#world.publish(this.thread, [turn, [turn]])
    }
  }
}

const everyStore: readonly Access[] = ['write', 'store', 'add', 'swap']
/** Between them lies all that a thread does in one go: few, and most of the protocol. */
const atomics: readonly Access[] = ['store', 'add', 'swap']

/** Hooks that kill before a store, after so many of the kind, once `armed`. */
function deathAfter(stores: number, kind = everyStore) {
  let left = stores
  const hooks = {
    armed: false,
    before: (access: Access): void => {
      if (hooks.armed && kind.includes(access) && left-- <= 0) kill()
    },
  }
  return hooks
}

const counts = { victims: 0, reapers: 0, full: 0, unreaped: 0, untold: 0 }

/** What a full heap keeps from being done is left. */
function untilFull(thread: HeapThread, run: () => void): void {
  try {
    run()
  } catch (error) {
    if ((error as RootswapError).code !== 'ERR_HEAP_FULL') throw error
    counts.full++
    thread.allocator.abort()
  }
}

/** Large, or small and nearly full. */
function newWorld(draw: Draw): { world: World; main: Worker } {
  const kind = draw(3)
  const megabytes = [3, 0.25 + draw(3) / 8, 0.125 + draw(3) / 32][kind] as number
  const memory = hasty(testMemory({ megabytes, threads: 6 }))
  const world = new World(memory, draw)
  const thread = testThread(memory, 1)
  for (let cell = 0; cell < CELLS; cell++) world.create(thread, [cell, [cell]])
  const main = new Worker(world, thread)
  if (kind === 2) {
    untilFull(thread, () => {
      world.create(
        thread,
        Array.from({ length: draw(6) }, () => numbers(1900)),
      )
    })
  }
  untilFull(thread, () => main.work(draw(10)))
  return { world, main }
}

function reapTwice(main: HeapThread, memory: Memory, draw: Draw, slot: number): void {
  const hooks = draw(2) === 0 ? deathAfter(draw(3000)) : deathAfter(draw(60), atomics)
  const reaper = testThread(hooked(memory, hooks), reaperId)
  hooks.armed = true
  const victim = { slot, threadId: victimId }
  if (dies(() => void reap(reaper, victim))) counts.reapers++
  const second = { slot: reaper.slot.index, threadId: reaperId }
  if (reap(main, second)) return
  // The lock may still be the first one's: then that one is to be reaped before.
  expect(reap(main, victim)).toBe(true)
  expect(reap(main, second)).toBe(true)
}

/** What a dead thread left half done is no damage, though nobody has noticed its end yet. */
function expectWholeBeforeReaping({ reclaimer }: HeapThread): void {
  try {
    verifyHeap(reclaimer, 0)
    counts.unreaped++
  } catch (error) {
    if ((error as RootswapError).code !== 'ERR_TIMEOUT') throw error
    counts.untold++
  }
}

function run(seed: number): void {
  const random = randomFrom(seed)
  const draw: Draw = (limit) => Math.floor(random() * limit)
  const { world, main } = newWorld(draw)
  const { memory } = world
  const { thread } = main
  const hooks = [deathAfter(draw(3000)), deathAfter(draw(60_000)), deathAfter(draw(60), atomics)][
    draw(3)
  ] as ReturnType<typeof deathAfter>
  const dying = testThread(hooked(memory, hooks), victimId)
  const victim = new Worker(world, dying)
  hooks.armed = true
  const killed = dies(() => {
    untilFull(dying, () => {
      if (draw(4) === 0) world.create(dying, [0])
      victim.work(3 + draw(12))
    })
  })
  if (killed) counts.victims++
  if (killed && draw(2) === 0) expectWholeBeforeReaping(thread)
  if (draw(2) === 0) reapTwice(thread, memory, draw, dying.slot.index)
  expect(reap(thread, { slot: dying.slot.index, threadId: victimId })).toBe(true)
  expectWhole(thread)
  world.expectPublished()
  untilFull(thread, () => main.work(4))
  world.expectPublished()
  expectWhole(thread)
}

test('whoever dies at any store, a reaper too, leaves a heap that is whole once reaped', () => {
  const seed = seedOf('crash fuzz')
  const runs = Number(process.env['ROOTSWAP_RUNS'] ?? 300)
  for (let index = 0; index < runs; index++) {
    try {
      run(seed + index)
    } catch (error) {
      console.log(`failed with ROOTSWAP_SEED=${seed + index} ROOTSWAP_RUNS=1`)
      throw error
    }
  }
  const { victims, reapers, full } = counts
  console.log(
    `${runs} heaps: ${victims} victims died at a store, ${reapers} reapers too; ` +
      `${full} times the heap was full`,
  )
  if (runs < 100) return
  expect(victims).toBeGreaterThan(runs / 3)
  expect(reapers).toBeGreaterThan(runs / 20)
  expect(full).toBeGreaterThan(runs / 20)
})
