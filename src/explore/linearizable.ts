/**
 * A checker of recordings: is there one order of the operations, consistent with real time, in
 * which a sequential specification gives every result that was seen? (Herlihy and Wing's
 * linearizability; the search is Wing and Gong's with Lowe's memoisation of configurations.)
 *
 * The search keeps the operations in a list of calls and returns by time. It takes the first call
 * that the specification accepts out of the list and starts again at the front; at a return of an
 * operation that was not taken it goes back. A configuration (which operations are taken, and the
 * state) that was met before is not tried again. The search is iterative: recordings of real
 * workers are long. Exponential at worst; give `part` where operations on different keys are
 * independent.
 *
 * A pending operation (its thread crashed in it) may have taken effect or not; it is left for last.
 */

import { rangeError } from '../errors.ts'

export interface Operation {
  readonly thread: string
  readonly name: string
  readonly argument: unknown
  /** Undefined while pending. */
  readonly result: unknown
  readonly start: number
  /** `Infinity`: never returned. */
  readonly end: number
}

export interface Specification<State> {
  initial(): State
  /**
   * The state after the operation, or `undefined` where it cannot have had its result here. For a
   * pending operation (`end` is `Infinity`) any result is right. Must not change `state`.
   */
  apply(state: State, operation: Operation): State | undefined
  /** Equal strings for equal states. Default: `JSON.stringify`. */
  key?(state: State): string
  /** Operations of different parts are independent, each with a state of its own. */
  part?(operation: Operation): string
}

export interface LinearizabilityResult {
  readonly linearizable: boolean
  /** An order that explains the recording, or the longest one that was found. */
  readonly order: readonly Operation[]
  /** The operation that cannot be placed, where there is none. */
  readonly stuckAt: Operation | undefined
  readonly configurations: number
}

export class NotLinearizable extends Error {
  readonly result: LinearizabilityResult

  constructor(result: LinearizabilityResult) {
    const lines = result.order.map((operation) => `  ${tell(operation)}`)
    const stuck = result.stuckAt ? tell(result.stuckAt) : 'the recording'
    super(`not linearizable: after\n${lines.join('\n')}\nnothing explains\n  ${stuck}`)
    this.name = 'NotLinearizable'
    this.result = result
  }
}

/** Throws `NotLinearizable` unless the recording is linearizable. */
export function expectLinearizable<State>(
  history: readonly Operation[],
  specification: Specification<State>,
): void {
  const result = checkLinearizable(history, specification)
  if (!result.linearizable) throw new NotLinearizable(result)
}

export function checkLinearizable<State>(
  history: readonly Operation[],
  specification: Specification<State>,
): LinearizabilityResult {
  let configurations = 0
  const order: Operation[] = []
  for (const part of partsOf(history, specification)) {
    const result = new Search(part, specification).run()
    configurations += result.configurations
    if (!result.linearizable) return { ...result, configurations }
    order.push(...result.order)
  }
  return { linearizable: true, order, stuckAt: undefined, configurations }
}

function partsOf<State>(
  history: readonly Operation[],
  specification: Specification<State>,
): Operation[][] {
  const parts = new Map<string, Operation[]>()
  for (const operation of history) {
    if (!(operation.start <= operation.end)) {
      throw rangeError(`operation ${tell(operation)} ends before it starts`)
    }
    const key = specification.part?.(operation) ?? ''
    const part = parts.get(key)
    if (part) part.push(operation)
    else parts.set(key, [operation])
  }
  return [...parts.values()]
}

/** A call or the return of it, in a doubly linked list by time. */
interface Entry {
  readonly index: number
  /** The entry of the return; undefined: this is a return. */
  readonly response: Entry | undefined
  before: Entry | undefined
  next: Entry | undefined
}

class Search<State> {
  readonly #history: readonly Operation[]
  readonly #specification: Specification<State>
  readonly #head: Entry
  readonly #taken: Uint32Array
  readonly #seen = new Set<string>()
  readonly #path: { entry: Entry; state: State }[] = []
  #longest: Operation[] = []
  #stuckAt: Operation | undefined

  constructor(history: readonly Operation[], specification: Specification<State>) {
    this.#history = history
    this.#specification = specification
    this.#head = listOf(history)
    this.#taken = new Uint32Array((history.length >> 5) + 1)
  }

  run(): LinearizabilityResult {
    let pending = 0
    for (const operation of this.#history) if (operation.end === Infinity) pending++
    let returned = this.#history.length - pending
    let state = this.#specification.initial()
    let entry = this.#head.next
    while (returned > 0) {
      if (entry === undefined || entry.response === undefined) {
        // A return of an operation that is not taken (or the end): go back by one.
        this.#note(entry)
        const last = this.#path.pop()
        if (last === undefined) return this.#result(false)
        state = last.state
        if (this.#operation(last.entry).end !== Infinity) returned++
        this.#putBack(last.entry)
        entry = last.entry.next
        continue
      }
      const next = this.#specification.apply(state, this.#operation(entry))
      if (next === undefined || !this.#isNew(entry, next)) {
        entry = entry.next
        continue
      }
      this.#path.push({ entry, state })
      if (this.#operation(entry).end !== Infinity) returned--
      takeOut(entry)
      state = next
      entry = this.#head.next
    }
    return this.#result(true)
  }

  #operation(entry: Entry): Operation {
    return this.#history[entry.index]!
  }

  /** Takes the operation if that leads to a configuration not met before. */
  #isNew(entry: Entry, state: State): boolean {
    const bit = 1 << (entry.index & 31)
    this.#taken[entry.index >> 5]! |= bit
    const key = this.#specification.key?.(state) ?? JSON.stringify(state)
    const configuration = `${this.#taken.join(',')}|${key}`
    if (!this.#seen.has(configuration)) {
      this.#seen.add(configuration)
      return true
    }
    this.#taken[entry.index >> 5]! &= ~bit
    return false
  }

  #putBack(entry: Entry): void {
    this.#taken[entry.index >> 5]! &= ~(1 << (entry.index & 31))
    putIn(entry)
  }

  #note(entry: Entry | undefined): void {
    if (this.#path.length < this.#longest.length && this.#stuckAt !== undefined) return
    this.#longest = this.#path.map((step) => this.#operation(step.entry))
    this.#stuckAt = entry ? this.#operation(entry) : undefined
  }

  #result(linearizable: boolean): LinearizabilityResult {
    return {
      linearizable,
      order: linearizable ? this.#path.map((step) => this.#operation(step.entry)) : this.#longest,
      stuckAt: linearizable ? undefined : this.#stuckAt,
      configurations: this.#seen.size,
    }
  }
}

/** Calls before returns of the same moment: what touches in time may be in either order. */
function listOf(history: readonly Operation[]): Entry {
  const entries: { entry: Entry; at: number; call: boolean }[] = []
  for (const [index, operation] of history.entries()) {
    const response: Entry = { index, response: undefined, before: undefined, next: undefined }
    const call: Entry = { index, response, before: undefined, next: undefined }
    entries.push({ entry: call, at: operation.start, call: true })
    entries.push({ entry: response, at: operation.end, call: false })
  }
  entries.sort((a, b) => {
    if (a.at !== b.at) return a.at < b.at ? -1 : 1
    return Number(b.call) - Number(a.call)
  })
  const head: Entry = { index: -1, response: undefined, before: undefined, next: undefined }
  let last = head
  for (const { entry } of entries) {
    last.next = entry
    entry.before = last
    last = entry
  }
  return head
}

function takeOut(call: Entry): void {
  for (const entry of [call, call.response!]) {
    entry.before!.next = entry.next
    if (entry.next) entry.next.before = entry.before
  }
}

/** The reverse of `takeOut`, in the reverse order: each entry still knows its neighbours. */
function putIn(call: Entry): void {
  for (const entry of [call.response!, call]) {
    entry.before!.next = entry
    if (entry.next) entry.next.before = entry
  }
}

function tell(operation: Operation): string {
  const argument = operation.argument === undefined ? '' : show(operation.argument)
  const result = operation.end === Infinity ? 'never returned' : show(operation.result)
  const time = `[${operation.start}, ${operation.end}]`
  return `${operation.thread}: ${operation.name}(${argument}) -> ${result} ${time}`
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value)
}
