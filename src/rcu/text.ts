/**
 * Strings as counted blocks: a word of length and width, then the characters, one byte each where
 * all are below 256, else two.
 *
 * **Invariants.** A block's text never changes.
 *
 * **Ordering.** Written while private; read by whoever was led to the published block.
 *
 * **Progress.** Linear in the characters.
 *
 * **Crash.** Private blocks are in the thread's draft log.
 */

import { allocateCounted, countedData } from '../memory/counted.ts'
import type { Memory } from '../memory/memory.ts'
import type { Offset } from '../memory/words.ts'
import type { HeapThread } from '../reclaim/thread.ts'

const CHUNK = 4096

/** A private block of the open draft. */
export function makeText(thread: HeapThread, text: string): Offset {
  const wide = isWide(text)
  const block = allocateCounted(thread.allocator, 0, 4 + text.length * (wide ? 2 : 1))
  const { m, words } = thread.memory
  const data = countedData(m, block)
  m[data] = (text.length << 1) | Number(wide)
  let byte = (data + 1) * 4
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    words.bytes[byte++] = code & 0xff
    if (wide) words.bytes[byte++] = code >>> 8
  }
  return block
}

export function readText(memory: Memory, block: Offset): string {
  const data = countedData(memory.m, block)
  const length = (memory.m[data] as number) >>> 1
  let text = ''
  for (let from = 0; from < length; from += CHUNK) {
    const codes: number[] = []
    const end = Math.min(length, from + CHUNK)
    for (let index = from; index < end; index++) codes.push(codeAt(memory, data, index))
    text += String.fromCharCode(...codes)
  }
  return text
}

export function textEquals(memory: Memory, block: Offset, text: string): boolean {
  const data = countedData(memory.m, block)
  if ((memory.m[data] as number) >>> 1 !== text.length) return false
  for (let index = 0; index < text.length; index++) {
    if (codeAt(memory, data, index) !== text.charCodeAt(index)) return false
  }
  return true
}

/** FNV-1a over the code units, begun with a seed. */
export function textHash(text: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return hash >>> 0
}

function codeAt({ m, words }: Memory, data: Offset, index: number): number {
  const first = (data + 1) * 4
  if (((m[data] as number) & 1) === 0) return words.bytes[first + index] as number
  const at = first + 2 * index
  return (words.bytes[at] as number) | ((words.bytes[at + 1] as number) << 8)
}

function isWide(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 255) return true
  return false
}
