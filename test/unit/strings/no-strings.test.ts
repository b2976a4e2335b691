/** Works where code may not be made from strings: in a real process with the flag in force. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import type { Forbidden } from '../../workers/no-strings.ts'

const FLAG = '--disallow-code-generation-from-strings'
const program = fileURLToPath(new URL('../../../dist/test/workers/no-strings.js', import.meta.url))

type Found = Record<'here' | 'there', Forbidden>

function run(flags: string[]): Found {
  // The flag may be in this process's own environment.
  const { NODE_OPTIONS: _, ...env } = process.env
  const child = spawnSync(process.execPath, [...flags, program], { encoding: 'utf8', env })
  expect(child.stderr).toBe('')
  return JSON.parse(child.stdout) as Found
}

describe('no code is made from strings', () => {
  test('every operation works with the flag as without, in the main thread and in a worker', () => {
    const free = run([])
    const forbidden = run([FLAG])
    for (const thread of ['here', 'there'] as const) {
      expect(free[thread]).toMatchObject({ evaluated: 'allowed', constructed: 'allowed' })
      const refused = { evaluated: 'EvalError', constructed: 'EvalError' }
      expect(forbidden[thread]).toMatchObject(refused)
      expect(forbidden[thread].value).toBe(free[thread].value)
      expect(free[thread].value.length).toBeGreaterThan(10_000)
    }
  })

  test('the run that says so is under the flag, its worker threads too', async () => {
    const isSaid = (process.env['NODE_OPTIONS'] ?? '').includes(FLAG)
    const source = `require('worker_threads').parentPort.postMessage(attempt())
      function attempt() { try { new Function('return 1'); return 'allowed' }
        catch (error) { return error.name } }`
    const worker = new Worker(source, { eval: true })
    const [there] = (await once(worker, 'message')) as [string]
    let here = 'allowed'
    try {
      // oxlint-disable-next-line no-new-func, no-new
      new Function('return 1')
    } catch (error) {
      here = (error as Error).name
    }
    const expected = isSaid ? 'EvalError' : 'allowed'
    expect([here, there]).toEqual([expected, expected])
    if (process.env['ROOTSWAP_NO_STRINGS'] === '1') expect(isSaid).toBe(true)
  })
})
