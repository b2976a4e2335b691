import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createStore } from '../../src/index.ts'
import { saveSnapshot } from '../../src/persist.ts'
import { Decision } from '../../src/persist/decision.ts'
import { dump } from '../../src/persist/dump.ts'
import { FILE_FORMAT } from '../../src/persist/format.ts'
import { openStore } from '../../src/store/open.ts'
import type { OpenStore } from '../../src/store/store.ts'
import { Stage } from './stage.ts'

const stage = new Stage()

test('who decides first is told so each time it asks, the other that it came second', () => {
  const caller = new Decision()
  const helper = new Decision(caller.buffer)
  expect([caller.stops(), helper.commits(), caller.stops()]).toEqual([true, false, true])
  const late = new Decision()
  const answers = [new Decision(late.buffer).commits(), late.stops(), late.stops()]
  expect(answers).toEqual([true, false, false])
})

test('a helper that was told to stop, and lives on, changes no file', async () => {
  using store = createStore({ n: 1 })
  await saveSnapshot(store, stage.at('file'))
  const before = readFileSync(stage.at('file'))
  store.set(['n'], 2)
  const own = openStore(store.handle) as unknown as OpenStore
  const version = own.hold()
  const decision = new Decision()
  const head = { format: FILE_FORMAT, store: '', version: 2, since: 0, savedAt: '', seed: 1 }
  const job = {
    buffer: own.handle.buffer,
    head: { ...head, root: version.root },
    file: stage.at('file'),
    keep: 1,
    decision: decision.buffer,
  }
  expect(() => dump(job, () => void decision.stops())).toThrow('was stopped')
  expect(stage.files).toEqual(['file'])
  expect(readFileSync(stage.at('file')).equals(before)).toBe(true)
  version.release()
  own.close()
})
