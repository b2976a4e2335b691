import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { restoreStore } from '../../src/persist.ts'
import { Stage } from './stage.ts'

const stage = new Stage()
const example = fileURLToPath(new URL('../../examples/persist/main.mjs', import.meta.url))

/** Runs the example until it has told enough; resolves to its lines. */
async function run(
  isEnough: (line: string, tells: number) => boolean,
  signal: 'SIGKILL' | 'SIGTERM',
): Promise<string[]> {
  const child = spawn(process.execPath, [example, stage.at('counter')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  let isTold = false
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line)
    if (isTold || !isEnough(line, lines.length - 1)) return
    isTold = true
    child.kill(signal)
  })
  await once(child, 'close')
  return lines
}

const numberIn = (line: string | undefined) => Number(/\d+/.exec(line ?? '')?.[0])

test('examples/persist goes on where its file ends', async () => {
  const first = await run((_line, tells) => tells === 4, 'SIGTERM')
  const saved = numberIn(first.at(-1))
  expect(first.at(-1)).toMatch(/^saved \d+$/)
  expect(saved).toBeGreaterThanOrEqual(numberIn(first.at(-2)))

  // Fewer than this run has counted: it has saved something of its own.
  const isSaved = (line: string): boolean => {
    const [, count, unsaved] = /^counted to (\d+), (\d+) versions/.exec(line) ?? []
    return Number(unsaved) < Number(count) - saved
  }
  const second = await run(isSaved, 'SIGKILL')
  expect(second[0]).toBe(`begins at ${saved}, run 2`)
  using store = await restoreStore<{ count: number; runs: number }>(stage.at('counter'))
  expect(store.current.runs).toBe(2)
  expect(store.current.count).toBeGreaterThan(saved)

  const third = await run((_line, tells) => tells === 1, 'SIGKILL')
  expect(third[0]).toBe(`begins at ${store.current.count}, run 3`)
})
