/**
 * What keeps a thread alive and what does not, in real processes, in their main threads and in
 * workers: an awaited promise does, a subscription does not, unless it is asked to.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const entry = new URL('../../../dist/src/index.js', import.meta.url)
const cwd = fileURLToPath(new URL('../../../', import.meta.url))

/** Runs the program in a process or in a worker of one; `later` publishes a while after. */
function run(inWorker: boolean, program: string): { out: string; status: number | null } {
  const body = `
    const { createStore } = await import('${entry.href}')
    const store = createStore({ n: 0 }, { maxBytes: 2 ** 22 })
    // Does not itself keep anything alive.
    const later = () => setTimeout(() => store.set(['n'], 1), 50).unref()
    ${program}
  `
  const file = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`
  // With the package, as it asks for: else nobody watches the worker, and a slow one says so.
  const starter = `
    import { Worker } from 'node:worker_threads'
    import '${entry.href}'
    new Worker(new URL(${JSON.stringify(file(body))}))
      .on('error', (error) => { console.error(error); process.exitCode = 3 })
  `
  const code = inWorker ? starter : body
  const args = ['--input-type=module', '--eval', code]
  const child = spawnSync(process.execPath, args, { cwd, encoding: 'utf8', timeout: 60_000 })
  expect(child.stderr).toBe('')
  return { out: child.stdout, status: child.status }
}

/** Where nothing keeps the thread, what comes later is not seen. */
const programs: [what: string, program: string, out: string][] = [
  ['a store', 'void store.current; console.log("end")', 'end\n'],
  ['a subscription', 'store.subscribe(() => console.log("heard")); later()', ''],
  ['one with a selector', 'store.subscribe((v) => v.n, () => console.log("heard")); later()', ''],
  ['one with patches', 'store.subscribe(() => console.log("!"), { patches: true }); later()', ''],
  ['a selection', 'store.select((v) => v.n)(); later()', ''],
  ['a snapshot that is held', 'globalThis.kept = store.snapshot()', ''],
  [
    'a subscription with keepAlive, until it is ended',
    `const end = store.subscribe((c) => { console.log(c.value.n); end() }, { keepAlive: true })
     later()`,
    '1\n',
  ],
  [
    'one that a signal ends',
    `const stop = new AbortController()
     store.subscribe(() => {}, { keepAlive: true, signal: stop.signal })
     setTimeout(() => { stop.abort(); console.log("aborted") }, 50)`,
    'aborted\n',
  ],
  ['waitForVersion', 'later(); console.log(await store.waitForVersion(2))', '2\n'],
  ['synchronize', 'await store.synchronize(); console.log("done")', 'done\n'],
  ['drained', 'later(); await store.drained(2); console.log("drained")', 'drained\n'],
  [
    'a step of changes, and not the loop that was left',
    `later()
     for await (const { version } of store.changes()) { console.log(version); break }`,
    '2\n',
  ],
  [
    'an aborted wait, which rejects with the reason of its signal',
    `const stop = new AbortController()
     setTimeout(() => stop.abort('my reason'), 50)
     await store.waitForVersion(9, { signal: stop.signal }).catch(console.log)`,
    'my reason\n',
  ],
  [
    'a wait that close() rejects',
    `setTimeout(() => store.close(), 50)
     await store.waitForVersion(9).catch(({ code }) => console.log(code))`,
    'ERR_CLOSED\n',
  ],
]

describe.each([
  ['a main thread', false],
  ['a worker', true],
])('%s ends as it should', (_, inWorker) => {
  test.each(programs)('with %s', (_, program, out) => {
    expect(run(inWorker, program)).toEqual({ out, status: 0 })
  })
})
