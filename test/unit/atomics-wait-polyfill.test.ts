import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import * as workerThreads from 'node:worker_threads'
import { afterAll, describe, expect, test } from 'vitest'
import { install, pause, waitAsync } from '../../src/atomics-wait-polyfill.ts'
import { HelperThreads, THREADS_MAX } from '../../src/atomics-wait-polyfill/helper-threads.ts'
import {
  type WebWorkerConstructor,
  nodeHelper,
  platformHelper,
  webHelper,
} from '../../src/atomics-wait-polyfill/helper.ts'
import { delay } from '../../src/atomics-wait-polyfill/pause.ts'
import { Polling } from '../../src/atomics-wait-polyfill/polling.ts'
import { type WaitAsync, createWaitAsync, now } from '../../src/atomics-wait-polyfill/request.ts'
import { type BackendName, waitAsyncOver } from '../../src/atomics-wait-polyfill/wait-async.ts'
import type { Notify, WaiterData, WorkerData } from '../workers/atomics-wait.ts'

const workerFile = new URL('../../dist/test/workers/atomics-wait.js', import.meta.url)
const helperFile = new URL('../../dist/workers/atomics-wait.js', import.meta.url)
const builtEntry = new URL('../../dist/src/atomics-wait-polyfill.js', import.meta.url)
const backends: BackendName[] = ['native', 'thread', 'timer']

const started: workerThreads.Worker[] = []
afterAll(() => Promise.all(started.map((worker) => worker.terminate())))

function startWorker(workerData: WorkerData): workerThreads.Worker {
  const worker = new workerThreads.Worker(workerFile, { workerData })
  started.push(worker)
  return worker
}

/** A thread that stores and notifies; resolves to how many it woke. */
function notifier(view: Int32Array | BigInt64Array): (order: Notify) => Promise<number> {
  const worker = startWorker({ role: 'notifier', view })
  return async (order) => {
    worker.postMessage(order)
    return (await once(worker, 'message'))[0] as number
  }
}

const words = (length: number): Int32Array => new Int32Array(new SharedArrayBuffer(4 * length))

function pending(result: ReturnType<WaitAsync>): Promise<'ok' | 'timed-out'> {
  if (!result.async) throw new Error(`answered at once: ${result.value}`)
  return result.value
}

/** Notifies until somebody was woken: a helper may still be on its way to its wait. */
async function notifyUntilWoken(view: Int32Array, index: number, count?: number): Promise<number> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const woken = Atomics.notify(view, index, count)
    if (woken > 0) return woken
    await sleep(5)
  }
  throw new Error(`nobody waited on element ${index} within five seconds`)
}

describe.each(backends)('waitAsync over the %s back end', (backend) => {
  const over = waitAsyncOver(backend)

  test('answers at once when the element differs or the time-out is 0', () => {
    const view = words(2)
    view[1] = 7
    expect(over(view, 1, 8)).toEqual({ async: false, value: 'not-equal' })
    expect(over(view, 1, 7, 0)).toEqual({ async: false, value: 'timed-out' })
    expect(over(view, 1, 7, -5)).toEqual({ async: false, value: 'timed-out' })
    expect(over(view, 1, 8, 0)).toEqual({ async: false, value: 'not-equal' })
    // Values are converted as the platform converts them: to 32 bits.
    expect(over(view, 1, 2 ** 32 + 7, 0)).toEqual({ async: false, value: 'timed-out' })
  })

  test('is woken by a thread that stores and notifies', async () => {
    const view = words(4)
    const notify = notifier(view)
    await notify({ index: 3 }) // the thread runs
    const outcome = pending(over(view, 2, 0, 20_000))
    await notify({ index: 2, value: 1 })
    expect(await outcome).toBe('ok')
  })

  test('times out, neither early nor absurdly late', async () => {
    const view = words(1)
    const begin = performance.now()
    expect(await pending(over(view, 0, 0, 150))).toBe('timed-out')
    const tookMs = performance.now() - begin
    // Two clocks, rounded to milliseconds by the waiting system call.
    expect(tookMs).toBeGreaterThan(146)
    expect(tookMs).toBeLessThan(5_000)
  })

  test('waits on a BigInt64Array, all 64 bits of it', async () => {
    const view = new BigInt64Array(new SharedArrayBuffer(16))
    view[1] = 2n ** 40n
    expect(over(view, 1, 0n)).toEqual({ async: false, value: 'not-equal' })
    const outcome = pending(over(view, 1, 2n ** 40n, 20_000))
    await notifier(view)({ index: 1, value: 2n ** 41n })
    expect(await outcome).toBe('ok')
  })

  test('answers fifty waits on fifty elements', async () => {
    const view = words(50)
    const outcomes = Array.from(view, (_, index) => pending(over(view, index, 0, 20_000)))
    const notify = notifier(view)
    for (let index = 0; index < 50; index++) await notify({ index, value: 1 })
    const counts = (await Promise.all(outcomes)).filter((outcome) => outcome === 'ok')
    expect(counts).toHaveLength(50)
  })

  test('serves a worker thread, whose waits this thread answers', async () => {
    const view = words(4)
    const data: WaiterData = { role: 'waiter', backend, view, waits: 3, timeoutMs: 2_000 }
    const worker = startWorker(data)
    // Before the messages: the last of them and the exit may come in one turn.
    const exited = once(worker, 'exit')
    expect(await once(worker, 'message')).toEqual(['waiting'])
    for (const index of [1, 2]) {
      Atomics.store(view, index, 1)
      Atomics.notify(view, index)
    }
    expect(await once(worker, 'message')).toEqual([['ok', 'ok', 'timed-out']])
    expect(await exited).toEqual([0])
  })

  test('a worker that waits can be terminated', async () => {
    const view = words(4)
    const data: WaiterData = { role: 'waiter', backend, view, waits: 3, timeoutMs: Infinity }
    const worker = startWorker(data)
    await once(worker, 'message')
    expect(await worker.terminate()).toBe(1)
  })

  test('refuses what the platform refuses, with the same kinds of error', () => {
    const view = words(2)
    const any = over as (...values: unknown[]) => unknown
    expect(() => any(new Int32Array(2), 0, 0)).toThrow(TypeError)
    expect(() => any(new Uint32Array(new SharedArrayBuffer(8)), 0, 0)).toThrow(TypeError)
    expect(() => any(new Float64Array(new SharedArrayBuffer(8)), 0, 0)).toThrow(TypeError)
    expect(() => any([0], 0, 0)).toThrow(TypeError)
    expect(() => any(undefined, 0, 0)).toThrow(TypeError)
    expect(() => any(view, 2, 0)).toThrow(RangeError)
    expect(() => any(view, -1, 0)).toThrow(RangeError)
    expect(() => any(view, Infinity, 0)).toThrow(RangeError)
    expect(() => any(view, 0, 0n)).toThrow(TypeError)
    expect(() => any(new BigInt64Array(new SharedArrayBuffer(8)), 0, 0)).toThrow(TypeError)
    expect(() => any(view, 0, 0, 1n)).toThrow(TypeError)
  })

  test('a wait keeps no process alive', () => {
    const built = new URL('../../dist/src/atomics-wait-polyfill/wait-async.js', import.meta.url)
    const script = `
      import { waitAsyncOver } from '${built.href}'
      const view = new Int32Array(new SharedArrayBuffer(4))
      waitAsyncOver('${backend}')(view, 0, 0)
      console.log('left')`
    const args = ['--input-type=module', '--eval', script]
    const output = execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 })
    expect(output.trim()).toBe('left')
  })
})

function refuse(): never {
  throw new Error('this was not to be used')
}

describe('helper threads', () => {
  const start = platformHelper()!

  test('are woken by a notify that changes nothing, one for each waiter', async () => {
    const view = words(1)
    const helpers = new HelperThreads(start, refuse)
    const over = createWaitAsync(helpers.wait)
    const outcomes = [1, 2, 3].map(() => pending(over(view, 0, 0)))
    let woken = 0
    while (woken < 3) woken += await notifyUntilWoken(view, 0, 1)
    expect(woken).toBe(3)
    expect(await Promise.all(outcomes)).toEqual(['ok', 'ok', 'ok'])
  })

  test('are used again, and those not needed any more are stopped', async () => {
    const view = words(1)
    const helpers = new HelperThreads(start, refuse)
    const over = createWaitAsync(helpers.wait)
    for (let turn = 0; turn < 20; turn++) {
      const outcome = pending(over(view, 0, turn))
      Atomics.store(view, 0, turn + 1)
      Atomics.notify(view, 0)
      expect(await outcome).toBe('ok')
      expect(helpers.size).toBe(1)
    }
    const outcomes = Array.from({ length: THREADS_MAX }, () => pending(over(view, 0, 20)))
    expect(helpers.size).toBe(THREADS_MAX)
    Atomics.store(view, 0, 21)
    Atomics.notify(view, 0)
    await Promise.all(outcomes)
    expect(helpers.size).toBe(2)
  })

  test('more waits than threads: the rest is polled', async () => {
    const view = words(1)
    const polling = new Polling()
    let polled = 0
    const helpers = new HelperThreads(start, (wait) => {
      polled++
      return polling.wait(wait)
    })
    const over = createWaitAsync(helpers.wait)
    const outcomes = Array.from({ length: THREADS_MAX + 5 }, () => pending(over(view, 0, 0)))
    expect(polled).toBe(5)
    Atomics.store(view, 0, 1)
    Atomics.notify(view, 0)
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['ok']))
  })

  test('a helper that dies hands its wait to the timer', async () => {
    const view = words(1)
    const own: workerThreads.Worker[] = []
    class Killable extends workerThreads.Worker {
      constructor(url: URL, options: workerThreads.WorkerOptions) {
        super(url, options)
        own.push(this)
      }
    }
    const mortal = nodeHelper({ ...workerThreads, Worker: Killable }, helperFile)
    const helpers = new HelperThreads(mortal, new Polling().wait)
    const over = createWaitAsync(helpers.wait)
    const first = pending(over(view, 0, 0))
    expect(await notifyUntilWoken(view, 0)).toBe(1)
    expect(await first).toBe('ok')
    const second = pending(over(view, 0, 0))
    await own[0]!.terminate()
    Atomics.store(view, 0, 1)
    expect(await second).toBe('ok')
    expect(helpers.unusable).toBe(false)
  })

  test('where no thread starts, everything is polled', async () => {
    const view = words(1)
    const missing = nodeHelper(workerThreads, new URL('file:///nowhere/helper.js'))
    for (const broken of [missing, refuse]) {
      const helpers = new HelperThreads(broken, new Polling().wait)
      const over = createWaitAsync(helpers.wait)
      expect(await pending(over(view, 0, 0, 50))).toBe('timed-out')
      await expect.poll(() => helpers.unusable).toBe(true)
      expect(helpers.size).toBe(0)
    }
  })

  test('start in the way of browsers too', async () => {
    /** What a browser's Worker offers, over a thread of Node. */
    class WebWorker extends workerThreads.Worker {
      constructor(url: URL, _options: { type: 'module' }) {
        super(url)
        this.unref()
      }
      addEventListener(type: string, listener: (event: { data?: unknown }) => void): void {
        this.on(type, (data: unknown) => listener({ data }))
      }
    }
    const web = webHelper(WebWorker as unknown as WebWorkerConstructor, helperFile)
    const view = words(1)
    const over = createWaitAsync(new HelperThreads(web, refuse).wait)
    const outcome = pending(over(view, 0, 0))
    expect(await notifyUntilWoken(view, 0)).toBe(1)
    expect(await outcome).toBe('ok')
    expect(await pending(over(view, 0, 0, 30))).toBe('timed-out')
  })
})

describe('the package entry', () => {
  test('takes what the platform has, and install leaves that alone', () => {
    const platform = { waitAsync: Atomics.waitAsync, pause: (Atomics as { pause?: unknown }).pause }
    install()
    expect(Atomics.waitAsync).toBe(platform.waitAsync)
    if (platform.pause !== undefined) {
      expect((Atomics as { pause?: unknown }).pause).toBe(platform.pause)
    } else delete (Atomics as { pause?: unknown }).pause
    expect(waitAsync(words(1), 0, 1)).toEqual({ async: false, value: 'not-equal' })
  })

  test('on a platform without waitAsync, two copies installed twice wait side by side', () => {
    const script = `
      delete Atomics.waitAsync
      delete Atomics.pause
      const first = await import('${builtEntry.href}?copy=1')
      const second = await import('${builtEntry.href}?copy=2')
      for (const copy of [first, second, first]) copy.install()
      const third = await import('${builtEntry.href}?copy=3')
      const view = new Int32Array(new SharedArrayBuffer(4))
      const all = [first, second, third, Atomics].map((a) => a.waitAsync(view, 0, 0, 5_000))
      Atomics.pause(3)
      Atomics.store(view, 0, 1)
      Atomics.notify(view, 0)
      const stay = setInterval(() => {}, 1_000)
      const outcomes = await Promise.all(all.map((result) => result.value))
      clearInterval(stay)
      console.log(outcomes.join(), Object.keys(Atomics).length, Atomics.waitAsync === undefined)`
    const args = ['--input-type=module', '--eval', script]
    const output = execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 })
    expect(output.trim()).toBe('ok,ok,ok,ok 0 false')
  })

  test.runIf(process.allowedNodeEnvironmentFlags.has('--permission'))(
    'a process that may start no threads waits by timer',
    () => {
      const script = `
      delete Atomics.waitAsync
      const { waitAsync } = await import('${builtEntry.href}')
      const view = new Int32Array(new SharedArrayBuffer(4))
      const { value } = waitAsync(view, 0, 0)
      setTimeout(() => Atomics.store(view, 0, 1), 20)
      const stay = setInterval(() => {}, 1_000)
      console.log(await value)
      clearInterval(stay)`
      const args = ['--permission', '--allow-fs-read=*', '--input-type=module', '--eval', script]
      const output = execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 })
      expect(output.trim()).toBe('ok')
    },
  )

  test('loads through require', () => {
    const path = JSON.stringify(fileURLToPath(builtEntry))
    const script = `console.log(typeof require(${path}).waitAsync)`
    const args = ['--no-warnings', '--input-type=commonjs', '--eval', script]
    expect(execFileSync(process.execPath, args, { encoding: 'utf8' }).trim()).toBe('function')
  })
})

describe('pause', () => {
  test.each([pause, delay])('returns nothing, soon, and takes integers only', (spin) => {
    for (const iteration of [undefined, 0, 1, 64, 1e9, -3]) expect(spin(iteration)).toBeUndefined()
    for (const wrong of [1.5, '1', null, Number.NaN]) {
      expect(() => spin(wrong as number)).toThrow(TypeError)
    }
    const begin = now()
    for (let i = 0; i < 1_000; i++) spin(1e9)
    expect(now() - begin).toBeLessThan(1_000)
  })
})
