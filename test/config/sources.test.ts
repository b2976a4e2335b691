/** Sources that a user writes: what the interface promises them, and what they promise. */
import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { type Config, type Content, type ReadOptions, watchConfig } from '../../src/config.ts'
import type { Source } from '../../src/config.ts'
import { eventsOf, failure, next, opened, quick, Stage } from './stage.ts'

/** A source in ten lines: one document, and a number for each change of it. */
class Memory implements Source {
  readonly name = 'memory'
  readonly asked: (ReadOptions & { revision: number })[] = []
  watchedFrom: string | undefined | null = null
  closed = 0
  answer: (() => Promise<unknown>) | undefined
  #text: string
  #revision = 1
  #changed: (() => void) | undefined

  constructor(text: string) {
    this.#text = text
  }

  async read({ fresh }: ReadOptions): Promise<Content> {
    this.asked.push({ fresh, revision: this.#revision })
    if (this.answer !== undefined) return (await this.answer()) as Content
    const texts = [{ file: 'document', bytes: Buffer.from(this.#text), format: 'json' as const }]
    return { texts, revision: `r${this.#revision}` }
  }

  watch(revision: string | undefined, changed: () => void): void {
    this.watchedFrom = revision
    this.#changed = changed
  }

  close(): void {
    this.closed++
  }

  set(text: string): void {
    this.#text = text
    this.#revision++
    this.poke()
  }

  poke(): void {
    this.#changed?.()
  }
}

interface Numbered {
  readonly n: number
}

function follow(memory: Source, options = {}): Promise<Config<Numbered>> {
  return opened(watchConfig<Numbered>({ ...quick, sources: [memory], ...options }))
}

describe('a source of the user', () => {
  test('is read, followed from its revision, and closed; the history keeps both', async () => {
    const memory = new Memory('{"n": 1}')
    const config = await follow(memory)
    expect(memory.watchedFrom).toBe('r1')
    expect(config.current).toEqual({ n: 1 })
    const reloaded = next(config as never, 'reloaded')
    memory.set('{"n": 2}')
    const revisions = { memory: 'r2' }
    expect(await reloaded).toMatchObject({ version: 2, files: ['document'], revisions })
    await config.reload()
    expect(memory.asked).toEqual([
      { fresh: true, revision: 1 },
      { fresh: false, revision: 2 },
      { fresh: true, revision: 2 },
    ])
    config.rollback(1)
    const kept = config.entries().map(({ version, of, ...entry }) => [version, entry.revisions, of])
    expect(kept).toEqual([
      [1, { memory: 'r1' }, undefined],
      [2, { memory: 'r2' }, undefined],
      [3, { memory: 'r1' }, 1],
    ])
    expect(inspect(config)).toBe("Config { sources: ['memory'], version: 3 }")
    config.close()
    config.close()
    expect(memory.closed).toBe(1)
  })

  test('overrides the files, and is taken with them or not at all', async () => {
    const stage = new Stage()
    const files = [stage.write('a.yaml', 'n: 7\nfile: 1')]
    const memory = new Memory('{"n": 1}')
    const config = await follow(memory, { files })
    expect(config.current).toEqual({ n: 1, file: 1 })
    expect(config.entries()[0]?.files).toEqual([...files, 'document'])
    stage.write('a.yaml', 'n: 7\nfile: 2')
    memory.set('{"n": ')
    const refused = await config.reload()
    expect(refused).toMatchObject({ type: 'rejected', stage: 'parse', file: 'document', line: 1 })
    expect(config.current).toEqual({ n: 1, file: 1 })
    memory.set('{"n": 2}')
    await config.reload()
    expect(config.current).toEqual({ n: 2, file: 2 })
  })

  test('that fails later is unavailable; what was published stays until it is back', async () => {
    const memory = new Memory('{"n": 1}')
    const config = await follow(memory)
    const events = eventsOf(config as never)
    memory.answer = () => Promise.reject(new RangeError('no route'))
    const gone = next(config as never, 'unavailable')
    memory.poke()
    const message = 'memory: RangeError: no route'
    expect(await gone).toMatchObject({ file: 'memory', version: 1, message, reason: 'changed' })
    memory.answer = undefined
    const back = next(config as never, 'unchanged')
    memory.poke()
    await back
    expect(events.map(({ type }) => type)).toEqual(['unavailable', 'unchanged'])
  })

  test('a rollback holds through an outage, until the source says something else', async () => {
    const memory = new Memory('{"n": 1}')
    const config = await follow(memory)
    memory.set('{"n": 2}')
    await config.reload()
    memory.answer = () => Promise.reject(new RangeError('no route'))
    expect(await config.reload()).toMatchObject({ type: 'unavailable' })
    config.rollback(1)
    memory.answer = undefined
    expect(await config.reload()).toMatchObject({ type: 'unchanged', held: true, version: 3 })
    expect(config.current).toEqual({ n: 1 })
    memory.set('{"n": 3}')
    expect(await config.reload()).toMatchObject({ type: 'reloaded', version: 4 })
  })
})

describe('at the start', () => {
  test('a source that fails is an error, and is closed', async () => {
    const memory = new Memory('{"n": 1}')
    memory.answer = () => Promise.reject(new RangeError('no route'))
    const error = await failure(follow(memory))
    expect(error).toMatchObject({ code: 'ERR_INVALID_CONFIG', stage: 'read', unavailable: true })
    expect(error.message).toBe('memory: RangeError: no route')
    expect(memory.closed).toBe(1)
  })

  test('the fallback stands in for it, formats and all, until it is there', async () => {
    const fallback = new Stage().at('last-good')
    const before = await follow(new Memory('{"n": 1}'), { fallback })
    expect(JSON.parse(readFileSync(fallback, 'utf8')).files).toHaveLength(1)
    before.close()
    const memory = new Memory('{"n": 2}')
    memory.answer = () => Promise.reject(new RangeError('no route'))
    const config = await follow(memory, { fallback })
    const events = eventsOf(config as never)
    expect(memory.watchedFrom).toBeUndefined()
    expect(config.current).toEqual({ n: 1 })
    expect(config.entries()[0]).toMatchObject({ reason: 'fallback', revisions: {} })
    memory.answer = undefined
    const reloaded = next(config as never, 'reloaded')
    await new Promise((resolve) => setImmediate(resolve))
    memory.poke()
    await reloaded
    expect(events.map(({ type }) => type)).toEqual(['unavailable', 'reloaded'])
    await config.reload() // the fallback is written by now
  })

  test.each([
    ['nothing', undefined, /gave no texts/],
    ['no texts', { texts: [] }, /gave no texts/],
    ['a text that is no text', { texts: [{ file: 'a.json', bytes: '{}' }] }, /not \{ file, bytes/],
    ['a revision that is no string', { texts: [document('a.json')], revision: 7 }, /not a string/],
    ['an unknown format', { texts: [document('a')] }, /^a: is of no known format: the name must/],
  ])('a source that gives %s is refused', async (_what, content, said) => {
    const memory = new Memory('{"n": 1}')
    memory.answer = () => Promise.resolve(content)
    const error = await failure(follow(memory))
    expect(error.message).toMatch(said)
    expect(error).toMatchObject({ code: 'ERR_INVALID_CONFIG', unavailable: false })
  })

  test('what is no source, and two of one name, are wrong arguments', async () => {
    const one = new Memory('{"n": 1}')
    const twice = [one, new Memory('{"n": 2}')]
    for (const sources of [[], 'memory', [{}], [{ ...one, read: 1 }], [null], twice]) {
      const error = await failure(watchConfig({ sources: sources as Source[] }))
      expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARGUMENT' })
    }
  })
})

describe('a read that does not settle', () => {
  test('is unavailable after the time-out; not asked again, and its end is news', async () => {
    const memory = new Memory('{"n": 1}')
    const config = await follow(memory, { timeoutMs: 30 })
    let settle: (value: unknown) => void = () => {}
    memory.answer = () => new Promise((resolve) => (settle = resolve))
    const outcome = await config.reload()
    expect(outcome).toMatchObject({ type: 'unavailable', version: 1, file: 'memory' })
    expect(outcome).toHaveProperty('message', 'memory: reading did not settle within 30 ms')
    const again = (await config.reload()) as { message?: string }
    expect(again.message).toContain('an earlier read')
    expect(memory.asked).toHaveLength(2)
    memory.answer = undefined
    const reloaded = next(config as never, 'reloaded')
    memory.set('{"n": 2}')
    settle(undefined)
    expect(await reloaded).toMatchObject({ version: 2, reason: 'changed' })
  })
})

function document(file: string) {
  return { file, bytes: Buffer.from('{"n": 1}') }
}
