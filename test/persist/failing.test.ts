import { spawnSync } from 'node:child_process'
import {
  accessSync,
  chmodSync,
  existsSync,
  readFileSync,
  statSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { createStore } from '../../src/index.ts'
import { restoreStore, saveSnapshot } from '../../src/persist.ts'
import { everything, Stage } from './stage.ts'

const stage = new Stage()
const helper = fileURLToPath(new URL('../../dist/workers/save-snapshot.js', import.meta.url))

function built(entry: string): string {
  return fileURLToPath(new URL(`../../dist/src/${entry}.js`, import.meta.url))
}

describe('damage', () => {
  async function refused(bytes: Uint8Array): Promise<string> {
    writeFileSync(stage.at('bad'), bytes)
    try {
      const store = await restoreStore<unknown>(stage.at('bad'))
      store.close()
    } catch (error) {
      const { code, offset, reason, file } = error as Record<string, unknown>
      expect({ code, file }).toEqual({ code: 'ERR_CORRUPT_FILE', file: stage.at('bad') })
      expect(offset).toBeTypeOf('number')
      return reason as string
    }
    throw new Error('a damaged file was taken')
  }

  test('every kind is ERR_CORRUPT_FILE with offset and reason, never wrong data', async () => {
    using store = createStore(everything())
    await saveSnapshot(store, stage.at('good'))
    const good = readFileSync(stage.at('good'))
    const reasons = new Set<string>()
    const note = async (bytes: Uint8Array): Promise<void> => {
      reasons.add((await refused(bytes)).replaceAll(/\d+/g, 'n'))
    }
    for (const length of [0, 1, 15, 16, 17, good.length - 1, good.length - 17]) {
      await note(good.subarray(0, length))
    }
    for (let cut = 0; cut < 40; cut++) {
      await note(good.subarray(0, Math.floor((good.length * cut) / 40)))
    }
    for (let flip = 0; flip < 300; flip++) {
      // Each byte of the first chunks, then all over the file.
      const at = flip < 150 ? flip : Math.floor((good.length * (flip - 150)) / 150)
      const bad = Buffer.from(good)
      bad[at] = (bad[at] as number) ^ (1 << (flip & 7))
      await note(bad)
    }
    await note(Buffer.concat([good, Buffer.from('more')]))
    await note(Buffer.concat([good, good]))
    await note(Buffer.from('{"json": true}'))
    await note(Buffer.alloc(1000))
    const half = good.length >> 1
    const torn = Buffer.from(good)
    torn.fill(0, half, half + 4096) // a page that never reached the disk
    await note(torn)
    expect([...reasons].sort()).toMatchInlineSnapshot(`
      [
        "no chunk begins here",
        "something follows the end of the file",
        "the checksum of the chunk is wrong",
        "the chunk is not number n",
        "the file ends in the middle of a chunk of n bytes",
        "the file ends too early",
      ]
    `)
  })
})

describe('what goes wrong while saving', () => {
  test('no folder, no permission to write a file there, a folder in its place', async () => {
    using store = createStore(everything())
    const failing = (file: string) => expect(saveSnapshot(store, file)).rejects
    await failing(stage.at('no/folder')).toMatchObject({
      code: 'ERR_SAVE_FAILED',
      reason: 'ENOENT',
    })
    await failing('/proc/file').toMatchObject({ code: 'ERR_SAVE_FAILED', file: '/proc/file' })
    await failing(stage.folder).toMatchObject({ code: 'ERR_SAVE_FAILED' })
    expect(stage.files).toEqual([])
    expect(store.stats().snapshots).toBe(0)
    store.verify()
  })

  test('no permission', async (context) => {
    using store = createStore(everything())
    await saveSnapshot(store, stage.at('file'))
    const before = readFileSync(stage.at('file'))
    chmodSync(stage.folder, 0o555)
    const root = process.geteuid?.() === 0
    try {
      // The threads of a process have one user: the helper too is nobody now.
      if (root) process.seteuid?.(65534)
      accessSync(helper)
      const saving = saveSnapshot(store, stage.at('file'))
      await expect(saving).rejects.toMatchObject({ code: 'ERR_SAVE_FAILED', reason: 'EACCES' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall !== 'access') throw error
      console.log('skipped: nobody else may read the folder that this runs in')
      context.skip()
    } finally {
      if (root) process.seteuid?.(0)
      chmodSync(stage.folder, 0o755)
    }
    expect(readFileSync(stage.at('file')).equals(before)).toBe(true)
  })

  test('aborted: rejects with the reason, leaves the file as it was and nothing else', async () => {
    // Long enough that it has not ended when the first news of it arrive.
    const rows = Array.from({ length: 300_000 }, (_, n) => `row number ${n}`)
    using store = createStore({ rows })
    await saveSnapshot(store, stage.at('file'))
    const before = readFileSync(stage.at('file'))
    const stop = new AbortController()
    const saving = saveSnapshot(store, stage.at('file'), {
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('enough')),
    })
    await expect(saving).rejects.toThrow('enough')
    const early = saveSnapshot(store, stage.at('never'), { signal: AbortSignal.abort('no') })
    await expect(early).rejects.toBe('no')
    expect(stage.files).toEqual(['file'])
    expect(readFileSync(stage.at('file')).equals(before)).toBe(true)
    expect(store.stats().snapshots).toBe(0)
  })

  test('stopped at any moment: the file is the one before, or the save succeeds', async () => {
    const rows = Array.from({ length: 20_000 }, (_, n) => `row number ${n}`)
    using store = createStore({ rows })
    const began = performance.now()
    await saveSnapshot(store, stage.at('file'))
    const takesMs = performance.now() - began
    const counts = { stopped: 0, tooLate: 0, notStopped: 0 }
    for (let turn = 0; turn < 120; turn++) {
      const before = statSync(stage.at('file')).ino
      const stop = new AbortController()
      const abort = (): void => stop.abort('stopped')
      // Every second time when the new file has just been seen: between rename and answer.
      const watcher = watch(stage.folder, (_, name) => {
        if (turn % 2 === 0 && name === 'file') abort()
      })
      const timer = turn % 2 === 0 ? undefined : setTimeout(abort, Math.random() * takesMs * 1.2)
      const saving = saveSnapshot(store, stage.at('file'), { signal: stop.signal })
      const said = await saving.then(
        () => 'saved',
        (error: unknown) => error,
      )
      const isLate = stop.signal.aborted
      clearTimeout(timer)
      watcher.close()
      const isReplaced = statSync(stage.at('file')).ino !== before
      expect(said).toBe(isReplaced ? 'saved' : 'stopped')
      expect(stage.files).toEqual(['file'])
      counts[isReplaced ? (isLate ? 'tooLate' : 'notStopped') : 'stopped']++
    }
    console.log(
      `${counts.stopped} stopped, ${counts.tooLate} too late, ${counts.notStopped} not stopped`,
    )
    expect(counts.stopped).toBeGreaterThan(0)
    expect(counts.tooLate).toBeGreaterThan(0)
    store.verify()
  }, 240_000)

  test('a helper that ends for want of memory is an error of this package, no file', () => {
    // Its table of shapes, 360,000 long keys, does not go into the heap that it gets.
    const code = `import { setFlagsFromString } from 'node:v8'
      import { createStore } from '${built('index')}'
      import { saveSnapshot } from '${built('persist')}'
      const rowOf = (n) => Object.fromEntries(
        Array.from({ length: 120 }, (_, key) => ['a key that is not short ' + n + ' ' + key, 1]))
      const store = createStore(Array.from({ length: 3000 }, (_, n) => rowOf(n)))
      setFlagsFromString('--max-old-space-size=16')
      const error = await saveSnapshot(store, process.argv[1]).catch((error) => error)
      const { name, code, reason } = error
      console.log(JSON.stringify({ name, code, reason, leases: store.stats().snapshots }))`
    const args = ['--input-type=module', '--eval', code, stage.at('file')]
    const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect(JSON.parse(stdout)).toEqual({
      name: 'RootswapError',
      code: 'ERR_SAVE_FAILED',
      reason: 'ERR_WORKER_OUT_OF_MEMORY',
      leases: 0,
    })
    expect(stage.files).toEqual([])
  })

  test('a callback that throws stops the save with its error', async () => {
    using store = createStore(everything())
    const onProgress = (): never => {
      throw new Error('mine')
    }
    await expect(saveSnapshot(store, stage.at('file'), { onProgress })).rejects.toThrow('mine')
    expect(existsSync(stage.at('file.1'))).toBe(false)
    store.verify()
  })

  test('a store that is closed, a file that is no path', async () => {
    const store = createStore({ n: 1 })
    for (const file of ['', 7, undefined, null]) {
      const saving = saveSnapshot(store, file as string)
      await expect(saving).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    }
    store.close()
    await expect(saveSnapshot(store, stage.at('x'))).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })
})
