/** A link that leads elsewhere while files are read, and back again before anybody looks. */
import { renameSync, symlinkSync } from 'node:fs'
import type * as promises from 'node:fs/promises'
import { beforeEach, expect, test, vi } from 'vitest'
import { readFiles } from '../../src/config/files.ts'
import { Stage } from './stage.ts'

/** Called after each file was opened, with how many were. */
let afterOpen = (_opened: number): void => {}
let opened = 0
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof promises>()
  const open: typeof real.open = async (...given) => {
    const handle = await real.open(...given)
    afterOpen(++opened)
    return handle
  }
  return { ...real, open }
})
beforeEach(() => (opened = 0))

function staged() {
  const stage = new Stage()
  const files = ['a', 'b'].map((file) => ({ file, path: stage.at(`current/${file}`) }))
  const lead = (to: string): void => {
    symlinkSync(to, stage.at('turning'))
    renameSync(stage.at('turning'), stage.at('current'))
  }
  for (const color of ['blue', 'green']) {
    for (const { file } of files) stage.write(`${color}/${file}`, color)
  }
  lead('blue')
  const read = async (): Promise<string[]> =>
    (await readFiles(files, 100)).map(({ bytes }) => Buffer.from(bytes).toString())
  return { lead, read }
}

test('files are of one moment though the link was where it is before and after', async () => {
  const { lead, read } = staged()
  afterOpen = (count) => {
    if (count <= 2) lead(count === 1 ? 'green' : 'blue')
  }
  expect(await read()).toEqual(['blue', 'blue'])
  expect(opened).toBe(4) // The first two were of two moments.
})

test('files that are never of one moment are refused', async () => {
  const { lead, read } = staged()
  afterOpen = (count) => lead(count % 2 === 1 ? 'green' : 'blue')
  await expect(read()).rejects.toMatchObject({ stage: 'read' })
  expect(opened).toBe(10)
})

test('files that rest are read once', async () => {
  const { read } = staged()
  afterOpen = () => {}
  expect(await read()).toEqual(['blue', 'blue'])
  expect(opened).toBe(2)
})
