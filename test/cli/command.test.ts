import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { runCommand } from './run-command.ts'

const folder = mkdtempSync(join(tmpdir(), 'rootswap-test-cli-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

describe('rootswap', () => {
  test.each([
    [['--help'], 'rootswap demo'],
    [['demo', '--help'], '--self-test'],
  ])('%j prints help and succeeds', async (args, part) => {
    const { status, stdout, stderr } = await runCommand(args)
    expect(stdout).toContain(part)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })

  test.each([
    [[], 'no command given'],
    [['dmeo'], "unknown command 'dmeo'"],
    [['demo', '--secnods', '3'], "Unknown option '--secnods'"],
    [['demo', 'now'], "Unexpected argument 'now'"],
    [['demo', '--seconds', '0'], "--seconds is '0'; it must be a whole number from 1 to 3600"],
    [['demo', '--workers', 'all'], "--workers is 'all'"],
    [['demo', '--json=yes'], '--json'],
  ])('%j is refused with status 2, a reason and a hint', async (args, reason) => {
    const { status, stdout, stderr } = await runCommand(args)
    expect(stderr).toContain(reason)
    expect(stderr).toContain('--help')
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  })

  test.each([
    ['is not there', join(folder, 'none.json'), 'cannot be read (ENOENT)'],
    ['is no JSON', file('broken.json', '{"a": [1,'), 'is not JSON'],
    ['holds nothing', file('empty.json', '{}'), 'with anything in it'],
    ['holds a number', file('number.json', '7'), 'with anything in it'],
  ])('data that %s is refused with status 2, by name', async (_, path, reason) => {
    const { status, stdout, stderr } = await runCommand(['demo', '--json', '--data', path])
    expect(stderr).toContain(path)
    expect(stderr).toContain(reason)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  })
})
