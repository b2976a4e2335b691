/** Changes that nobody announces: each test changes real files and waits for the event. */
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type Config, watchConfig } from '../../src/config.ts'
import { eventsOf, next, opened, quick, Stage } from './stage.ts'

interface Numbered {
  readonly n: number
}

function follow(files: string[], options = {}): Promise<Config<Numbered>> {
  return opened(watchConfig<Numbered>({ ...quick, files, ...options }))
}

/** The next version that is published. */
async function reloaded(config: Config<Numbered>, change: () => unknown): Promise<number> {
  const event = next(config as never, 'reloaded')
  await change()
  expect(await event).toMatchObject({ version: config.version, reason: 'changed' })
  return config.current.n
}

describe('a change is noticed', () => {
  test('however an editor writes: in place, cut off first, appended, renamed over', async () => {
    const stage = new Stage()
    const file = stage.write('a.yaml', 'n: 1')
    const config = await follow([file])
    expect(await reloaded(config, () => stage.write('a.yaml', 'n: 2'))).toBe(2)
    const cut = (): void => {
      truncateSync(file)
      appendFileSync(file, 'n: 3')
    }
    expect(await reloaded(config, cut)).toBe(3)
    expect(await reloaded(config, () => appendFileSync(file, '3'))).toBe(33)
    expect(await reloaded(config, () => stage.replace('a.yaml', 'n: 4'))).toBe(4)
    expect(await reloaded(config, () => stage.replace('a.yaml', 'n: 5'))).toBe(5)
    const asVim = (): void => {
      renameSync(file, `${file}~`)
      writeFileSync(file, 'n: 6')
      rmSync(`${file}~`)
    }
    expect(await reloaded(config, asVim)).toBe(6)
    expect(await reloaded(config, () => stage.write('a.yaml', 'n: 7'))).toBe(7)
    expect(config.version).toBe(8)
  })

  test('when a file is deleted and made again', async () => {
    const stage = new Stage()
    const file = stage.write('a.json', '{"n": 1}')
    const config = await follow([file])
    const gone = next(config as never, 'unavailable')
    rmSync(file)
    expect(await gone).toMatchObject({ file, version: 1, message: `${file}: is not there` })
    expect(config.current).toEqual({ n: 1 })
    const back = next(config as never, 'unchanged')
    stage.write('a.json', '{"n": 1}')
    expect(await back).toMatchObject({ version: 1 })
    expect(await reloaded(config, () => stage.write('a.json', '{"n": 2}'))).toBe(2)
  })

  test('when its folder, and that folder, go away and appear again', async () => {
    const stage = new Stage()
    const file = stage.write('x/y/a.toml', 'n = 1')
    const config = await follow([file])
    const gone = next(config as never, 'unavailable')
    rmSync(stage.at('x'), { recursive: true })
    await gone
    mkdirSync(stage.at('x'))
    await sleep(50)
    expect(await reloaded(config, () => stage.write('x/y/a.toml', 'n = 2'))).toBe(2)
    const moved = (): void => {
      renameSync(stage.at('x/y'), stage.at('x/old'))
      stage.write('x/y/a.toml', 'n = 3')
    }
    expect(await reloaded(config, moved)).toBe(3)
    expect(await reloaded(config, () => stage.write('x/y/a.toml', 'n = 4'))).toBe(4)
  })

  test('when its folder is removed and made again at once, with whatever inode', async () => {
    const stage = new Stage()
    const config = await follow([stage.write('x/a.toml', 'n = 1')])
    for (let n = 2; n < 12; n += 2) {
      const again = (): void => {
        rmSync(stage.at('x'), { recursive: true })
        stage.write('x/a.toml', `n = ${n}`)
      }
      expect(await reloaded(config, again)).toBe(n)
      await config.reload() // after it the new folder is watched
      expect(await reloaded(config, () => stage.write('x/a.toml', `n = ${n + 1}`))).toBe(n + 1)
    }
  })

  test('when it is behind links: a target edited, a link turned, a folder turned', async () => {
    const stage = new Stage()
    stage.write('releases/1/a.yaml', 'n: 1')
    stage.write('releases/2/a.yaml', 'n: 2')
    stage.write('elsewhere/b.yaml', 'n: 30')
    symlinkSync('releases/1', stage.at('current'))
    const config = await follow([stage.at('current/a.yaml')])
    const turn = (target: string, link: string): void => {
      symlinkSync(target, stage.at('turning'))
      renameSync(stage.at('turning'), stage.at(link))
    }
    expect(await reloaded(config, () => turn('releases/2', 'current'))).toBe(2)
    expect(await reloaded(config, () => stage.write('releases/2/a.yaml', 'n: 22'))).toBe(22)
    const away = () => turn('../../elsewhere/b.yaml', 'releases/2/a.yaml')
    expect(await reloaded(config, away)).toBe(30)
    expect(await reloaded(config, () => stage.write('elsewhere/b.yaml', 'n: 31'))).toBe(31)
  })

  test('by polling, where no events come', async () => {
    const stage = new Stage()
    const file = stage.write('deep/er/a.yaml', 'n: 1')
    const config = await follow([file], { pollMs: 30 })
    // A folder two levels up is not watched: its renaming is not an event.
    const swap = (): void => {
      stage.write('other/er/a.yaml', 'n: 2')
      renameSync(stage.at('deep'), stage.at('old'))
      renameSync(stage.at('other'), stage.at('deep'))
    }
    expect(await reloaded(config, swap)).toBe(2)
    const events = eventsOf(config as never)
    // Another look at the same files may follow, but not one for each poll.
    for (let heard = -1; events.length > heard; await sleep(150)) heard = events.length
    expect(events.filter(({ type }) => type !== 'unchanged')).toEqual([])
  })
})

describe('one change is one reload', () => {
  test('a swap of a Kubernetes volume, with several files, is one', async () => {
    const stage = new Stage()
    const volume = (n: number): string => {
      stage.write(`..2026_${n}/a.yaml`, `n: ${n}`)
      stage.write(`..2026_${n}/b.yaml`, `m: ${n}`)
      symlinkSync(`..2026_${n}`, stage.at('..data_tmp'))
      renameSync(stage.at('..data_tmp'), stage.at('..data'))
      return stage.at(`..2026_${n}`)
    }
    let old = volume(1)
    for (const name of ['a.yaml', 'b.yaml']) symlinkSync(`..data/${name}`, stage.at(name))
    const config = await follow([stage.at('a.yaml'), stage.at('b.yaml')])
    const events = eventsOf(config as never)
    for (let n = 2; n <= 6; n++) {
      const swap = (): void => {
        const fresh = volume(n)
        rmSync(old, { recursive: true })
        old = fresh
      }
      expect(await reloaded(config, swap)).toBe(n)
      expect(config.current).toEqual({ n, m: n })
    }
    await sleep(150)
    const count = (type: string): number => events.filter((event) => event.type === type).length
    expect(config.version).toBe(6)
    expect(count('reloaded')).toBe(5)
    expect(count('rejected') + count('unavailable')).toBe(0)
    console.log(`swaps: 5, events: ${events.length}`)
  })

  test('a storm of writes is one, of the last of them', async () => {
    const stage = new Stage()
    const config = await follow([stage.write('a.yaml', 'n: 1')], { debounceMs: 150 })
    const events = eventsOf(config as never)
    const event = next(config as never, 'reloaded')
    for (let n = 2; n <= 50; n++) {
      stage.write('a.yaml', `n: ${n}`)
      await sleep(1)
    }
    await event
    expect(config.current.n).toBe(50)
    expect(events.map(({ type }) => type)).toEqual(['reloaded'])
    expect(config.version).toBe(2)
  })

  test('a half that a slow writer leaves for a moment is not read', async () => {
    const stage = new Stage()
    const file = stage.write('a.yaml', 'n: 1\nlast: 1')
    const config = await follow([file], { debounceMs: 400 })
    const events = eventsOf(config as never)
    const event = next(config as never, 'reloaded')
    writeFileSync(file, 'n: 2\n') // valid YAML, and half a configuration
    for (let part = 0; part < 5; part++) {
      await sleep(40)
      appendFileSync(file, `p${part}: 1\n`)
    }
    appendFileSync(file, 'last: 2')
    await event
    expect(events).toHaveLength(1)
    expect(config.current).toMatchObject({ n: 2, p4: 1, last: 2 })
  })

  test('nor is it where no events come and a poll finds it', async () => {
    const stage = new Stage()
    const file = stage.write('a.yaml', 'n: 1\nlast: 1')
    // What is written by another name in another folder is no event in this one.
    mkdirSync(stage.at('other'))
    linkSync(file, stage.at('other/name'))
    const config = await follow([file], { debounceMs: 400, pollMs: 20 })
    const events = eventsOf(config as never)
    const event = next(config as never, 'reloaded')
    writeFileSync(stage.at('other/name'), 'n: 2\n')
    for (let part = 0; part < 12; part++) {
      await sleep(50)
      appendFileSync(stage.at('other/name'), `p${part}: 1\n`)
    }
    appendFileSync(stage.at('other/name'), 'last: 2')
    await event
    expect(events).toHaveLength(1)
    expect(config.current).toMatchObject({ n: 2, p11: 1, last: 2 })
  })

  test('other files in the folder are none', async () => {
    const stage = new Stage()
    const config = await follow([stage.write('a.yaml', 'n: 1')])
    const events = eventsOf(config as never)
    for (let n = 0; n < 20; n++) stage.write(`other-${n}.yaml`, `n: ${n}`)
    stage.replace('b.yaml', 'n: 9')
    await sleep(150)
    expect(events).toEqual([])
    expect(await reloaded(config, () => stage.write('a.yaml', 'n: 2'))).toBe(2)
  })

  test('a file that is only touched is unchanged', async () => {
    const stage = new Stage()
    const file = stage.write('a.yaml', 'n: 1')
    const config = await follow([file])
    const event = next(config as never, 'unchanged')
    utimesSync(file, 1, 1)
    expect(await event).toMatchObject({ version: 1, reason: 'changed', held: false })
  })
})

describe('all or nothing', () => {
  test('a broken file among several keeps all of them; unchanged parts stay the same', async () => {
    const stage = new Stage()
    const files = [
      stage.write('a.yaml', 'n: 1\nsame: { deep: [1, 2] }'),
      stage.write('b.json', '{"m": 1}'),
    ]
    const config = await follow(files)
    const before = config.current as unknown as { same: object }
    const rejected = next(config as never, 'rejected')
    stage.write('a.yaml', 'n: 2\nsame: { deep: [1, 2] }')
    stage.write('b.json', '{"m": ')
    expect(await rejected).toMatchObject({ stage: 'parse', file: files[1], line: 1, version: 1 })
    expect(config.current).toBe(before)
    expect(await reloaded(config, () => stage.write('b.json', '{"m": 2}'))).toBe(2)
    const after = config.current as unknown as { same: object }
    expect(after).toEqual({ n: 2, m: 2, same: { deep: [1, 2] } })
    expect(after.same).toBe(before.same)
  })

  test('looks never overlap, and those asked for while one waits are one', async () => {
    const stage = new Stage()
    const file = stage.write('a.yaml', 'n: 1')
    let running = 0
    let most = 0
    let checks = 0
    const check = async (): Promise<undefined> => {
      checks++
      most = Math.max(most, ++running)
      await sleep(10)
      running--
    }
    const config = await follow([file], { check })
    stage.write('a.yaml', 'n: 2')
    const asked = [config.reload()]
    await sleep(5)
    for (let n = 0; n < 10; n++) asked.push(config.reload())
    const outcomes = await Promise.all(asked)
    expect(outcomes[0]).toMatchObject({ type: 'reloaded', version: 2, reason: 'requested' })
    expect(new Set(outcomes.slice(1)).size).toBeLessThanOrEqual(2)
    expect(most).toBe(1)
    expect(checks).toBeLessThanOrEqual(5)
  })

  test('a listener that throws is an uncaught exception; the others hear the event', async () => {
    const stage = new Stage()
    const config = await follow([stage.write('a.yaml', 'n: 1')])
    const heard: string[] = []
    const uncaught = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    const thrown = new Promise((resolve) => process.once('uncaughtException', resolve))
    config.on('reloaded', () => {
      throw new RangeError('a bad listener')
    })
    config.on('reloaded', ({ version }) => heard.push(`version ${version}`))
    stage.write('a.yaml', 'n: 2')
    await config.reload()
    expect(await thrown).toMatchObject({ message: 'a bad listener' })
    for (const listener of uncaught) process.on('uncaughtException', listener)
    expect(heard).toEqual(['version 2'])
    expect(() => config.on('error' as never, () => {})).toThrow(TypeError)
  })
})

test('after close nothing is watched, and a reload that runs is given up', async () => {
  const stage = new Stage()
  const file = stage.write('a.yaml', 'n: 1')
  const config = await follow([file])
  const events = eventsOf(config as never)
  stage.write('a.yaml', 'n: 2')
  const asked = config.reload()
  config.close()
  config.close()
  await expect(asked).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  await expect(config.reload()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  expect(() => config.rollback(1)).toThrow(expect.objectContaining({ code: 'ERR_CLOSED' }))
  stage.write('a.yaml', 'n: 3')
  await sleep(100)
  expect(events).toEqual([])
})
