/**
 * The torture itself: short runs of every structure find nothing and are not vacuous, broken
 * builds are caught, and the command says what it can do.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type * as Torture from '../../src/torture.ts'
import { Control, counters, LOGGED_MAX, Member } from '../../src/torture/control.ts'
import { counter } from '../../src/torture/counter.ts'
import { Heap } from '../../src/index.ts'

const main = fileURLToPath(new URL('../../dist/src/torture/main.js', import.meta.url))
const built = new URL('../../dist/src/torture.js', import.meta.url).href
const MINUTE = 60_000

/** Runs the command; its status and what it printed. */
function command(...argv: string[]): Promise<{ status: number; out: string; complaint: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...argv], (error, out, complaint) => {
      resolve({ status: error === null ? 0 : Number(error.code), out, complaint })
    })
  })
}

describe('of this build', () => {
  for (const structure of ['store', 'bank', 'counter']) {
    test(
      `'${structure}' stands it, threads being killed, and the run was not vacuous`,
      async () => {
        const { torture, describe } = (await import(built)) as typeof Torture
        const report = await torture({ structure, seconds: 6, kill: true, seed: 7 })
        console.log(describe(report))
        expect(report.verdict).toBe('ok')
        expect(report.counts.versions).toBeGreaterThan(0)
        expect(report.counts.reads + report.counts.gets).toBeGreaterThan(0)
        expect(report.counts.agedTooFar).toBe(0)
      },
      3 * MINUTE,
    )
  }

  test('options that cannot be are refused by name', async () => {
    const { torture } = (await import(built)) as typeof Torture
    await expect(torture({ structure: 'teapot' })).rejects.toThrow(/no structure 'teapot'/)
    await expect(torture({ structure: 'bank', readers: 0 })).rejects.toThrow(/readers is 0/)
  })
})

describe('of broken builds', () => {
  // What is found has to be the mutation's doing: a build that does not load is no catch.
  const reused = /CORRUPT|kind|count|text|undefined|element|damaged|shape|node|RangeError|block/
  const broken: [name: string, structure: string, cause: RegExp][] = [
    ['no-grace-period', 'store', reused],
    ['synchronize-at-once', 'store', /at age [2-9]/],
    ['leases-ignored', 'store', reused],
    ['plain-publish', 'counter', /linearizable|chain|count|CORRUPT|damaged/],
  ]
  for (const [name, structure, cause] of broken) {
    test(
      `${name} is caught`,
      async () => {
        // When is chance: after some seconds for most, and the first finding ends the run.
        const about = ['--structure', structure, '--seconds', '120', '--seed', '3', '--json']
        const { status, out, complaint } = await command('--break', name, ...about)
        expect(complaint).toBe('')
        const { structures } = JSON.parse(out) as { structures: Torture.TortureReport[] }
        const [report] = structures
        console.log(`${name}: ${report?.seconds.toFixed(1)} s: ${report?.violations[0]}`)
        expect(status).toBe(1)
        expect(report?.verdict).toBe('violated')
        // That a run was vacuous is no finding.
        const found = report?.violations.filter((each) => !each.startsWith('nothing was proven'))
        expect(found?.join('\n')).toMatch(cause)
        expect(found?.join('\n')).not.toMatch(/SyntaxError|ERR_MODULE/)
      },
      4 * MINUTE,
    )
  }

  test('an unknown one is refused, with those that there are', async () => {
    const { status, complaint } = await command('--break', 'nothing')
    expect(status).toBe(2)
    expect(complaint).toContain('no-grace-period')
  })
})

describe('the command', () => {
  test('--help lists the options, wrong ones are named', async () => {
    expect((await command('--help')).out).toContain('--kill')
    for (const wrong of [['--seconds', 'x'], ['--sekunden'], ['--structure', 'teapot']]) {
      const { status, complaint } = await command(...wrong)
      expect(status).toBe(2)
      expect(complaint).toContain(wrong.at(-1))
    }
  })
})

describe('the parts', () => {
  test('an increment that was lost is found in the recording', () => {
    const heap = Heap.create({ maxBytes: 2 ** 20 })
    const handle = counter.create(heap)
    const log = [1, 2, 2].map((result, index) => ({
      member: index,
      code: 1,
      result,
      start: 10 + index,
      end: 20,
    }))
    expect(counter.check(handle, log)).toMatch(/not linearizable/)
    heap.close()
  })

  test("a thread's counters and log are taken once, and a pending operation has no end", () => {
    const control = new Control()
    const member = new Member(control, 3)
    member.count('reads', 5)
    member.highest('longestGraceMs', 7)
    member.finish(member.begin(1, 100), 42, 200)
    member.begin(2, 300)
    expect(member.collect()).toMatchObject({ reads: 5, longestGraceMs: 7 })
    expect(member.takeLog()).toEqual([
      { member: 3, code: 1, result: 42, start: 100, end: 200 },
      { member: 3, code: 2, result: 0, start: 300, end: Infinity },
    ])
    expect(member.takeLog()).toEqual([])
    expect(counters.every((each) => member.collect()[each] === 0)).toBe(true)
    for (let index = 0; index < LOGGED_MAX; index++) member.begin(1, index)
    expect(member.logIsFull).toBe(true)
  })
})
