/**
 * The plain algorithm of arrival and departure, and what must hold before and after: counts as
 * invariant I5 says while both versions live, and exactly the references of the new version once
 * the old one has departed.
 */

import {
  BUCKET,
  isReference,
  nodeOf,
  referenceCount,
  referencesAt,
  SHAPE,
  kindOf,
} from '../../../src/memory/kinds.ts'
import { entryValue } from '../../../src/values/entry.ts'
import { eachLogged } from '../../../src/reclaim/log.ts'
import type { Codec } from '../../../src/values/codec.ts'
import { Delta } from '../../../src/versions/delta.ts'

type Counts = Map<number, number>

export class Oracle {
  readonly ctx: Codec
  /** Value word of the only version that lives. */
  root = 0
  freed = 0
  shared = 0

  constructor(ctx: Codec) {
    this.ctx = ctx
  }

  delta(): Delta {
    return new Delta(this.ctx.memory)
  }

  /** The first version: a root whose counts the draft has set. */
  publishFirst(root: number): void {
    this.root = root
    this.#everyBlockReached([root])
    this.#expectCounts(edges(this.ctx, [root]), 'first version')
    this.#nextDraft()
  }

  /** Publishes `root`; `held`: a lease keeps the old version alive beyond its departure. */
  publish(root: number, delta: Delta, held: boolean): void {
    const old = this.root
    this.#everyBlockReached([root])
    const { m } = this.ctx.memory
    for (const node of delta.inc) m[node + 1] = (m[node + 1] as number) + 1
    this.#expectInvariant(old, root, delta)
    const before = edges(this.ctx, [old])
    if (held && isReference(old)) this.#add(nodeOf(old), 1)
    const dead: number[] = []
    this.#depart(delta, dead)
    if (delta.dropRoot) this.#release(nodeOf(old), dead)
    this.#bury(dead)
    if (held) {
      this.#expectCounts(edges(this.ctx, [old, root]), 'while the old version is held')
      if (isReference(old)) this.#release(nodeOf(old), dead)
      this.#bury(dead)
    }
    const after = edges(this.ctx, [root])
    this.#expectCounts(after, 'after the departure')
    for (const node of before.keys()) {
      const isFree = m[node + 1] === 0
      if (isFree === after.has(node)) throw new Error(`node ${node} freed: ${isFree}`)
      if (isFree) this.freed++
    }
    for (const count of after.values()) if (count > 1) this.shared++
    this.root = root
    this.#nextDraft()
  }

  #nextDraft(): void {
    this.ctx.allocator.end()
    this.ctx.allocator.begin()
  }

  #add(node: number, change: number): void {
    const { m } = this.ctx.memory
    m[node + 1] = (m[node + 1] as number) + change
    if ((m[node + 1] as number) < 0) throw new Error(`the count of ${node} fell below 0`)
  }

  /** Pushed on the dead list: the node and the indexes of the children to release. */
  #depart(delta: Delta, dead: number[]): void {
    const { m } = this.ctx.memory
    for (const { node, drops } of entries(delta)) {
      const dropped = new Set(drops)
      if (m[node + 1] === 1) {
        m[node + 1] = 0
        for (const index of drops) dead.push(childAt(this.ctx, node, index))
      } else {
        for (const [index, child] of children(this.ctx, node)) {
          if (!dropped.has(index)) this.#add(child, 1)
        }
        this.#add(node, -1)
        if (m[node + 1] === 0) throw new Error(`an entry of ${node} found its count at 0`)
      }
    }
  }

  #release(node: number, dead: number[]): void {
    this.#add(node, -1)
    if (this.ctx.memory.m[node + 1] !== 0) return
    for (const [, child] of children(this.ctx, node)) dead.push(child)
  }

  #bury(dead: number[]): void {
    for (let child = dead.pop(); child !== undefined; child = dead.pop()) this.#release(child, dead)
  }

  /** A private block that nothing refers to would be lost. */
  #everyBlockReached(roots: readonly number[]): void {
    const { allocator, memory } = this.ctx
    const { m } = memory
    const reached = edges(this.ctx, roots)
    eachLogged(memory, allocator.slotAt, (block) => {
      if (kindOf(m, block) !== SHAPE && !reached.has(block)) {
        throw new Error(`block ${block} of kind ${kindOf(m, block)} is not reached`)
      }
    })
  }

  #expectCounts(expected: Counts, when: string): void {
    const { m } = this.ctx.memory
    for (const [node, count] of expected) {
      if (m[node + 1] === count) continue
      throw new Error(
        `${when}: node ${node} of kind ${kindOf(m, node)} has count ${m[node + 1]}, not ${count}`,
      )
    }
  }

  /** I5: edges from live nodes and roots, less the kept children of undeparted entries. */
  #expectInvariant(old: number, root: number, delta: Delta): void {
    const expected = edges(this.ctx, [old, root])
    const change = (node: number, by: number): void => {
      expected.set(node, (expected.get(node) ?? 0) + by)
    }
    let isFirst = true
    for (const { node, drops } of entries(delta)) {
      const dropped = new Set(drops)
      for (const index of drops) {
        if (childAt(this.ctx, node, index) === 0) throw new Error(`${index} of ${node} is no child`)
      }
      for (const [index, child] of children(this.ctx, node)) {
        if (!dropped.has(index)) change(child, -1)
      }
      if (isFirst && !delta.dropRoot && node === nodeOf(old)) isFirst = false
      else change(node, 1)
    }
    this.#expectCounts(expected, 'before the departure')
  }
}

function* entries(delta: Delta): Iterable<{ node: number; drops: number[] }> {
  const { out } = delta
  for (let at = 0; at < out.length; at += 2 + (out[at + 1] as number)) {
    yield { node: out[at] as number, drops: out.slice(at + 2, at + 2 + (out[at + 1] as number)) }
  }
}

function childAt(ctx: Codec, node: number, index: number): number {
  const word = ctx.memory.m[referencesAt(ctx.memory.m, node) + index] as number
  return isReference(word) ? nodeOf(word) : 0
}

function children(ctx: Codec, node: number): [number, number][] {
  const { m, layout } = ctx.memory
  const found: [number, number][] = []
  const at = referencesAt(m, node)
  const count = referenceCount(m, node, layout)
  for (let index = 0; index < count; index++) {
    const word = m[at + index] as number
    if (isReference(word)) found.push([index, nodeOf(word)])
  }
  return found
}

/** References to each node from the roots and from what they reach. */
function edges(ctx: Codec, roots: readonly number[]): Counts {
  const counts: Counts = new Map()
  const stack: number[] = []
  const refer = (node: number): void => {
    const count = counts.get(node)
    if (count === undefined) stack.push(node)
    counts.set(node, (count ?? 0) + 1)
  }
  for (const root of roots) if (isReference(root)) refer(nodeOf(root))
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    for (const [, child] of children(ctx, node)) refer(child)
    if (kindOf(ctx.memory.m, node) === BUCKET) expectRepeats(ctx, node)
  }
  return counts
}

/** A bucket's last words are the values of its entries. */
function expectRepeats(ctx: Codec, bucket: number): void {
  const { m } = ctx.memory
  const entriesOf = children(ctx, bucket)
  const repeats = referencesAt(m, bucket) + entriesOf.length
  for (const [index, entry] of entriesOf) {
    if (m[repeats + index] === entryValue(m, entry)) continue
    throw new Error(`bucket ${bucket} repeats another value than that of its entry ${index}`)
  }
}
