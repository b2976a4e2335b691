import { execFileSync } from 'node:child_process'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { BELL_AT } from '../../../src/memory/layout.ts'
import { subscribe, waitForVersion, waitForVersionSync } from '../../../src/store/subscribe.ts'
import { openMemory } from '../../support/watched.ts'
import { endPublishers, publisher, stage } from '../../support/watched-stage.ts'

afterEach(endPublishers)

describe('waitForVersion', () => {
  test('resolves to the newest version, at once where it is there', async () => {
    const { tree } = stage()
    tree.publish()
    expect(await waitForVersion(tree, 1)).toBe(2)
    const waits = [3, 4, 4].map((version) => waitForVersion(tree, version))
    tree.publish()
    expect(await waits[0]).toBe(3)
    tree.publish()
    expect(await Promise.all(waits)).toEqual([3, 4, 4])
    expect(tree.bell.size).toBe(0)
  })

  test('two threads that answer each other lose no wake-up', async () => {
    const { buffer, tree } = stage()
    const obey = await publisher(buffer)
    const begin = performance.now()
    for (let version = 3; version < 1_003; version += 2) {
      const answered = obey({ do: 'wait', version: version - 1 })
      if (version % 4 === 1) await turn()
      tree.publish()
      await answered
      const published = waitForVersion(tree, version)
      void obey({ do: 'publish', times: 1, pauseMicros: 0 })
      expect(await published).toBe(version)
    }
    const micros = Math.round(performance.now() - begin)
    console.log(`waitForVersion: 1,000 waits across threads, ${micros} µs each`)
  })

  test('rejects with the reason of its signal, and when the store is closed', async () => {
    const { tree } = stage()
    const reason = { because: 'late' }
    await expect(waitForVersion(tree, 1, { signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    )
    const controller = new AbortController()
    const wait = waitForVersion(tree, 9, { signal: controller.signal })
    controller.abort(reason)
    await expect(wait).rejects.toBe(reason)
    expect(tree.bell.size).toBe(0)
    const pending = waitForVersion(tree, 9)
    tree.close()
    await expect(pending).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await expect(waitForVersion(tree, 1)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  test('refuses what is no version, no signal or no time limit', async () => {
    const { tree } = stage()
    const code = { code: 'ERR_INVALID_ARGUMENT' }
    for (const wrong of ['2', 1.5, -1, Number.NaN, undefined]) {
      await expect(waitForVersion(tree, wrong as number)).rejects.toMatchObject(code)
      expect(() => waitForVersionSync(tree, wrong as number)).toThrow(TypeError)
    }
    await expect(waitForVersion(tree, 1, { signal: 1 as never })).rejects.toMatchObject(code)
    for (const wrong of ['2', -1, Number.NaN, null]) {
      expect(() => waitForVersionSync(tree, 1, wrong as number)).toThrow(TypeError)
    }
  })

  test('a version whose publisher died before it rang is heard once it is reaped', async () => {
    const { buffer, tree } = stage()
    const obey = await publisher(buffer)
    let resolved = false
    const wait = waitForVersion(tree, 2).then(() => (resolved = true))
    expect(await obey({ do: 'swapOnly' })).toBe(2)
    await sleep(50)
    expect(resolved).toBe(false)
    tree.bell.ringAfterDeath()
    expect(await wait).toBe(true)
    // The blocking form looks by itself.
    const blocked = await publisher(buffer)
    const waited = blocked({ do: 'waitSync', version: 3, timeoutMs: 10_000 })
    await sleep(50)
    await obey({ do: 'swapOnly' })
    expect(await waited).toBe(3)
  })
})

describe('waitForVersionSync', () => {
  test('blocks until another thread published', async () => {
    const { buffer, tree, waiters } = stage()
    const obey = await publisher(buffer)
    const publishing = obey({ do: 'publish', times: 300, pauseMicros: 100 })
    for (let version = 2; version <= 301; version++) {
      expect(waitForVersionSync(tree, version, 10_000)).toBeGreaterThanOrEqual(version)
    }
    expect(waiters()).toBe(0)
    expect(await publishing).toBe(301)
  })

  test('throws ERR_TIMEOUT with both versions, and ERR_CLOSED', () => {
    const { tree } = stage()
    expect(() => waitForVersionSync(tree, 2, 30)).toThrow(
      expect.objectContaining({ code: 'ERR_TIMEOUT', wantedVersion: 2, version: 1, timeoutMs: 30 }),
    )
    expect(() => waitForVersionSync(tree, 2, 0)).toThrow(/not published within 0 ms/)
    tree.close()
    expect(() => waitForVersionSync(tree, 1)).toThrow(
      expect.objectContaining({ code: 'ERR_CLOSED' }),
    )
  })

  test('keeps a subscription of the same thread counted', () => {
    const { tree, waiters } = stage()
    const end = subscribe(tree, () => {})
    expect(() => waitForVersionSync(tree, 2, 5)).toThrow(/ERR_TIMEOUT|not published/)
    expect(waiters()).toBe(1)
    end()
    expect(waiters()).toBe(0)
  })
})

test('while another thread publishes without a pause, this one goes on', async () => {
  const { buffer, tree } = stage()
  const obey = await publisher(buffer)
  let calls = 0
  let timers = 0
  subscribe(tree, () => calls++)
  const ticking = setInterval(() => timers++, 5)
  const version = await obey({ do: 'storm', milliseconds: 400 })
  await expect.poll(() => tree.version).toBe(version)
  clearInterval(ticking)
  const rings = openMemory(buffer).words.load(BELL_AT)
  console.log(`storm: ${version} versions, ${rings} rings, ${calls} calls, ${timers} timers`)
  // How many is the machine's to say; that neither stands still is ours.
  expect(timers).toBeGreaterThan(1)
  expect(calls).toBeGreaterThan(1)
})

describe('process lifetime', () => {
  const run = (body: string): string => {
    const at = (path: string): string => new URL(`../../../dist/${path}`, import.meta.url).href
    const script = `
      import { subscribe, waitForVersion, changes } from '${at('src/store/subscribe.js')}'
      import { WatchedTree, openThread, openMemory } from '${at('test/support/watched.js')}'
      import { createTree } from '${at('test/support/arrays.js')}'
      import { testMemory } from '${at('test/support/heap.js')}'
      const thread = openThread(testMemory(), 7)
      const tree = new WatchedTree(thread, createTree(thread, [0]))
      process.on('exit', () => console.log('exit'))
      ${body}`
    const args = ['--input-type=module', '--eval', script]
    return execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 })
  }

  test('a subscription keeps no thread alive, unless it is asked to', () => {
    expect(run('subscribe(tree, () => {})')).toBe('exit\n')
    expect(
      run(`const end = subscribe(tree, () => { console.log('heard'); end() }, { keepAlive: true })
        setTimeout(() => tree.publish(), 50).unref()`),
    ).toBe('heard\nexit\n')
  })

  test('an awaited wait or step does, until it is over', () => {
    expect(
      run(`setTimeout(() => tree.publish(), 50).unref()
        console.log(await waitForVersion(tree, 2))
        setTimeout(() => tree.publish(), 50).unref()
        for await (const { version } of changes(tree)) { console.log(version); break }`),
    ).toBe('2\n3\nexit\n')
  })
})
