import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { createStore, type Store } from '../../../src/index.ts'
import { SLOT_SECTION, SLOTS_AT, TIMED_AT } from '../../../src/memory/layout.ts'
import { slotAt } from '../../../src/reclaim/slots.ts'
import type { ReclaimMessage } from '../../../src/store/channels.ts'
import { memoryOfHandle } from '../../../src/store/handle.ts'

const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0).reverse()) end()
})

interface Counter {
  readonly count: number
  readonly text: string
}

function counter(maxBytes = 2 ** 22): Store<Counter> {
  const store = createStore<Counter>({ count: 0, text: '' }, { maxBytes })
  ends.push(() => store.close())
  return store
}

function listen(hear: (message: ReclaimMessage) => void = () => {}): ReclaimMessage[] {
  const heard: ReclaimMessage[] = []
  const listener = (message: unknown): void => {
    heard.push(message as ReclaimMessage)
    hear(message as ReclaimMessage)
  }
  subscribe('rootswap:reclaim', listener)
  ends.push(() => unsubscribe('rootswap:reclaim', listener))
  return heard
}

test('each finished round is told once, with its times and what came back', () => {
  const store = counter()
  const before = store.stats().gracePeriods
  const heard = listen()
  for (let count = 1; count <= 320; count++) store.set(['count'], count)
  const { gracePeriods } = store.stats()
  const rounds = heard.map(({ round }) => round)
  console.log(`${heard.length} rounds, ${heard.map(({ freedBlocks }) => freedBlocks)} blocks`)
  expect(rounds).toEqual(Array.from({ length: gracePeriods - before }, (_, at) => before + 1 + at))
  expect(rounds.length).toBeGreaterThanOrEqual(10)
  for (const { heap, threadId, waitedMs, durationMs, freedBlocks } of heard) {
    expect([heap, threadId]).toEqual([store.handle.identity.join(':'), expect.any(Number)])
    expect(durationMs).toBeGreaterThanOrEqual(waitedMs as number)
    expect(durationMs).toBeLessThan(60_000)
    expect(freedBlocks).toBeGreaterThan(0)
  }
})

test('without a subscriber nothing is timed', () => {
  const store = counter()
  const timed = (): number => new Int32Array(store.handle.buffer)[TIMED_AT] as number
  for (let count = 1; count <= 320; count++) store.set(['count'], count)
  expect(store.stats().gracePeriods).toBeGreaterThan(10)
  expect(timed()).toBe(0)
  listen()
  for (let count = 1; count <= 32; count++) store.set(['count'], -count)
  expect(timed()).toBeGreaterThan(10)
})

test('a subscriber may write the store, also when the round made room for a write', async () => {
  const store = counter(2 ** 20)
  const seen: unknown[] = []
  let inside = false
  listen(() => {
    if (inside) return
    inside = true
    try {
      seen.push(store.set(['count'], seen.length + 1).changed)
    } catch (error) {
      seen.push(error)
    }
    inside = false
  })
  for (let turn = 0; turn < 20; turn++) {
    // Room for the large text is only where the held one was, which no write has reclaimed yet.
    const held = store.snapshot()
    store.set(['text'], String(turn % 10).repeat(200_000))
    held.release()
    store.set(['text'], String(turn % 10).repeat(380_000))
    store.set(['text'], String(turn))
    await new Promise(setImmediate)
  }
  console.log(`${seen.length} messages, each of which wrote`)
  expect(seen.filter((changed) => changed !== true)).toEqual([])
  expect(seen.length).toBeGreaterThan(10)
  expect(store.verify()).toBeDefined()
})

test('a round that began while nobody listened is told without its times', async () => {
  const store = counter()
  const publish = (times: number): void => {
    for (let time = 0; time < times; time++) store.set(['count'], store.current.count + 1)
  }
  // A slot of a thread that is stopped inside a section holds the round up.
  const memory = memoryOfHandle(store.handle, 'store')
  const idle = slotAt(memory.layout, 1)
  memory.words.store(SLOTS_AT, 2)
  memory.words.store(idle + SLOT_SECTION, 1)
  publish(64)
  const heard = listen()
  publish(64)
  expect(heard).toEqual([])
  memory.words.store(idle + SLOT_SECTION, 2)
  publish(32)
  expect(heard[0]).toMatchObject({ waitedMs: undefined, durationMs: undefined })
  expect(heard.length).toBeGreaterThan(1)
  expect(heard[1]?.durationMs).toBeGreaterThanOrEqual(0)
  memory.words.store(idle + SLOT_SECTION, 3)
  publish(32)
  const before = heard.length
  await sleep(30)
  memory.words.store(idle + SLOT_SECTION, 4)
  publish(32)
  expect(heard[before]?.waitedMs).toBeGreaterThan(20)
})
