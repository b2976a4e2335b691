import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Worker } from 'node:worker_threads'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { createStore } from '../../src/index.ts'
import { restoreStore, saveSnapshot } from '../../src/persist.ts'
import type { Ledger } from '../workers/saver.ts'
import { Stage } from './stage.ts'

const stage = new Stage()
const script = fileURLToPath(new URL('../../dist/test/workers/saver.js', import.meta.url))
const savingThread = new URL('../../dist/test/workers/saving-thread.js', import.meta.url)
/** Processes killed; `ROOTSWAP_KILLS` for more or fewer. */
const KILLS = Number(process.env['ROOTSWAP_KILLS'] ?? 300)
/** Processes at a time: saves of each take time on both cores. */
const LANES = 3
/** There for what hangs, not for what is slow. */
const LIMIT_MS = 60_000 + KILLS * 10_000

interface Rows {
  sum: number
  rows: { n: number }[]
}

interface Run {
  readonly saved: number
  readonly saving: number
}

/** Lets a process save until it is killed at a random moment: while its helper starts, or reads the
 *  version, or writes, or between two saves. */
async function killInSave(file: string, first: number): Promise<Run> {
  const args = [script, file, String(first)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const run = { saved: 0, saving: 0 }
  const aim = Math.random() < 0.3 ? /^saving/ : /^wrote/
  let timer: NodeJS.Timeout | undefined
  createInterface(child.stdout).on('line', (line) => {
    const [word, number] = line.split(' ')
    if (word === 'saved') run.saved = Number(number)
    if (word === 'saving') run.saving = Number(number)
    if (!aim.test(line)) return
    timer ??= setTimeout(() => child.kill('SIGKILL'), Math.random() ** 2 * 50)
  })
  await ended(child)
  return run
}

async function ended(child: ChildProcess): Promise<void> {
  await new Promise((resolve) => child.once('close', resolve))
}

function expectWhole({ version, rows, sum }: Ledger): void {
  expect(rows.length).toBe(6000)
  expect(rows.reduce((total, row) => total + row.version, 0)).toBe(sum)
  expect(Math.max(...rows.map((row) => row.version))).toBe(version)
}

describe('a process that is killed in the middle of a save', () => {
  test(
    `leaves the file of the save before it, or its own, whole: ${KILLS} times`,
    async () => {
      const counts = { kills: 0, inSave: 0, finished: 0, leftovers: 0 }
      async function lane(index: number): Promise<void> {
        const file = stage.at(`lane-${index}`)
        let before = 0
        for (let run = 0; counts.kills < KILLS; run++) {
          counts.kills++
          const { saved, saving } = await killInSave(file, 1 + run * 1000)
          if (stage.files.some((name) => name.startsWith(`lane-${index}.`))) counts.leftovers++
          if (saving > saved) counts.inSave++
          if (before === 0 && !existsSync(file)) continue
          using store = await restoreStore<Ledger>(file, { maxBytes: 2 ** 24 })
          const { version } = store.current
          expectWhole(store.current as Ledger)
          expect([saved || before, saving]).toContain(version)
          if (version === saving && saving > saved) counts.finished++
          before = version
        }
      }
      await Promise.all(Array.from({ length: LANES }, (_, index) => lane(index)))
      console.log(
        `${counts.kills} kills, ${counts.inSave} between the begin and the end of a save, ` +
          `${counts.leftovers} left an unfinished file beside, ${counts.finished} after the rename`,
      )
      expect(counts.inSave).toBeGreaterThan(KILLS / 2)
      expect(counts.leftovers).toBeGreaterThan(0)
    },
    LIMIT_MS,
  )

  test('a thread that is: its helper ends before its lease does', async () => {
    const rows = 5000
    // Freed memory is poisoned: a helper that read on would write it, or fail.
    using store = createStore(
      { sum: 0, rows: Array.from({ length: rows }, (_, n) => ({ n: 0, text: `row ${n}` })) },
      { debug: true },
    )
    const file = stage.at('thread')
    const counts = { kills: 0, files: 0 }
    for (; counts.kills < 25; counts.kills++) {
      const worker = new Worker(savingThread, { workerData: { handle: store.handle, file } })
      const kill = Math.random() * 30
      await once(worker, 'message')
      const end = performance.now() + kill
      for (let turn = 0; performance.now() < end; turn++) {
        const at = (turn * 997) % rows
        store.update((draft) => {
          draft.sum++
          const row = draft.rows[at] as { n: number }
          row.n++
        })
      }
      await worker.terminate()
      for (let turn = 0; turn < 500; turn++) store.set(['rows', turn, 'text'], `new ${turn}`)
      if (!existsSync(file)) continue
      counts.files++
      using back = await restoreStore<Rows>(file, { maxBytes: 2 ** 24 })
      expect(back.current.rows.reduce((sum, { n }) => sum + n, 0)).toBe(back.current.sum)
    }
    console.log(`${counts.kills} threads terminated in a save, ${counts.files} files read back`)
    await store.drained(store.version)
    expect(store.stats()).toMatchObject({ threads: 1, snapshots: 0 })
    store.verify()
  })

  test('what it left beside is removed by the next save', async () => {
    using store = createStore({ n: 1 })
    await saveSnapshot(store, stage.at('file'))
    // As a process with an id that is not in use would have left them.
    for (const rest of ['999999999-3.saving', '999999998-0.saving']) {
      copyFileSync(stage.at('file'), stage.at(`file.${rest}`))
    }
    copyFileSync(stage.at('file'), stage.at(`file.${process.ppid}-1.saving`)) // still running
    copyFileSync(stage.at('file'), stage.at('file.saving')) // somebody else's
    await saveSnapshot(store, stage.at('file'))
    const kept = ['file', `file.${process.ppid}-1.saving`, 'file.saving']
    expect(stage.files).toEqual(kept.sort())
  })

  test('also where the process before had the id of this one, as in a container', async () => {
    using store = createStore({ n: 1 })
    const seen = new Set<string>()
    const onProgress = (): void => stage.files.forEach((name) => seen.add(name))
    while (seen.size < 2) await saveSnapshot(store, stage.at('file'), { onProgress })
    const name = [...seen].find((one) => one !== 'file') as string
    const [, pid, thread, token] = /^file\.(\d+)-(\d+)-?(\w*)\./.exec(name) as string[]
    expect(pid).toBe(String(process.pid))
    const kept = `file.${pid}-${Number(thread) + 1000}-${token}.saving` // of a thread that runs
    writeFileSync(stage.at(kept), 'begun')
    // The helper that comes next is one of these threads.
    for (let next = Number(thread); next < Number(thread) + 20; next++) {
      writeFileSync(stage.at(`file.${pid}-${next}.saving`), 'torn')
      writeFileSync(stage.at(`file.${pid}-${next}-1.saving`), 'torn')
    }
    await saveSnapshot(store, stage.at('file'))
    expect(stage.files).toEqual(['file', kept])
  })

  test('and where it had, being the first of its container', async (context) => {
    const inside = ['--pid', '--fork', '--kill-child']
    if (spawnSync('unshare', [...inside, 'true']).status !== 0) {
      console.log('skipped: this user may not make a namespace of processes')
      return context.skip()
    }
    const torn = (): string[] => stage.files.filter((name) => name.startsWith('file.1-'))
    /** Whether a save that runs until it says `word` said it. */
    async function ranUntil(word: string): Promise<boolean> {
      const args = [...inside, process.execPath, script, stage.at('file'), '1']
      const child = spawn('unshare', args, { stdio: ['ignore', 'pipe', 'inherit'] })
      let said = false
      createInterface(child.stdout).on('line', (line) => {
        if (!line.startsWith(word)) return
        said = true
        child.kill('SIGKILL')
      })
      await ended(child)
      return said
    }
    while (torn().length === 0) await ranUntil('wrote')
    const [left] = torn()
    expect(await ranUntil('saved')).toBe(true)
    expect(torn()).not.toContain(left)
  })
})
