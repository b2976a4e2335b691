/** A heap of one thread, for tests of values without a store. */

import { Allocator, type Supply } from '../../../src/memory/allocator.ts'
import { writeHeader } from '../../../src/memory/header.ts'
import { type Memory, memoryOf } from '../../../src/memory/memory.ts'
import { Words } from '../../../src/memory/words.ts'
import { type Codec, makeCodec } from '../../../src/values/codec.ts'
import { RootswapError } from '../../../src/errors.ts'
import { SLOT_WORDS } from '../../../src/memory/layout.ts'

const supply: Supply = {
  refill: () => 0,
  run: () => 0,
  relieve: () => false,
  full: (words) => new RootswapError('ERR_HEAP_FULL', `no room for ${words} words`, { words }),
}

export function makeMemory(megabytes = 16, threads = 4): Memory {
  const words = new Words(new SharedArrayBuffer(megabytes * 2 ** 20))
  const layout = writeHeader(words, {
    capacity: words.m.length,
    threads,
    cells: 4,
    limboWordsMax: 1 << 20,
    stallMs: 1000,
    maxWaitMs: 50,
    reclaimEvery: 16,
    identity: [0x1234567, 0x7654321],
  })
  return memoryOf(words, layout)
}

export function makeThread(memory: Memory, slot = 0): Codec {
  const slotAt = memory.layout.slotsAt + slot * SLOT_WORDS
  const { words, layout, classes } = memory
  const allocator = new Allocator(words, layout, classes, { slot, slotAt, supply })
  allocator.begin()
  return makeCodec(memory, allocator)
}
