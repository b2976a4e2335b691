/** Handles that are foreign, truncated or damaged; a store sent instead of its handle. */
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import {
  createStore,
  Heap,
  openStore,
  RootswapError,
  type Store,
  type StoreHandle,
} from '../../../src/index.ts'
import { randomFrom, seedOf, thrown } from './inside.ts'

type Anything = Record<string, unknown>

function expectBad(handle: unknown, field?: string): void {
  for (const use of [() => openStore(handle as never), () => Heap.open(handle as never)]) {
    const error = thrown(use)
    expect(error).toBeInstanceOf(RootswapError)
    expect(error.code).toBe('ERR_BAD_HANDLE')
  }
  if (field !== undefined) {
    expect(thrown(() => openStore(handle as never))['field']).toBe(field)
  }
}

describe('what is no handle of a store is ERR_BAD_HANDLE naming the field', () => {
  test('foreign values', () => {
    for (const value of [null, undefined, 0, true, Symbol('x'), () => {}, [], new Map(), {}]) {
      expectBad(value)
    }
    expectBad({ rootswap: 'store' }, 'buffer')
    expectBad({ rootswap: 'heap' }, 'rootswap')
    expectBad({ rootswap: 'store', buffer: new ArrayBuffer(2 ** 16) }, 'buffer')
    for (const length of [0, 4, 8, 4096, 2 ** 20]) {
      expectBad({ rootswap: 'store', buffer: new SharedArrayBuffer(length), identity: [1, 2] })
    }
  })

  test('a handle of the other kind says which one is needed', () => {
    const heap = Heap.create({ maxBytes: 2 ** 20 })
    const store = heap.createStore(1)
    expect(thrown(() => openStore(heap.handle as never)).message).toMatch(/a store's is needed/)
    expect(thrown(() => Heap.open(store.handle as never)).message).toMatch(/a heap's is needed/)
    store.close()
    heap.close()
  })

  test('a Store sent by mistake is told from its handle', () => {
    const store = createStore({ n: 1 }, { maxBytes: 2 ** 20 })
    expect(thrown(() => openStore(store as never)).message).toMatch(/send store\.handle/)
    const { port1, port2 } = new MessageChannel()
    port1.postMessage(store)
    const { message } = receiveMessageOnPort(port2) as { message: unknown }
    const error = thrown(() => openStore(message as never))
    expect(error.code).toBe('ERR_BAD_HANDLE')
    expect(error.message).toMatch(/send store\.handle, not the store itself/)
    port1.postMessage(store.handle)
    const sent = receiveMessageOnPort(port2) as { message: StoreHandle<{ n: number }> }
    const again = openStore(sent.message)
    expect(again.current).toEqual({ n: 1 })
    port1.close()
    again.close()
    store.close()
  })

  test('a heap cut off at any length', () => {
    const store = createStore({ n: 1 }, { maxBytes: 2 ** 20 })
    const { handle } = store
    store.close()
    for (let bytes = 0; bytes < 2 ** 20; bytes += 8 * 997) {
      const buffer = copyOf(handle.buffer, bytes)
      const before = Buffer.from(buffer).toString('latin1')
      expectBad({ ...handle, buffer })
      expect(Buffer.from(buffer).toString('latin1') === before).toBe(true)
    }
  })
})

function copyOf(buffer: SharedArrayBuffer, bytes = buffer.byteLength): SharedArrayBuffer {
  const copy = new SharedArrayBuffer(bytes)
  new Uint8Array(copy).set(new Uint8Array(buffer, 0, bytes))
  return copy
}

/** Words of the header that say what the heap is; those from 32 on change all the time. */
const FIXED_WORDS = 32
const HEADER_WORDS = 128
/** Words that the checksum covers. */
const CHECKED_WORDS = 12

interface Tally {
  refused: number
  right: number
  codes: Record<string, number>
}

/** Opens the handle and uses the store; what comes out is right or a typed error. */
function tryToUse(handle: unknown, writes: boolean, tally: Tally): void {
  const { buffer } = handle as StoreHandle<unknown>
  const before = Buffer.from(Buffer.from(buffer))
  let store: Store<{ n: number; list: string[] }>
  try {
    store = openStore(handle as StoreHandle<{ n: number; list: string[] }>)
  } catch (error) {
    const { code } = error as RootswapError
    expect(['ERR_BAD_HANDLE', 'ERR_TOO_MANY_THREADS']).toContain(code)
    // Nothing was written on refusal.
    expect(before.equals(Buffer.from(buffer))).toBe(true)
    tally.refused++
    tally.codes[code] = (tally.codes[code] ?? 0) + 1
    return
  }
  expect(JSON.stringify(store.current)).toBe('{"n":1,"list":["a string","b"]}')
  expect(store.version).toBe(1)
  expect(store.get('list', 0)).toBe('a string')
  if (writes) expect(store.update((draft) => void draft.n++).version).toBe(2)
  store.close()
  tally.right++
}

function mutated(handle: Anything, random: () => number, words: [number, number]): unknown {
  const pick = (below: number): number => Math.floor(random() * below)
  const copy: Anything = { ...handle, buffer: copyOf(handle['buffer'] as SharedArrayBuffer) }
  const m = new Int32Array(copy['buffer'] as SharedArrayBuffer)
  for (let changes = 1 + pick(2); changes > 0; changes--) {
    const at = words[0] + pick(words[1] - words[0])
    const interesting = [0, -1, 1, 2 ** 31 - 1, -(2 ** 31), m[at]! + 1, m[at]! - 1, m[at]! * 2]
    const kind = random()
    if (kind < 0.5) m[at]! ^= 1 << pick(32)
    else if (kind < 0.75) m[at] = interesting[pick(interesting.length)]!
    else m[at] = pick(2 ** 32)
  }
  if (random() > 0.3) return copy
  const fields = ['rootswap', 'buffer', 'identity', 'store', 'generation']
  const values = [null, undefined, -1, 0.5, 64, 1, 2 ** 31, 'heap', NaN, [0, 0], {}, true]
  const field = fields[pick(fields.length)]!
  if (field !== 'buffer' || random() < 0.2) copy[field] = values[pick(values.length)]
  return copy
}

test('a heap in which any two fixed words have a bit flipped is refused', () => {
  const store = createStore({ n: 1 }, { maxBytes: 2 ** 17, maxThreads: 2, maxStores: 1 })
  const { handle } = store
  store.close()
  let refused = 0
  for (let first = 0; first < CHECKED_WORDS; first++) {
    for (let second = 0; second < first; second++) {
      for (const bit of [0, 15, 31]) {
        const buffer = copyOf(handle.buffer)
        const m = new Int32Array(buffer)
        m[first]! ^= 1 << bit
        m[second]! ^= 1 << bit
        expect(thrown(() => Heap.open({ ...handle, rootswap: 'heap', buffer } as never)).code).toBe(
          'ERR_BAD_HANDLE',
        )
        refused++
      }
    }
  }
  console.log(`${refused} refused`)
})

/** Fewer on the other versions of Node: each makes a heap of its own. */
const MUTATIONS = process.env['ROOTSWAP_WITHOUT_SLOW_TESTS'] === '1' ? 1000 : 10_000

test(`${MUTATIONS} random mutations of a handle: a typed error or right behaviour, no hang`, () => {
  const seed = seedOf('mutations')
  const random = randomFrom(seed)
  const options = { maxBytes: 2 ** 17, maxThreads: 2, maxStores: 1, maxWaitMs: 1 }
  const store = createStore({ n: 1, list: ['a string', 'b'] }, options)
  const handle = store.handle as unknown as Anything
  store.close()
  const fixed: Tally = { refused: 0, right: 0, codes: {} }
  const changing: Tally = { refused: 0, right: 0, codes: {} }
  for (let turn = 0; turn < MUTATIONS; turn++) {
    const isFixed = turn % 2 === 0
    const range: [number, number] = isFixed ? [0, FIXED_WORDS] : [FIXED_WORDS, HEADER_WORDS]
    const bad = mutated(handle, random, range)
    const { buffer } = bad as { buffer: unknown }
    if (buffer instanceof SharedArrayBuffer) tryToUse(bad, isFixed, isFixed ? fixed : changing)
    else expectBad(bad)
  }
  console.log(`mutations: ${JSON.stringify({ fixed, changing })}`)
  expect(fixed.refused).toBeGreaterThan(MUTATIONS / 10)
  expect(fixed.right + changing.right).toBeGreaterThan(MUTATIONS / 10)
})

describe('too many threads', () => {
  test('who comes too late is told who holds the slots; others are undisturbed', async () => {
    const options = { maxBytes: 2 ** 20, maxThreads: 2 }
    const store = createStore({ n: 1 }, { ...options, label: 'the first' })
    const url = new URL('../../../dist/test/workers/opener.js', import.meta.url)
    const start = (label: string) => {
      return new Worker(url, { workerData: { handle: store.handle, label } })
    }
    const second = start('the second')
    expect(await once(second, 'message')).toEqual([{ opened: { n: 1 } }])
    const third = start('the third')
    const [{ code, holders, message }] = (await once(third, 'message')) as [Anything]
    expect(code).toBe('ERR_TOO_MANY_THREADS')
    expect(message).toMatch(/all 2 thread slots/)
    expect((holders as Anything[]).map(({ label }) => label)).toEqual(['the first', 'the second'])
    expect(store.set(['n'], 2).version).toBe(2)
    await second.terminate()
    third.postMessage('again')
    expect(await once(third, 'message')).toEqual([{ opened: { n: 2 } }])
    expect(store.heap.threads().map(({ label }) => label)).toEqual(['the first', 'the third'])
    third.postMessage('close')
    expect(await once(third, 'message')).toEqual(['closed'])
    expect(store.heap.threads()).toHaveLength(1)
    store.verify()
    await third.terminate()
    store.close()
  })
})
