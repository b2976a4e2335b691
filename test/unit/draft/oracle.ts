/**
 * What reclaiming does with a delta, on counts of its own: arrivals, then the departure of the old
 * version, with and without a lease on it. Afterwards each count must be the number of references
 * from what is left, and exactly the unreachable nodes must be free.
 */

import { isReference, nodeOf, referenceCount, referencesAt } from '../../../src/memory/kinds.ts'
import type { Memory } from '../../../src/memory/memory.ts'
import type { Delta } from '../../../src/versions/delta.ts'

type Counts = Map<number, number>

function children(memory: Memory, node: number): number[] {
  const { m, layout } = memory
  const first = referencesAt(m, node)
  const words = Array.from(m.subarray(first, first + referenceCount(m, node, layout)))
  return words.map((word) => (isReference(word) ? nodeOf(word) : 0))
}

/** References to each node from the versions with these roots. */
function counted(memory: Memory, roots: readonly number[]): Counts {
  const counts: Counts = new Map()
  const work = roots.filter(isReference).map(nodeOf)
  let node: number | undefined
  while ((node = work.pop()) !== undefined) {
    const before = counts.get(node) ?? 0
    counts.set(node, before + 1)
    if (before === 0) work.push(...children(memory, node).filter((child) => child !== 0))
  }
  return counts
}

class Simulation {
  readonly #memory: Memory
  readonly #counts: Counts
  readonly #dead: { node: number; drops: number[] }[] = []
  readonly freed = new Set<number>()

  constructor(memory: Memory, counts: Counts) {
    this.#memory = memory
    this.#counts = counts
  }

  add(node: number, by: number): number {
    if (this.freed.has(node)) throw new Error(`node ${node} is used after it was freed`)
    const count = (this.#counts.get(node) ?? 0) + by
    if (count < 0) throw new Error(`the count of ${node} falls below 0`)
    this.#counts.set(node, count)
    return count
  }

  release(root: number): void {
    const node = nodeOf(root)
    if (this.add(node, -1) === 0) this.free(node, children(this.#memory, node))
    this.#sweep()
  }

  free(node: number, drops: readonly number[]): void {
    this.freed.add(node)
    this.#counts.delete(node)
    this.#dead.push({ node, drops: drops.filter((child) => child !== 0) })
  }

  #sweep(): void {
    let dead: { node: number; drops: number[] } | undefined
    while ((dead = this.#dead.pop()) !== undefined) {
      for (const child of dead.drops) {
        if (this.add(child, -1) === 0) this.free(child, children(this.#memory, child))
      }
    }
  }

  depart(delta: Delta, oldRoot: number): void {
    const { out } = delta
    for (let at = 0; at < out.length; at += 2 + (out[at + 1] as number)) {
      const node = out[at] as number
      const slots = out.slice(at + 2, at + 2 + (out[at + 1] as number))
      if (slots.some((slot, index) => index > 0 && slot <= (slots[index - 1] as number))) {
        throw new Error(`the drops of ${node} are not ascending`)
      }
      const all = children(this.#memory, node)
      if (this.add(node, 0) === 1) {
        const drops = slots.map((slot) => all[slot] as number)
        if (drops.includes(0)) throw new Error(`a drop of ${node} is no reference`)
        this.free(node, drops)
        continue
      }
      this.add(node, -1)
      for (const [slot, child] of all.entries()) {
        if (child !== 0 && !slots.includes(slot)) this.add(child, 1)
      }
    }
    if (delta.dropRoot) this.release(oldRoot)
    this.#sweep()
  }

  check(roots: readonly number[], known: Iterable<number>): void {
    const expected = counted(this.#memory, roots)
    for (const [node, count] of expected) {
      const found = this.#counts.get(node)
      if (found !== count) throw new Error(`node ${node} counts ${found}, right is ${count}`)
    }
    for (const node of known) {
      if (expected.has(node) === this.freed.has(node)) {
        throw new Error(`node ${node} is ${expected.has(node) ? 'freed' : 'lost'}`)
      }
    }
  }
}

export interface Step {
  readonly before: number
  readonly after: number
  readonly delta: Delta
}

/** Throws if the delta is not exact. Returns how many nodes it frees. */
export function checkDelta(memory: Memory, step: Step): number {
  const { before, after, delta } = step
  if (before === after) {
    if (!delta.isEmpty) throw new Error('nothing changed, but the delta has entries')
    return 0
  }
  let freed = 0
  for (const leased of [false, true]) {
    const counts = counted(memory, [before])
    for (const [node, count] of counts) {
      if (memory.m[node + 1] !== count)
        throw new Error(`node ${node} was written with a wrong count`)
    }
    const both = counted(memory, [before, after])
    for (const node of both.keys()) {
      if (!counts.has(node)) counts.set(node, memory.m[node + 1] as number)
    }
    const known = [...both.keys()]
    const simulation = new Simulation(memory, counts)
    for (const node of delta.inc) simulation.add(node, 1)
    if (leased && isReference(before)) simulation.add(nodeOf(before), 1)
    simulation.depart(delta, before)
    if (leased) {
      simulation.check([before, after], known)
      if (isReference(before)) simulation.release(before)
    }
    simulation.check([after], known)
    freed = simulation.freed.size
  }
  return freed
}

/** Makes the counts those of the version with this root alone, as reclaiming would; returns how
 *  many of its containers have several parents. */
export function recount(memory: Memory, root: number): number {
  const { m, layout } = memory
  let shared = 0
  for (const [node, count] of counted(memory, [root])) {
    m[node + 1] = count
    if (count > 1 && referenceCount(m, node, layout) > 0) shared++
  }
  return shared
}
