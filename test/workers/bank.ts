/**
 * A bank in a store: accounts whose total never changes, and for each thread how many transfers of
 * its were published. For the tests that kill threads; the notes beside the heap are words of a
 * small buffer, one row for each worker.
 */

export const PHASES = [
  'idle',
  'read',
  'draft',
  'encode',
  'swap',
  'after swap',
  'reclaim',
  'allocate',
  'lease',
  'release',
  'register',
  'wait',
] as const
export type PhaseName = (typeof PHASES)[number]

/** Words of a worker's row. */
export const ROW_WORDS = 8
/** What the worker is doing: an index of PHASES. */
export const PHASE = 0
/** Set by the main thread: the phase in which the worker is to linger, plus 1. */
export const WANTED = 1
/** Transfers that returned to the worker. */
export const DONE = 2
/** How often the worker lingered where it was wanted. */
export const LINGERED = 3
/** 1 once the worker has begun. */
export const BEGUN = 4

export const ACCOUNTS = 200
export const BALANCE = 1000

export interface Account {
  balance: number
  owner: { name: string; notes: string[] }
}

export interface Bank {
  accounts: Account[]
  byName: Record<string, { last: number; memo: string }>
  /** By row. */
  transfers: number[]
}

export function newBank(rows: number): Bank {
  const byName: Bank['byName'] = {}
  for (let index = 0; index < ACCOUNTS; index++) {
    byName[`account-${index}`] = { last: index + 0.5, memo: `memo of account ${index}` }
  }
  return {
    accounts: Array.from({ length: ACCOUNTS }, (_, index) => ({
      balance: BALANCE,
      owner: { name: `owner number ${index}`, notes: [`note ${index}`] },
    })),
    byName,
    transfers: Array.from({ length: rows }, () => 0),
  }
}

export function totalOf(bank: { accounts: readonly { balance: number }[] }): number {
  let total = 0
  for (const { balance } of bank.accounts) total += balance
  return total
}

/** Moves money and leaves traces: a new string, a longer list, a property of a large object. */
export function transfer(bank: Bank, row: number, random: () => number): void {
  const from = Math.floor(random() * ACCOUNTS)
  const to = Math.floor(random() * ACCOUNTS)
  const amount = Math.floor(random() * 100)
  bank.accounts[from]!.balance -= amount
  bank.accounts[to]!.balance += amount
  const { notes } = bank.accounts[to]!.owner
  notes.push(`${amount} from account ${from}, by worker ${row}`)
  if (notes.length > 4) notes.splice(0, 3)
  bank.byName[`account-${from}`]!.last = amount + random()
  bank.transfers[row]!++
}
