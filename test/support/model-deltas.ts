/**
 * Scenarios: documents that share subtrees, and what versions drop, move, duplicate or adopt,
 * while a reader holds any of the versions. Counts are checked at the end of each transaction.
 */

import { nodeOf } from '../../src/memory/kinds.ts'
import type { HeapThread } from '../../src/reclaim/thread.ts'
import { Delta } from '../../src/versions/delta.ts'
import { arrayNode, type Child, childOf, encodeTree, publishTree, succeed } from './arrays.ts'
import { cellOf, FINE, type Model, modelOf, settled, threadAt } from './model-heap.ts'
import { expectDocument } from './model-publishers.ts'
import { readLeased } from './model-readers.ts'
import { common, type ModelScenario, type Seen } from './model-run.ts'
import { shadowed } from './model-shadow.ts'
import type { Tree } from './arrays.ts'

type Step = (thread: HeapThread, root: number, delta: Delta) => number

/** Children of a node as they are. */
function kept(m: Int32Array, node: number): Child[] {
  return Array.from({ length: m[node + 3] as number }, (_, from) => ({
    word: childOf(m, node, from),
    from,
  }))
}

/** root[1] goes to the end of root[0]. */
export const move: Step = (thread, root, delta) => {
  const { m } = thread.memory
  const [into, moved] = [childOf(m, root, 0), childOf(m, root, 1)]
  const children = kept(m, root)
  // The parent's entry stands before the child's.
  const order = new Delta(thread.memory)
  const target = nodeOf(into)
  const inside = [...kept(m, target), { word: moved }]
  const successor = succeed(thread, { node: target, children: inside }, order, [moved])
  const above = [{ word: successor, from: 0 }, ...children.slice(2)]
  const word = succeed(thread, { node: root, children: above }, delta)
  append(delta, order)
  return word
}

/** root[0] appears a second time, at the end. */
export const duplicate: Step = (thread, root, delta) => {
  const { m } = thread.memory
  const word = childOf(m, root, 0)
  return succeed(thread, { node: root, children: [...kept(m, root), { word }] }, delta, [word])
}

/** The first child of root[0] and of root[last], the same node, is replaced under both edges. */
const replaceShared: Step = (thread, root, delta) => {
  const { m } = thread.memory
  const last = (m[root + 3] as number) - 1
  const below = new Delta(thread.memory)
  const children = kept(m, root)
  for (const index of [0, last]) {
    const node = nodeOf(childOf(m, root, index))
    const inside = [{ word: encodeTree(thread, 8) }, ...kept(m, node).slice(1)]
    children[index] = { word: succeed(thread, { node, children: inside }, below), from: index }
  }
  const word = succeed(thread, { node: root, children }, delta)
  append(delta, below)
  return word
}

/** The first child is dropped. */
const drop: Step = (thread, root, delta) => {
  const { m } = thread.memory
  return succeed(thread, { node: root, children: kept(m, root).slice(1) }, delta)
}

/** Another root, which refers to the old root's last child. */
const replaceRoot: Step = (thread, root, delta) => {
  const { m } = thread.memory
  const word = childOf(m, root, (m[root + 3] as number) - 1)
  delta.droppedRoot()
  delta.included(nodeOf(word))
  return arrayNode(thread, [encodeTree(thread, 9), word])
}

/** A path copy two levels deep: the replaced child is one that stays. */
const deep: Step = (thread, root, delta) => {
  const { m } = thread.memory
  const below = new Delta(thread.memory)
  const node = nodeOf(childOf(m, root, 0))
  const inside = [{ word: encodeTree(thread, 6) }, ...kept(m, node).slice(1)]
  const word = succeed(thread, { node, children: inside }, below)
  const children = [{ word, from: 0 }, ...kept(m, root).slice(1)]
  const successor = succeed(thread, { node: root, children }, delta)
  append(delta, below)
  return successor
}

function append(delta: Delta, more: Delta): void {
  delta.out.push(...more.out)
  delta.inc.push(...more.inc)
  delta.retiredWords += more.retiredWords
}

interface Chain {
  readonly name: string
  readonly claim: string
  readonly tree: Tree
  readonly steps: readonly Step[]
  readonly documents: readonly Tree[]
}

/** One thread publishes the steps; another holds whichever version it meets meanwhile. */
function chain({ name, claim, tree, steps, documents }: Chain): ModelScenario {
  return {
    name,
    claim,
    meets: [JSON.stringify(tree), ...documents.map((document) => JSON.stringify(document))],
    make: (seen: Seen) => ({
      ...common,
      shared: () => shadowed(modelOf({ slots: 2, trees: [tree] })),
      threads: {
        writer({ memory }) {
          const thread = threadAt(memory, 0, FINE)
          for (const step of steps) {
            publishTree(thread, cellOf(memory), (root, delta) => step(thread, root, delta))
            thread.reclaimer.attempt(40)
          }
          thread.reclaimer.attempt(40)
        },
        reader: ({ memory }) => seen.add(readLeased(threadAt(memory, 1))),
      },
      after(model) {
        expectDocument(model, documents.at(-1)!)
        settled(model)
      },
      preemptions: 2,
    }),
  }
}

const chains = [
  chain({
    name: 'delta-move',
    claim: 'a subtree that moves to another parent is counted before its old parent goes',
    tree: [[1], [2, [3]], 4],
    steps: [move, deep],
    documents: [
      [[1, [2, [3]]], 4],
      [[6, [2, [3]]], 4],
    ],
  }),
  chain({
    name: 'delta-duplicate',
    claim: 'a node replaced under two parents has an entry for each edge',
    tree: [[1, [2]], 4],
    steps: [duplicate, replaceShared],
    documents: [
      [[1, [2]], 4, [1, [2]]],
      [[8, [2]], 4, [8, [2]]],
    ],
  }),
  chain({
    name: 'delta-drop',
    claim: 'what a version drops goes with it, and what is shared stays',
    tree: [[1, [2]], [5], 4],
    steps: [duplicate, drop, drop],
    documents: [
      [[1, [2]], [5], 4, [1, [2]]],
      [[5], 4, [1, [2]]],
      [4, [1, [2]]],
    ],
  }),
  chain({
    name: 'delta-deep',
    claim: 'a reader of an old version keeps all of it, replaced children included',
    tree: [[1, [2]], [5]],
    steps: [deep],
    documents: [[[6, [2]], [5]]],
  }),
  chain({
    name: 'delta-root',
    claim: 'a root that is dropped whole leaves what the new one refers to',
    tree: [
      [1, [2]],
      [5, [3]],
    ],
    steps: [replaceRoot],
    documents: [[9, [5, [3]]]],
  }),
]

/** Cell 1 takes over a subtree of cell 0, as adopting will: the source is leased until the swap. */
function adopt({ memory }: Model): void {
  const thread = threadAt(memory, 1, FINE)
  const source = cellOf(memory, 0)
  const record = thread.leases.take(source.rootAt, 0)
  const word = childOf(memory.m, nodeOf(source.rootOf(record)), 0)
  publishTree(thread, cellOf(memory, 1), (_, delta) => {
    delta.droppedRoot()
    delta.included(nodeOf(word))
    return word
  })
  thread.leases.release(record, 0)
}

const adopting: ModelScenario = {
  name: 'adopt-source',
  claim: 'a subtree of another cell stays, though its version departs at once after the swap',
  meets: ['[1,[2]]', '[6,[2]]'],
  make: (seen) => ({
    ...common,
    shared: () => shadowed(modelOf({ slots: 2, trees: [[[1, [2]], 4], [[7]]] })),
    threads: {
      writer({ memory }) {
        const thread = threadAt(memory, 0)
        publishTree(thread, cellOf(memory), (root, delta) => deep(thread, root, delta))
        thread.reclaimer.attempt(4)
      },
      adopter: adopt,
    },
    after(model) {
      seen.add(readLeased(threadAt(model.memory, 1), 1))
      settled(model)
    },
    preemptions: 3,
  }),
}

export const deltas = [...chains, adopting]
