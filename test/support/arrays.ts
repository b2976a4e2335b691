/** Documents made of ARRAY nodes by hand: for tests that need no codec. */

import { ARRAY, isReference, nodeOf, referenceTo, stamp, TAG_NODE } from '../../src/memory/kinds.ts'
import type { Offset } from '../../src/memory/words.ts'
import type { HeapThread } from '../../src/reclaim/thread.ts'
import { Delta } from '../../src/versions/delta.ts'
import { createCell, type RootCell } from '../../src/versions/root.ts'

export type Tree = number | readonly Tree[]

export function encodeTree(thread: HeapThread, tree: Tree): number {
  if (typeof tree === 'number') return tree << 1
  const children = tree.map((child) => encodeTree(thread, child))
  return arrayNode(thread, children)
}

export function arrayNode(thread: HeapThread, children: readonly number[]): number {
  const { m } = thread.memory
  const node = thread.allocator.allocate(4 + children.length)
  stamp(m, node, ARRAY, 0)
  m[node + 2] = 0
  m[node + 3] = children.length
  for (const [index, word] of children.entries()) m[node + 4 + index] = word
  return referenceTo(node, TAG_NODE)
}

export function decodeTree(m: Int32Array, word: number): Tree {
  if (!isReference(word)) return word >> 1
  const node = nodeOf(word)
  const tree: Tree[] = []
  for (let index = 0; index < (m[node + 3] as number); index++) {
    tree.push(decodeTree(m, m[node + 4 + index] as number))
  }
  return tree
}

export function createTree(thread: HeapThread, tree: Tree): RootCell {
  thread.allocator.begin()
  return createCell(thread, encodeTree(thread, tree), 0)
}

/** Replaces the child at `path` by `tree`, by a path copy from the protected `base`. */
export function setTree(
  thread: HeapThread,
  cell: RootCell,
  path: readonly number[],
  tree: Tree,
): boolean {
  const base = thread.leases.take(cell.rootAt, 0)
  thread.allocator.begin()
  const delta = new Delta(thread.memory)
  const edit = { thread, delta, word: encodeTree(thread, tree) }
  const root = copyPath(edit, nodeOf(cell.rootOf(base)), path)
  const won = cell.publish(thread, base, root, delta) !== 0
  if (!won) thread.allocator.abort()
  thread.leases.release(base, 0)
  return won
}

/** What a path copy puts at the end of its path, and how it goes about it. */
interface PathEdit {
  readonly thread: HeapThread
  readonly delta: Delta
  readonly word: number
}

function copyPath(edit: PathEdit, node: Offset, path: readonly number[]): number {
  const { thread, delta, word } = edit
  const { m } = thread.memory
  const [index, ...rest] = path as [number, ...number[]]
  const old = m[node + 4 + index] as number
  delta.replaced(node, rest.length === 0 && isReference(old) ? [index] : [])
  const child = rest.length === 0 ? word : copyPath(edit, nodeOf(old), rest)
  const children = Array.from(m.subarray(node + 4, node + 4 + (m[node + 3] as number)))
  children[index] = child
  return arrayNode(thread, children)
}

/** What a change does to the children of one node: an old child, by index or from elsewhere. */
export interface NodeEdit {
  readonly node: Offset
  /** For each child of the successor: a word, and where it comes from. */
  readonly children: readonly Child[]
}

export interface Child {
  readonly word: number
  /** Index of the child of `node` that stays in place here; undefined for everything else. */
  readonly from?: number
}

/** The word of a node's child. */
export function childOf(m: Int32Array, node: Offset, index: number): number {
  return m[node + 4 + index] as number
}

/**
 * The successor of a node in a DAG, and its entry in the delta. A child with `from` is the old one
 * at that index, kept or (as the word of a new node) replaced below; its entries come after this
 * call. Another old node is a new reference: `moved` says which words are.
 */
export function succeed(
  thread: HeapThread,
  edit: NodeEdit,
  delta: Delta,
  moved: readonly number[] = [],
): number {
  const { m } = thread.memory
  const kept = new Set(edit.children.map(({ from }) => from))
  const dropped: number[] = []
  for (let index = 0; index < (m[edit.node + 3] as number); index++) {
    if (isReference(childOf(m, edit.node, index)) && !kept.has(index)) dropped.push(index)
  }
  delta.replaced(edit.node, dropped)
  for (const word of moved) delta.included(nodeOf(word))
  return arrayNode(
    thread,
    edit.children.map(({ word }) => word),
  )
}

/** A publish from the protected base; `build` gets the old root's node, returns the new word. */
export function publishTree(
  thread: HeapThread,
  cell: RootCell,
  build: (root: Offset, delta: Delta) => number,
): boolean {
  const base = thread.leases.take(cell.rootAt, 0)
  thread.allocator.begin()
  const delta = new Delta(thread.memory)
  const root = build(nodeOf(cell.rootOf(base)), delta)
  const won = cell.publish(thread, base, root, delta) !== 0
  if (!won) thread.allocator.abort()
  thread.leases.release(base, 0)
  return won
}
