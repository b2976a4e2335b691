import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, statSync } from 'node:fs'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { createStore } from '../../src/index.ts'
import { autosave, restoreStore, type Saved } from '../../src/persist.ts'
import { Stage } from './stage.ts'

const stage = new Stage()
const script = fileURLToPath(new URL('../../dist/test/workers/saver.js', import.meta.url))

async function until(done: () => boolean): Promise<void> {
  while (!done()) await sleep(5)
}

describe('autosave', () => {
  test('saves what there is, then what is published', async () => {
    using store = createStore({ n: 1 })
    const saved: Saved[] = []
    await using saver = autosave(store, {
      file: stage.at('file'),
      everyMs: 20,
      onSaved: (one) => saved.push(one),
    })
    expect(saver.savedVersion).toBe(0)
    await until(() => saver.savedVersion === 1)
    store.set(['n'], 2)
    store.set(['n'], 3)
    await until(() => saver.savedVersion === 3)
    expect(saved.map(({ version }) => version).at(-1)).toBe(3)
    using back = await restoreStore<{ n: number }>(stage.at('file'))
    expect(back.current).toEqual({ n: 3 })
    expect(inspect(saver)).toContain('savedVersion: 3')
  })

  test('everyVersions does not wait for the time', async () => {
    using store = createStore({ n: 0 })
    await using saver = autosave(store, {
      file: stage.at('file'),
      everyMs: 3_600_000,
      everyVersions: 10,
    })
    await saver.flush()
    for (let n = 1; n <= 9; n++) store.set(['n'], n)
    await sleep(100)
    expect(saver.savedVersion).toBe(1)
    store.set(['n'], 10)
    await until(() => saver.savedVersion === 11)
  })

  test.each([Infinity, 2 ** 31, 1e300])('everyMs %d is no time that comes', async (everyMs) => {
    const warnings: Error[] = []
    const note = (warning: Error): unknown => warnings.push(warning)
    process.on('warning', note)
    using store = createStore({ n: 0 })
    await using saver = autosave(store, { file: stage.at('in/file'), everyMs, everyVersions: 10 })
    for (let n = 1; n <= 8; n++) {
      store.set(['n'], n)
      await sleep(10)
    }
    await sleep(100)
    expect(stage.files).toEqual([])
    await expect(saver.flush()).rejects.toMatchObject({ reason: 'ENOENT' })
    mkdirSync(stage.at('in'))
    await until(() => saver.savedVersion === 9) // what failed is tried again all the same
    for (let n = 1; n <= 10; n++) store.set(['n'], -n)
    await until(() => saver.savedVersion === 19)
    process.off('warning', note)
    expect(warnings.map(({ name }) => name)).toEqual(['RootswapWarning']) // of the ENOENT
  })

  test('flush waits for the newest version, also while an older one is being saved', async () => {
    using store = createStore({ n: 0, pad: Array.from({ length: 20_000 }, (_, n) => `row ${n}`) })
    await using saver = autosave(store, { file: stage.at('file'), everyMs: 0 })
    const first = saver.flush()
    store.set(['n'], 1)
    const second = saver.flush()
    expect(await first).toBeGreaterThanOrEqual(1)
    expect(await second).toBe(2)
    expect(await saver.flush()).toBe(2)
  })

  test('keeps so many earlier files, the newest first', async () => {
    using store = createStore({ n: 0 })
    await using saver = autosave(store, { file: stage.at('file'), everyMs: 3_600_000, keep: 2 })
    for (let n = 1; n <= 5; n++) {
      store.set(['n'], n)
      await saver.flush()
    }
    expect(stage.files).toEqual(['file', 'file.1', 'file.2'])
    const kept: number[] = []
    for (const name of stage.files) {
      using back = await restoreStore<{ n: number }>(stage.at(name))
      kept.push(back.current.n)
    }
    expect(kept).toEqual([5, 4, 3])
  })

  test('close waits for the save under way and begins no other', async () => {
    using store = createStore({ n: 0 })
    const saver = autosave(store, { file: stage.at('file'), everyMs: 0 })
    await saver.flush()
    store.set(['n'], 1)
    await saver.close()
    await saver.close()
    const { savedVersion } = saver
    store.set(['n'], 2)
    await sleep(100)
    expect(saver.savedVersion).toBe(savedVersion)
    expect(stage.files).toEqual(['file'])
  })

  test('a failure changes nothing, is told, and is tried again', async () => {
    using store = createStore({ n: 1 })
    mkdirSync(stage.at('folder'))
    const errors: unknown[] = []
    await using saver = autosave(store, {
      file: stage.at('folder/file'),
      everyMs: 5,
      onError: (error) => errors.push(error),
    })
    await saver.flush()
    rmSync(stage.at('folder'), { recursive: true })
    store.set(['n'], 2)
    await until(() => errors.length > 0)
    expect(errors[0]).toMatchObject({ code: 'ERR_SAVE_FAILED', reason: 'ENOENT', version: 2 })
    expect(saver.savedVersion).toBe(1)
    await expect(saver.flush()).rejects.toMatchObject({ code: 'ERR_SAVE_FAILED' })
    mkdirSync(stage.at('folder'))
    await until(() => saver.savedVersion === 2) // by itself, after a second
    expect(statSync(stage.at('folder/file')).size).toBeGreaterThan(0)
  })

  test('without onError the first failure of a row is a warning', async () => {
    using store = createStore({ n: 1 })
    const warned = once(process, 'warning')
    const saver = autosave(store, { file: stage.at('no/file'), everyMs: 0 })
    const [warning] = await warned
    expect(warning).toMatchObject({ name: 'RootswapWarning', code: 'ROOTSWAP_AUTOSAVE' })
    expect(warning.message).toContain('ENOENT')
    await saver.close()
  })

  test('refuses options that can not be', () => {
    using store = createStore({ n: 1 })
    const file = stage.at('file')
    for (const wrong of [
      { file: '' },
      { file: 5 },
      { file, everyMs: -1 },
      { file, everyMs: NaN },
      { file, everyVersions: 0 },
      { file, keep: 1.5 },
      { file, keep: -1 },
    ]) {
      expect(() => autosave(store, wrong as { file: string })).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
      )
    }
  })

  test('does not keep a process alive between saves', () => {
    const index = fileURLToPath(new URL('../../dist/src/index.js', import.meta.url))
    const persist = fileURLToPath(new URL('../../dist/src/persist.js', import.meta.url))
    const code = `import { createStore } from '${index}'
      import { autosave } from '${persist}'
      const store = createStore({ n: 1 })
      const saver = autosave(store, { file: process.argv[1], everyMs: 60_000 })
      await saver.flush()
      store.set(['n'], 2)
      process.on('exit', () => console.log(saver.savedVersion))`
    const args = ['--input-type=module', '--eval', code, stage.at('file')]
    const { stdout, status } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect({ stdout, status }).toEqual({ stdout: '1\n', status: 0 })
  })
})

describe('a disk that is full', () => {
  interface Told {
    readonly saved?: number
    readonly code?: string
    readonly reason?: string
    readonly savedVersion?: number
  }

  /** Saves with a limit on the size of files, which is a disk of that size to who writes one. */
  function saverWith(shell: string, file: string) {
    const command = [process.execPath, script, file, 'full']
    const child = spawn('sh', ['-c', `${shell} exec "$@"`, 'sh', ...command], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const lines: Told[] = []
    createInterface(child.stdout).on('line', (line) => lines.push(JSON.parse(line) as Told))
    return { child, lines }
  }

  test('is an error that names it; savedVersion and the file stay; tried again', async () => {
    const { child, lines } = saverWith('ulimit -f 64 &&', stage.at('file'))
    try {
      await until(() => lines.filter(({ code }) => code !== undefined).length >= 2)
    } finally {
      child.kill('SIGKILL')
    }
    expect(lines[0]).toEqual({ code: 'ERR_SAVE_FAILED', reason: 'EFBIG', savedVersion: 0 })
    expect(lines[1]).toEqual(lines[0])
    expect(stage.files).toEqual([])
  })

  test('on a file system that has no more room', async (context) => {
    mkdirSync(stage.at('disk'))
    const mount = `mount -t tmpfs -o size=128k none '${stage.at('disk')}'`
    const may = spawnSync('unshare', ['-m', 'sh', '-c', mount], { encoding: 'utf8' })
    if (may.status !== 0) {
      console.log('skipped: this user may not mount in a namespace of its own')
      return context.skip()
    }
    const command = [process.execPath, script, stage.at('disk/file'), 'full']
    const child = spawn('unshare', ['-m', 'sh', '-c', `${mount} && exec "$@"`, 'sh', ...command], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const lines: Told[] = []
    createInterface(child.stdout).on('line', (line) => lines.push(JSON.parse(line) as Told))
    try {
      await until(() => lines.length >= 2)
    } finally {
      child.kill('SIGKILL')
    }
    for (const line of lines.slice(0, 2)) {
      expect(line).toEqual({ code: 'ERR_SAVE_FAILED', reason: 'ENOSPC', savedVersion: 0 })
    }
  })
})
