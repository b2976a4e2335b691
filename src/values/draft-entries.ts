/**
 * Delta entries in the right order. A parent's entry must stand before its children's, but nodes
 * are built children first; so the entries of each are collected aside and handed over in reverse.
 */

import type { Memory } from '../memory/memory.ts'
import { Delta } from '../versions/delta.ts'

export class Entries {
  /** What is reported now, children before parents. */
  readonly collected: Delta
  /** Where the entries of each node begin. */
  readonly #starts: number[] = []

  constructor(memory: Memory) {
    this.collected = new Delta(memory)
  }

  /** The entries of the next node begin. */
  next(): void {
    this.#starts.push(this.collected.out.length)
  }

  /** Hands the entries over, those of the last node first, each with its drops ascending. */
  handOver(delta: Delta): void {
    const { out, inc, retiredWords } = this.collected
    let end = out.length
    for (let index = this.#starts.length - 1; index >= 0; index--) {
      const start = this.#starts[index] as number
      for (let at = start; at < end; at += 2 + (out[at + 1] as number))
        copyEntry(out, at, delta.out)
      end = start
    }
    for (const node of inc) delta.inc.push(node)
    delta.retiredWords += retiredWords
  }
}

function copyEntry(from: readonly number[], at: number, to: number[]): void {
  const drops = from[at + 1] as number
  to.push(from[at] as number, drops)
  if (drops === 0) return
  const slots = from.slice(at + 2, at + 2 + drops)
  if (drops > 1) slots.sort((a, b) => a - b)
  for (const slot of slots) to.push(slot)
}
