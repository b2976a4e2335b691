import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  creatorOf,
  deathCount,
  hasDied,
  isWatched,
  onThreadDeath,
} from '../../../src/store/family.ts'
import type { MemberData, Report } from '../../workers/family.ts'

const workerFile = new URL('../../../dist/test/workers/family.js', import.meta.url)
const built = new URL('../../../dist/src/store/family.js', import.meta.url).href

let deaths: number[] = []
let stop: () => void = () => {}
const workers: Worker[] = []
beforeEach(() => {
  deaths = []
  stop = onThreadDeath((id) => deaths.push(id))
})
afterEach(async () => {
  stop()
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()))
})

/** Starts a family; the first report of each of its members, the eldest first. */
async function family(data: MemberData): Promise<{ eldest: Worker; reports: Report[] }> {
  const eldest = new Worker(workerFile, { workerData: data })
  eldest.on('error', () => {})
  workers.push(eldest)
  const reports = new Map<number, Report>()
  eldest.on('message', (report: Report) => {
    if (!reports.has(report.id)) reports.set(report.id, report)
  })
  await vi.waitFor(() => expect(reports.size).toBe(data.generations + 1), 60_000)
  return { eldest, reports: [...reports.values()] }
}

describe('a family of threads', () => {
  test('knows for each who created it, and that somebody listens for its exit', async () => {
    const { reports } = await family({ generations: 2, end: 'stay' })
    const ids = reports.map(({ id }) => id)
    expect(reports.map(({ creator }) => creator)).toEqual([0, ids[0], ids[1]])
    expect(reports.map(({ watched }) => watched)).toEqual([true, true, true])
    // Here too, and of threads that this one did not create.
    expect(ids.map(creatorOf)).toEqual([0, ids[0], ids[1]])
    expect(ids.map(isWatched)).toEqual([true, true, true])
    expect([creatorOf(0), isWatched(0), creatorOf(9_999), isWatched(9_999)]).toEqual([
      -1,
      true,
      -1,
      false,
    ])
  })

  test('terminated at its head is reported whole, deepest last, before it resolves', async () => {
    const before = deathCount()
    for (let round = 0; round < 5; round++) {
      deaths = []
      const { eldest, reports } = await family({ generations: 3, end: 'spin' })
      await eldest.terminate()
      const ids = reports.map(({ id }) => id)
      expect(deaths).toEqual(ids)
      expect(ids.every(hasDied)).toBe(true)
      await Promise.resolve()
      expect(ids.map(creatorOf)).toEqual([-1, -1, -1, -1])
    }
    expect(deathCount() - before).toBe(20)
    expect(hasDied(0)).toBe(false)
  })

  test.each(['exit', 'throw', 'return'] as const)(
    'a youngest that ends by %s is reported to its creator alone',
    async (end) => {
      const { eldest, reports } = await family({ generations: 1, end })
      const heard: Report[] = []
      eldest.on('message', (report: Report) => heard.push(report))
      const youngest = reports[1]!.id
      const known = () => expect([hasDied(youngest), creatorOf(youngest)]).toEqual([true, -1])
      await vi.waitFor(known, 60_000) // and it is no descendant any more
      expect(deaths).toEqual([])
      await eldest.terminate()
      expect(deaths).toEqual([reports[0]!.id])
    },
  )

  test.each(['exit', 'throw', 'return'] as const)(
    'a worker that ends by %s before anybody listened is known to have died',
    async (end) => {
      stop()
      const worker = new Worker(workerFile, { workerData: { generations: 0, end } })
      worker.on('error', () => {})
      const id = worker.threadId
      await new Promise((resolve) => worker.once('exit', resolve))
      expect([deaths, hasDied(id), creatorOf(id)]).toEqual([[], true, -1])
    },
  )

  test('a child whose creator blocks at once enters itself, and dies with it', async () => {
    const { eldest, reports } = await family({ generations: 1, end: 'stay', blocks: true })
    expect(reports[1]).toMatchObject({ creator: reports[0]!.id, watched: false })
    await eldest.terminate()
    expect(deaths).toEqual(reports.map(({ id }) => id))
  })

  test('a child of a thread without the module has an ancestor, and nobody to watch', async () => {
    const { eldest, reports } = await family({ generations: 1, end: 'stay', unaware: true })
    expect(reports[1]).toMatchObject({ creator: 0, watched: false })
    await eldest.terminate()
    // Nobody could tell that the child stopped: its ancestor here lives.
    expect(deaths).toEqual([reports[0]!.id])
    expect(hasDied(reports[1]!.id)).toBe(false)
  })

  test('a notice that comes late is of the thread it is about', async () => {
    const { eldest, reports } = await family({ generations: 0, end: 'stay' })
    const ended = eldest.terminate()
    const until = performance.now() + 200
    while (performance.now() < until) continue // dead, and this thread was not told
    expect(deaths).toEqual([])
    const next = new Worker(workerFile, { workerData: { generations: 0, end: 'stay' } })
    workers.push(next)
    await ended
    expect(deaths).toEqual([reports[0]!.id])
    expect(next.threadId).toBeGreaterThan(reports[0]!.id)
    expect(isWatched(next.threadId)).toBe(true)
  })

  test('a listener that throws keeps nobody from being told', async () => {
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    const uncaught = once(process, 'uncaughtException')
    const end = onThreadDeath(() => {
      throw new RangeError('failed')
    })
    const late: number[] = []
    const endLate = onThreadDeath((id) => late.push(id))
    const { eldest, reports } = await family({ generations: 0, end: 'stay' })
    await eldest.terminate()
    expect(late).toEqual([reports[0]!.id])
    expect((await uncaught)[0]).toBeInstanceOf(RangeError)
    for (const other of others) process.on('uncaughtException', other)
    end()
    endLate()
  })

  test('hundreds of threads come and go, and leave no entry', async () => {
    const ids: number[] = []
    for (let batch = 0; batch < 8; batch++) {
      const some = Array.from(
        { length: 5 },
        () => new Worker('', { eval: true, workerData: { generations: 0 } }),
      )
      ids.push(...some.map(({ threadId }) => threadId))
      await Promise.all(some.map((worker) => once(worker, 'exit')))
    }
    expect(deaths.toSorted((a, b) => a - b)).toEqual(ids)
    await Promise.resolve()
    expect(ids.some((id) => creatorOf(id) !== -1)).toBe(false)
  })
})

describe('the module', () => {
  const run = (body: string): string => {
    const args = ['--input-type=module', '--eval', body]
    return execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 }).trim()
  }

  test('keeps no process alive, nor a worker that ended', () => {
    expect(run(`await import('${built}'); console.log('done')`)).toBe('done')
  })

  test('two copies in one process share what they know, and each tells its own', () => {
    const output = run(`
      import { Worker } from 'node:worker_threads'
      const copies = [await import('${built}?copy=1'), await import('${built}?copy=2')]
      const told = [[], []]
      copies.forEach((copy, index) => copy.onThreadDeath((id) => told[index].push(id)))
      const data = { generations: 2, end: 'stay' }
      const options = { workerData: data, execArgv: [] }
      const worker = new Worker(new URL('${workerFile.href}'), options)
      const ids = new Set()
      worker.on('message', async ({ id }) => {
        if (ids.add(id).size < 3) return
        await worker.terminate()
        console.log(JSON.stringify([[...ids], ...told]))
      })`)
    const [ids, first, second] = JSON.parse(output) as number[][]
    expect([first, second]).toEqual([ids, ids])
  })
})
