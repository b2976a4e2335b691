/** What the tests of the store look at from inside, and what all of them ask for. */

import { expect } from 'vitest'
import type { RootswapError, Store } from '../../../src/index.ts'
import { type Attachment, attach } from '../../../src/store/attachment.ts'
import { memoryOfHandle } from '../../../src/store/handle.ts'

/** This thread's attachment to the heap of an open store: the one that the store uses. */
export function inside<T>(store: Pick<Store<T>, 'handle'>): Attachment {
  return attach(memoryOfHandle(store.handle, 'store'), '')
}

/** What an error says of itself. */
export interface Caught {
  readonly name: string
  readonly message: string
  readonly code?: string
  readonly path?: readonly (string | number)[]
  readonly [field: string]: unknown
}

/** The error that a call throws; fails if it throws none. */
export function thrown(call: () => unknown): Caught {
  try {
    call()
  } catch (error) {
    return error as Caught
  }
  return expect.fail('nothing was thrown')
}

/** A seeded generator of numbers from 0 up to 1: mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The seed of a run: from the environment to repeat one, else new; the test prints it. */
export function seedOf(name: string): number {
  const given = process.env['ROOTSWAP_SEED']
  const seed = given === undefined ? (Math.random() * 2 ** 31) | 0 : Number(given)
  console.log(`${name}: ROOTSWAP_SEED=${seed}`)
  return seed
}

/** Lets reclaiming go on until nothing is left to do, then proves that the heap is whole. The
 *  thread keeps the version that it last read as `current`, so it reads the newest first. */
export function settled<T>(store: Store<T>) {
  void store.current
  for (let turn = 0; turn < 4; turn++) store.synchronizeSync(1000)
  return store.verify()
}

/** Verifies a heap that others write to. They do not wait without end while it is counted: false
 *  where this thread was held up for longer, so that the count says nothing. */
export function verifiedBesideWriters(store: { verify(): unknown }): boolean {
  try {
    store.verify()
    return true
  } catch (error) {
    if ((error as RootswapError).code !== 'ERR_TIMEOUT') throw error
    return false
  }
}

/** A document with objects too large to be decoded at once, so that laziness is at stake. */
export function services(count: number) {
  const named = (index: number) => ({
    id: index,
    name: `service number ${index}`,
    tags: [`tag-${index}-a`, `tag-${index}-b`],
    limits: { requests: index * 1000 + 0.5, burst: index + 7, owner: { team: `team ${index}` } },
  })
  const byName: Record<string, ReturnType<typeof named>> = {}
  for (let index = 0; index < count; index++) byName[`service-${index}`] = named(index)
  return {
    title: 'a document of services',
    byName,
    list: Array.from({ length: count }, (_, i) => named(i + count)),
  }
}

export type Services = ReturnType<typeof services>
