import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { BELL_AT, SLOT_WAITING, WAITERS_AT } from '../../../src/memory/layout.ts'
import { writeHeader } from '../../../src/memory/header.ts'
import { type Memory, memoryOf } from '../../../src/memory/memory.ts'
import { type Offset, Words } from '../../../src/memory/words.ts'
import { reapSlot } from '../../../src/reclaim/reaper.ts'
import type { HeapThread } from '../../../src/reclaim/thread.ts'
import { ring } from '../../../src/versions/root.ts'
import { waitAsync } from '../../../src/atomics-wait-polyfill.ts'
import { Bell, type BellHost } from '../../../src/versions/waiters.ts'
import { testMemory, testThread } from '../../support/heap.ts'

/** Counts the outstanding waits. */
function countingHost(): BellHost & { outstanding: number; most: number; begun: number } {
  const host = {
    outstanding: 0,
    most: 0,
    begun: 0,
    now: () => performance.now(),
    waitAsync(view: Int32Array, index: number, value: number) {
      const result = waitAsync(view, index, value)
      if (result.async) {
        host.begun++
        host.most = Math.max(host.most, ++host.outstanding)
        void result.value.then(() => host.outstanding--)
      }
      return result
    },
  }
  return host
}

function bellOf(host?: BellHost): { memory: Memory; thread: HeapThread; bell: Bell } {
  const memory = testMemory({ megabytes: 1 })
  const thread = testThread(memory, 1)
  return { memory, thread, bell: new Bell(memory, thread.slot.at, host) }
}

const waiters = ({ words }: Memory): number => words.load(WAITERS_AT)

describe('a bell', () => {
  test('lets a watcher look at once, and after each ring, never inside the ring', async () => {
    const { memory, bell } = bellOf()
    let looks = 0
    const unwatch = bell.watch(() => (looks++, false), false)
    expect(looks).toBe(1)
    for (let rings = 1; rings <= 3; rings++) {
      ring(memory)
      expect(looks).toBe(rings)
      await expect.poll(() => looks).toBe(rings + 1)
    }
    unwatch()
  })

  test('has one wait outstanding for a hundred watchers, and none after the last', async () => {
    const host = countingHost()
    const { memory, thread, bell } = bellOf(host)
    let looks = 0
    const ends = Array.from({ length: 100 }, () => bell.watch(() => (looks++, false), false))
    expect([host.outstanding, waiters(memory)]).toEqual([1, 1])
    for (let rings = 1; rings <= 20; rings++) {
      ring(memory)
      await expect.poll(() => looks).toBe(100 * (rings + 1))
    }
    for (const end of ends.slice(1)) end()
    expect(waiters(memory)).toBe(1)
    ends[0]!()
    ends[0]!()
    expect([waiters(memory), memory.m[thread.slot.at + SLOT_WAITING]]).toEqual([0, 0])
    await expect.poll(() => host.outstanding).toBe(0)
    expect([host.most, host.begun]).toEqual([1, 21])
  })

  test('begun and ended a thousand times in one task, it still has one wait', async () => {
    const host = countingHost()
    const { memory, bell } = bellOf(host)
    for (let times = 0; times < 1_000; times++) bell.watch(() => false, false)()
    let seen = false
    bell.watch(() => seen, false)
    expect(host.most).toBe(1)
    seen = true
    ring(memory)
    await expect.poll(() => bell.size).toBe(0)
    await expect.poll(() => host.outstanding).toBe(0)
    expect(waiters(memory)).toBe(0)
  })

  test('a look that rings, wakes all and ends another watcher disturbs nobody', async () => {
    for (const others of [0, 1]) {
      const { memory, bell } = bellOf()
      if (others === 1) bell.watch(() => bell.size < 3, false)
      const seen: string[] = []
      const end = bell.watch(() => (seen.push('ended'), false), false)
      const look = (): boolean => {
        seen.push('look')
        end()
        ring(memory)
        bell.wakeWatchers()
        return true
      }
      bell.watch(look, false)
      expect(seen).toEqual(['ended', 'look'])
      await expect.poll(() => [bell.size, waiters(memory)]).toEqual([0, 0])
    }
  })

  test('close lets each watcher look once more; then a watch looks once and is over', async () => {
    const host = countingHost()
    const { memory, bell } = bellOf(host)
    let looks = 0
    bell.watch(() => (looks++, false), true)
    bell.close()
    bell.close()
    expect([looks, bell.size, waiters(memory)]).toEqual([2, 0, 0])
    bell.watch(() => (looks++, false), true)()
    expect([looks, bell.size]).toEqual([3, 0])
    await expect.poll(() => host.outstanding).toBe(0)
  })

  test('a thread whose bell always rang meanwhile goes on with the rest of its work', async () => {
    const host = countingHost()
    const { memory, bell } = bellOf(host)
    let storm = true
    let looks = 0
    bell.watch(() => {
      looks++
      if (storm) memory.words.add(BELL_AT, 1) // as if another thread published
      return false
    }, false)
    expect(host.begun).toBe(0)
    await sleep(30)
    expect(looks).toBeLessThan(400)
    storm = false
    await expect.poll(() => host.begun).toBe(1)
    bell.close()
  })

  test('the blocking wait looks by itself, in time for its limit', () => {
    const { memory, bell } = bellOf()
    const begin = performance.now()
    expect(bell.waitSync(() => false, 60)).toBe(false)
    expect(performance.now() - begin).toBeGreaterThan(55)
    // Nobody rings: as when the publisher died before it could.
    expect(bell.waitSync(() => performance.now() - begin > 100, 10_000)).toBe(true)
    expect(performance.now() - begin).toBeLessThan(5_000)
    expect(bell.waitSync(() => false, 0)).toBe(false)
    expect(waiters(memory)).toBe(0)
  })
})

/** A heap whose every atomic operation first calls `step`, and a wait that tells when it ended. */
class Stage {
  readonly memory: Memory
  readonly waiting: ((value: 'ok') => void)[] = []
  step: (operation: string) => void = () => {}
  /** The word that publishers swap. */
  root = 0

  constructor() {
    const step = (operation: string): void => this.step(operation)
    class SteppedWords extends Words {
      override load(at: Offset): number {
        step(`load ${at}`)
        return super.load(at)
      }
      override add(at: Offset, value: number): number {
        step(`add ${at}`)
        return super.add(at, value)
      }
    }
    const words = new SteppedWords(new SharedArrayBuffer(2 ** 20))
    const capacity = 2 ** 18
    const options = { threads: 8, cells: 2, limboWordsMax: capacity, stallMs: 1, maxWaitMs: 1 }
    this.memory = memoryOf(
      words,
      writeHeader(words, { capacity, reclaimEvery: 1, identity: [1, 1], ...options }),
    )
  }

  /** What a publisher does, one atomic operation at a time. */
  *publisher(): Generator<void> {
    const { m } = this.memory
    this.root++
    yield
    if (m[WAITERS_AT] === 0) return
    yield
    m[BELL_AT]!++
    yield
    for (const wake of this.waiting.splice(0)) wake('ok')
  }

  readonly host: BellHost = {
    now: () => 0,
    waitAsync: (view, index, value) => {
      this.step('wait')
      if (view[index] !== value) return { async: false, value: 'not-equal' }
      return { async: true, value: new Promise((resolve) => this.waiting.push(resolve)) }
    },
  }
}

/** Ascending quadruples of positions: after which step of the waiter the publisher makes which. */
function* schedules(steps: number): Generator<number[]> {
  for (let a = 0; a <= steps; a++)
    for (let b = a; b <= steps; b++)
      for (let c = b; c <= steps; c++) for (let d = c; d <= steps; d++) yield [a, b, c, d]
}

/** Runs one schedule; whether the watcher in the end saw the publish. */
async function heard(schedule: number[], joinsSecond: boolean, broken: boolean): Promise<boolean> {
  const stage = new Stage()
  const thread = testThread(stage.memory, 1)
  const bell = new Bell(stage.memory, thread.slot.at, stage.host)
  const publisher = stage.publisher()
  const left = [...schedule]
  let step = 0
  let late = false
  const advance = (): void => {
    while (left.length > 0 && left[0]! <= step) {
      left.shift()
      publisher.next()
    }
  }
  if (joinsSecond) bell.watch(() => false, false)
  stage.step = (operation) => {
    advance()
    step++
    // The broken order: the waiter is counted only when it waits.
    if (!broken || operation === 'wait') late &&= (stage.memory.m[WAITERS_AT]!++, false)
    else if (operation === `add ${WAITERS_AT}`) late = (stage.memory.m[WAITERS_AT]!--, true)
  }
  let seen = 0
  bell.watch(() => {
    stage.step('look')
    seen = stage.root
    return false
  }, false)
  step = Infinity
  advance()
  for (let turns = 0; turns < 5; turns++) await Promise.resolve()
  return seen === 1
}

describe('every order of a publish and a wait', () => {
  test.each([false, true])('is heard (a watcher that joins others: %s)', async (joins) => {
    let runs = 0
    for (const schedule of schedules(6)) {
      runs++
      expect(await heard(schedule, joins, false), String(schedule)).toBe(true)
    }
    console.log(`bell: ${runs} schedules of a publish beside a wait, all heard`)
  })

  test('where the waiter is counted last, some are not heard', async () => {
    let lost = 0
    for (const schedule of schedules(6)) if (!(await heard(schedule, false, true))) lost++
    expect(lost).toBeGreaterThan(0)
    console.log(`bell: ${lost} schedules lost in the broken order`)
  })
})

test('a death at any step of counting leaves the count too high or right, never too low', () => {
  class Died extends Error {}
  const counts: number[] = []
  for (let last = 1; last <= 8; last++) {
    const stage = new Stage()
    const reaper = testThread(stage.memory, 1)
    const other = new Bell(stage.memory, reaper.slot.at, stage.host)
    other.watch(() => false, false)
    const dying = testThread(stage.memory, 2)
    const bell = new Bell(stage.memory, dying.slot.at, stage.host)
    let steps = 0
    stage.step = () => {
      if (++steps === last) throw new Died()
    }
    try {
      bell.watch(() => false, false)()
    } catch (error) {
      expect(error).toBeInstanceOf(Died)
    }
    stage.step = () => {}
    expect(reapSlot(reaper.reclaimer, dying.slot.index, 2, 5)).toBe(true)
    counts.push(waiters(stage.memory))
  }
  console.log(`bell: waiters counted after a death at step 1…8: ${counts.join(' ')}`)
  expect(Math.min(...counts)).toBe(1)
  expect(Math.max(...counts)).toBeLessThanOrEqual(2)
})
