import { mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Summary } from '../../src/cli/demo/summary.ts'
import { runCommand } from './run-command.ts'

const TIMEOUT_MS = 120_000

const small = join(tmpdir(), `rootswap-test-${process.pid}.json`)
const services = Array.from({ length: 300 }, (_, id) => ({ id, on: id % 2 === 0, name: `s${id}` }))
writeFileSync(small, JSON.stringify({ services, nothing: null }))
afterAll(() => rmSync(small))

/** Every zero, every piece of work, of a run that was not interrupted. */
const DONE = {
  tornReads: 0,
  lostUpdates: 0,
  leakedBlocks: 0,
  reloadsApplied: 18,
  reloadsRejected: 2,
  workersKilled: 1,
  interrupted: false,
  problems: [],
}

function expectSound(summary: Summary): void {
  expect(summary).toMatchObject(DONE)
  const { readsPerSecond, checks, publishes, publishesPerSecond, conflicts } = summary
  for (const counted of [readsPerSecond, checks, publishes, publishesPerSecond]) {
    expect(counted).toBeGreaterThan(0)
  }
  for (const { p50, p99 } of [summary.propagationMicros, summary.gracePeriodMicros]) {
    expect(p50).toBeGreaterThan(0)
    expect(p99).toBeGreaterThanOrEqual(p50)
  }
  console.log(`${checks} checks, ${publishes} publishes, ${conflicts} conflicts`)
}

describe('rootswap demo', () => {
  test(
    'on the real data, --json prints one object on one line, with nothing torn, lost or leaked',
    async () => {
      const args = ['demo', '--seconds', '2', '--workers', '2', '--json']
      const { status, stdout, stderr } = await runCommand(args)
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      expect(stdout).toMatch(/^\{.*\}\n$/)
      const summary = JSON.parse(stdout) as Summary
      expectSound(summary)
      // The killed worker and its successor have a rate each.
      expect(summary.readsPerSecondByWorker).toHaveLength(3)
      expect(summary.dataBytes).toBeGreaterThan(15e6)
      expect(summary.storeBytes).toBeLessThan(summary.dataBytes)
      expect(summary.privateCopiesBytes).toBeGreaterThan(summary.dataBytes)
      expect(summary.memoryBytes).toBeGreaterThan(summary.storeBytes)
    },
    TIMEOUT_MS,
  )

  test(
    '--self-test finds each of the three faults that it makes, and no more of them',
    async () => {
      const { status, stdout } = await runCommand(['demo', '--self-test', '--data', small])
      expect(stdout).toMatch(/found {3}one inconsistent version +[1-9]\d* torn reads, 0 before it/)
      expect(stdout).toMatch(/found {3}one dropped update +1 lost updates/)
      expect(stdout).toMatch(/found {3}one leaked block +1 leaked blocks/)
      expect(status).toBe(0)
    },
    TIMEOUT_MS,
  )

  test(
    'in a pipe it prints plain lines, with data of any kind',
    async () => {
      const args = ['demo', '--seconds', '1', '--workers', '1', '--data', small]
      const { status, stdout } = await runCommand(args)
      expect(stdout).not.toContain('\x1b')
      expect(stdout).toMatch(/^1 s; [\d,]+ reads checked; /m)
      expect(stdout).toContain('Nothing torn, nothing lost, nothing leaked.')
      expect(status).toBe(0)
    },
    TIMEOUT_MS,
  )

  test(
    'an interrupt ends it early and cleanly: counted, status 130, no folder left',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'rootswap-test-'))
      const args = ['demo', '--seconds', '60', '--workers', '1', '--data', small]
      const { status, stdout } = await runCommand(args, {
        meanwhile: (child) => void setTimeout(() => child.kill('SIGINT'), 2000),
        environment: { TMPDIR: folder },
      })
      expect(stdout).toMatch(/Interrupted after [\d.]+ s\.\nNothing torn/)
      expect(status).toBe(130)
      expect(readdirSync(folder)).toEqual([])
      rmdirSync(folder)
    },
    TIMEOUT_MS,
  )
})
