/**
 * Transfers money until it is killed, and says in a word of its own what it is doing. Where the
 * main thread wants it to die it lingers: between any two atomic accesses, in the recipe, around
 * each allocation, so that over many kills the deaths are spread over all of these places.
 */
import { workerData } from 'node:worker_threads'
import { openStore, type StoreHandle } from '../../src/index.ts'
import { attach } from '../../src/store/attachment.ts'
import { Words } from '../../src/memory/words.ts'
import { memoryOfHandle } from '../../src/store/handle.ts'
import { RootCell } from '../../src/versions/root.ts'
import {
  type Bank,
  BEGUN,
  DONE,
  LINGERED,
  PHASE,
  type PhaseName,
  PHASES,
  ROW_WORDS,
  transfer,
  WANTED,
} from './bank.ts'

export interface VictimData {
  readonly handle: StoreHandle<Bank>
  /** In a heap of its own, which the victim opens and leaves again and again. */
  readonly second: StoreHandle<number[]>
  readonly notes: SharedArrayBuffer
  readonly row: number
  readonly seed: number
}

const { handle, second, notes, row, seed } = workerData as VictimData
const note = new Int32Array(notes, row * ROW_WORDS * 4, ROW_WORDS)
const random = randomFrom(seed)
/** It lingers once: for so long, unless it is killed, and with this probability at each place. */
const LINGER_MS = 50
const LINGER_CHANCE = 0.05

function randomFrom(first: number): () => number {
  let state = first | 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) >>> 0) / 2 ** 32
  }
}

function enter(phase: PhaseName): number {
  const before = note[PHASE]!
  Atomics.store(note, PHASE, PHASES.indexOf(phase))
  linger()
  return before
}

function leave(before: number): void {
  linger()
  Atomics.store(note, PHASE, before)
}

/** Spins at some place of the phase in which this worker is wanted. */
function linger(): void {
  if (note[WANTED] !== note[PHASE]! + 1 || note[LINGERED] !== 0) return
  if (random() > LINGER_CHANCE) return
  Atomics.store(note, LINGERED, 1)
  Atomics.notify(note, LINGERED)
  const until = performance.now() + LINGER_MS
  while (performance.now() < until) continue
}

/** Replaces a method by one that runs in a phase. */
function mark<K extends string>(
  object: Record<K, (...given: never[]) => unknown>,
  method: K,
  phase: PhaseName,
): void {
  const plain = object[method] as (...given: unknown[]) => unknown
  object[method] = function marked(this: unknown, ...given: unknown[]): unknown {
    const before = enter(phase)
    try {
      return plain.apply(this, given)
    } finally {
      leave(before)
    }
  }
}

/** Death may come between any two accesses that other threads can see. */
function markAccesses<K extends string>(
  object: Record<K, (...given: never[]) => unknown>,
  methods: readonly K[],
): void {
  for (const method of methods) {
    const plain = object[method] as (...given: unknown[]) => unknown
    object[method] = function lingering(this: unknown, ...given: unknown[]): unknown {
      const result = plain.apply(this, given)
      linger()
      return result
    }
  }
}

const store = openStore(handle, { label: `victim ${row}` })
const { thread, codec } = attach(memoryOfHandle(handle, 'store'), '')
markAccesses(Words.prototype, ['load', 'store', 'compareExchange', 'add'])
mark(codec.encoder, 'encodeNext', 'encode')
mark(codec.encoder, 'encode', 'encode')
mark(thread.allocator, 'allocate', 'allocate')
mark(thread.allocator, 'end', 'after swap')
mark(thread.reclaimer, 'attempt', 'reclaim')
mark(RootCell.prototype, 'publish', 'swap')
Atomics.store(note, BEGUN, 1)

const kept: unknown[] = []
for (;;) {
  write()
  enter('after swap')
  Atomics.add(note, DONE, 1)
  enter('read')
  read()
  hold()
  visit()
  wait()
  enter('idle')
  if (note[WANTED] === 0) Atomics.wait(note, BEGUN, 1, 3) // leaves the processor to the others
  linger()
}

function write(): void {
  enter('draft')
  store.update((draft) => {
    enter('draft')
    transfer(draft, row, random)
    enter('encode')
  })
}

function read(): void {
  store.read((bank) => {
    linger()
    let total = 0
    for (const account of bank.accounts) total += account.balance
    if (total !== bank.accounts.length * 1000) throw new RangeError(`torn: the total is ${total}`)
    kept.push(bank.byName['account-7'])
  })
  if (kept.length > 20) kept.splice(0, 10)
  void store.get('byName', 'account-9', 'memo')
}

/** Some snapshots are left for the reaper, or the collector. */
function hold(): void {
  enter('lease')
  const snapshot = store.snapshot()
  void snapshot.get('byName', 'account-11', 'memo')
  if (random() > 0.9) return
  enter('release')
  snapshot.release()
}

/** Claims a slot, and gives it back. */
function visit(): void {
  enter('register')
  const other = openStore(second)
  if (other.get(0) !== 1) throw new RangeError('the second store says something else')
  enter('release')
  other.close()
}

function wait(): void {
  enter('wait')
  try {
    store.waitForVersionSync(store.version + 2, 2)
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_TIMEOUT') throw error
  }
}
