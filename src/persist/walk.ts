/**
 * The nodes of one version, parents before their children: the reverse of the order in which a
 * depth-first walk leaves them, which is topological also where nodes are shared (Tarjan, 1976).
 */

import { isReference, nodeOf, referenceCount, referencesAt } from '../memory/kinds.ts'
import type { Memory } from '../memory/memory.ts'
import type { Offset } from '../memory/words.ts'
import { isOlder } from './nodes.ts'

const ROOM = 1 << 12

/** Int32 values one after the other, as many as need be. */
export class Numbers {
  values = new Int32Array(ROOM)
  length = 0

  push(value: number): void {
    if (this.length === this.values.length) this.#grow()
    this.values[this.length++] = value
  }

  pop(): number {
    return this.values[--this.length] as number
  }

  at(index: number): number {
    return this.values[index] as number
  }

  #grow(): void {
    const values = new Int32Array(this.length * 2)
    values.set(this.values)
    this.values = values
  }
}

/** The nodes that `root` reaches and no version up to `since` has; children first. The version is
 *  protected by the caller. */
export function nodesOf(memory: Memory, root: number, since: number): Numbers {
  return new Walk(memory, since).from(root)
}

class Walk {
  readonly #memory: Memory
  readonly #m: Int32Array
  readonly #since: number
  /** A bit for each place where a block may begin. */
  readonly #seen: Uint8Array
  readonly #found = new Numbers()
  readonly #open = new Numbers()
  readonly #next = new Numbers()

  constructor(memory: Memory, since: number) {
    this.#memory = memory
    this.#m = memory.m
    this.#since = since
    this.#seen = new Uint8Array((memory.layout.capacity >>> 4) + 1)
  }

  from(root: number): Numbers {
    const m = this.#m
    this.#enter(root)
    while (this.#open.length > 0) {
      // bound: references
      const top = this.#open.length - 1
      const node = this.#open.at(top)
      const index = this.#next.at(top)
      if (index === referenceCount(m, node, this.#memory.layout)) {
        this.#found.push(node)
        this.#open.pop()
        this.#next.pop()
        continue
      }
      this.#next.values[top] = index + 1
      this.#enter(m[referencesAt(m, node) + index] as number)
    }
    return this.#found
  }

  #enter(word: number): void {
    if (!isReference(word)) return
    const node = nodeOf(word)
    if (this.#isSeen(node) || isOlder(this.#m, node, this.#since)) return
    if (referenceCount(this.#m, node, this.#memory.layout) === 0) this.#found.push(node)
    else {
      this.#open.push(node)
      this.#next.push(0)
    }
  }

  #isSeen(node: Offset): boolean {
    const bit = 1 << ((node >>> 1) & 7)
    const seen = (this.#seen[node >>> 4] as number) & bit
    this.#seen[node >>> 4] = (this.#seen[node >>> 4] as number) | bit
    return seen !== 0
  }
}
