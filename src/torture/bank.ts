/** 'bank': writers move money between accounts; in every version, read in any way, the total is
 *  the same. Accounts are spread over objects, so that a transfer copies several paths. */

import { openStore } from '../store/open.ts'
import type { StoreHandle } from '../store/handle.ts'
import type { Snapshot } from '../store/snapshot.ts'
import type { Store } from '../store/contract.ts'
import type { Immutable } from '../values/immutable.ts'
import type { Context, Participant, Structure } from './structure.ts'

interface Bank {
  branches: { accounts: number[]; last: string }[]
}
type Handle = StoreHandle<Bank>

const BRANCHES = 6
const ACCOUNTS = 8
const EACH = 1000
const TOTAL = BRANCHES * ACCOUNTS * EACH

function totalOf(bank: Immutable<Bank>): number {
  let total = 0
  for (const branch of bank.branches) for (const account of branch.accounts) total += account
  return total
}

class Reader implements Participant {
  readonly #context: Context
  readonly #store: Store<Bank>
  #snapshot: Snapshot<Bank> | undefined

  constructor(handle: Handle, context: Context) {
    this.#context = context
    this.#store = openStore(handle)
  }

  turn(): void {
    const context = this.#context
    if (context.numbers.below(10) === 0) {
      this.#hold()
      return
    }
    context.phase('reading')
    this.#store.read((value, version) => {
      context.delayRarely()
      this.#expectTotal(value, `version ${version}`)
    })
    context.count('reads')
  }

  close(): void {
    this.#snapshot?.release()
    this.#store.close()
  }

  #hold(): void {
    const context = this.#context
    context.phase('holding a snapshot')
    if (this.#snapshot !== undefined) {
      this.#expectTotal(this.#snapshot.value, `the snapshot of ${this.#snapshot.version}`)
      this.#snapshot.release()
      this.#snapshot = undefined
      return
    }
    this.#snapshot = this.#store.snapshot()
    context.count('snapshots')
  }

  #expectTotal(value: Immutable<Bank>, what: string): void {
    const total = totalOf(value)
    if (total !== TOTAL) this.#context.violation(`${what} has a total of ${total}, not ${TOTAL}`)
  }
}

class Writer implements Participant {
  readonly #context: Context
  readonly #store: Store<Bank>

  constructor(handle: Handle, context: Context) {
    this.#context = context
    this.#store = openStore(handle)
  }

  turn(): void {
    const { numbers } = this.#context
    this.#context.phase('updating')
    const [from, to] = [numbers.below(BRANCHES), numbers.below(BRANCHES)]
    const [giver, taker] = [numbers.below(ACCOUNTS), numbers.below(ACCOUNTS)]
    const amount = numbers.below(50)
    const moves = numbers.below(4) === 0
    const [one, other] = [numbers.below(BRANCHES), numbers.below(BRANCHES)]
    this.#store.update((draft) => {
      const source = draft.branches[from] as Bank['branches'][number]
      const target = draft.branches[to] as Bank['branches'][number]
      source.accounts[giver] = (source.accounts[giver] as number) - amount
      target.accounts[taker] = (target.accounts[taker] as number) + amount
      target.last = `${amount} from branch ${from}, account ${giver}`
      if (!moves) return
      // What moves is neither copied nor dropped: its count has to go with it.
      const moved = draft.branches[one] as Bank['branches'][number]
      draft.branches[one] = draft.branches[other] as Bank['branches'][number]
      draft.branches[other] = moved
    })
    this.#context.count('updates')
  }

  close(): void {
    this.#store.close()
  }
}

export const bank: Structure = {
  name: 'bank',
  create(heap): Handle {
    const branches = Array.from({ length: BRANCHES }, () => ({
      accounts: Array.from({ length: ACCOUNTS }, () => EACH),
      last: '',
    }))
    return heap.createStore({ branches }).handle
  },
  reader: (handle, context) => new Reader(handle as Handle, context),
  writer: (handle, context) => new Writer(handle as Handle, context),
  check(handle) {
    const store = openStore(handle as Handle)
    const total = totalOf(store.current)
    store.close()
    return total === TOTAL ? undefined : `the total is ${total}, not ${TOTAL}`
  },
}
