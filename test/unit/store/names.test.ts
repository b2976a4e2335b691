import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, test } from 'vitest'
import {
  bindNames,
  findName,
  forgetName,
  setLocalName,
  shareName,
} from '../../../src/store/names.ts'
import type { NamedHandle, NameOrder } from '../../workers/names.ts'

const workerFile = new URL('../../../dist/test/workers/names.js', import.meta.url)
const built = new URL('../../../dist/src/store/names.js', import.meta.url).href
const workers: Worker[] = []
afterEach(() => Promise.all(workers.splice(0).map((worker) => worker.terminate())))

const handle = (label: string): NamedHandle => ({ buffer: new SharedArrayBuffer(8), label })
const label = (name: string): string | undefined =>
  (findName(name) as NamedHandle | undefined)?.label

type Ask = (order: NameOrder) => Promise<unknown>
async function start(workerData?: unknown): Promise<{ worker: Worker; ask: Ask }> {
  const worker = new Worker(workerFile, { workerData })
  workers.push(worker)
  await once(worker, 'message')
  const ask: Ask = async (order) => {
    worker.postMessage(order)
    return (await once(worker, 'message'))[0] as unknown
  }
  return { worker, ask }
}

describe('a name', () => {
  test('that is not shared is known in its thread alone', async () => {
    setLocalName('local', handle('mine'))
    expect(label('local')).toBe('mine')
    const { ask } = await start()
    expect(await ask({ do: 'find', name: 'local' })).toBe(undefined)
    expect(findName('nobody')).toBe(undefined)
  })

  test('that is shared is known to workers created later, and to theirs', async () => {
    shareName('early', handle('early'))
    const { ask } = await start()
    expect(await ask({ do: 'find', name: 'early' })).toBe('early')
    expect(await ask({ do: 'findInChild', name: 'early' })).toBe('early')
  })

  test('reaches threads that run already, and workers that those create', async () => {
    const { ask } = await start()
    shareName('late', handle('late'))
    expect(await ask({ do: 'find', name: 'late' })).toBe('late')
    expect(await ask({ do: 'findInChild', name: 'late' })).toBe('late')
  })

  test('reaches a thread that does not let its event loop turn', async () => {
    const { worker } = await start()
    worker.postMessage({ do: 'findBlocked', name: 'blocked', milliseconds: 5_000 })
    expect(await once(worker, 'message')).toEqual(['blocked'])
    shareName('blocked', handle('reached'))
    expect(await once(worker, 'message')).toEqual(['reached'])
  })

  test('given twice is the newer one, whichever threads gave it', async () => {
    const [one, two] = [await start(), await start()]
    shareName('twice', handle('first'))
    await one.ask({ do: 'share', name: 'twice', handle: handle('second') })
    expect([label('twice'), await two.ask({ do: 'find', name: 'twice' })]).toEqual([
      'second',
      'second',
    ])
    await two.ask({ do: 'local', name: 'twice', handle: handle('third') })
    const found = [label('twice'), ...(await Promise.all([one, two].map(find('twice'))))]
    expect(found).toEqual(['second', 'second', 'third'])
    shareName('twice', handle('fourth'))
    const later = await start()
    const all = await Promise.all([one, two, later].map(find('twice')))
    expect(all).toEqual(['fourth', 'fourth', 'fourth'])
  })

  test('gives the same handle object each time within a thread', () => {
    const given = handle('same')
    shareName('same', given)
    expect(findName('same')).toBe(given)
    expect(findName('same')).toBe(findName('same'))
  })

  test('forgotten is gone everywhere, unless it was given again', async () => {
    const { ask } = await start()
    const given = handle('gone')
    shareName('gone', given)
    expect(await ask({ do: 'find', name: 'gone' })).toBe('gone')
    forgetName('gone', handle('another'))
    expect(label('gone')).toBe('gone')
    forgetName('gone', given)
    forgetName('gone', given)
    expect(label('gone')).toBe(undefined)
    await expect.poll(() => ask({ do: 'find', name: 'gone' })).toBe(undefined)
    expect(await (await start()).ask({ do: 'find', name: 'gone' })).toBe(undefined)
    shareName('again', given)
    shareName('again', handle('again'))
    forgetName('again', given)
    expect(label('again')).toBe('again')
  })

  test('that a pool binds wins over a shared one, in its workers and theirs', async () => {
    shareName('bound', handle('shared'))
    const { ask } = await start({ ...bindNames({ bound: handle('of the pool') }) })
    expect(await ask({ do: 'find', name: 'bound' })).toBe('of the pool')
    expect(await ask({ do: 'findInChild', name: 'bound' })).toBe('of the pool')
    expect(label('bound')).toBe('shared')
  })

  test.each(['__proto__', 'constructor', '', 'ü ☃'])('may be %j', async (name) => {
    expect(findName(name)).toBe(undefined)
    shareName(name, handle('odd'))
    const { ask } = await start()
    expect(await ask({ do: 'find', name })).toBe('odd')
  })
})

const find =
  (name: string) =>
  ({ ask }: { ask: Ask }): Promise<unknown> =>
    ask({ do: 'find', name })

test('the module keeps no process alive, and its copies in one thread share local names', () => {
  const script = `
    const one = await import('${built}?copy=1')
    const two = await import('${built}?copy=2')
    one.setLocalName('x', { label: 'both' })
    one.shareName('y', { label: 'both' })
    console.log(two.findName('x').label, two.findName('y').label)`
  const args = ['--input-type=module', '--eval', script]
  const output = execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 })
  expect(output.trim()).toBe('both both')
})
