/**
 * 'store': a document of elements that writers replace. An element's id and its text say the same,
 * so a text of reused memory is found out; and elements age as in the kernel's rcutorture: 1 when
 * replaced, one more per grace period after that. A read may meet age 0 or 1, never 2.
 */

import type { RootswapError } from '../errors.ts'
import { isReference, nodeOf } from '../memory/kinds.ts'
import { type Attachment, attach } from '../store/attachment.ts'
import { cellOfHandle, memoryOfHandle, type StoreHandle } from '../store/handle.ts'
import { openStore } from '../store/open.ts'
import type { Heap } from '../store/contract.ts'
import type { Snapshot } from '../store/snapshot.ts'
import type { Store } from '../store/contract.ts'
import type { Source } from '../values/decode-cells.ts'
import type { Immutable } from '../values/immutable.ts'
import { findPath } from '../values/lookup.ts'
import type { RootCell } from '../versions/root.ts'
import type { Context, Participant, Structure } from './structure.ts'

interface Element {
  id: number
  text: string
}
interface Elements {
  elements: Element[]
}
type Handle = StoreHandle<Elements>

const ELEMENTS = 16
/** Grace periods after which a replaced element is forgotten. */
const AGES = 4
/** Characters of a text: some fit a node, some are long runs that take a while to read. */
const LENGTHS = [8, 64, 512, 4096] as const
const GRACE_MS_MAX = 20_000
/** A round begins after some dozen publishes: what is shorter than those proves little. */
const DWELL_MS_MAX = 50
const DWELL_MS_OFTEN = 5
/** Updates between two grace periods of a writer, at most: many, or nothing comes back to use. */
const BURST = 200

/** Any eight characters of it say which id it belongs to. */
function textOf(id: number, length: number): string {
  return id
    .toString(36)
    .padStart(8, '.')
    .repeat(length >> 3)
}

/** What is wrong with a text, if anything. */
function wrong(text: unknown, id?: number): string | undefined {
  if (typeof text !== 'string') return `a text is ${String(text)}`
  const token = text.slice(0, 8)
  if (text !== token.repeat(text.length >> 3)) return `a text is of two elements: ${peek(text)}`
  const found = Number.parseInt(token.replace(/^\.+/, ''), 36)
  if (id !== undefined && found !== id) return `element ${id} has the text of ${found}`
  return undefined
}

const peek = (text: string): string => JSON.stringify(text.length > 40 ? text.slice(0, 40) : text)

/** Half of all turns are about the first element: it lives so short that few leases keep it, and
 *  only a grace period stands between a section and the end of it. */
function indexOf({ numbers }: Context): number {
  return numbers.below(2) === 0 ? 0 : numbers.below(ELEMENTS)
}

class Reader implements Participant {
  readonly #context: Context
  readonly #store: Store<Elements>
  /** Never asked for `current`: its reads are sections on the newest version. */
  readonly #cold: Store<Elements>
  #kept: Immutable<Elements> | undefined
  readonly #dwelling: Dwelling
  #snapshot: Snapshot<Elements> | undefined
  #version = 0

  constructor(handle: Handle, context: Context) {
    this.#context = context
    this.#store = openStore(handle)
    this.#cold = openStore(handle)
    this.#dwelling = new Dwelling(handle, context)
  }

  turn(): void {
    const kind = this.#context.numbers.below(100)
    if (kind < 40) this.#read()
    else if (kind < 75) this.#get()
    else if (kind < 77) this.#dwelling.turn()
    else if (kind < 90) this.#keep()
    else this.#hold()
  }

  close(): void {
    this.#snapshot?.release()
    this.#store.close()
    this.#cold.close()
  }

  #read(): void {
    const context = this.#context
    context.phase('reading')
    this.#store.read((value, version) => {
      if (version < this.#version) context.violation(`version ${version} after ${this.#version}`)
      this.#version = version
      const element = value.elements[indexOf(context)] as Element
      const { id } = element
      this.#age(id)
      context.delayRarely()
      const bad = wrong(element.text, id)
      if (bad !== undefined) context.violation(bad)
      this.#age(id)
    })
    context.count('reads')
  }

  #age(id: number): void {
    const age = this.#context.control.ageOf(id)
    if (age < 2) this.#context.count(age === 0 ? 'age0' : 'age1')
    else {
      this.#context.count('agedTooFar')
      this.#context.violation(`a read met element ${id} at age ${age}`)
    }
  }

  #get(): void {
    this.#context.phase('reading')
    const index = indexOf(this.#context)
    const bad = wrong(this.#cold.get('elements', index, 'text'))
    if (bad !== undefined) this.#context.violation(`get: ${bad}`)
    this.#context.count('gets')
  }

  /** What `current` gave stays readable, whatever is published meanwhile. */
  #keep(): void {
    this.#context.phase('reading')
    if (this.#kept !== undefined) this.#checkAll(this.#kept, 'a kept value')
    this.#kept = this.#store.current
    this.#context.count('reads')
  }

  #hold(): void {
    this.#context.phase('holding a snapshot')
    if (this.#snapshot === undefined) {
      this.#snapshot = this.#store.snapshot()
      this.#context.count('snapshots')
      return
    }
    this.#checkAll(this.#snapshot.value, `the snapshot of version ${this.#snapshot.version}`)
    this.#snapshot.release()
    this.#snapshot = undefined
  }

  #checkAll(value: Immutable<Elements>, what: string): void {
    if (value.elements.length !== ELEMENTS) this.#context.violation(`${what} lost an element`)
    for (const { id, text } of value.elements) {
      const bad = wrong(text, id)
      if (bad !== undefined) this.#context.violation(`${what}: ${bad}`)
    }
  }
}

/**
 * What `get` does, with a delay in the middle of its section: as a thread that the operating system
 * stops there, which is rare and is what grace periods are for.
 */
class Dwelling {
  readonly #context: Context
  readonly #attachment: Attachment
  readonly #cell: RootCell

  constructor(handle: Handle, context: Context) {
    this.#context = context
    const memory = memoryOfHandle(handle, 'store')
    // The one that the thread's stores use, which close it.
    this.#attachment = attach(memory, '')
    this.#cell = cellOfHandle(memory, handle)
  }

  turn(): void {
    const context = this.#context
    const { thread, codec, decoder, memory } = this.#attachment
    const path = ['elements', indexOf(context), 'text']
    const most = context.numbers.below(4) === 0 ? DWELL_MS_MAX : DWELL_MS_OFTEN
    const milliseconds = 1 + context.numbers.below(most)
    thread.section.enter()
    const word = findPath(codec, this.#cell.rootOf(this.#cell.newest()), path)
    const header = isReference(word) ? memory.m[nodeOf(word)] : 0
    context.phase('delayed in a section')
    context.control.pause(milliseconds)
    // A block that is freed is marked so in its header, which nobody else may change.
    const freed = isReference(word) && memory.m[nodeOf(word)] !== header
    const text = isReference(word) && !freed ? decoder.decodeWhole(word, UNCACHED) : undefined
    thread.section.leave()
    const bad = freed ? 'a block was freed that it was reading' : wrong(text)
    if (bad !== undefined) context.violation(`in a section: ${bad}`)
    context.count('dwells')
  }
}

/** Strings of a section are not kept: the section protects them only until it ends. */
const UNCACHED: Source = { era: -1, check: () => {} }

class Writer implements Participant {
  readonly #context: Context
  readonly #store: Store<Elements>
  #removed: number[] = []
  #burst = 0

  constructor(handle: Handle, context: Context) {
    this.#context = context
    this.#store = openStore(handle)
  }

  turn(): void {
    const context = this.#context
    context.phase('updating')
    const index = indexOf(context)
    const id = context.control.newId()
    const length = LENGTHS[context.numbers.below(LENGTHS.length)] as number
    let old = 0
    this.#store.update((draft) => {
      const element = draft.elements[index] as Element
      old = element.id
      draft.elements[index] = { id, text: textOf(id, length) }
    })
    context.control.older(old)
    this.#removed.push(old)
    context.count('updates')
    if (this.#burst-- > 0) return
    this.#burst = context.numbers.below(BURST)
    this.#passGrace()
  }

  close(): void {
    this.#store.close()
  }

  #passGrace(): void {
    const context = this.#context
    context.phase('waiting for readers')
    const begin = performance.now()
    try {
      this.#store.synchronizeSync(GRACE_MS_MAX)
    } catch (error) {
      // A thread that was killed in a read is reaped by the thread that runs the torture.
      if ((error as RootswapError).code !== 'ERR_TIMEOUT') throw error
      context.violation(`no grace period within ${GRACE_MS_MAX} ms: ${(error as Error).message}`)
      return
    }
    context.count('gracePeriods')
    context.highest('longestGraceMs', Math.round(performance.now() - begin))
    this.#removed = this.#removed.filter((id) => context.control.older(id) < AGES)
  }
}

export const elements: Structure = {
  name: 'store',
  create(heap: Heap): Handle {
    const initial = Array.from({ length: ELEMENTS }, (_, id) => ({ id, text: textOf(id, 64) }))
    return heap.createStore({ elements: initial }).handle
  },
  reader: (handle, context) => new Reader(handle as Handle, context),
  writer: (handle, context) => new Writer(handle as Handle, context),
  check(handle) {
    const store = openStore(handle as Handle)
    const bad = store.current.elements.map(({ id, text }) => wrong(text, id))
    store.close()
    return bad.find((each) => each !== undefined)
  },
}
