/**
 * A heap seen through a port that says of each access when it comes and when it is done. What is
 * called there may throw `Killed`: then the thread died at that point, as far as the heap knows,
 * and its objects must not be used again. Or it may act as another thread: then that one came
 * between.
 */

import { type Memory, memoryOf } from '../../src/memory/memory.ts'
import { type Offset, type WaitResult, Words } from '../../src/memory/words.ts'
import { reapSlot } from '../../src/reclaim/reaper.ts'
import type { HeapThread } from '../../src/reclaim/thread.ts'
import { verifyHeap } from '../../src/reclaim/verify.ts'
import { Delta } from '../../src/versions/delta.ts'
import { RootCell } from '../../src/versions/root.ts'
import { decodeTree, encodeTree, type Tree } from '../support/arrays.ts'

/** `write` is a plain store; plain loads are not seen. */
export type Access = 'load' | 'store' | 'write' | 'add' | 'swap' | 'wait'

export interface Hooks {
  before?(access: Access, at: Offset, value: number): void
  after?(access: Access, at: Offset, value: number): void
}

/** What a thread that dies throws. Nothing in the core catches it. */
export class Killed extends Error {
  constructor() {
    super('the thread was killed')
    this.name = 'Killed'
  }
}

/** Whether the thread died in what it ran; any other error is passed on. */
export function dies(run: () => void): boolean {
  try {
    run()
    return false
  } catch (error) {
    if (error instanceof Killed) return true
    throw error
  }
}

/** The same heap, with hooks. Waits take no time: who waits finds everything as it was. */
export function hooked(memory: Memory, hooks: Hooks): Memory {
  return memoryOf(new HookedWords(memory.words.buffer, hooks), memory.layout)
}

/** The same heap; waits take no time. */
export function hasty(memory: Memory): Memory {
  return memoryOf(new HastyWords(memory.words.buffer), memory.layout)
}

class HastyWords extends Words {
  override wait(): WaitResult {
    return 'timed-out'
  }
}

class HookedWords extends Words {
  /** What the core reads and writes plainly: a Proxy, which `Atomics` does not take. */
  override readonly m: Int32Array
  readonly #raw: Int32Array
  readonly #hooks: Hooks

  constructor(buffer: SharedArrayBuffer, hooks: Hooks) {
    super(buffer)
    this.#raw = new Int32Array(buffer)
    this.#hooks = hooks
    this.m = plainAccess(buffer, hooks)
  }

  override load(at: Offset): number {
    return this.#step('load', at, 0, () => Atomics.load(this.#raw, at))
  }

  override store(at: Offset, value: number): void {
    this.#step('store', at, value, () => Atomics.store(this.#raw, at, value))
  }

  override add(at: Offset, value: number): number {
    return this.#step('add', at, value, () => Atomics.add(this.#raw, at, value))
  }

  override compareExchange(at: Offset, expected: number, value: number): number {
    return this.#step('swap', at, value, () => {
      return Atomics.compareExchange(this.#raw, at, expected, value)
    })
  }

  override wait(at: Offset, value: number): WaitResult {
    return this.#step('wait', at, value, () => 'timed-out')
  }

  override notify(at: Offset): number {
    return Atomics.notify(this.#raw, at)
  }

  #step<R>(access: Access, at: Offset, value: number, act: () => R): R {
    this.#hooks.before?.(access, at, value)
    const result = act()
    this.#hooks.after?.(access, at, value)
    return result
  }
}

/** Plain loads go straight through; every plain store is a step, each one of a `fill` too. */
function plainAccess(buffer: SharedArrayBuffer, hooks: Hooks): Int32Array {
  const raw = new Int32Array(buffer)
  const proxy = new Proxy(raw, {
    set(target, key, value) {
      const at = Number(key)
      hooks.before?.('write', at, value)
      target[at] = value
      hooks.after?.('write', at, value)
      return true
    },
  })
  // The methods of a typed array do not work on a Proxy; the core uses no other.
  const fill = (value: number, from: number, to: number): Int32Array => {
    for (let at = from; at < to; at++) proxy[at] = value
    return proxy
  }
  Object.defineProperty(raw, 'fill', { value: fill })
  return proxy
}

/** Hooks that call once, at the first access for which `when` says so. */
export function once(
  moment: 'before' | 'after',
  when: (access: Access, at: Offset, value: number) => boolean,
  call: () => void,
): Hooks & { readonly happened: boolean } {
  let happened = false
  return {
    [moment]: (access: Access, at: Offset, value: number) => {
      if (happened || !when(access, at, value)) return
      happened = true
      call()
    },
    get happened() {
      return happened
    },
  }
}

export function kill(): never {
  throw new Killed()
}

/** Publishes a whole new tree in the cell. */
export function setRoot(thread: HeapThread, index: number, tree: Tree): boolean {
  const cell = new RootCell(thread.memory, index)
  const base = thread.leases.take(cell.rootAt, 0)
  thread.allocator.begin()
  const delta = new Delta(thread.memory)
  delta.droppedRoot()
  try {
    const won = cell.publish(thread, base, encodeTree(thread, tree), delta) !== 0
    if (!won) thread.allocator.abort()
    thread.leases.release(base, 0)
    return won
  } catch (error) {
    if (error instanceof Killed) throw error // the dead clear nothing up
    thread.allocator.abort()
    thread.leases.release(base, 0)
    throw error
  }
}

/** The newest tree of the cell. */
export function treeOf(memory: Memory, index: number): Tree {
  const cell = new RootCell(memory, index)
  return decodeTree(memory.m, cell.rootOf(cell.newest()))
}

const WAIT_MS = 5

/** Another thread reaps the slot of a dead one; false when the lock was not to be had. */
export function reap(reaper: HeapThread, dead: { slot: number; threadId: number }): boolean {
  return reapSlot(reaper.reclaimer, dead.slot, dead.threadId, WAIT_MS)
}

/** The heap is whole, as it stands and after reclaiming has come to its end: nothing is left of a
 *  draft, and nothing to reclaim. */
export function expectWhole({ reclaimer }: HeapThread): void {
  verifyHeap(reclaimer, WAIT_MS)
  let end = reclaimer.attempt(1000)
  for (let round = 0; end !== 'idle' && round < 50; round++) end = reclaimer.attempt(1000)
  if (end !== 'idle') throw new Error(`reclaiming does not come to an end: ${end}`)
  const { draftBytes } = verifyHeap(reclaimer, WAIT_MS)
  if (draftBytes !== 0) throw new Error(`${draftBytes} bytes of drafts are left`)
}
