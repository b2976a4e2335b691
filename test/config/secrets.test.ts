import { inspect } from 'node:util'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { watchConfig } from '../../src/config.ts'
import { eventsOf, failure, opened, quick, Stage } from './stage.ts'

const secret = 'hunter2-é"\n-two'
const written = JSON.stringify(secret)
const secrets = ['db.password', ['users', '*', 'token']] as const
const good = `{"n": 1, "db": {"host": "h", "password": ${written}}, "users": [{"token": "tok-1"}]}`

/** Nothing of it in any form in which a log would have it. */
function expectHidden(shown: unknown): void {
  const forms = [inspect(shown, { depth: 20 }), String(shown), JSON.stringify(shown) ?? '']
  if (shown instanceof Error) forms.push(shown.stack ?? '', shown.message)
  for (const form of forms) expect(form).not.toMatch(/hunter2|-two|tok-\d/)
}

const valibotSchema = v.looseObject({
  db: v.object({ host: v.string(), password: v.pipe(v.string(), v.maxLength(20)) }),
})
const zodSchema = z
  .object({ n: z.number(), db: z.object({ password: z.string() }).passthrough() })
  .passthrough()
  .refine(({ n }) => n < 9, { message: `as said by ${secret}` })

describe('values at secret paths', () => {
  test('are published, and not in what inspect shows', async () => {
    const files = [new Stage().write('a.json', good)]
    const config = await opened(watchConfig({ ...quick, files, secrets }))
    expect(config.current).toMatchObject({ db: { password: secret } })
    const { store, handle } = config
    using snapshot = config.snapshot()
    for (const shown of [config, config.entries(), store, handle, snapshot, { ...config }]) {
      expectHidden(shown)
    }
    expectHidden([store.stats(), store.heap.threads()])
  })

  const byValibot = { schema: valibotSchema }
  const bad: [string, string, object][] = [
    ['broken syntax', good.replace('"db"', 'db'), {}],
    ['a broken secret', good.replace(written, 'hunter2'), {}],
    ['a key twice', good.replace('"host"', '"password"'), {}],
    ['a secret of another kind (valibot)', good.replace(written, '["hunter2"]'), byValibot],
    ['a secret that is too long (valibot)', good.replace('-two', '-two-two-two'), byValibot],
    ['a message of the schema', good.replace('1', '9'), { schema: zodSchema }],
    ['a schema that throws', good.replace('1', '8'), { schema: throwing() }],
    ['a check', good.replace('1', '8'), { check: refusing }],
    ['a check that throws', good.replace('1', '8'), { check: throwingCheck }],
    ['a bad variable', good.replace('-two', '${hunter2!}'), {}],
  ]
  test.each(bad)('are in no error and no event: %s', async (_what, text, options) => {
    const stage = new Stage()
    const files = [stage.write('a.json', text)]
    const error = await failure(watchConfig({ ...quick, files, secrets, ...options }))
    expect(error).toMatchObject({ code: 'ERR_INVALID_CONFIG', stage: expect.any(String) })
    expectHidden(error)
    stage.write('a.json', good)
    const config = await opened(watchConfig({ ...quick, files, secrets, ...options }))
    const events = eventsOf(config as never)
    stage.write('a.json', text)
    await config.reload()
    stage.write('a.json', good.replace('"h"', '"other"'))
    await config.reload()
    expect(events.map(({ type }) => type)).toEqual(['rejected', 'reloaded'])
    expectHidden(events)
  })

  test.each([
    ['a.yaml', `db: {password: hunter2, "x": [hunter2`],
    ['a.yaml', `db: {password: !hunter2 x}`],
    ['a.yaml', `db:\n  password: *hunter2`],
    ['a.toml', `[db]\npassword = hunter2`],
    ['a.toml', `[db]\npassword = "hunter2`],
  ])('are not in what the parser of %s says (%s)', async (name, text) => {
    const files = [new Stage().write(name, text)]
    const error = await failure(watchConfig({ ...quick, files, secrets }))
    expect(error).toMatchObject({ stage: 'parse', line: expect.any(Number) })
    expectHidden(error)
    const open = await failure(watchConfig({ ...quick, files }))
    expect(open.message.length).toBeGreaterThan(10)
  })

  test('from the environment are hidden too', async () => {
    const text = '{"n": 9, "db": {"password": "${PASSWORD}"}}'
    const files = [new Stage().write('a.json', text)]
    const env = { PASSWORD: secret }
    const error = await failure(watchConfig({ ...quick, files, secrets, env, schema: zodSchema }))
    expect(error.message).toMatch(/a\.json:1:1: as said by \[secret\]$/)
  })

  test('are hidden in the patches of subscribers, who get the value itself', async () => {
    const stage = new Stage()
    const files = [stage.write('a.json', good)]
    const config = await opened(watchConfig({ ...quick, files, secrets }))
    for (const text of [
      good.replace('-two', '-two-2').replace('tok-1', 'tok-2').replace('1', '2'),
      '{"n": 5}',
      good,
    ]) {
      const heard = new Promise<unknown>((resolve) => {
        const end = config.subscribe(
          (change) => {
            end()
            resolve(change.patches)
          },
          { patches: true },
        )
      })
      stage.write('a.json', text)
      await config.reload()
      const patches = await heard
      expect(patches).not.toHaveLength(0)
      expectHidden(patches)
    }
  })
})

function throwing() {
  return zodSchema.transform((value) => {
    if (value.n === 8) throw new RangeError(`for ${String(value.db.password)}`)
    return value
  })
}

function refusing({ n, db }: { n: number; db: { password: string } }): string | undefined {
  return n === 8 ? `the password ${db.password} is weak` : undefined
}

function throwingCheck({ n, db }: { n: number; db: { password: string } }): undefined {
  if (n === 8) throw new RangeError(`the password ${inspect(db)} is weak`)
}
