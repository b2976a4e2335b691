import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const example = fileURLToPath(new URL('../../examples/branches/main.mjs', import.meta.url))

test('examples/branches drops what fails in 5 % of the workers, adopts what does not', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [example])
  expect(stderr).toBe('')
  expect(stdout.trim().split('\n')).toEqual([
    'faster: 95 % failed in 1 of 20 workers, 0 % in the others: dropped, version 1',
    'bigger batches: 0 % failed in 1 of 20 workers, 0 % in the others: adopted, version 2',
    '20 workers use batches of 50: true',
    'stores in the heap: 1',
  ])
})
