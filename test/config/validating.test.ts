import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { watchConfig, type StandardSchema } from '../../src/config.ts'
import { failure, next, opened, quick, Stage } from './stage.ts'

const zodSchema = z.object({
  port: z.coerce.number().int().max(65_535),
  tags: z.array(z.string()).default([]),
  since: z.string().transform((text) => new Date(text)),
})
const valibotSchema = v.object({
  port: v.pipe(v.unknown(), v.transform(Number), v.number(), v.maxValue(65_535)),
  tags: v.optional(v.array(v.string()), []),
  since: v.pipe(v.string(), v.transform((text) => new Date(text))), // prettier-ignore
})
const arktypeSchema = type({
  port: type('string.integer.parse | number').to('number <= 65535'),
  tags: type('string[]').default(() => []),
  since: 'string.date.parse',
})
const good = 'port: "8080"\nsince: 2026-01-02\n'
const published = { port: 8080, tags: [], since: new Date('2026-01-02') }

/** A schema by hand; the interface is all that counts. */
function schemaOf<T>(validate: StandardSchema<unknown, T>['~standard']['validate']) {
  return { '~standard': { version: 1, vendor: 'test', validate } } as StandardSchema<unknown, T>
}

describe('a Standard Schema', () => {
  test('of zod: what it returns is what is published, and typed', async () => {
    const files = [new Stage().write('a.yaml', good)]
    const config = await opened(watchConfig({ ...quick, files, schema: zodSchema }))
    expect(config.current).toEqual(published)
    expectTypeOf(config.current.port).toEqualTypeOf<number>()
    expectTypeOf(config.current.tags).toEqualTypeOf<readonly string[]>()
  })

  test('of valibot: what it returns is what is published, and typed', async () => {
    const files = [new Stage().write('a.yaml', good)]
    const config = await opened(watchConfig({ ...quick, files, schema: valibotSchema }))
    expect(config.current).toEqual(published)
    expectTypeOf(config.current.port).toEqualTypeOf<number>()
    expectTypeOf(config.current.tags).toEqualTypeOf<readonly string[]>()
  })

  test('of arktype, which is a function: the same', async () => {
    const files = [new Stage().write('a.yaml', good)]
    const config = await opened(watchConfig({ ...quick, files, schema: arktypeSchema }))
    expect(config.current).toEqual(published)
    expectTypeOf(config.current.port).toEqualTypeOf<number>()
    expectTypeOf(config.current.tags).toEqualTypeOf<readonly string[]>()
  })

  test.each([
    ['zod', zodSchema],
    ['valibot', valibotSchema],
  ] as const)('of %s: all issues are reported where they stand', async (_name, schema) => {
    const file = new Stage().write('a.yaml', 'port: 70000\ntags:\n  - a\n  - 7\n')
    const error = await failure(watchConfig({ ...quick, files: [file], schema }))
    expect(error).toMatchObject({ stage: 'validate', file, line: 1, column: 7 })
    expect(error['issues']).toMatchObject([
      { path: ['port'], file, line: 1, column: 7 },
      { path: ['tags', 1], file, line: 4, column: 5 },
      { path: ['since'], file, line: 1, column: 1 },
    ])
  })

  test('of arktype: all issues are reported where they stand, in its order', async () => {
    const file = new Stage().write('a.yaml', 'port: 8080\ntags:\n  - a\n  - 7\n')
    const error = await failure(watchConfig({ ...quick, files: [file], schema: arktypeSchema }))
    const issues = error['issues'] as { path: unknown[] }[]
    const places = issues.toSorted((a, b) => b.path.length - a.path.length)
    expect(places).toMatchObject([
      { path: ['tags', 1], file, line: 4, column: 5 },
      { path: ['since'], file, line: 1, column: 1 },
    ])
    const range = new Stage().write('b.yaml', 'since: 2026-01-02\nport: 70000\n')
    const refused = await failure(watchConfig({ ...quick, files: [range], schema: arktypeSchema }))
    expect(refused).toMatchObject({ stage: 'validate', file: range, line: 2, column: 7 })
  })

  test('a value that comes of two files is located in the one that counts', async () => {
    const stage = new Stage()
    const files = [stage.write('a.yaml', good), stage.write('b.json', '{\n\n  "port": -1e9 }')]
    const schema = z.object({ port: z.number().positive() })
    const error = await failure(watchConfig({ ...quick, files, schema }))
    expect(error).toMatchObject({ stage: 'validate', file: files[1], line: 3, column: 11 })
  })

  test('may be asynchronous', async () => {
    const files = [new Stage().write('a.yaml', good)]
    const schema = zodSchema.refine(async ({ port }) => port !== 1)
    const config = await opened(watchConfig({ ...quick, files, schema }))
    expect(config.current).toEqual(published)
  })

  test('that never settles is refused after the time-out', async () => {
    const files = [new Stage().write('a.yaml', good)]
    const schema = schemaOf<object>(() => new Promise(() => {}))
    const error = await failure(watchConfig({ ...quick, files, schema, timeoutMs: 500 }))
    expect(error).toMatchObject({ stage: 'validate', code: 'ERR_INVALID_CONFIG' })
    expect(error.message).toContain('did not settle within 500 ms')
  })

  test('that throws, or rejects, is a refusal that keeps the last version', async () => {
    const stage = new Stage()
    const files = [stage.write('a.yaml', 'n: 1')]
    const schema = schemaOf<{ n: number }>((value) => {
      const { n } = value as { n: number }
      if (n === 2) throw new RangeError('two is too many')
      return n === 3 ? Promise.reject(new RangeError('so is three')) : { value: { n } }
    })
    const config = await opened(watchConfig({ ...quick, files, schema }))
    for (const [n, said] of [
      [2, 'two is too many'],
      [3, 'so is three'],
    ] as const) // prettier-ignore
    {
      stage.write('a.yaml', `n: ${n}`)
      const outcome = await config.reload()
      expect(outcome).toMatchObject({ type: 'rejected', stage: 'validate', version: 1 })
      expect(JSON.stringify(outcome)).toContain(said)
    }
    stage.write('a.yaml', 'n: 4')
    expect(await config.reload()).toMatchObject({ type: 'reloaded', version: 2 })
    expect(config.current).toEqual({ n: 4 })
  })

  test.each([undefined, {}, { issues: 7 }, { issues: [null] }])(
    'that gives %j, against its contract, is refused',
    async (result) => {
      const files = [new Stage().write('a.yaml', good)]
      const schema = schemaOf<object>(() => result as never)
      const error = await failure(watchConfig({ ...quick, files, schema }))
      expect(error).toMatchObject({ stage: 'validate', code: 'ERR_INVALID_CONFIG' })
    },
  )

  test('whose value no store can hold is refused', async () => {
    const files = [new Stage().write('a.yaml', good)]
    const schema = schemaOf(() => ({ value: { handler: () => 1 } }))
    const error = await failure(watchConfig({ ...quick, files, schema }))
    expect(error).toMatchObject({ stage: 'publish' })
    expect(error.message).toContain('handler')
  })
})

describe('check', () => {
  test('sees the candidate and what is published, and has the last word', async () => {
    const stage = new Stage()
    const files = [stage.write('a.yaml', 'n: 1')]
    const seen: unknown[] = []
    const check = async (candidate: { n: number }, current: { n: number } | undefined) => {
      seen.push([candidate.n, current?.n])
      if (current !== undefined && candidate.n < current.n) return 'n may not shrink'
      if (candidate.n === 7) throw new TypeError('no seven')
      return candidate.n !== 8
    }
    const schema = z.object({ n: z.number() })
    const config = await opened(watchConfig({ ...quick, files, schema, check }))
    const outcomes: unknown[] = []
    for (const n of [5, 4, 7, 8, 6]) {
      stage.write('a.yaml', `n: ${n}`)
      const { type, version } = await config.reload()
      outcomes.push([n, type, version])
    }
    expect(outcomes).toEqual([
      [5, 'reloaded', 2],
      [4, 'rejected', 2],
      [7, 'rejected', 2],
      [8, 'rejected', 2],
      [6, 'reloaded', 3],
    ])
    const ones = [[1, undefined], [5, 1], [4, 5], [7, 5], [8, 5], [6, 5]] // prettier-ignore
    expect(seen).toEqual(ones)
  })

  test('that never settles is refused after the time-out', async () => {
    const stage = new Stage()
    const files = [stage.write('a.yaml', 'n: 1')]
    const check = (_candidate: unknown, current: unknown) =>
      current === undefined ? undefined : new Promise<undefined>(() => {})
    const config = await opened(watchConfig({ ...quick, files, check, timeoutMs: 500 }))
    stage.write('a.yaml', 'n: 2')
    const rejected = await next(config as never, 'rejected')
    expect(rejected).toMatchObject({ stage: 'check', version: 1, reason: 'changed' })
    expect(rejected.message).toBe('check did not settle within 500 ms')
  })
})
