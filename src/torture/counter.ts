/**
 * 'counter': one number that writers increment and readers read; what was recorded between two
 * quiet points must be linearizable, from the number at the first to the number at the second.
 * A lost update, a stale read and a read of a version that was taken back are all found by it.
 */

import { checkLinearizable, type Operation, type Specification } from '../explore/linearizable.ts'
import { openStore } from '../store/open.ts'
import type { StoreHandle } from '../store/handle.ts'
import type { Store } from '../store/contract.ts'
import type { LoggedOperation } from './control.ts'
import type { Context, Participant, Structure } from './structure.ts'

interface Counted {
  n: number
}
type Handle = StoreHandle<Counted>

const INCREMENT = 1
const GET = 2

/** What each store's number was at the last quiet point. */
const before = new WeakMap<object, number>()

class Reader implements Participant {
  readonly #context: Context
  /** Never asked for `current`: `get` is a section on the newest version. */
  readonly #store: Store<Counted>

  constructor(handle: Handle, context: Context) {
    this.#context = context
    this.#store = openStore(handle)
  }

  turn(): void {
    this.#context.phase('reading')
    this.#context.operation(GET, () => {
      this.#context.count('gets')
      return this.#store.get('n')
    })
  }

  close(): void {
    this.#store.close()
  }
}

class Writer implements Participant {
  readonly #context: Context
  readonly #store: Store<Counted>

  constructor(handle: Handle, context: Context) {
    this.#context = context
    this.#store = openStore(handle)
  }

  turn(): void {
    this.#context.phase('updating')
    this.#context.operation(INCREMENT, () => {
      let result = 0
      this.#store.update((draft) => {
        result = ++draft.n
      })
      this.#context.count('updates')
      return result
    })
  }

  close(): void {
    this.#store.close()
  }
}

function specification(initial: number): Specification<number> {
  return {
    initial: () => initial,
    apply(n, { name, result, end }) {
      const next = name === 'increment' ? n + 1 : n
      return end === Infinity || result === next ? next : undefined
    },
    key: String,
  }
}

function readable({ member, code, result, start, end }: LoggedOperation): Operation {
  const name = code === INCREMENT ? 'increment' : 'get'
  return { thread: `thread ${member}`, name, argument: undefined, result, start, end }
}

export const counter: Structure = {
  name: 'counter',
  create: (heap): Handle => heap.createStore({ n: 0 }).handle,
  reader: (handle, context) => new Reader(handle as Handle, context),
  writer: (handle, context) => new Writer(handle as Handle, context),
  check(handle, log) {
    const store = openStore(handle as Handle)
    const now = store.get('n')
    store.close()
    const initial = before.get(handle as object) ?? 0
    before.set(handle as object, now)
    const operations = log.map(readable)
    const last = operations.reduce((end, each) => Math.max(end, finite(each)), 0)
    const quiet = { member: -1, code: GET, result: now, start: last + 1, end: last + 2 }
    const result = checkLinearizable([...operations, readable(quiet)], specification(initial))
    if (result.linearizable) return undefined
    const { name, result: seen } = result.stuckAt ?? { name: 'get', result: now }
    return (
      `not linearizable: ${result.order.length} of ${operations.length} operations from ` +
      `${initial} explained, not ${name} -> ${String(seen)}`
    )
  },
}

function finite({ start, end }: Operation): number {
  return end === Infinity ? start : end
}
