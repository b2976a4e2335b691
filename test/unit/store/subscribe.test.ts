import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type ChangeTo,
  changes,
  noticeNewVersion,
  subscribe,
} from '../../../src/store/subscribe.ts'
import type { Tree } from '../../support/arrays.ts'
import { endPublishers, publisher, stage } from '../../support/watched-stage.ts'

const uncaught: unknown[] = []
const note = (error: unknown): void => void uncaught.push(error)
let others: NodeJS.UncaughtExceptionListener[] = []

/** Collects what is thrown uncaught; the runner's own handlers are away meanwhile. */
beforeEach(() => {
  uncaught.length = 0
  others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', note)
})
afterEach(async () => {
  process.removeAllListeners('uncaughtException')
  for (const other of others) process.on('uncaughtException', other)
  await endPublishers()
})

describe('subscribe', () => {
  test('calls the listener in a task of its own, with the newest version only', async () => {
    const { tree } = stage()
    const heard: ChangeTo<Tree>[] = []
    const end = subscribe(tree, (change) => heard.push(change))
    for (let version = 2; version <= 5; version++) {
      tree.publish()
      await Promise.resolve()
      expect(heard).toEqual([])
    }
    await expect.poll(() => heard.length).toBe(1)
    expect(heard[0]).toEqual({ version: 5, previousVersion: 1, value: [4, [1, 2], [3]] })
    tree.publish()
    await expect.poll(() => heard.length).toBe(2)
    expect(heard[1]).toMatchObject({ version: 6, previousVersion: 5 })
    end()
    end()
    tree.publish()
    await sleep(20)
    expect(heard.length).toBe(2)
  })

  test('hears every last version that another thread publishes', async () => {
    const { buffer, tree } = stage()
    const obey = await publisher(buffer)
    let last = 0
    let calls = 0
    let backward = 0
    subscribe(tree, ({ version, previousVersion, value }) => {
      if (version <= last || previousVersion !== (last || 1)) backward++
      if ((value as number[])[0] !== version - 1) backward++
      last = version
      calls++
    })
    for (let batch = 0; batch < 100; batch++) {
      const version = await obey({ do: 'publish', times: 1 + (batch % 7), pauseMicros: 200 })
      await expect.poll(() => last, { interval: 1 }).toBe(version)
    }
    expect(backward).toBe(0)
    console.log(`subscribe: ${last - 1} versions of another thread, ${calls} calls`)
  })

  test('a record that comes back for a later version is not mistaken for the old one', async () => {
    const { tree } = stage()
    const heard: number[] = []
    subscribe(tree, ({ version }) => heard.push(version))
    let same = 0
    for (let round = 0; round < 20; round++) {
      const before = tree.record
      // All in one task: the subscription next looks when the offset is the same again.
      for (let tries = 0; tries < 200; tries++) {
        tree.publish()
        if (tree.record === before) break
      }
      if (tree.record === before) same++
      await expect.poll(() => heard.at(-1), { interval: 1 }).toBe(tree.version)
    }
    console.log(`subscribe: ${tree.version} versions, ${same} of 20 looks at the same offset`)
    expect(same).toBeGreaterThan(0)
  })

  test('a listener that throws is reported after the others ran', async () => {
    const { tree } = stage()
    const order: string[] = []
    process.prependListener('uncaughtException', () => order.push('reported'))
    subscribe(tree, () => {
      order.push('first')
      throw new RangeError('one')
    })
    subscribe(
      tree,
      () => {
        if (order.length > 0) throw new RangeError('two')
        return 0
      },
      () => order.push('never'),
    )
    subscribe(tree, () => order.push('third'))
    tree.publish()
    await expect.poll(() => order).toEqual(['first', 'third', 'reported', 'reported'])
    expect(uncaught.map((error) => (error as Error).message)).toEqual(['one', 'two'])
    tree.publish()
    await expect.poll(() => order.length).toBe(8)
  })

  test('a selector decides whether the listener is called', async () => {
    const { tree } = stage()
    const heard: unknown[] = []
    const first = (value: Tree): number => (value as number[])[0]!
    subscribe(
      tree,
      (value) => Math.floor(first(value) / 3),
      (selected, previous, change) => heard.push([selected, previous, change.version]),
    )
    subscribe(tree, first, (selected) => heard.push(['same', selected]), { equals: () => true })
    for (let version = 2; version <= 7; version++) {
      tree.publish()
      await sleep(5)
    }
    await expect
      .poll(() => heard)
      .toEqual([
        [1, 0, 4],
        [2, 1, 7],
      ])
  })

  test('immediate also calls it with what is selected now, in a task of its own', async () => {
    const { tree } = stage()
    const heard: unknown[] = []
    const first = (value: Tree): number => (value as number[])[0]!
    const listener = (selected: number, previous: number | undefined, change: ChangeTo<Tree>) =>
      heard.push([selected, previous, change.version, change.previousVersion])
    subscribe(tree, first, listener, { immediate: true })
    expect(heard).toEqual([])
    await turn()
    expect(heard).toEqual([[0, undefined, 1, 1]])
    tree.publish()
    await expect.poll(() => heard[1]).toEqual([1, 0, 2, 1])
  })

  test('ends with its signal, with the store, and inside a listener', async () => {
    const { tree, waiters } = stage()
    const controller = new AbortController()
    const heard: string[] = []
    subscribe(tree, () => heard.push('aborted'), { signal: controller.signal })
    const end = subscribe(tree, () => {
      heard.push('once')
      end()
      endOther()
    })
    const endOther = subscribe(tree, () => heard.push('other'))
    subscribe(tree, () => heard.push('never'), { signal: AbortSignal.abort() })
    controller.abort()
    tree.publish()
    await expect.poll(() => heard).toEqual(['once'])
    expect([tree.bell.size, waiters()]).toEqual([0, 0])
    subscribe(tree, () => heard.push('closed'))
    tree.publish()
    tree.close()
    await turn()
    expect([heard, tree.bell.size]).toEqual([['once'], 0])
    expect(() => subscribe(tree, () => {})).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
  })

  test('a listener that always publishes lets the event loop turn', async () => {
    const { tree } = stage()
    subscribe(tree, () => {
      tree.publish()
      noticeNewVersion(tree.bell)
    })
    tree.publish()
    const begin = tree.version
    for (let turns = 0; turns < 20; turns++) await sleep(1)
    expect(tree.version).toBeGreaterThan(begin)
    tree.close()
  })

  test('a read that notices a version makes the listeners run with the current job', async () => {
    const { tree } = stage()
    const heard: number[] = []
    subscribe(tree, ({ version }) => heard.push(version))
    tree.publish()
    noticeNewVersion(tree.bell)
    expect(heard).toEqual([])
    await Promise.resolve()
    expect(heard).toEqual([2])
    await sleep(10)
    expect(heard).toEqual([2])
  })

  test.each([
    ['no listener', [undefined]],
    ['a listener that is none', ['listener']],
    ['no listener beside a selector', [() => 0, undefined, {}]],
    ['options that are none', [() => 0, 5]],
    ['a signal that is none', [() => 0, { signal: {} }]],
    ['equals that is none', [() => 0, () => {}, { equals: 1 }]],
  ])('refuses %s with a TypeError', (_, values) => {
    const { tree } = stage()
    const any = subscribe as unknown as (...given: unknown[]) => unknown
    let caught: unknown
    try {
      any(tree, ...values)
    } catch (error) {
      caught = error
    }
    expect(caught).toBeInstanceOf(TypeError)
    expect(caught).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    expect(tree.bell.size).toBe(0)
  })
})

describe('changes', () => {
  test('coalesces, and never misses the newest version', async () => {
    const { buffer, tree } = stage()
    const obey = await publisher(buffer)
    let seen = 1
    let steps = 0
    const all = changes(tree)
    const publishing = obey({ do: 'publish', times: 2_000, pauseMicros: 20 })
    for await (const { version, previousVersion, value } of all) {
      expect(previousVersion).toBe(seen)
      expect((value as number[])[0]).toBe(version - 1)
      seen = version
      steps++
      if (version === 2_001) break
    }
    expect(await publishing).toBe(2_001)
    console.log(`changes: 2,000 versions in ${steps} steps`)
    expect(tree.bell.size).toBe(0)
  })

  test('counts from the call, not from the first step', async () => {
    const { tree } = stage()
    const iterator = changes(tree)[Symbol.asyncIterator]()
    tree.publish()
    tree.publish()
    expect(await iterator.next()).toMatchObject({ value: { version: 3, previousVersion: 1 } })
    const two = [iterator.next(), iterator.next()]
    tree.publish()
    expect(await two[0]).toMatchObject({ value: { version: 4 } })
    tree.publish()
    expect(await two[1]).toMatchObject({ value: { version: 5, previousVersion: 4 } })
  })

  test('ends by return, by its signal, and by close', async () => {
    const { tree, waiters } = stage()
    const returned = changes(tree)[Symbol.asyncIterator]()
    const pending = returned.next()
    await turn()
    expect(await returned.return!()).toEqual({ done: true, value: undefined })
    expect(await pending).toEqual({ done: true, value: undefined })
    const controller = new AbortController()
    const aborted = changes(tree, { signal: controller.signal })[Symbol.asyncIterator]()
    const step = aborted.next()
    controller.abort('enough')
    await expect(step).rejects.toBe('enough')
    expect(await aborted.next()).toEqual({ done: true, value: undefined })
    const closed = changes(tree)[Symbol.asyncIterator]().next()
    await turn()
    expect(waiters()).toBe(1)
    tree.close()
    await expect(closed).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    expect(waiters()).toBe(0)
    expect(() => changes(tree)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
  })
})
