/**
 * Litmus tests whose rounds start at a barrier: what each thread does in a round and the number
 * that says what it saw. The parts are the shipped ones: Section, RootCell, Words.
 */

import { type Memory, memoryOf } from '../../src/memory/memory.ts'
import { readHeader } from '../../src/memory/header.ts'
import { Words } from '../../src/memory/words.ts'
import { type Section, sectionOf } from '../../src/reclaim/section.ts'
import { slotAt } from '../../src/reclaim/slots.ts'
import { RootCell } from '../../src/versions/root.ts'
import { Delays } from './litmus-pace.ts'
import { PlainStores, PlainWords } from './litmus-ports.ts'

export interface LitmusData {
  readonly test: string
  readonly variant: string
  readonly thread: number
  readonly threads: number
  readonly rounds: number
  readonly seed: number
  readonly heap: SharedArrayBuffer
  readonly control: SharedArrayBuffer
  /** One word per round and thread. */
  readonly outcomes: SharedArrayBuffer
}

/** A thread's part: what it does in a round, and what it tidies up after all have finished. */
export interface Part {
  round(round: number): number
  after?(round: number): void
}

/** How often the coherence test looks at the root in a round. */
const LOOKS = 24

export function memoryWith(words: Words): Memory {
  return memoryOf(words, readHeader(words))
}

/** A writer that does not swap at the beginning of its round, but anywhere in it. */
function swapper(data: LitmusData, seen: (words: Words, memory: Memory) => number): Part {
  const memory = memoryWith(new Words(data.heap))
  const cell = new RootCell(memory, 0)
  const copy = new RootCell(memory, 1)
  const delays = new Delays(data.seed)
  return {
    round(round) {
      delays.spin(60)
      memory.words.compareExchange(cell.rootAt, round, round + 1)
      const found = seen(memory.words, memory)
      if (data.variant === 'two-copies') memory.words.store(copy.rootAt, round + 1)
      return found
    },
  }
}

/** Store buffering: the section's store and root's load against the swap and the section's load. */
export function storeBuffering(data: LitmusData): Part {
  const memory = memoryWith(new Words(data.heap))
  const at = slotAt(memory.layout, 0)
  const own = data.variant === 'plain-store' ? new PlainStores(data.heap) : memory.words
  if (data.thread === 1) {
    return swapper(data, (words) => words.load(at) & 1)
  }
  const section = sectionOf(own, at)
  const cell = new RootCell(memory, 0)
  const delays = new Delays(data.seed)
  return {
    round(round) {
      delays.spin(60)
      section.enter()
      return cell.newest() - round
    },
    after: () => section.leave(),
  }
}

/** The root word, polled plainly as `current` does and loaded atomically: never back. */
export function coherence(data: LitmusData): Part {
  if (data.thread === 1) return swapper(data, () => 0)
  const memory = memoryWith(new Words(data.heap))
  const cell = new RootCell(memory, 0)
  const copy = new RootCell(memory, 1)
  const second = data.variant === 'two-copies' ? copy.rootAt : cell.rootAt
  const delays = new Delays(data.seed)
  const poll = (at: number): number => memory.m[at] as number
  return {
    round(round) {
      let last = round
      let moved = 0
      const first = poll(cell.rootAt) - round
      for (let look = 0; look < LOOKS; look++) {
        const seen = look % 4 === 3 ? cell.newest() : poll(look & 1 ? second : cell.rootAt)
        if (seen < last) return 3
        if (seen > last) moved++
        last = seen
        delays.spin(8)
      }
      return moved === 0 ? 0 : first === 1 ? 2 : 1
    },
  }
}

/** Two slots, two writers, two readers: both readers see the stores in one order. */
export function independentReads(data: LitmusData): Part {
  const words = data.variant === 'plain' ? new PlainWords(data.heap) : new Words(data.heap)
  const memory = memoryWith(words)
  const delays = new Delays(data.seed)
  const slots = [0, 1].map((slot) => slotAt(memory.layout, slot))
  if (data.thread < 2) return entering(sectionOf(words, slots[data.thread] as number), delays)
  const swapped = data.thread === 3 && data.variant !== 'same-order'
  const [first, then] = (swapped ? slots.toReversed() : slots) as [number, number]
  return {
    round() {
      delays.spin(100)
      const one = words.load(first) & 1
      if (data.variant === 'same-order') delays.sleep(words)
      const two = words.load(then) & 1
      return data.thread === 3 && !swapped ? two * 2 + one : one * 2 + two
    },
  }
}

function entering(section: Section, delays: Delays): Part {
  return {
    round() {
      delays.spin(100)
      section.enter()
      return 0
    },
    after: () => section.leave(),
  }
}
