/** `rootswap demo fork`, as a user runs it, with a smaller image. */
import { expect, test } from 'vitest'
import type { ForkReport } from '../../src/cli/fork/run.ts'
import { runCommand } from './run-command.ts'

const small = ['demo', 'fork', '--megabytes', '8', '--pages', '100']

test('in a pipe: pictures and a table in plain lines, status 0', async () => {
  const { status, stdout, stderr } = await runCommand(small)
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  // oxlint-disable-next-line no-control-regex
  expect(stdout).not.toMatch(/\x1b/)
  for (const text of ['before the fork', 'copy everything', 'fork, child first', 'vfork']) {
    expect(stdout).toContain(text)
  }
  expect(stdout).toMatch(/parent ·{64}\n {2}child {2}·{64}/)
  expect(stdout).toMatch(/0 problems\n$/)
})

test('--json: one object; child first and vfork copy nothing, copying everything all', async () => {
  const { status, stdout } = await runCommand([...small, '--json'])
  expect(status).toBe(0)
  const report = JSON.parse(stdout) as ForkReport
  expect(report).toMatchObject({ megabytes: 8, pageBytes: 4096, problems: [] })
  const pages = Object.fromEntries(report.ways.map((way) => [way.name, way.pagesCopied]))
  expect(pages).toMatchObject({ 'copy everything': 2049, 'fork, child first': 0, vfork: 0 })
  expect(pages['fork']).toBeLessThanOrEqual(100)
  for (const way of report.ways) expect(way.bytesCopied).toBe(way.pagesCopied * 4096)
})

test('--help is printed; wrong options are status 2', async () => {
  const help = await runCommand(['demo', 'fork', '--help'])
  expect(help.status).toBe(0)
  expect(help.stdout).toContain('--megabytes')
  for (const wrong of [['--megabytes', '0'], ['--pages', 'x'], ['--nothing'], ['more']]) {
    const { status, stderr } = await runCommand(['demo', 'fork', ...wrong])
    expect(status).toBe(2)
    expect(stderr).toContain('rootswap demo fork --help')
  }
})
