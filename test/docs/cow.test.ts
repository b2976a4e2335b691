/** examples/cow runs, and says what it should. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const example = fileURLToPath(new URL('../../examples/cow/snapshot.mjs', import.meta.url))

test('examples/cow: a report of one moment, while the table is written', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [example], { encoding: 'utf8' })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toMatch(
    /^the sum of 100000 counters is 0; meanwhile \d+ of \d+ pages were copied\n$/,
  )
})
