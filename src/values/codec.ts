/**
 * What the functions of this folder need to read and write values: built once per thread and heap.
 * Nothing here is shared between threads but the heap itself.
 */

import type { Allocator } from '../memory/allocator.ts'
import type { Memory } from '../memory/memory.ts'
import { Encoder } from './encode.ts'
import { Shapes } from './shapes.ts'
import { Text } from './text.ts'

export interface Codec {
  readonly memory: Memory
  readonly allocator: Allocator
  readonly shapes: Shapes
  readonly text: Text
  readonly encoder: Encoder
}

export function makeCodec(memory: Memory, allocator: Allocator): Codec {
  const text = new Text(memory)
  const shapes = new Shapes(memory, text)
  const encoder = new Encoder(memory, allocator, shapes, text)
  return { memory, allocator, shapes, text, encoder }
}
