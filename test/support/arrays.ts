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
  const root = copyPath(thread, nodeOf(cell.rootOf(base)), path, encodeTree(thread, tree), delta)
  const won = cell.publish(thread, base, root, delta) !== 0
  if (!won) thread.allocator.abort()
  thread.leases.release(base, 0)
  return won
}

function copyPath(
  thread: HeapThread,
  node: Offset,
  path: readonly number[],
  word: number,
  delta: Delta,
): number {
  const { m } = thread.memory
  const [index, ...rest] = path as [number, ...number[]]
  const old = m[node + 4 + index] as number
  delta.replaced(node, rest.length === 0 && isReference(old) ? [index] : [])
  const child = rest.length === 0 ? word : copyPath(thread, nodeOf(old), rest, word, delta)
  const children = Array.from(m.subarray(node + 4, node + 4 + (m[node + 3] as number)))
  children[index] = child
  return arrayNode(thread, children)
}
